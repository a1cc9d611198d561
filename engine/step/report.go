package step

import "context"

// Report is what runs on the machine, as far as one step can tell.
type Report struct {
	// Kind is what it tells of.
	Kind ReportKind `json:"kind"`
	// Name is the link of a release, the name of a program, or what a check asks.
	Name string `json:"name"`
	// State is where the link leads, the program's state, or the answer of the check.
	State string `json:"state"`
	// Good reports whether that is as it should be: the release is there, the program runs, the check holds.
	Good bool `json:"good"`
}

// ReportKind is what a Report tells of.
type ReportKind string

// The kinds of a Report.
const (
	ReportRelease ReportKind = "release"
	ReportProgram ReportKind = "program"
	ReportHealth  ReportKind = "health"
)

// Reporter is an Action that can tell what runs now where it acts or looks: for `gwe status`, and for the end
// of a run. It only looks. Arguments that hold secrets, or that could not be evaluated, are left out: it then
// tells what it can, or nothing.
type Reporter[A any] interface {
	Report(ctx context.Context, machine Machine, arguments A) []Report
}

// Checker is an Action that may be a health check: where the recipe says effects: none, after a step that
// changes something. It makes one try for `gwe status`, and for the end of a run. Of run there are Step,
// which is how people call the check, Machine and Environment. It is asked only where all arguments are
// known.
type Checker[A any] interface {
	Check(ctx context.Context, run *Run, arguments A) []Report
}

// ReporterType is a Type that may tell what runs; see Reporter and Checker.
type ReporterType interface {
	// Reports reports whether the action is a Reporter, and Checks whether it is a Checker.
	Reports() bool
	Checks() bool
	Report(ctx context.Context, machine Machine, arguments map[string]any) []Report
	Check(ctx context.Context, run *Run, arguments map[string]any) []Report
}
