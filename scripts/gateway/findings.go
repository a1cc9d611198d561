package gateway

import (
	"fmt"
	"os"
	"runtime"
)

// Findings is a Reporter that collects, for campaigns that are not tests.
type Findings struct {
	base string
	// Violations are what the oracle found; Notes are what else there is to say.
	Violations, Notes []string
	cleanups          []func()
}

// NewFindings makes its temporary directories below base.
func NewFindings(base string) *Findings { return &Findings{base: base} }

// Helper is for tests.
func (f *Findings) Helper() {}

// Error notes a violation.
func (f *Findings) Error(arguments ...any) {
	f.Violations = append(f.Violations, fmt.Sprint(arguments...))
}

// Errorf notes a violation.
func (f *Findings) Errorf(format string, arguments ...any) {
	f.Error(fmt.Sprintf(format, arguments...))
}

// Fatal notes a violation and ends what runs in Within.
func (f *Findings) Fatal(arguments ...any) { f.Error(arguments...); runtime.Goexit() }

// Fatalf notes a violation and ends what runs in Within.
func (f *Findings) Fatalf(format string, arguments ...any) {
	f.Fatal(fmt.Sprintf(format, arguments...))
}

// Failed reports whether there are violations.
func (f *Findings) Failed() bool { return len(f.Violations) > 0 }

// Logf keeps a note.
func (f *Findings) Logf(format string, arguments ...any) {
	f.Notes = append(f.Notes, fmt.Sprintf(format, arguments...))
}

// TempDir makes a directory that whoever made the findings removes.
func (f *Findings) TempDir() string {
	path, err := os.MkdirTemp(f.base, "")
	if err != nil {
		f.Fatal(err)
	}
	return path
}

// Cleanup keeps what Clean does, newest first.
func (f *Findings) Cleanup(do func()) { f.cleanups = append(f.cleanups, do) }

// Clean undoes what a gateway made.
func (f *Findings) Clean() {
	for n := len(f.cleanups) - 1; n >= 0; n-- {
		f.cleanups[n]()
	}
	f.cleanups = nil
}

// Forget begins anew.
func (f *Findings) Forget() { f.Violations, f.Notes = nil, nil }

// Within does something that may end early by Fatal.
func Within(do func()) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		do()
	}()
	<-ended
}
