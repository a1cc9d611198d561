package step_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/gwe-project/gwe/engine/step"
)

// TestParentInMemory: a directory of a tmpfs is another one after each boot, and within one boot only the one
// that was noted.
func TestParentInMemory(t *testing.T) {
	directory, err := os.MkdirTemp("/dev/shm", "gwe-parent-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(directory)
	noting := step.NewParents()
	if err := noting.Foresee(filepath.Join(directory, "file")); err != nil {
		t.Fatal(err)
	}
	noted := noting.Noted()[0]
	if noted.Boot == "" {
		t.Fatalf("no boot is noted: %+v", noted)
	}
	other := noted
	other.Inode, other.Born = noted.Inode+1, noted.Born+1
	before := other
	before.Boot = "the one before"
	elsewhere := before
	elsewhere.Real += "-moved"
	for name, test := range map[string]struct {
		known   step.Parent
		refused bool
	}{
		"the same":                     {noted, false},
		"another of this boot":         {other, true},
		"of the boot before":           {before, false},
		"of the boot before, not here": {elsewhere, true},
	} {
		t.Run(name, func(t *testing.T) {
			run := &step.Run{Parents: step.KnownParents([]step.Parent{test.known})}
			dir, _, err := run.Dir(filepath.Join(directory, "file"))
			dir.Close()
			if step.IsParentChanged(err) != test.refused || err != nil && !test.refused {
				t.Error(err)
			}
		})
	}
}
