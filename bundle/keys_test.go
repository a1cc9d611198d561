package bundle

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/value"
)

func TestNewKeys(t *testing.T) {
	archive := firmware(t)
	for _, algorithm := range []Algorithm{"", Ed25519, RSA} {
		for _, passphrase := range []value.Secret{{}, value.NewSecret("correct horse")} {
			t.Run(fmt.Sprintf("%s locked %v", algorithm, !passphrase.IsZero()), func(t *testing.T) {
				made, err := NewKey("Example & Söhne", "releases@example.org", NewKeyOptions{Directory: t.TempDir(), Algorithm: algorithm, Passphrase: passphrase})
				if err != nil {
					t.Fatal(err)
				}
				if filepath.Base(made.Secret) != "example-s-hne.key" || made.State != "good" || made.UserID != "Example & Söhne <releases@example.org>" {
					t.Errorf("%+v", made)
				}
				if info, err := os.Stat(made.Secret); err != nil || info.Mode() != 0o600 {
					t.Errorf("%v, %v", info.Mode(), err)
				}
				if locked, err := KeyIsLocked(made.Secret); err != nil || locked == passphrase.IsZero() {
					t.Errorf("locked %v, %v", locked, err)
				}
				ring := filepath.Join(t.TempDir(), "new", "keys")
				imported, err := ImportKeys(ring, made.Public)
				if err != nil || len(imported) != 1 || imported[0].Fingerprint != made.Fingerprint {
					t.Fatalf("%+v, %v", imported, err)
				}
				// The device's own key can be such a key too.
				path := pack(t, PackOptions{Directory: archive, SigningKey: made.Secret, Passphrase: passphrase, EncryptFor: []string{made.Public}})
				if _, _, err := open(t, path, Policy{Keyring: ring, DecryptKey: made.Secret, Passphrase: passphrase, SignedBy: []string{made.Fingerprint[24:]}}); err != nil {
					t.Fatal(err)
				}
				// gpg takes both parts, signs with the secret one, and opens what was packed.
				home, err := newHome()
				if err != nil {
					t.Fatal(err)
				}
				home.must(t, nil, "--passphrase", passphrase.Reveal(), "--import", made.Secret)
				home.must(t, nil, "--passphrase", passphrase.Reveal(), "--decrypt", path)
				theirs := filepath.Join(t.TempDir(), "p.gpg")
				write(t, theirs, home.must(t, sample(t, 100), "--passphrase", passphrase.Reveal(), "--sign", "--encrypt", "-r", made.Fingerprint), 0o644)
				if _, _, err := open(t, theirs, Policy{Keyring: ring, DecryptKey: made.Secret, Passphrase: passphrase}); err != nil {
					t.Fatal(err)
				}
				if _, err := NewKey("Example & Söhne", "", NewKeyOptions{Directory: filepath.Dir(made.Secret)}); fault.As(err) == nil || fault.As(err).Code != "key-exists" {
					t.Errorf("a key was overwritten: %v", err)
				}
			})
		}
	}
}

func TestKeysImportAndExport(t *testing.T) {
	home := gpg(t)
	ring := t.TempDir()
	both := filepath.Join(t.TempDir(), "both.gpg")
	write(t, both, home.must(t, nil, "--export", home.keys["ed"], home.keys["rsa"]), 0o644)
	for range 2 {
		if imported, err := ImportKeys(ring, both); err != nil || len(imported) != 2 {
			t.Fatalf("%+v, %v", imported, err)
		}
	}
	if keys := listed(t, ring); len(keys) != 2 {
		t.Fatalf("%+v", keys)
	}
	for _, selector := range []string{home.keys["ed"], home.keys["ed"][24:], "ED@example"} {
		exported, err := ExportKey(ring, selector)
		if err != nil || !bytes.Contains(exported, []byte("BEGIN PGP PUBLIC KEY BLOCK")) {
			t.Errorf("%s: %v", selector, err)
		}
		other, err := newHome()
		if err != nil {
			t.Fatal(err)
		}
		other.must(t, exported, "--import")
	}
	for selector, code := range map[string]string{"example": "key-ambiguous", "nobody": "key-unknown", "": "key-unknown"} {
		_, err := ExportKey(ring, selector)
		wantCode(t, err, code)
	}
	for path, code := range map[string]string{
		home.secret(t, "ed"): "key-secret", filepath.Join(ring, "none"): "key-missing", unkeyed(t): "key-unreadable", ring: "key-not-a-file",
	} {
		_, err := ImportKeys(ring, path)
		wantCode(t, err, code)
	}
	// Once a revocation is known, an older copy of the key does not bring it back.
	made, err := newHome()
	if err != nil {
		t.Fatal(err)
	}
	if err := made.makeKey("gone", "ed25519", "", "", ""); err != nil {
		t.Fatal(err)
	}
	old := filepath.Join(t.TempDir(), "old.asc")
	write(t, old, made.must(t, nil, "--armor", "--export"), 0o644)
	certificate, err := os.ReadFile(filepath.Join(made.directory, "openpgp-revocs.d", made.keys["gone"]+".rev"))
	if err != nil {
		t.Fatal(err)
	}
	made.must(t, bytes.ReplaceAll(certificate, []byte(":-----BEGIN"), []byte("-----BEGIN")), "--import")
	fresh := filepath.Join(t.TempDir(), "fresh.asc")
	write(t, fresh, made.must(t, nil, "--armor", "--export"), 0o644)
	if _, err := ImportKeys(ring, old); err != nil {
		t.Fatal(err)
	}
	if imported, err := ImportKeys(ring, fresh); err != nil || imported[0].State != "revoked" {
		t.Fatalf("%+v, %v", imported, err)
	}
	if imported, err := ImportKeys(ring, old); err != nil || imported[0].State != "revoked" {
		t.Fatalf("%+v, %v", imported, err)
	}
	if keys := listed(t, ring); len(keys) != 3 || !slices.ContainsFunc(keys, func(k Key) bool { return k.State == "revoked" }) {
		t.Fatalf("%+v", keys)
	}
}

// listed are the keys of a keyring that can be read without a warning.
func listed(t testing.TB, directory string) []Key {
	t.Helper()
	ring, err := ReadKeyring(directory)
	if err != nil || len(ring.Warnings()) > 0 {
		t.Fatal(err, ring.Warnings())
	}
	return ring.Keys()
}

func TestKeyExpiry(t *testing.T) {
	made, err := NewKey("short", "", NewKeyOptions{Directory: t.TempDir(), Expires: time.Now().Add(48 * time.Hour)})
	if err != nil || made.Expires.Before(time.Now().Add(47*time.Hour)) || made.Expires.After(time.Now().Add(49*time.Hour)) {
		t.Fatalf("%v, %v", made.Expires, err)
	}
	for _, expires := range []time.Time{time.Now().Add(-time.Hour), time.Now().AddDate(200, 0, 0)} {
		_, err := NewKey("never", "", NewKeyOptions{Directory: t.TempDir(), Expires: expires})
		wantCode(t, err, "key-expiry")
	}
}
