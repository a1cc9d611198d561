package schema_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/gwe-project/gwe/schema"
)

var update = flag.Bool("update", false, "write the .out files of testdata/invalid anew")

const corpus = "../testdata"

func recipes(t *testing.T, directory string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(corpus, directory, "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no recipes in %s: %v", directory, err)
	}
	return files
}

// check gives what gwe prints of a recipe, under its bare name.
func check(t *testing.T, path string) (string, schema.Diagnostics) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, diagnostics := schema.Parse(filepath.Base(path), content, catalog())
	var shown bytes.Buffer
	if err := diagnostics.Render(&shown, func(string) []byte { return content }); err != nil {
		t.Fatal(err)
	}
	return shown.String(), diagnostics
}

func TestValidRecipes(t *testing.T) {
	for _, file := range recipes(t, "valid") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			if shown, diagnostics := check(t, file); len(diagnostics) > 0 {
				t.Error(shown)
			}
		})
	}
}
