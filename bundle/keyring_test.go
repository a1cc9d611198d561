package bundle

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// lock gives the exported secret key locked with a passphrase, as gpg itself locks it.
func lock(t testing.TB, path, passphrase string) []byte {
	t.Helper()
	home, err := newHome()
	if err != nil {
		t.Fatal(err)
	}
	home.must(t, nil, "--import", path)
	keys := home.must(t, nil, "--with-colons", "--list-keys")
	fingerprint := bytes.Split(keys[bytes.Index(keys, []byte("\nfpr:")):], []byte(":"))[9]
	// With loopback pinentry the agent asks for the old passphrase (none) and takes this one for the new.
	home.must(t, nil, "--passphrase", passphrase, "--passwd", string(fingerprint))
	return home.must(t, nil, "--passphrase", passphrase, "--export-secret-keys")
}

func TestKeyringForms(t *testing.T) {
	home := gpg(t)
	path := signed(t, compress(t, Gzip, sample(t, 1000)), "-u", home.keys["ed"], "--sign")
	binary := home.must(t, nil, "--export", home.keys["rsa"], home.keys["ed"])
	armoured := append(home.must(t, nil, "--armor", "--export", home.keys["rsa"]), home.must(t, nil, "--armor", "--export", home.keys["ed"])...)
	for name, test := range map[string]struct {
		files map[string][]byte
		code  string
	}{
		"binary":              {files: map[string][]byte{"keys.gpg": binary}},
		"armoured, two":       {files: map[string][]byte{"keys.asc": armoured}},
		"old GnuPG home":      {files: map[string][]byte{"pubring.gpg": binary, "trustdb.gpg": []byte("\x01gpg"), "secring.gpg": {}}},
		"other files":         {files: map[string][]byte{"keys.gpg": binary, "README": []byte("x"), ".hidden.asc": []byte("x")}},
		"same key twice":      {files: map[string][]byte{"a.gpg": binary, "b.gpg": binary}},
		"empty":               {files: nil, code: "keyring-empty"},
		"only others":         {files: map[string][]byte{"README": []byte("x")}, code: "keyring-empty"},
		"empty file":          {files: map[string][]byte{"a.asc": nil}, code: "keyring-unreadable"},
		"damaged":             {files: map[string][]byte{"a.gpg": binary[:100]}, code: "keyring-unreadable"},
		"not a key":           {files: map[string][]byte{"a.asc": []byte("hello")}, code: "keyring-unreadable"},
		"a signature":         {files: map[string][]byte{"a.asc": home.must(t, nil, "--armor", "--detach-sign", "-u", home.keys["ed"])}, code: "keyring-unreadable"},
		"not the signer's":    {files: map[string][]byte{"a.gpg": home.must(t, nil, "--export", home.keys["rsa"])}, code: "package-signer-unknown"},
		"damaged keybox":      {files: map[string][]byte{"pubring.kbx": []byte("nonsense")}, code: "keyring-unreadable"},
		"secret keys in file": {files: map[string][]byte{"a.gpg": home.must(t, nil, "--export-secret-keys", home.keys["ed"])}},
	} {
		t.Run(name, func(t *testing.T) {
			directory := t.TempDir()
			for file, content := range test.files {
				write(t, filepath.Join(directory, file), content, 0o644)
			}
			_, _, err := open(t, path, Policy{Keyring: directory})
			if test.code != "" {
				wantCode(t, err, test.code)
			} else if err != nil {
				t.Fatal(err)
			}
		})
	}
	t.Run("GnuPG home", func(t *testing.T) {
		if _, _, err := open(t, path, Policy{Keyring: home.directory}); err != nil {
			t.Fatal(err)
		}
		ring, err := LoadKeyring(home.directory)
		if err != nil || len(ring.Keys()) != len(home.keys) {
			t.Fatalf("%d keys, want %d: %v", len(ring.Keys()), len(home.keys), err)
		}
	})
	t.Run("missing", func(t *testing.T) {
		_, err := LoadKeyring(filepath.Join(t.TempDir(), "none"))
		wantCode(t, err, "keyring-missing")
	})
}

// TestRevokedCopy puts an old copy of a key beside the one with the revocation: the revocation counts.
func TestRevokedCopy(t *testing.T) {
	home := gpg(t)
	directory := t.TempDir()
	if signedByRevoked == nil {
		write(t, filepath.Join(directory, "old.asc"), home.must(t, nil, "--armor", "--export", home.keys["revoked"]), 0o644)
		path := filepath.Join(t.TempDir(), "p.gpg")
		write(t, path, home.must(t, compress(t, Gzip, sample(t, 1000)), "-u", home.keys["revoked"], "--sign"), 0o644)
		if _, _, err := open(t, path, Policy{Keyring: directory}); err != nil {
			t.Fatalf("the key is good before its revocation: %v", err)
		}
	}
	revokeOnce(t, home)
	write(t, filepath.Join(directory, "new.asc"), home.must(t, nil, "--armor", "--export", home.keys["revoked"]), 0o644)
	path := filepath.Join(t.TempDir(), "p.gpg")
	write(t, path, signedByRevoked, 0o644)
	_, _, err := open(t, path, Policy{Keyring: directory})
	wantCode(t, err, "package-key-revoked")
	ring, err := LoadKeyring(directory)
	if err != nil || ring.Keys()[0].State != "revoked" {
		t.Fatalf("%+v, %v", ring.Keys(), err)
	}
}

func TestOpenRefuses(t *testing.T) {
	directory := t.TempDir()
	_, err := Open(t.Context(), directory)
	wantCode(t, err, "package-not-a-file")
	_, err = Open(t.Context(), filepath.Join(directory, "none"))
	wantCode(t, err, "package-missing")
	pipe := filepath.Join(directory, "pipe")
	if err := makePipe(pipe); err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), pipe)
	wantCode(t, err, "package-not-a-file")
	_, err = Open(t.Context(), os.DevNull)
	wantCode(t, err, "package-not-a-file")
}
