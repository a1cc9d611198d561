package bundle

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// FuzzMessage walks anything that may lie in a package file: it ends, with or without an error, in bounded memory.
func FuzzMessage(f *testing.F) {
	home := gpg(f)
	content := []byte("content")
	for _, arguments := range [][]string{
		{"--sign"}, {"--sign", "--compress-algo", "none"}, {"--sign", "--compress-algo", "zip"}, {"--sign", "--compress-algo", "bzip2"},
		{"--sign", "--armor"}, {"--store"}, {"--encrypt", "-r", home.keys["ed"]}, {"--symmetric", "--passphrase", "x"},
	} {
		f.Add(home.must(f, content, append(arguments, "-u", home.keys["ed"])...))
	}
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
	keybox, err := os.ReadFile(filepath.Join(home.folder, "pubring.kbx"))
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
