package output_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/tasklog"
	"github.com/gwe-project/gwe/schema/output"
)

var update = flag.Bool("update", false, "write the schemas anew")

// printed is what the commands write.
func printed() map[string][]any {
	return map[string][]any{
		"status":  {engine.Overview{}},
		"runs":    {[]engine.Summary{}},
		"show":    {engine.Detail{}},
		"log":     {tasklog.Event{}, engine.ResultLine{}},
		"resolve": {engine.Finding{}},
		"cancel":  {engine.Cancelled{}},
	}
}

// TestSchemasAreOfTheSource: each schema says of each field what the Go type says of it.
func TestSchemasAreOfTheSource(t *testing.T) {
	for _, one := range output.Schemas() {
		roots := printed()[one.Name]
		if len(roots) == 0 {
			t.Errorf("no type is known of %s", one.Name)
			continue
		}
		var text bytes.Buffer
		encoder := json.NewEncoder(&text)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		about := "It is " + one.About + " with --output json. Later versions of gwe may add fields and values; no field goes away, or changes its name or meaning."
		if err := encoder.Encode(schemaOf(t, "gwe "+one.Name, about, roots...)); err != nil {
			t.Fatal(err)
		}
		file := one.Name + ".schema.json"
		if *update {
			if err := os.WriteFile(file, text.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		published, err := one.Text()
		if err != nil {
			t.Fatal(err)
		}
		if difference := cmp.Diff(string(published), text.String()); difference != "" {
			t.Errorf("%s is not as the Go types (go test ./schema/output -update writes it anew):\n%s", file, difference)
		}
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(published))
		if err != nil {
			t.Fatal(err)
		}
		compiler := jsonschema.NewCompiler()
		if err := compiler.AddResource(file, document); err != nil {
			t.Fatal(err)
		}
		if _, err := compiler.Compile(file); err != nil {
			t.Errorf("%s is not a JSON Schema: %v", file, err)
		}
	}
}
