package bundle_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gwe-project/gwe/bundle"
)

// TestSignedAt: a signature with a date is the same each time, and good; one dated before its key is as old
// as the key.
func TestSignedAt(t *testing.T) {
	for _, algorithm := range []bundle.Algorithm{"ed25519", "rsa"} {
		directory := t.TempDir()
		key, err := bundle.NewKey("Releases", "", bundle.NewKeyOptions{Directory: directory, Algorithm: algorithm})
		if err != nil {
			t.Fatal(err)
		}
		ring := filepath.Join(directory, "ring")
		if _, err := bundle.Import(ring, key.Public); err != nil {
			t.Fatal(err)
		}
		sums := filepath.Join(directory, "SHA256SUMS")
		if err := os.WriteFile(sums, []byte("00  gwe\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, day := range []time.Time{time.Unix(1, 0), time.Now().Add(-time.Second), {}} {
			var made [][]byte
			for _, name := range []string{"a.sig", "b.sig"} {
				signature := filepath.Join(directory, name)
				if err := bundle.Sign(sums, signature, bundle.SignOptions{Key: key.Secret, SignedAt: day}); err != nil {
					t.Fatal(err)
				}
				opened, err := bundle.Open(t.Context(), sums)
				if err != nil {
					t.Fatal(err)
				}
				verified, err := opened.Verify(context.Background(), bundle.Policy{Keyring: ring, Signature: signature}, nil)
				opened.Close()
				if err != nil {
					t.Fatalf("%s, %v: %v", algorithm, day, err)
				}
				if age := time.Since(verified.Signer.SignedAt); age < 0 || age > time.Minute {
					t.Errorf("%s, %v: signed at %v", algorithm, day, verified.Signer.SignedAt)
				}
				content, err := os.ReadFile(signature)
				if err != nil {
					t.Fatal(err)
				}
				made = append(made, content)
			}
			if bytes.Equal(made[0], made[1]) == day.IsZero() {
				t.Errorf("%s, %v: two signatures are equal: %v", algorithm, day, day.IsZero())
			}
		}
	}
}
