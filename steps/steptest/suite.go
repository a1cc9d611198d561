package steptest

import (
	"testing"

	"github.com/gwe-project/gwe/engine/step"
)

// Suite is one case of one type. A type with several ways to act has a suite for each.
type Suite struct {
	Type step.Type
	// Arrange builds the initial tree below root, an empty directory, and gives the arguments as a recipe would; defaults
	// may be left out. It is called many times, each with another root, and must build the same tree every time. What must
	// stay out of the comparison (a keyring, say) it can put into a t.TempDir of its own.
	Arrange func(t testing.TB, root string) map[string]any
	// AfterDo may look at what Do has made. It is optional.
	AfterDo func(t testing.TB, root string, outputs map[string]any)
	// Idle says that the machine is already as wanted: the plan must say so, and Do change nothing. In every other case of
	// a type with effects, Do must change something, or the suite would test nothing.
	Idle bool
	// Looks says that with these arguments the type only looks, though with others it has effects: Do must change nothing,
	// and the plan need not say so.
	Looks bool
	// Forget names, relative to root, what Undo may not need: a package, say. It is deleted before the undo in another process.
	Forget []string
}

// Run tries the type in every way that doc.go tells.
func Run(t *testing.T, suite Suite) {
	t.Helper()
	for _, check := range checks {
		t.Run(check.name, func(t *testing.T) { check.run(t, suite) })
	}
}

// check is one promise of a step type. It reports through testing.TB alone, so that the tests of the suite can see
// what it reports about a broken type.
type check struct {
	name string
	run  func(t testing.TB, suite Suite)
}

var checks = []check{
	{"about", checkAbout},
	{"plan has no effect", checkPlan},
	{"prepare changes nothing", checkPrepare},
	{"do has declared effects only", checkDo},
	{"undo after do", checkUndo},
	{"undo after no do", checkUndoAlone},
	{"undo twice", checkUndoTwice},
	{"do, undo, do, undo", checkAgain},
	{"do stopped at any moment", checkStoppedDo},
	{"undo stopped at any moment", checkStoppedUndo},
	{"undo in another process", checkRestart},
	{"release", checkRelease},
	{"release stopped at any moment", checkStoppedRelease},
}
