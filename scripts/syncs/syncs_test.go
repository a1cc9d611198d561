package syncs_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/gwe-project/gwe/engine/need"
	"github.com/gwe-project/gwe/scripts/syncs"
	"github.com/gwe-project/gwe/steps"
)

func TestNoStepCostsMoreThanThreeSyncs(t *testing.T) {
	need.Root(t, "strace reads the memory of a gwe that has a secret")
	// The name of a socket is short, so the directory's is too.
	scratch, err := os.MkdirTemp("", "gwesync")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(scratch) })
	gwe := filepath.Join(scratch, "gwe")
	if output, err := exec.Command("go", "build", "-o", gwe, "github.com/gwe-project/gwe/cmd/gwe").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, output)
	}
	counted := map[string]bool{}
	err = syncs.Each(gwe, scratch, func(count syncs.Count) {
		t.Logf("%-32s %3d %3d", count.Name, count.Forward, count.Back)
		counted[count.Type] = true
		if count.Forward > syncs.Most {
			t.Errorf("%s costs %d syncs, more than %d", count.Name, count.Forward, syncs.Most)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range steps.Catalog() {
		if name := one.About().Name; !counted[name] {
			t.Errorf("%s was not counted", name)
		}
	}
}
