package bundle

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/gwe-project/gwe/bundle/index"
)

// proven opens a package, verifies it, and proves its index.
func proven(t testing.TB, path string, policy Policy) (*Indexed, error) {
	t.Helper()
	opened, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { opened.Close() })
	verified, err := opened.Verify(t.Context(), policy, nil)
	if err != nil {
		return nil, err
	}
	found, err := opened.Indexed(t.Context(), policy)
	if err != nil || found == nil {
		return found, err
	}
	t.Cleanup(found.Close)
	return found, found.Prove(t.Context(), verified, nil)
}

// noise is a content that does not compress.
func noise(seed uint64, length int) []byte {
	source, content := rand.New(rand.NewPCG(seed, 1)), make([]byte, length)
	for i := range content {
		content[i] = byte(source.Uint32())
	}
	return content
}

func TestIndexedPackage(t *testing.T) {
	home := gpg(t)
	directory := firmware(t)
	write(t, filepath.Join(directory, "large"), noise(1, 9<<20), 0o644)
	path := pack(t, PackOptions{Directory: directory})
	policy := Policy{Keyring: home.keyring(t, "ed")}
	found, err := proven(t, path, policy)
	if err != nil || found == nil {
		t.Fatal(found, err)
	}
	if found.Name != "fw-1" || found.Product != "fw" || found.Version != "1" {
		t.Errorf("name %q, product %q, version %q", found.Name, found.Product, found.Version)
	}
	held := found.Holds()
	if held.Directories != 4 || held.Files != 7 || held.Links != 3 {
		t.Errorf("%+v", held)
	}
	// Every file, read by its frames alone, is what it is on the disk.
	for e := range found.Entries() {
		if e.Kind != index.File {
			continue
		}
		var have []byte
		first, end := found.Holding(e.At, e.Size)
		for i := first; i < end; i++ {
			content, err := found.ReadFrame(i)
			if err != nil {
				t.Fatal(err)
			}
			one := found.Frames[i]
			have = append(have, content[max(0, e.At-one.At):min(one.Size, e.At+e.Size-one.At)]...)
		}
		want, err := os.ReadFile(filepath.Join(directory, e.Path))
		if err != nil || !bytes.Equal(have, want) {
			t.Errorf("%q: %d bytes, want %d (%v)", e.Path, len(have), len(want), err)
		}
	}
	beside, err := os.ReadFile(path + IndexSuffix)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(home.must(t, beside, "--decrypt")[:len(index.Tag)], []byte(index.Tag)) {
		t.Error("gpg reads another index")
	}
	// The real programs read the package, and zstd finds nothing wrong in it.
	plain := filepath.Join(t.TempDir(), "p.tar.zst")
	write(t, plain, home.must(t, nil, "--decrypt", path), 0o644)
	for _, command := range [][]string{{"zstd", "-tq", plain}, {"tar", "-C", t.TempDir(), "-xf", plain}, {"tar", "--compare", "-C", filepath.Dir(directory), "-f", plain}} {
		if output, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Errorf("%v: %v\n%s", command, err, output)
		}
	}
}

func TestSameTreeSameFrames(t *testing.T) {
	directory := firmware(t)
	write(t, filepath.Join(directory, "large"), noise(1, 9<<20), 0o644)
	policy := Policy{Keyring: gpg(t).keyring(t, "ed")}
	one, err := proven(t, pack(t, PackOptions{Directory: directory}), policy)
	if err != nil {
		t.Fatal(err)
	}
	other, err := proven(t, pack(t, PackOptions{Directory: directory}), policy)
	if err != nil {
		t.Fatal(err)
	}
	if one.Sum != other.Sum || one.Tree != other.Tree {
		t.Error("the same tree gave different frames")
	}
}

// TestInsertionMovesNoLaterCut: what an insertion near the start of a large file changes is one part.
func TestInsertionMovesNoLaterCut(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "fw-1")
	if err := os.Mkdir(directory, 0o755); err != nil {
		t.Fatal(err)
	}
	content := noise(1, 24<<20)
	write(t, filepath.Join(directory, "image"), content, 0o644)
	write(t, filepath.Join(directory, "small"), []byte("small"), 0o644)
	policy := Policy{Keyring: gpg(t).keyring(t, "ed")}
	path := pack(t, PackOptions{Directory: directory})
	found, err := proven(t, path, policy)
	if err != nil {
		t.Fatal(err)
	}
	same, err := found.Against(t.Context(), directory)
	if err != nil || same.Linked != 2 || same.Written != 0 || same.Fetched != found.Message || same.Frames != 0 {
		t.Errorf("against itself: %+v %v", same, err)
	}
	inserted := append(append(bytes.Clone(content[:100]), "inserted"...), content[100:]...)
	write(t, filepath.Join(directory, "image"), inserted, 0o644)
	changed, err := found.Against(t.Context(), directory)
	if err != nil || changed.Linked != 1 || changed.Written != 1 || changed.Frames == 0 || changed.Frames > 3 || changed.Fetched > 10<<20 {
		t.Errorf("after an insertion: %+v of %d frames, %v", changed, len(found.Frames), err)
	}
	if changed.Requests == 0 || changed.Requests > changed.Frames {
		t.Errorf("%d frames in %d requests", changed.Frames, changed.Requests)
	}
	nothing, err := found.Against(t.Context(), t.TempDir())
	if err != nil || nothing.Written != 2 || nothing.Fetched < 24<<20 {
		t.Errorf("against an empty directory: %+v %v", nothing, err)
	}
	_, err = found.Against(t.Context(), filepath.Join(directory, "none"))
	wantCode(t, err, "release-unreadable")
}

func TestWithoutIndex(t *testing.T) {
	home := gpg(t)
	directory := firmware(t)
	device := filepath.Join(t.TempDir(), "device.asc")
	write(t, device, home.must(t, nil, "--export", "--armor", home.keys["rsa"]), 0o644)
	policy := Policy{Keyring: home.keyring(t, "ed"), DecryptKey: home.secret(t, "rsa")}
	for name, options := range map[string]PackOptions{
		"asked for": {NoIndex: true}, "gzip": {Compression: Gzip}, "encrypted": {EncryptFor: []string{device}},
	} {
		options.Directory = directory
		path := pack(t, options)
		if found, err := proven(t, path, policy); err != nil || found != nil {
			t.Errorf("%s: %v %v", name, found, err)
		}
		if _, err := os.Stat(path + IndexSuffix); err == nil {
			t.Errorf("%s: an index lies beside it", name)
		}
	}
}

func TestIndexBeside(t *testing.T) {
	home := gpg(t)
	directory := firmware(t)
	policy := Policy{Keyring: home.keyring(t, "ed")}
	path := pack(t, PackOptions{Directory: directory, SignedAt: time.Now().Add(time.Hour)})
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path + IndexSuffix)
	if err != nil {
		t.Fatal(err)
	}
	body := home.must(t, good, "--decrypt")
	write(t, filepath.Join(directory, "zero"), []byte("another"), 0o644)
	another, err := os.ReadFile(pack(t, PackOptions{Directory: directory, SignedAt: time.Now().Add(2 * time.Hour)}) + IndexSuffix)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(content []byte, more ...string) []byte {
		return home.must(t, content, append(more, "--compress-algo", "none", "--sign")...)
	}
	for name, test := range map[string]struct {
		beside []byte
		code   string
	}{
		"the same":          {good, ""},
		"another package's": {another, "index-other-package"},
		"older":             {sign(body, "-u", home.keys["ed"]), "index-older"},
		"of a stranger":     {sign(body, "-u", home.keys["stranger"]), "index-signer-unknown"},
		"changed":           {func() []byte { b := bytes.Clone(good); b[len(b)/2] ^= 1; return b }(), "index-signature-bad"},
		"cut short":         {good[:len(good)-1], "index-signature-bad"},
		"followed by more":  {append(bytes.Clone(good), 0), "index-signature-bad"},
		"empty":             {nil, "index-signature-bad"},
		"not signed":        {body, "index-signature-bad"},
	} {
		t.Run(name, func(t *testing.T) {
			write(t, path, whole, 0o644)
			write(t, path+IndexSuffix, test.beside, 0o644)
			_, err := proven(t, path, policy)
			if test.code == "" && err == nil {
				return
			}
			wantCode(t, err, test.code)
		})
	}
	if err := os.Remove(path + IndexSuffix); err != nil {
		t.Fatal(err)
	}
	if _, err := proven(t, path, policy); err != nil {
		t.Error("without an index beside it: ", err)
	}
}

// TestRanges: the ranges of a package's file hold all frames that are needed, and little else.
func TestRanges(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "fw-1")
	if err := os.Mkdir(directory, 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range 40 {
		write(t, filepath.Join(directory, fmt.Sprintf("f%02d", i)), noise(uint64(i), 10_000+i*20_000), 0o644)
	}
	path := pack(t, PackOptions{Directory: directory})
	found, err := proven(t, path, Policy{Keyring: gpg(t).keyring(t, "ed")})
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for step := 1; step < 12; step++ {
		needed, wanted := make([]bool, len(found.Frames)), int64(0)
		for i := 0; i < len(needed); i += step {
			needed[i], wanted = true, wanted+found.Frames[i].Length
		}
		ranges, all, last := found.Ranges(needed), int64(0), int64(-1)
		for _, one := range ranges {
			if one.Offset < last || one.Length > rangeMaximum {
				t.Errorf("%+v after %d", one, last)
			}
			last, all = one.Offset+one.Length, all+one.Length
		}
		if all > wanted+int64(len(ranges)*rangeGap*len(needed)) || step == 1 && len(ranges) > 5 {
			t.Errorf("every %d. frame, %d bytes: %d ranges, %d bytes", step, wanted, len(ranges), all)
		}
		for i, is := range needed {
			if !is {
				continue
			}
			one := found.Frames[i]
			if !slices.ContainsFunc(ranges, func(r Range) bool {
				return bytes.Contains(content[r.Offset:r.Offset+r.Length], content[found.content.place(one.Offset):][:one.Length])
			}) {
				t.Fatalf("frame %d is in no range", i)
			}
		}
	}
}

// TestIndexOfASpoiltPackage: what is not a whole signed package has no index for an installation, so
// that it is refused for what is wrong with it.
func TestIndexOfASpoiltPackage(t *testing.T) {
	home := gpg(t)
	policy := Policy{Keyring: home.keyring(t, "ed")}
	path := pack(t, PackOptions{Directory: firmware(t)})
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	plain := home.must(t, whole, "--decrypt")
	beside := filepath.Join(t.TempDir(), "fw.tar.zst")
	for name, test := range map[string]struct {
		content []byte
		code    string
	}{
		"followed by more": {append(bytes.Clone(whole), 0), "package-trailing-data"},
		"cut short":        {whole[:len(whole)-1], "package-truncated"},
		"no signature":     {whole[:len(whole)-signatureLength(t, whole)], "package-truncated"},
		"not signed":       {plain, "package-unsigned"},
		"only stored":      {home.must(t, plain, "--store", "--compress-algo", "none"), "package-unsigned"},
	} {
		t.Run(name, func(t *testing.T) {
			write(t, beside, test.content, 0o644)
			opened, err := Open(t.Context(), beside)
			if err != nil {
				t.Fatal(err)
			}
			defer opened.Close()
			if found, err := opened.Indexed(t.Context(), policy); found != nil || err != nil {
				t.Errorf("it has an index: %v, %v", found, err)
			}
			_, err = opened.Verify(t.Context(), policy, nil)
			wantCode(t, err, test.code)
		})
	}
	write(t, beside, plain, 0o644)
	home.must(t, nil, "-u", home.keys["ed"], "--detach-sign", beside)
	if found, err := proven(t, beside, policy); err != nil || found == nil {
		t.Errorf("with a detached signature: %v, %v", found, err)
	}
}

// signatureLength is how long the signature at the end of a package is.
func signatureLength(t testing.TB, message []byte) int {
	t.Helper()
	found, err := literalIn(bytes.NewReader(message), int64(len(message)))
	if err != nil {
		t.Fatal(err)
	}
	return len(message) - int(found.end)
}

// TestSegments reads a content in parts, as it is in packages of more than 4 GiB, whose parts here are
// shorter.
func TestSegments(t *testing.T) {
	content := noise(1, 5<<20)
	var written bytes.Buffer
	if err := writeLiteral(&written, bytes.NewReader(content), int64(len(content)), 1<<20+100, 20); err != nil {
		t.Fatal(err)
	}
	message := written.Bytes()
	walked, err := walk(bufio.NewReader(&written), unlockWith(nil), true)
	if err != nil {
		t.Fatal(err)
	}
	if have, err := io.ReadAll(walked.content); err != nil || !bytes.Equal(have, content) {
		t.Errorf("%d bytes, %v", len(have), err)
	}
	found, err := literalIn(bytes.NewReader(message), int64(len(message)))
	if err != nil || found.size != int64(len(content)) || len(found.starts) < 5 {
		t.Fatal(found, err)
	}
	for _, at := range []int{0, 1<<20 - 7, 1<<20 - 6, 1<<20 - 5, 2<<20 - 100, 4<<20 + 7, len(content) - 1000} {
		have := make([]byte, 1000)
		if n, err := found.ReadAt(have, int64(at)); err != nil || !bytes.Equal(have[:n], content[at:at+1000]) {
			t.Errorf("at %d: %d bytes, %v", at, n, err)
		}
	}
	for length := range len(message) {
		if length > 100 && length < len(message)-100 && length%(1<<20) > 20 {
			continue
		}
		if _, err := literalIn(bytes.NewReader(message[:length]), int64(length)); err == nil {
			t.Fatalf("cut after %d of %d bytes it is accepted", length, len(message))
		}
	}
}

// FuzzLiteral: whatever a file holds, the content that is found in it lies in it, and is what the reader of
// messages finds.
func FuzzLiteral(f *testing.F) {
	var good bytes.Buffer
	if err := writeLiteral(&good, bytes.NewReader([]byte("content")), 7, literalLongest, partialPower); err != nil {
		f.Fatal(err)
	}
	f.Add(good.Bytes())
	f.Add([]byte{0x28, 0xb5, 0x2f, 0xfd})
	f.Add([]byte{0xac, 10, 'b', 0, 0, 0, 0, 0, 1, 2, 3, 4})
	f.Fuzz(func(t *testing.T, data []byte) {
		found, err := literalIn(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		content := make([]byte, found.size)
		if n, err := found.ReadAt(content, 0); n < len(content) || found.end > int64(len(data)) {
			t.Fatalf("%d of %d bytes, the end at %d of %d: %v", n, len(content), found.end, len(data), err)
		}
		if compressionOf(data) == Zstandard {
			return
		}
		m, err := walk(bufio.NewReader(bytes.NewReader(data)), unlockWith(nil), true)
		if err != nil {
			return // what announces a signature may be damaged
		}
		if have, err := io.ReadAll(m.content); err != nil || !bytes.Equal(have, content) {
			t.Fatalf("%q, and the reader of messages finds %q (%v)", content, have, err)
		}
	})
}
