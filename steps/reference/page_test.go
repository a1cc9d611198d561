package reference_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gwe-project/gwe/steps"
	"github.com/gwe-project/gwe/steps/reference"
)

var update = flag.Bool("update", false, "write docs/steps anew")

const directory = "../../docs/steps"

// TestPages: docs/steps has just one page for each step type, as the type says it, and an index.
func TestPages(t *testing.T) {
	catalog := steps.Catalog()
	wanted := map[string]string{"README.md": reference.Index(catalog)}
	for _, one := range catalog {
		wanted[one.About().Name+".md"] = reference.Page(one)
	}
	if *update {
		if err := os.MkdirAll(directory, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, page := range wanted {
			if err := os.WriteFile(filepath.Join(directory, name), []byte(page), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, page := range wanted {
		written, err := os.ReadFile(filepath.Join(directory, name))
		if err != nil {
			t.Error(err)
		}
		if difference := cmp.Diff(page, string(written)); difference != "" {
			t.Errorf("%s is not as the catalog (just docs writes it anew):\n%s", name, difference)
		}
	}
	files, err := os.ReadDir(directory)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if _, ok := wanted[file.Name()]; !ok {
			t.Errorf("%s is about no step type", file.Name())
		}
	}
}
