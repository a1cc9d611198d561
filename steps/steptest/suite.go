package steptest

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/steps/conformance"
)

// Suite is one case of one type. A type with several ways to act has a suite for each.
type Suite struct {
	Type step.Type
	// Arrange builds the initial tree below root, an empty directory, and gives the arguments as a recipe
	// would; defaults may be left out. It is called many times, each with another root, and must build the
	// same tree every time. What must stay out of the comparison (a keyring, say) it can put into a t.TempDir
	// of its own.
	Arrange func(t testing.TB, root string) map[string]any
	// AfterDo may look at what Do has made. It is optional.
	AfterDo func(t testing.TB, root string, outputs map[string]any)
	// Idle, Looks and Forget are those of conformance.Case.
	Idle, Looks bool
	Forget      []string
	// Untimed is that of conformance.Case; each is logged with its reason.
	Untimed map[string]string
	// Varied is that of conformance.Case; each is logged with its reason.
	Varied map[string]string
	// Plugin says that each part of the type runs in a process of its own.
	Plugin bool
}

// Run tries the type in every way that package conformance tells.
func Run(t *testing.T, suite Suite) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(suite.Untimed)) {
		t.Logf("exempt: undo need not bring back the times of %s: %s", name, suite.Untimed[name])
	}
	for _, name := range slices.Sorted(maps.Keys(suite.Varied)) {
		t.Logf("exempt: two runs of do may give another content of %s: %s", name, suite.Varied[name])
	}
	for _, check := range conformance.Checks() {
		t.Run(check.Name, func(t *testing.T) { check.Run(t, suite.on(t)) })
	}
}

// on is the suite as a case of the test.
func (s Suite) on(t testing.TB) conformance.Case {
	c := conformance.Case{
		Type: s.Type, Idle: s.Idle, Looks: s.Looks, Forget: s.Forget, Untimed: s.Untimed, Varied: s.Varied,
		Arrange: func(_ conformance.T, root string) map[string]any {
			t.Cleanup(func() { loosen(filepath.Dir(root)) })
			return s.Arrange(t, root)
		},
	}
	if s.AfterDo != nil {
		c.AfterDo = func(_ conformance.T, root string, outputs map[string]any) { s.AfterDo(t, root, outputs) }
	}
	if !s.Plugin {
		c.Elsewhere = undoElsewhere
	}
	return c
}

// loosen makes the directories of a tree writable, since an ordinary user cannot remove it otherwise. Where
// that fails, the removal says so.
func loosen(root string) {
	_ = filepath.WalkDir(root, func(path string, entry fs.DirEntry, _ error) error {
		if entry != nil && entry.IsDir() {
			_ = os.Chmod(path, 0o700)
		}
		return nil
	})
}
