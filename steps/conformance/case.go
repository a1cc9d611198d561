package conformance

import (
	"context"

	"github.com/gwe-project/gwe/engine/step"
)

// T takes what a check finds. A *testing.T is one. Fatal and Fatalf end the goroutine, by runtime.Goexit.
type T interface {
	Helper()
	Context() context.Context
	// TempDir makes a new directory that is gone after the check.
	TempDir() string
	Error(arguments ...any)
	Errorf(format string, arguments ...any)
	Fatal(arguments ...any)
	Fatalf(format string, arguments ...any)
	Failed() bool
}

// Case is one case of one type. A type with several ways to act has a case for each.
type Case struct {
	Type step.Type
	// Arrange builds the initial tree below root, an empty directory, and gives the arguments as a recipe
	// would; defaults may be left out. It is called many times, each with another root, and must build the
	// same tree every time.
	Arrange func(t T, root string) map[string]any
	// AfterDo may look at what Do has made. It is optional.
	AfterDo func(t T, root string, outputs map[string]any)
	// Idle says that the machine is already as wanted: the plan must say so, and Do change nothing. In every
	// other case of a type with effects, Do must change something, or the case would test nothing.
	Idle bool
	// Looks says that with these arguments the type only looks, though with others it has effects: Do must
	// change nothing, and the plan need not say so.
	Looks bool
	// Forget names, relative to root, what Undo may not need: a package, say. It is deleted before the undo
	// in another process.
	Forget []string
	// Untimed names, relative to root, files whose times an undo cannot bring back, each with the reason:
	// "the kernel sets the times of files in sysfs". An exemption without a reason fails the check of the
	// description.
	Untimed map[string]string
	// Varied names, relative to root, files that record inode numbers or times of what Do has made, each with
	// the reason: their content may differ between two runs of Do. All else of them is compared.
	Varied map[string]string
	// Elsewhere undoes a frame in another process. It is nil for a type whose parts all run in processes of
	// their own: then its plan does so too.
	Elsewhere func(t T, frame Frame) error
}

// exact is what a comparison of this case looks at.
func (c Case) exact(exact exactness) exactness {
	exact.untimed, exact.varied = c.Untimed, c.Varied
	return exact
}

// Check is one promise of a step type.
type Check struct {
	Name string
	Run  func(t T, c Case)
}

// Checks are all of them, in the order in which a person would want to know.
func Checks() []Check {
	return []Check{
		{"about", checkAbout},
		{"plan has no effect", checkPlan},
		{"prepare changes nothing", checkPrepare},
		{"do has declared effects only", checkDo},
		{"modes whatever the umask", checkUmask},
		{"undo after do", checkUndo},
		{"undo after no do", checkUndoAlone},
		{"undo twice", checkUndoTwice},
		{"do, undo, do, undo", checkAgain},
		{"do stopped at any moment", checkStoppedDo},
		{"undo stopped at any moment", checkStoppedUndo},
		{"undo in another process", checkRestart},
		{"undo after the commit keeps what came later", checkLater},
		{"release", checkRelease},
		{"release stopped at any moment", checkStoppedRelease},
	}
}
