package mutations

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine/need"
)

// TestEachMutationIsFound breaks gwe in one way after the other.
func TestEachMutationIsFound(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	which := os.Getenv("GWE_MUTATIONS")
	if which == "" {
		need.Missing(t, need.Setting, "each mutation takes a build and a campaign: GWE_MUTATIONS=some tries a few, GWE_MUTATIONS=all every one")
	}
	tried := 0
	for _, m := range mutations {
		if !m.brief && which != "all" {
			continue
		}
		tried++
		t.Run(m.name, func(t *testing.T) {
			overlay := m.lay(t, root)
			if m.tests != nil {
				m.wantFailure(t, root, overlay)
				return
			}
			gwe := filepath.Join(t.TempDir(), "gwe")
			build := exec.Command("go", "build", "-trimpath", "-overlay", overlay, "-o", gwe, "./cmd/gwe")
			build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0")
			if said, err := build.CombinedOutput(); err != nil {
				t.Fatalf("the mutation is not a program: %v\n%s", err, said)
			}
			if m.powercut != nil {
				wantViolation(t, root, append([]string{"run", "./scripts/powercut", "--until-violation", "--gwe", gwe}, m.powercut...))
				return
			}
			wantViolation(t, root, append([]string{"run", "./scripts/crash", "campaign", "--until-violation",
				"--gwe", gwe, "--results", filepath.Join(t.TempDir(), "results")}, m.campaign...))
		})
	}
	if tried < 5 {
		t.Errorf("only %d mutations were tried", tried)
	}
}

// lay writes the mutated file and the overlay that puts it into the place of the real one.
func (m mutation) lay(t *testing.T, root string) (overlay string) {
	t.Helper()
	path := filepath.Join(root, m.file)
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if count := bytes.Count(source, []byte(m.from)); count != 1 {
		t.Fatalf("%s has %q %d times: bring the mutation up to date", m.file, m.from, count)
	}
	directory := t.TempDir()
	mutated := filepath.Join(directory, filepath.Base(m.file))
	overlay = filepath.Join(directory, "overlay.json")
	text, err := json.Marshal(map[string]map[string]string{"Replace": {path: mutated}})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{mutated: bytes.Replace(source, []byte(m.from), []byte(m.to), 1), overlay: text} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return overlay
}

// wantViolation lets a campaign look for the mutation. An undisturbed change that does not end well is a
// violation too.
func wantViolation(t *testing.T, root string, campaign []string) {
	t.Helper()
	command := exec.Command("go", campaign...)
	command.Dir = root
	said, err := command.CombinedOutput()
	for _, mark := range []string{"VIOLATION ", ": undisturbed, the "} {
		if _, found, ok := strings.Cut(string(said), mark); ok && err != nil {
			t.Logf("found by %.300s", found)
			return
		}
	}
	t.Fatalf("it was not found: %v\n%s", err, said)
}

// wantFailure lets tests of the repository look for the mutation.
func (m mutation) wantFailure(t *testing.T, root, overlay string) {
	t.Helper()
	command := exec.Command("go", append([]string{"test", "-trimpath", "-count=1", "-timeout=3m", "-overlay", overlay}, m.tests...)...)
	command.Dir = root
	said, err := command.CombinedOutput()
	if err == nil || !bytes.Contains(said, []byte("--- FAIL: ")) {
		t.Fatalf("it was not found: %v\n%s", err, said)
	}
}

// TestMutationsFit: each mutation finds the line that it breaks, those that only a long campaign tries too.
func TestMutationsFit(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mutations {
		t.Run(m.name, func(t *testing.T) { m.lay(t, root) })
	}
}
