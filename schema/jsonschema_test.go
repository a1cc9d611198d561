package schema_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/jsonschema-go/jsonschema"
	"gopkg.in/yaml.v3"

	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/schema"
	"github.com/gwe-project/gwe/steps"
)

// TestPublishedSchema compares the file that recipes name in their first line with the catalog.
func TestPublishedSchema(t *testing.T) {
	generated, err := schema.Schema(steps.Catalog())
	if err != nil {
		t.Fatal(err)
	}
	const file = "recipe.schema.json"
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

// reader resolves a generated schema by a library that is not ours.
func reader(t *testing.T, catalog step.Catalog) *jsonschema.Resolved {
	t.Helper()
	generated, err := schema.Schema(catalog)
	if err != nil {
		t.Fatal(err)
	}
	var read jsonschema.Schema
	if err := json.Unmarshal(generated, &read); err != nil {
		t.Fatal(err)
	}
	resolved, err := read.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	return resolved
}

// decoded gives a recipe as JSON would carry it; ok is false for what is no YAML.
func decoded(t *testing.T, path string) (document any, ok bool) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var node yaml.Node
	if yaml.Unmarshal(content, &node) != nil {
		return nil, false
	}
	var parsed any
	if node.Decode(&parsed) != nil {
		return nil, false
	}
	text, err := json.Marshal(parsed)
	if err != nil {
		return nil, false
	}
	return document, json.Unmarshal(text, &document) == nil
}

func TestSchemaAcceptsValidRecipes(t *testing.T) {
	resolved := reader(t, catalog())
	for _, file := range recipes(t, "valid") {
		document, ok := decoded(t, file)
		if !ok {
			t.Fatalf("%s cannot be read", file)
		}
		if err := resolved.Validate(document); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// TestSchemaRefusesWhatItCan: an editor warns of most of what Parse refuses; the groups named here it cannot see.
func TestSchemaRefusesWhatItCan(t *testing.T) {
	unseen := []string{"id-duplicate", "input-bounds", "input-default", "input-secret", "input-required", "unreachable", "commit-bad",
		"stop-bad", "braces-no-dollar", "encoding", "control", "yaml-", "second-document", "when-tag", "expression-", "when-comment",
		"key-duplicate", "key-merge", "outputs-", "name-expression", "path-relative", "vars-bad", "use-input"}
	resolved := reader(t, catalog())
	refused := 0
	for _, file := range recipes(t, "invalid") {
		name := filepath.Base(file)
		document, ok := decoded(t, file)
		if !ok || slices.ContainsFunc(unseen, func(group string) bool { return strings.HasPrefix(name, group) }) {
			continue
		}
		refused++
		if resolved.Validate(document) == nil {
			t.Errorf("the schema accepts %s", name)
		}
	}
	if refused < 40 {
		t.Errorf("only %d recipes were tried", refused)
	}
}
