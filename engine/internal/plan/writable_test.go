package plan

import (
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
)

// mounts is this machine with other file systems, by the names of directories.
type mounts struct {
	step.Machine
	mounted map[string]step.Mount
}

func (m mounts) Mount(path string) (step.Mount, error) {
	for ; path != "/"; path = filepath.Dir(path) {
		if found, ok := m.mounted[path]; ok {
			return found, nil
		}
	}
	return step.Mount{}, nil
}

// TestAStateThatIsLostWithThePower is refused as soon as one of the changed paths lasts longer than the
// journal.
func TestAStateThatIsLostWithThePower(t *testing.T) {
	volatile, lasting := t.TempDir(), t.TempDir()
	machine := mounts{step.Local{}, map[string]step.Mount{volatile: {Volatile: "tmpfs"}}}
	tests := []struct {
		name, state string
		paths       []string
		refused     bool
	}{
		{"both last", lasting, []string{lasting + "/a"}, false},
		{"neither lasts", volatile + "/state", []string{volatile + "/a/b"}, false},
		{"only the target lasts", volatile + "/state", []string{volatile + "/a", lasting + "/not/there/yet"}, true},
		{"nothing is changed", volatile + "/state", nil, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := VolatileState(machine, test.state, test.paths)
			if f := fault.As(err); (f != nil && f.Code == "state-volatile") != test.refused || !test.refused && err != nil {
				t.Errorf("the plan says: %v", err)
			}
		})
	}
}

// TestNearest: what will be made at a path lies on the file system of what is there above it.
func TestNearest(t *testing.T) {
	directory := t.TempDir()
	for _, path := range []string{directory, directory + "/a", directory + "/a/b/c"} {
		found, info, err := nearest(step.Local{}, path)
		if err != nil || found != directory || info.Mode().Type() != fs.ModeDir {
			t.Errorf("nearest(%s) is %s, %v", path, found, err)
		}
	}
}
