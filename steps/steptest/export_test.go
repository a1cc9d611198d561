package steptest

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/gwe-project/gwe/steps/conformance"
)

// recorder is a testing.TB that keeps what would fail the test.
type recorder struct {
	testing.TB
	findings []string
}

func (r *recorder) Helper() {}

func (r *recorder) Failed() bool { return len(r.findings) > 0 }

func (r *recorder) Error(arguments ...any) { r.findings = append(r.findings, fmt.Sprint(arguments...)) }

func (r *recorder) Errorf(format string, arguments ...any) {
	r.findings = append(r.findings, fmt.Sprintf(format, arguments...))
}

func (r *recorder) Fatal(arguments ...any) {
	r.Error(arguments...)
	runtime.Goexit()
}

func (r *recorder) Fatalf(format string, arguments ...any) {
	r.Errorf(format, arguments...)
	runtime.Goexit()
}

// Findings gives what the check of that name reports about a suite.
func Findings(t *testing.T, name string, suite Suite) []string {
	t.Helper()
	kept := &recorder{TB: t}
	for _, check := range conformance.Checks() {
		if check.Name != name {
			continue
		}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			check.Run(kept, suite.on(kept))
		}()
		<-ended
		return kept.findings
	}
	t.Fatalf("there is no check %q", name)
	return nil
}
