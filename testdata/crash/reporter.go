package main

import (
	"fmt"
	"os"
	"runtime"
)

// reporter collects what a gateway finds in one trial.
type reporter struct {
	base       string
	violations []string
	notes      []string
	cleanups   []func()
}

func (r *reporter) Helper() {}
func (r *reporter) Error(arguments ...any) {
	r.violations = append(r.violations, fmt.Sprint(arguments...))
}
func (r *reporter) Errorf(format string, arguments ...any) {
	r.Error(fmt.Sprintf(format, arguments...))
}
func (r *reporter) Fatal(arguments ...any) { r.Error(arguments...); runtime.Goexit() }
func (r *reporter) Fatalf(format string, arguments ...any) {
	r.Fatal(fmt.Sprintf(format, arguments...))
}
func (r *reporter) Failed() bool     { return len(r.violations) > 0 }
func (r *reporter) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }
func (r *reporter) Logf(format string, arguments ...any) {
	r.notes = append(r.notes, fmt.Sprintf(format, arguments...))
}

func (r *reporter) TempDir() string {
	path, err := os.MkdirTemp(r.base, "")
	if err != nil {
		r.Fatal(err)
	}
	return path
}

// within does something that may end early by Fatal.
func within(do func()) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		do()
	}()
	<-ended
}

// clean undoes what the gateway made.
func (r *reporter) clean() {
	for n := len(r.cleanups) - 1; n >= 0; n-- {
		r.cleanups[n]()
	}
}
