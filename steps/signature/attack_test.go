package signature

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/gwe-project/gwe/bundle"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/steps/steptest/attack"
)

// TestVerifyUnderAttack: the package and the keyring lie in a directory of another user's.
func TestVerifyUnderAttack(t *testing.T) {
	made, keyring, _ := vendor(t, t.TempDir())
	tree := filepath.Join(t.TempDir(), "fw-1")
	if err := os.Mkdir(tree, 0o755); err != nil {
		t.Fatal(err)
	}
	packed, err := bundle.Pack(t.Context(), bundle.PackOptions{Directory: tree, Output: t.TempDir(), SigningKey: made.Secret, Passphrase: value.NewSecret("secret")})
	if err != nil {
		t.Fatal(err)
	}
	attack.Run(t, attack.Case{
		Type: Verify(), Parents: []string{".", "sub", "sub/keys"}, Leaves: []string{"sub/fw-1.tar.zst.gpg", "sub/keys"}, Looks: true,
		Arrange: func(t testing.TB, work, _ string) map[string]any {
			content, err := os.ReadFile(packed)
			if err == nil {
				err = os.CopyFS(filepath.Join(work, "sub/keys"), os.DirFS(keyring))
			}
			if err == nil {
				err = os.WriteFile(filepath.Join(work, "sub/fw-1.tar.zst.gpg"), content, 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
			return attack.Arguments(t, Verify(), map[string]any{"package": filepath.Join(work, "sub/fw-1.tar.zst.gpg"), "keyring": filepath.Join(work, "sub/keys")})
		},
	})
}
