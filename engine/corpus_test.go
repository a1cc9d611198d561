package engine_test

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/steps"
)

var update = flag.Bool("update", false, "write the .out files again")

// TestInvalidRecipes: each recipe in testdata/invalid gives just the diagnostics in its .out, as `gwe
// validate` shows them, all at once.
func TestInvalidRecipes(t *testing.T) {
	files, err := filepath.Glob("../testdata/invalid/*.yaml")
	if err != nil || len(files) < 60 {
		t.Fatalf("only %d invalid recipes, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			shown := diagnosed(t, filepath.Base(file), source)
			golden := strings.TrimSuffix(file, ".yaml") + ".out"
			if *update {
				if err := os.WriteFile(golden, []byte(shown), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if shown != string(want) {
				t.Errorf("got:\n%s\nwant:\n%s", shown, want)
			}
		})
	}
}

// TestValidRecipes: each recipe in testdata/valid, and each that gwe ships, compiles without a word.
func TestValidRecipes(t *testing.T) {
	valid, err := filepath.Glob("../testdata/valid/*.yaml")
	if err != nil || len(valid) < 10 {
		t.Fatalf("only %d valid recipes, %v", len(valid), err)
	}
	shipped, err := filepath.Glob("../recipes/*.yaml")
	if err != nil || len(shipped) == 0 {
		t.Fatalf("no shipped recipes, %v", err)
	}
	shipped = slices.DeleteFunc(shipped, func(file string) bool { return strings.HasSuffix(file, ".test.yaml") })
	for _, file := range append(valid, shipped...) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			program, diagnostics := engine.Load(file, source, steps.Catalog())
			if program == nil || len(diagnostics) > 0 {
				var shown strings.Builder
				_ = diagnostics.Render(&shown, func(string) []byte { return source })
				t.Error(shown.String())
			}
		})
	}
}

// invalid is the library of testdata/invalid.
type invalid struct{}

func (invalid) Find(from, name string) (string, []byte, error) {
	file, source, err := engine.Files{}.Find(filepath.Join("../testdata/invalid", from), name)
	return strings.TrimPrefix(file, "../testdata/invalid/"), source, err
}

func (invalid) source(file string) []byte {
	source, _ := os.ReadFile(filepath.Join("../testdata/invalid", file))
	return source
}
