package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/gwe-project/gwe/cmd/gwe/command"
	"github.com/gwe-project/gwe/engine/need"
	"github.com/gwe-project/gwe/steps"
	"github.com/gwe-project/gwe/steps/steptest/recipetest"
)

// TestMain makes the test binary the gwe of all scripts.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"gwe": mainOfTests, "careless-gwe": mainOfCareless, "attacker": mainOfAttacker})
}

// mainOfTests is main, but for journals that can kill the process, or ask it to stop, at a record of a test's
// choice. The product has no such switch. recipetest builds this very binary for the suites of other
// packages.
func mainOfTests() {
	command.Line{Catalog: steps.Catalog(), Journals: recipetest.Mortal}.Main()
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("..", "..", "testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(env *testscript.Env) error {
			env.Setenv("GWE_STATE_DIR", filepath.Join(env.WorkDir, "state"))
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("NO_COLOR", "1")
			examples, err := filepath.Abs(filepath.Join("..", "..", "examples"))
			if err != nil {
				return err
			}
			env.Setenv("EXAMPLES", examples)
			env.Setenv("GORACE", "atexit_sleep_ms=0") // the race detector would wait a second before each exit
			return nil
		},
		Condition: condition,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":       exits,
			"wait-for":    waitFor,
			"mount-tmpfs": mountTmpfs,
			"conforms":    conforms,
		},
	})
}

// condition answers [root]: whether root runs the tests. scripts/test must not leave out lines that need it.
func condition(name string) (bool, error) {
	switch {
	case name != "root":
		return false, fmt.Errorf("there is no condition %q; there is root", name)
	case os.Geteuid() != 0 && need.Required(need.Superuser):
		return false, errors.New("this script needs root: run the tests as root")
	}
	return os.Geteuid() == 0, nil
}

// exits CODE PROGRAM ARGUMENTS...: the program must end with just that code.
func exits(ts *testscript.TestScript, negated bool, arguments []string) {
	if negated || len(arguments) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGUMENTS...")
	}
	err := ts.Exec(arguments[1], arguments[2:]...)
	code := 0
	var ended *exec.ExitError
	switch {
	case errors.As(err, &ended) && ended.Sys().(syscall.WaitStatus).Signaled():
		code = 128 + int(ended.Sys().(syscall.WaitStatus).Signal())
	case errors.As(err, &ended):
		code = ended.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if fmt.Sprint(code) != arguments[0] {
		ts.Fatalf("%s ended with exit code %d, want %s", strings.Join(arguments[1:], " "), code, arguments[0])
	}
}

// waitFor FILE waits until a file is there.
func waitFor(ts *testscript.TestScript, negated bool, arguments []string) {
	for range 1000 {
		if _, err := os.Stat(ts.MkAbs(arguments[0])); (err == nil) != negated {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	ts.Fatalf("waited in vain for %s", arguments[0])
}

// mountTmpfs DIRECTORY SIZE mounts a small file system, until the end of the script.
func mountTmpfs(ts *testscript.TestScript, _ bool, arguments []string) {
	directory := ts.MkAbs(arguments[0])
	ts.Check(os.MkdirAll(directory, 0o755))
	ts.Check(syscall.Mount("tmpfs", directory, "tmpfs", 0, "size="+arguments[1]))
	ts.Defer(func() { _ = syscall.Unmount(directory, syscall.MNT_DETACH) })
}
