package schema_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/schema"
	"github.com/gwe-project/gwe/steps"
)

// TestPublishedSchema compares the files that recipes and files of tests name in their first line with the
// catalog and the grammar.
func TestPublishedSchema(t *testing.T) {
	recipes, err := schema.Schema(steps.Catalog())
	if err != nil {
		t.Fatal(err)
	}
	tests, err := schema.SuiteSchema()
	if err != nil {
		t.Fatal(err)
	}
	for file, generated := range map[string][]byte{"recipe.schema.json": recipes, "test.schema.json": tests} {
		if *update {
			if err := os.WriteFile(file, generated, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		published, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if difference := cmp.Diff(string(published), string(generated)); difference != "" {
			t.Errorf("%s is not as the catalog (go test ./schema -update writes it anew):\n%s", file, difference)
		}
	}
}

// reader compiles the generated schema of recipes by a library that is not ours.
func reader(t *testing.T, catalog step.Catalog) *jsonschema.Schema {
	t.Helper()
	generated, err := schema.Schema(catalog)
	if err != nil {
		t.Fatal(err)
	}
	return compiled(t, generated)
}

func compiled(t *testing.T, generated []byte) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(generated))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("generated.schema.json", document); err != nil {
		t.Fatal(err)
	}
	made, err := compiler.Compile("generated.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// decoded gives a recipe as JSON would carry it; ok is false for what is not YAML.
func decoded(content []byte) (document any, ok bool) {
	var parsed any
	if yaml.Unmarshal(content, &parsed) != nil {
		return nil, false
	}
	text, err := json.Marshal(parsed)
	if err != nil {
		return nil, false
	}
	document, err = jsonschema.UnmarshalJSON(bytes.NewReader(text))
	return document, err == nil
}

func TestSchemaAcceptsValidRecipes(t *testing.T) {
	reads := reader(t, catalog())
	for name, content := range rightRecipes(t) {
		document, ok := decoded(content)
		if !ok {
			t.Fatalf("%s cannot be read", name)
		}
		if err := reads.Validate(document); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// noRecipes are the files beside the recipes: tests, files for continuous integration, and what is for
// another catalog.
var noRecipes = []string{"*.test.yaml", "github-workflow.yaml", ".pre-commit-hooks.yaml", "*.check.yaml", "set-key.yaml"}

// rightRecipes are those of testdata/valid, the shipped ones and the examples, by name.
func rightRecipes(t *testing.T) map[string][]byte {
	t.Helper()
	right := map[string][]byte{}
	for _, pattern := range []string{"../testdata/valid/*.yaml", "../recipes/*.yaml", "../examples/*/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if slices.ContainsFunc(noRecipes, func(pattern string) bool { found, _ := filepath.Match(pattern, filepath.Base(file)); return found }) {
				continue
			}
			if _, diagnostics := engine.Load(file, content, catalog()); diagnostics.HasErrors() {
				t.Errorf("%s is refused: %s", file, diagnostics[0].Message)
			}
			right[file] = content
		}
	}
	return right
}

// unseen are the rules that no JSON Schema can see broken, and why.
var unseen = map[string]string{
	"expression":       inExpressions,
	"expression-type":  inExpressions,
	"unknown-name":     inExpressions,
	"unknown-function": inExpressions,
	"maybe-absent":     inExpressions,
	"secret-exposed":   inExpressions,
	"for-each":         inExpressions,

	"duplicate-id":  "it compares values in different places",
	"default":       "it compares two values",
	"second-commit": "it counts: contains with minContains, which older editors do not know, and take for a demand",
	"unreachable":   "it follows the order of the steps",
	"undo-missing":  "it follows the order of the steps",

	"pattern":         "a schema does not say what a regular expression is",
	"grammar-version": "to JSON 1.0 is 1",
	"number-text":     "to JSON 1.10 is 1.1",
	"encoding":        "it is gone once the file was read",
	"merge-key":       "it is gone once the file was read",
	"tag":             "it is gone once the file was read",
	"second-document": "each document is checked by itself",
	"too-deep":        "values of variables may be as deep as they like",

	"use-input":  inAnotherFile,
	"use-lock":   inAnotherFile,
	"use-recipe": inAnotherFile,
}

const (
	inExpressions = "a schema does not read expressions"
	inAnotherFile = "it lies in another file"
)

// TestSchemaRefusesWhatItCan: an editor warns of all that gwe refuses, but for the rules that a schema cannot
// see.
func TestSchemaRefusesWhatItCan(t *testing.T) {
	reads := reader(t, catalog())
	needed, refused := map[string]bool{}, 0
	for name, content := range wrongRecipes(t) {
		document, ok := decoded(content)
		if !ok {
			continue // an editor says that it is not YAML
		}
		_, diagnostics := engine.Load(name, content, catalog())
		broken := map[string]bool{}
		for _, one := range diagnostics {
			if one.Severity == schema.Error && one.File == name {
				broken[one.Rule] = true
			}
		}
		visible := slices.DeleteFunc(slices.Sorted(maps.Keys(broken)), func(rule string) bool { return unseen[rule] != "" })
		accepted := reads.Validate(document) == nil
		switch {
		case len(visible) > 0 && accepted:
			t.Errorf("the schema accepts %s, which breaks %s", name, strings.Join(visible, ", "))
		case len(visible) > 0:
			refused++
		case accepted:
			maps.Copy(needed, broken)
		}
	}
	for rule := range unseen {
		if !needed[rule] {
			t.Errorf("no recipe breaks %s unseen", rule)
		}
	}
	if refused < 220 {
		t.Errorf("only %d recipes were refused", refused)
	}
}

// wrongRecipes are those of testdata/invalid and testdata/mistakes, by name.
func wrongRecipes(t *testing.T) map[string][]byte {
	t.Helper()
	wrong := map[string][]byte{}
	for _, file := range recipes(t, "invalid") {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		wrong[file] = content
	}
	archives, err := filepath.Glob(filepath.Join(corpus, "mistakes", "*.txtar"))
	if err != nil || len(archives) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	for _, path := range archives {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range archive.Files {
			if strings.HasSuffix(file.Name, ".yaml") {
				wrong[filepath.Join(corpus, "invalid", file.Name)] = file.Data
			}
		}
	}
	return wrong
}
