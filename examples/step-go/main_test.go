package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/gwe-project/gwe/engine/plugin"
	"github.com/gwe-project/gwe/examples/step-go/feature"
	"github.com/gwe-project/gwe/steps/steptest"
)

// TestMain makes the test binary the vendor's gwe, and the plugin, where it is started by their names.
func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case "gwe-step-feature":
		if os.Getenv("GORACE") == "" { // the race detector would wait a second at the end of each of these many processes
			_ = syscall.Exec("/proc/self/exe", os.Args, append(os.Environ(), "GORACE=atexit_sleep_ms=0"))
		}
		plugin.Main(feature.Type())
	case "acme-gwe":
		main()
	}
	steptest.Main(m, feature.Type())
}

func suite(tried steptest.Suite) steptest.Suite {
	tried.Arrange = func(t testing.TB, root string) map[string]any {
		for _, name := range []string{"turbo", "quiet"} {
			if err := os.WriteFile(filepath.Join(root, name), []byte("on"), 0o640); err != nil {
				t.Fatal(err)
			}
		}
		return map[string]any{"dir": root, "name": "turbo", "state": "off"}
	}
	return tried
}

func TestConformance(t *testing.T) {
	steptest.Run(t, suite(steptest.Suite{Type: feature.Type()}))
}

func TestConformanceSwitchOn(t *testing.T) {
	off := suite(steptest.Suite{Type: feature.Type()})
	arrange := off.Arrange
	off.Arrange = func(t testing.TB, root string) map[string]any {
		arguments := arrange(t, root)
		arguments["name"], arguments["state"] = "beta", "on"
		return arguments
	}
	steptest.Run(t, off)
}

// The same type keeps the same promises as a plugin.
func TestConformanceAsPlugin(t *testing.T) {
	path := named(t, "gwe-step-feature")
	description, err := plugin.Ask(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	steptest.Run(t, suite(steptest.Suite{Type: plugin.New(description, path, true), Plugin: true}))
}

// named is the test binary by another name.
func named(t *testing.T, name string) string {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.Symlink(binary, path); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestScripts(t *testing.T) {
	acme, step := named(t, "acme-gwe"), named(t, "gwe-step-feature")
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("GWE_STATE_DIR", filepath.Join(env.WorkDir, "state"))
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("NO_COLOR", "1")
			env.Setenv("PATH", filepath.Dir(acme)+":"+env.Getenv("PATH"))
			env.Setenv("STEP", step)
			return nil
		},
	})
}
