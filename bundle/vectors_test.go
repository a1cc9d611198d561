package bundle

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/gwe-project/gwe/bundle/index"
	"github.com/gwe-project/gwe/engine/fault"
)

var update = flag.Bool("update", false, "write the test vectors of testdata/indexes anew")

const vectorsDirectory = "../testdata/indexes"

// vector is what vectors.json says of one package.
type vector struct {
	// Package is the file's name.
	Package string `json:"package"`
	About   string `json:"about"`
	// Index is whether the package has an index at all.
	Index bool `json:"index"`
	// Opening and Proof are the codes with which the opening of the index, and the comparison of the index
	// with the whole package, are refused. "" means that it is accepted.
	Opening string `json:"opening,omitempty"`
	Proof   string `json:"proof,omitempty"`

	Name    string        `json:"name,omitempty"`
	Product string        `json:"product,omitempty"`
	Version string        `json:"version,omitempty"`
	Tree    string        `json:"tree,omitempty"`
	Frames  int           `json:"frames,omitempty"`
	Entries []vectorEntry `json:"entries,omitempty"`
}

type vectorEntry struct {
	Kind    string `json:"kind"`
	Path    string `json:"path"`
	Mode    string `json:"mode,omitempty"`
	Size    int64  `json:"size,omitempty"`
	Content string `json:"sha256,omitempty"`
	Target  string `json:"target,omitempty"`
}

// draft is a package before it is signed, for a test to spoil.
type draft struct {
	index.Index
	entries []index.Entry
	frames  []byte
	// body, where it is not nil, replaces the encoded index.
	body func(body []byte) []byte
	// key signs the index, vendor signs the package.
	key string
	// before is put between frames and index.
	before []byte
	none   bool
}

// draftOf makes a package of a few entries, with the same bytes each time.
func draftOf(t testing.TB, large bool) *draft {
	t.Helper()
	var content bytes.Buffer
	frames, err := newFrameWriter(&content, 0)
	if err != nil {
		t.Fatal(err)
	}
	d := &draft{key: "vendor", Index: index.Index{Name: "firmware-2.1", Product: "firmware", Version: "2.1"}}
	archive := tar.NewWriter(frames)
	day := time.Unix(1_700_000_000, 123456789)
	add := func(kind byte, name, target string, mode int64, text []byte) {
		header := &tar.Header{Typeflag: kind, Name: name, Linkname: target, Mode: mode, Uid: 7, Gid: 8, Size: int64(len(text)), ModTime: day, Format: tar.FormatPAX}
		if name == "firmware-2.1/bin/run" {
			header.PAXRecords = map[string]string{"SCHILY.xattr.user.origin": "build"}
		}
		if err := archive.Flush(); err != nil {
			t.Fatal(err)
		}
		if err := frames.entry(header.Size); err != nil {
			t.Fatal(err)
		}
		if err := archive.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		e := indexEntry(header)
		if kind == tar.TypeReg {
			at, err := frames.content(header.Size)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := archive.Write(text); err != nil {
				t.Fatal(err)
			}
			if e.Sum = sha256.Sum256(text); e.Size > 0 {
				e.At = at
			}
			if err := frames.contentEnds(); err != nil {
				t.Fatal(err)
			}
		}
		d.entries = append(d.entries, e)
	}
	add(tar.TypeDir, "firmware-2.1/", "", 0o755, nil)
	add(tar.TypeDir, "firmware-2.1/bin/", "", 0o755, nil)
	add(tar.TypeReg, "firmware-2.1/bin/run", "", 0o4755, bytes.Repeat([]byte("#!/bin/sh\n"), 1000))
	add(tar.TypeReg, "firmware-2.1/bin.conf", "", 0o600, []byte("a=b\n"))
	add(tar.TypeReg, "firmware-2.1/empty", "", 0o644, nil)
	if large {
		var text bytes.Buffer
		for i := range 300_000 {
			fmt.Fprintf(&text, "%d\n", i)
		}
		add(tar.TypeReg, "firmware-2.1/image", "", 0o644, text.Bytes())
	}
	add(tar.TypeSymlink, "firmware-2.1/link", "bin/run", 0o777, nil)
	add(tar.TypeLink, "firmware-2.1/twin", "firmware-2.1/bin/run", 0o4755, nil)
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	if err := frames.close(); err != nil {
		t.Fatal(err)
	}
	d.frames, d.Index.Frames, d.Sum = content.Bytes(), frames.frames, sha256.Sum256(content.Bytes())
	return d
}

// encode gives the body of the index.
func (d *draft) encode() []byte {
	var builder index.Builder
	for _, e := range d.entries {
		builder.Add(e)
	}
	body := builder.Encode(d.Index)
	if d.body != nil {
		body = d.body(body)
	}
	return body
}

// vectorKey is a key of the vectors, which lies beside them.
func vectorKey(t testing.TB, name string) *sealer {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(vectorsDirectory, name+".key"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name+".key")
	write(t, path, content, 0o600)
	seal, err := newSealer(SignOptions{Key: path, SignedAt: time.Unix(1, 0)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return seal
}

// pack signs the draft.
func (d *draft) pack(t testing.TB) []byte {
	t.Helper()
	content := append(bytes.Clone(d.frames), d.before...)
	if !d.none {
		message, err := vectorKey(t, d.key).message(d.encode())
		if err != nil {
			t.Fatal(err)
		}
		content = append(content, index.Wrap(message)...)
	}
	made, err := vectorKey(t, "vendor").message(content)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// replaced replaces a part of the body that is there once.
func replaced(t testing.TB, old, by string) func([]byte) []byte {
	return func(body []byte) []byte {
		if bytes.Count(body, []byte(old)) != 1 {
			t.Fatalf("%q is %d times in the body", old, bytes.Count(body, []byte(old)))
		}
		return bytes.Replace(body, []byte(old), []byte(by), 1)
	}
}

// raw lets the test spoil the numbers that Encode would compute.
func (d *draft) raw(change func(frames []index.Frame)) func([]byte) []byte {
	return func(body []byte) []byte {
		parsed, err := index.Parse(body)
		if err != nil {
			return body
		}
		was := appendFrames(parsed.Frames)
		change(parsed.Frames)
		return bytes.Replace(body, was, appendFrames(parsed.Frames), 1)
	}
}

func appendFrames(frames []index.Frame) (to []byte) {
	for _, one := range frames {
		to = binary.AppendUvarint(to, uint64(one.Offset))
		to = binary.AppendUvarint(to, uint64(one.Length))
		to = append(to, one.Digest[:]...)
		to = binary.AppendUvarint(to, uint64(one.Size))
		to = append(to, one.Sum[:]...)
	}
	return to
}

// vectors are all, in the order of vectors.json.
func vectors(t *testing.T) (all []vector, packages map[string][]byte) {
	packages = map[string][]byte{}
	add := func(one vector, spoil func(d *draft)) {
		d := draftOf(t, one.Package == "good-parts.gpg")
		if spoil != nil {
			spoil(d)
		}
		one.Index = !d.none
		all = append(all, one)
		packages[one.Package] = d.pack(t)
	}
	entry := func(number int, change func(e *index.Entry)) func(*draft) {
		return func(d *draft) { change(&d.entries[number]) }
	}
	add(vector{Package: "good.gpg", About: "a package as gwe pack makes it"}, nil)
	add(vector{Package: "good-parts.gpg", About: "a large file in several frames"}, nil)
	add(vector{Package: "good-no-index.gpg", About: "a package without an index"}, func(d *draft) { d.none = true })
	add(vector{Package: "good-notes.gpg", About: "an entry with a note that no reader knows"}, entry(2, func(e *index.Entry) {
		e.Notes = []index.Attribute{{Name: "fsverity-sha256-4096", Value: "0123456789"}}
	}))
	refused := func(name, about, code string, spoil func(d *draft)) {
		add(vector{Package: "bad-" + name + ".gpg", About: about, Opening: code}, spoil)
	}
	spoilt := func(change func(body []byte) []byte) func(*draft) { return func(d *draft) { d.body = change } }
	table := func(change func(frames []index.Frame)) func(*draft) {
		return func(d *draft) { d.body = d.raw(change) }
	}
	refused("stranger", "the index is signed by a key that is not trusted", "index-signer-unknown", func(d *draft) { d.key = "stranger" })
	refused("version", "the index has version 2 of the format", "index-damaged", spoilt(replaced(t, "index 1\n", "index 2\n")))
	refused("cut", "the index is cut short before it was signed", "index-damaged", spoilt(func(body []byte) []byte { return body[:len(body)-1] }))
	refused("trailing", "a byte follows the last entry", "index-damaged", spoilt(func(body []byte) []byte { return append(body, 0) }))
	refused("long-form", "a number is not in its shortest form", "index-damaged", spoilt(replaced(t, "\x0cfirmware-2.1", "\x8c\x00firmware-2.1")))
	refused("kind", "an entry of a kind that there is not", "index-damaged", entry(4, func(e *index.Entry) { e.Kind = 'p' }))
	refused("tree", "the digest of the tree is another", "index-damaged", func(d *draft) {
		d.body = func(body []byte) []byte {
			parsed, err := index.Parse(body)
			if err != nil {
				t.Fatal(err)
			}
			other := parsed.Tree
			other[0] ^= 1
			return bytes.Replace(body, parsed.Tree[:], other[:], 1)
		}
	})
	refused("name", "the package's name is a path", "index-path", spoilt(replaced(t, "\x0cfirmware-2.1", "\x0cfirmware/2.1")))
	refused("length", "a frame of 2^62 bytes", "index-limit", table(func(f []index.Frame) { f[1].Length = 1 << 62 }))
	refused("decoded-length", "a frame that would decode to 8 MiB and one byte", "index-limit", table(func(f []index.Frame) { f[1].Size = 8<<20 + 1 }))
	refused("count", "2^40 frames", "index-limit", spoilt(func(body []byte) []byte {
		at := len(index.Tag) + 1 + 12 + 1 + 8 + 1 + 3 // the length of the content
		_, n := binary.Uvarint(body[at:])
		at += n + 32
		_, n = binary.Uvarint(body[at:])
		at += n + 32
		_, n = binary.Uvarint(body[at:])
		return append(append(bytes.Clone(body[:at]), binary.AppendUvarint(nil, 1<<40)...), body[at+n:]...)
	}))
	refused("overlap", "a frame begins before the end of the one before", "index-frames", table(func(f []index.Frame) { f[1].Offset-- }))
	refused("gap", "bytes lie in no frame", "index-frames", table(func(f []index.Frame) { f[1].Offset++ }))
	refused("missing", "the frames end before the content does", "index-frames", table(func(f []index.Frame) { f[len(f)-1].Length-- }))
	refused("empty-frame", "a frame without a byte", "index-frames", table(func(f []index.Frame) { f[1].Size = 0 }))
	refused("place", "a content lies where no frame is", "index-frames", entry(2, func(e *index.Entry) { e.At = 1 << 40 }))
	refused("place-overlap", "two contents overlap in the tar", "index-frames", func(d *draft) { d.entries[3].At = d.entries[2].At })
	refused("path-above", "a path that leads outside", "index-path", entry(3, func(e *index.Entry) { e.Path = "bin/../../x" }))
	refused("path-absolute", "an absolute path", "index-path", entry(3, func(e *index.Entry) { e.Path = "/etc/x" }))
	refused("path-twice", "a path that is there twice", "index-path", entry(3, func(e *index.Entry) { e.Path = "bin/run" }))
	refused("path-order", "paths that are not in their order", "index-path", entry(4, func(e *index.Entry) { e.Path = "a" }))
	refused("path-through-link", "a path below a symbolic link", "index-path", entry(6, func(e *index.Entry) { e.Path = "link/x" }))
	refused("hard-link", "a hard link to a file that comes later, or to none", "index-path", entry(6, func(e *index.Entry) { e.Target = "zzz" }))
	refused("other-length", "the index of a package with a longer content", "index-other-package", func(d *draft) { d.before = []byte{0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0} })

	unproven := func(name, about, code string, spoil func(d *draft)) {
		add(vector{Package: "bad-" + name + ".gpg", About: about, Proof: code}, spoil)
	}
	unproven("frame-digest", "a frame of the package is another than the index says", "index-frame-digest", func(d *draft) { d.Index.Frames[1].Digest[0] ^= 1 })
	unproven("content-digest", "a frame decodes to another content than the index says", "index-frame-digest", func(d *draft) { d.Index.Frames[1].Sum[0] ^= 1 })
	unproven("other-content", "the digest of the whole content is another", "index-other-package", func(d *draft) { d.Sum[0] ^= 1 })
	reframed := func(content []byte, says int64) func(*draft) {
		return func(d *draft) {
			encoder, err := zstd.NewWriter(nil)
			if err != nil {
				t.Fatal(err)
			}
			one := &d.Index.Frames[1]
			compressed := encoder.EncodeAll(content, nil)
			start := d.Index.Frames[0].Length
			d.frames = append(append(bytes.Clone(d.frames[:start]), compressed...), d.frames[start+one.Length:]...)
			one.Length, one.Digest, one.Size = int64(len(compressed)), sha256.Sum256(compressed), says
			d.Sum = sha256.Sum256(d.frames)
		}
	}
	unproven("inflates", "a frame decodes to 64 MiB, and the index says less", "index-frame-size", func(d *draft) {
		reframed(make([]byte, 64<<20), d.Index.Frames[1].Size)(d)
	})
	unproven("deflates", "a frame decodes to less than the index says", "index-frame-size", func(d *draft) {
		reframed(make([]byte, 100), d.Index.Frames[1].Size)(d)
	})
	unproven("second", "a second index stands where the index says that a frame is", "index-second", func(d *draft) {
		first := *d
		message, err := vectorKey(t, "vendor").message(first.encode())
		if err != nil {
			t.Fatal(err)
		}
		wrapped := index.Wrap(message)
		d.frames = append(d.frames, wrapped...)
		d.Index.Frames = append(d.Index.Frames, index.Frame{Length: int64(len(wrapped)), Digest: sha256.Sum256(wrapped), Size: 1})
		d.Sum = sha256.Sum256(d.frames)
	})
	unproven("mode", "the tar gives an entry another mode than the index", "index-tree", entry(2, func(e *index.Entry) { e.Mode = 0o755 }))
	unproven("file-digest", "the tar holds another content than the index says", "index-tree", entry(2, func(e *index.Entry) { e.Sum[0] ^= 1 }))
	unproven("more-entries", "the index has an entry more than the tar", "index-tree", func(d *draft) {
		d.entries = append(d.entries, index.Entry{Kind: index.Symlink, Path: "zzz", Target: "x"})
	})
	unproven("fewer-entries", "the tar has an entry more than the index", "index-tree", func(d *draft) { d.entries = d.entries[:6] })
	unproven("place-moved", "a content lies elsewhere in the tar than the index says", "index-tree", entry(3, func(e *index.Entry) { e.At += 512 }))
	return all, packages
}

// judge opens a package's index and proves it, as another implementation would.
func judge(t testing.TB, path string, one vector) vector {
	t.Helper()
	policy := Policy{Keyring: filepath.Join(vectorsDirectory, "keyring")}
	have := vector{Package: one.Package, About: one.About}
	opened, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	verified, err := opened.Verify(t.Context(), policy, nil)
	if err != nil {
		t.Fatalf("%s: the package itself: %v", one.Package, err)
	}
	found, err := opened.Indexed(t.Context(), policy)
	if err != nil {
		have.Index, have.Opening = true, codeOf(err)
		return have
	}
	if found == nil {
		return have
	}
	defer found.Close()
	have.Index = true
	if err := found.Prove(t.Context(), verified, nil); err != nil {
		have.Proof = codeOf(err)
		return have
	}
	have.Name, have.Product, have.Version = found.Name, found.Product, found.Version
	have.Tree, have.Frames = hex.EncodeToString(found.Tree[:]), len(found.Frames)
	for e := range found.Entries() {
		shown := vectorEntry{Kind: string(e.Kind), Path: e.Path, Target: e.Target, Size: e.Size}
		if e.Kind != index.HardLink {
			shown.Mode = fmt.Sprintf("%04o", e.Mode)
		}
		if e.Kind == index.File {
			shown.Content = hex.EncodeToString(e.Sum[:])
		}
		have.Entries = append(have.Entries, shown)
	}
	return have
}

func codeOf(err error) string {
	if found := fault.As(err); found != nil {
		return found.Code
	}
	return err.Error()
}

// TestVectors: each published package gives what vectors.json says.
func TestVectors(t *testing.T) {
	list := filepath.Join(vectorsDirectory, "vectors.json")
	if *update {
		all, packages := vectors(t)
		for i, one := range all {
			path := filepath.Join(vectorsDirectory, one.Package)
			write(t, path, packages[one.Package], 0o644)
			have := judge(t, path, one)
			if have.Index != one.Index || have.Opening != one.Opening || have.Proof != one.Proof {
				t.Errorf("%s: %q, %q, want %q, %q", one.Package, have.Opening, have.Proof, one.Opening, one.Proof)
			}
			all[i] = have
		}
		text, err := json.MarshalIndent(all, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		write(t, list, append(text, '\n'), 0o644)
	}
	text, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	if len(all) < 30 {
		t.Fatalf("there are only %d vectors", len(all))
	}
	for _, one := range all {
		if difference := cmp.Diff(one, judge(t, filepath.Join(vectorsDirectory, one.Package), one)); difference != "" {
			t.Errorf("%s: %s", one.Package, difference)
		}
	}
}
