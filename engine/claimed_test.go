package engine_test

import (
	"os"
	"testing"

	"github.com/gwe-project/gwe/engine/claim"
)

// claimed claims a directory as a run of another state directory does, until it is released.
func claimed(t *testing.T, path string) *claim.Claim {
	t.Helper()
	held, err := claim.Usual(os.Getenv).Take(claim.Holder{State: "/elsewhere"}, claim.Resolve(path))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(held.Release)
	return held
}
