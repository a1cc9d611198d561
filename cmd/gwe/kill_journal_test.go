package main

import (
	"os"
	"testing"

	"github.com/gwe-project/gwe/steps/steptest/recipetest"
)

// The variables by which a test brings the end of a gwe about, at numbers of records.
const (
	dieBefore = recipetest.DieBefore
	dieAt     = recipetest.DieAt
	stopAt    = recipetest.StopAt
)

// self is the test binary: run as gwe, it is a gwe whose journal may end it.
func self(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}
