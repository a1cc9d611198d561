package engine_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/steps"
)

// TestMistakes: each archive in testdata/mistakes holds what people get wrong who come from other tools, or
// type in a hurry, one mistake a recipe, with what `gwe validate` says of it. Each is named with a cure.
func TestMistakes(t *testing.T) {
	archives, err := filepath.Glob("../testdata/mistakes/*.txtar")
	if err != nil || len(archives) < 10 {
		t.Fatalf("only %d archives, %v", len(archives), err)
	}
	mistakes := 0
	for _, path := range archives {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i+1 < len(archive.Files); i += 2 {
			recipe, golden := archive.Files[i], &archive.Files[i+1]
			mistakes++
			t.Run(strings.TrimSuffix(recipe.Name, ".yaml"), func(t *testing.T) {
				if strings.TrimSuffix(recipe.Name, ".yaml") != strings.TrimSuffix(golden.Name, ".out") {
					t.Fatalf("%s is followed by %s", recipe.Name, golden.Name)
				}
				shown := diagnosed(t, recipe.Name, recipe.Data)
				if *update {
					golden.Data = []byte(shown)
				}
				if shown != string(golden.Data) {
					t.Errorf("got:\n%s\nwant:\n%s", shown, golden.Data)
				}
			})
		}
		if *update {
			if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if mistakes < 200 {
		t.Errorf("only %d mistakes", mistakes)
	}
}

// diagnosed is what gwe says of a recipe. It says something, and each time what to do.
func diagnosed(t *testing.T, name string, source []byte) string {
	t.Helper()
	_, diagnostics := engine.LoadFrom(invalid{}, name, source, steps.Catalog())
	if len(diagnostics) == 0 {
		t.Error("the recipe is accepted without a word")
	}
	for _, one := range diagnostics {
		if one.Hint == "" && one.Rule != "too-many-problems" && one.Rule != "not-in-this-version" {
			t.Errorf("%s: %s: there is no cure", one.Position, one.Message)
		}
	}
	var shown strings.Builder
	if err := diagnostics.Render(&shown, func(file string) []byte {
		if file == name {
			return source
		}
		return invalid{}.source(file)
	}); err != nil {
		t.Fatal(err)
	}
	return shown.String()
}
