package bundle

import (
	"bufio"
	"bytes"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// FuzzMessage walks anything that may lie in a package file: it ends, with or without an error, in bounded
// memory.
func FuzzMessage(f *testing.F) {
	home := gpg(f)
	content := []byte("content")
	for _, arguments := range [][]string{
		{"--sign"}, {"--sign", "--compress-algo", "none"}, {"--sign", "--compress-algo", "zip"}, {"--sign", "--compress-algo", "bzip2"},
		{"--sign", "--armor"}, {"--store"}, {"--encrypt", "-r", home.keys["ed"]}, {"--symmetric", "--passphrase", "x"},
	} {
		f.Add(home.must(f, content, append(arguments, "-u", home.keys["ed"])...))
	}
	f.Add(append([]byte("text\n"), home.must(f, content, "--sign", "--armor", "-u", home.keys["ed"])...))
	f.Add(append(home.must(f, content, "--sign", "-u", home.keys["ed"]), framed(tagPadding, []byte("padding"))...))
	known := &session{function: packet.CipherAES256, key: make([]byte, 32)}
	f.Fuzz(func(t *testing.T, file []byte) {
		framing := framingBinary
		if isArmoured(file) {
			framing = framingArmour
		}
		m, after, err := openFraming(bufio.NewReader(bytes.NewReader(file)), framing, unlocked(known), true)
		if err != nil {
			return
		}
		if _, err := io.CopyN(io.Discard, m.content, 1<<20); err != io.EOF {
			return
		}
		if m.finish() != nil || after() != nil {
			return
		}
		for _, one := range m.signatures {
			if one.signature == nil && one.problem == nil {
				t.Error("a signature was announced, and did not come")
			}
		}
	})
}

// FuzzKeyring reads anything as keys: a keybox, armoured or binary.
func FuzzKeyring(f *testing.F) {
	home := gpg(f)
	keybox, err := os.ReadFile(filepath.Join(home.directory, "pubring.kbx"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(keybox)
	f.Add(home.must(f, nil, "--export", home.keys["ed"]))
	f.Add(home.must(f, nil, "--armor", "--export", home.keys["nist"]))
	f.Fuzz(func(t *testing.T, file []byte) {
		for _, name := range []string{"pubring.kbx", "keys.gpg"} {
			ring, err := readKeyring(oneFile{name, file}, "keys")
			if err != nil {
				t.Fatal(err)
			}
			ring.Keys()
			ring.Warnings()
		}
	})
}

// FuzzImport imports anything into a keyring that has a key, and puts it beside that key by hand. The key
// stays readable, and nothing that was known of it is lost. What an import would write can be read.
func FuzzImport(f *testing.F) {
	day := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	made := newHandmade(day)
	present := made.certificate(day, 0)
	other, err := NewKey("other", "", NewKeyOptions{Directory: f.TempDir()})
	if err != nil {
		f.Fatal(err)
	}
	armoured, err := os.ReadFile(other.Public)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(present)
	f.Add(made.certificate(day.Add(time.Hour), 1000*time.Hour))
	f.Add(made.revocation(day.Add(time.Hour)))
	f.Add(append(made.revocation(day.Add(time.Hour)), present...))
	f.Add(append([]byte("text\n"), armoured...))
	f.Add(append(bytes.Clone(present), framed(60, []byte("foreign"))...))
	f.Fuzz(func(t *testing.T, file []byte) {
		ring, err := readKeyring(memory{"a.gpg": present}, "keys")
		if err != nil || len(ring.keys) != 1 || len(ring.unread) > 0 {
			t.Fatal(err, ring.Warnings())
		}
		want := ring.keys[0].packets
		beside, err := readKeyring(memory{"a.gpg": present, "b.asc": file}, "keys")
		if err != nil || len(beside.keys) == 0 || !bytes.Equal(beside.keys[0].entity.PrimaryKey.Fingerprint, ring.keys[0].entity.PrimaryKey.Fingerprint) {
			t.Fatal("the key is gone", err, beside.Warnings())
		}
		beside.Keys()
		found, err := splitKeyFile("b.asc", file)
		if err != nil || slices.ContainsFunc(found.keys, certificate.isSecret) {
			return
		}
		work, err := found.into(ring, "b.asc")
		if err != nil {
			return
		}
		files, _, err := work.files()
		if err != nil {
			t.Fatalf("it was joined and cannot be read back: %v", err)
		}
		for path, content := range files {
			all, err := readKeyring(memory{"a.asc": content}, "keys")
			if err != nil || len(all.unread) > 0 {
				t.Fatal(err, all.Warnings())
			}
			if all.keys[0].isCopyOf(ring.keys[0].entity) && !all.keys[0].packets.holds(want) {
				t.Fatalf("%s lost something", path)
			}
		}
	})
}

func (t trustedKey) isCopyOf(entity *openpgp.Entity) bool {
	return bytes.Equal(t.entity.PrimaryKey.Fingerprint, entity.PrimaryKey.Fingerprint)
}

// holds reports whether it has all packets of the other one.
func (c certificate) holds(other certificate) bool {
	return len(c.merged(other).bytes()) == len(c.merged(certificate{}).bytes())
}

// memory is a keyring in memory.
type memory map[string][]byte

func (m memory) ReadDir(string) ([]fs.DirEntry, error) {
	var all []fs.DirEntry
	for _, name := range slices.Sorted(maps.Keys(m)) {
		all = append(all, fs.FileInfoToDirEntry(oneFile{name, m[name]}))
	}
	return all, nil
}

func (m memory) Stat(path string) (fs.FileInfo, error) {
	return oneFile{filepath.Base(path), m[filepath.Base(path)]}, nil
}
func (m memory) ReadFile(path string) ([]byte, error) { return m[filepath.Base(path)], nil }

// FuzzSignature reads anything as a detached signature.
func FuzzSignature(f *testing.F) {
	home := gpg(f)
	f.Add(home.must(f, []byte("content"), "--detach-sign", "-u", home.keys["ed"]))
	f.Add(home.must(f, []byte("content"), "--detach-sign", "--armor", "-u", home.keys["rsa"]))
	f.Fuzz(func(t *testing.T, file []byte) {
		if signatures, err := parseSignatures(file); err == nil && len(signatures) == 0 {
			t.Error("no signature, and no error")
		}
	})
}
