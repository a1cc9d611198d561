//go:build editor

package schema_test

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/schema"
)

// TestSARIFSchema holds what gwe writes as SARIF against the schema of SARIF 2.1.0 (OASIS; JSON Schema
// draft-04): for every wrong recipe, for all of them together, and for none.
func TestSARIFSchema(t *testing.T) {
	file := filepath.Join(tools(t), "@microsoft", "jest-sarif", "lib", "schemas", "sarif-2.1.0-rtm.5.json")
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	published, err := compiler.Compile(file)
	if err != nil {
		t.Fatal(err)
	}
	if published.DraftVersion != 4 {
		t.Errorf("the schema is draft %d", published.DraftVersion)
	}
	check := func(name string, diagnostics schema.Diagnostics) {
		t.Helper()
		var written bytes.Buffer
		if err := diagnostics.RenderSARIF(&written, "1.2.3"); err != nil {
			t.Fatal(err)
		}
		document, err := jsonschema.UnmarshalJSON(&written)
		if err != nil {
			t.Fatal(err)
		}
		if err := published.Validate(document); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	var all schema.Diagnostics
	for name, content := range wrongRecipes(t) {
		_, diagnostics := engine.Load(name, content, catalog())
		check(name, diagnostics)
		all = append(all, diagnostics...)
	}
	check("all", all)
	check("none", nil)

	// And the schema would see it if something were wrong.
	var written bytes.Buffer
	if err := problem.RenderSARIF(&written, ""); err != nil {
		t.Fatal(err)
	}
	var document any
	if err := json.Unmarshal([]byte(strings.Replace(written.String(), `"startLine": 3`, `"startLine": 0`, 1)), &document); err != nil {
		t.Fatal(err)
	}
	if published.Validate(document) == nil {
		t.Error("the schema takes a line 0")
	}
}
