package signature

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/gwe-project/gwe/bundle"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/steps/steptest"
)

func TestMain(m *testing.M) { steptest.Main(m, Verify()) }

// vendor makes a key, its keyring, and a signed package in directory; the package is encrypted for the key
// too.
func vendor(t testing.TB, directory string) (made bundle.KeyFiles, keyring, packed string) {
	t.Helper()
	outside := t.TempDir()
	made, err := bundle.NewKey("vendor", "vendor@example.org", bundle.NewKeyOptions{Directory: outside, Passphrase: value.NewSecret("secret")})
	if err != nil {
		t.Fatal(err)
	}
	keyring = filepath.Join(outside, "keys")
	if _, err := bundle.ImportKeys(keyring, made.Public); err != nil {
		t.Fatal(err)
	}
	tree := filepath.Join(outside, "fw-1")
	if err := os.Mkdir(tree, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(tree, "file"), bytes.Repeat([]byte("text"), 1000), 0o644); err != nil {
		t.Fatal(err)
	}
	packed, err = bundle.Pack(t.Context(), bundle.PackOptions{
		Directory: tree, Output: directory, SigningKey: made.Secret, Passphrase: value.NewSecret("secret"), EncryptFor: []string{made.Public},
	})
	if err != nil {
		t.Fatal(err)
	}
	return made, keyring, packed
}

func arguments(made bundle.KeyFiles, keyring, packed string) map[string]any {
	return map[string]any{
		"package": packed, "keyring": keyring, "signed-by": []any{made.Fingerprint},
		"decrypt-key": made.Secret, "passphrase": value.NewSecret("secret"),
	}
}

func TestVerifyConforms(t *testing.T) {
	source := t.TempDir()
	made, keyring, packed := vendor(t, source)
	content, err := os.ReadFile(packed)
	if err != nil {
		t.Fatal(err)
	}
	steptest.Run(t, steptest.Suite{
		Type: Verify(),
		Arrange: func(t testing.TB, root string) map[string]any {
			path := filepath.Join(root, "fw-1.tar.zst.gpg")
			if err := os.WriteFile(path, content, 0o644); err != nil {
				t.Fatal(err)
			}
			return arguments(made, keyring, path)
		},
		AfterDo: func(t testing.TB, root string, outputs map[string]any) {
			if outputs["name"] != "fw-1" || outputs["signer"] != made.Fingerprint || outputs["signer_name"] != "vendor <vendor@example.org>" ||
				outputs["size"] != value.SizeOf(int64(len(content))) || outputs["signed_at"] == "" {
				t.Errorf("%v", outputs)
			}
		},
		Forget: []string{"fw-1.tar.zst.gpg"},
	})
}

// TestPlanRefuses: what can be known without reading the package is known by the plan.
func TestPlanRefuses(t *testing.T) {
	made, keyring, packed := vendor(t, t.TempDir())
	empty := t.TempDir()
	for name, test := range map[string]struct {
		argument, value string
		code            string
	}{
		"no package":       {"package", packed + "x", "package-missing"},
		"a directory":      {"package", empty, "package-not-a-file"},
		"empty keyring":    {"keyring", empty, "keyring-empty"},
		"no keyring":       {"keyring", empty + "/none", "keyring-missing"},
		"no signature":     {"signature", packed + ".sig", "signature-missing"},
		"no decrypt key":   {"decrypt-key", packed + ".key", "package-decrypt-key-missing"},
		"all that is good": {"package", packed, ""},
	} {
		t.Run(name, func(t *testing.T) {
			given := arguments(made, keyring, packed)
			given[test.argument] = test.value
			_, err := Verify().Plan(t.Context(), step.Local{}, given)
			if test.code == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if found := fault.As(err); found == nil || found.Code != test.code || found.Class != fault.Refused {
				t.Fatalf("want %s, have %v", test.code, err)
			}
		})
	}
}

func TestVerifyRefuses(t *testing.T) {
	made, keyring, packed := vendor(t, t.TempDir())
	content, err := os.ReadFile(packed)
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)-40] ^= 1
	if err := os.WriteFile(packed, content, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = Verify().Do(t.Context(), &step.Run{Machine: step.Local{}}, arguments(made, keyring, packed), []byte("{}"))
	if fault.ClassOf(err) != fault.Refused {
		t.Fatalf("a changed package: %v", err)
	}
}
