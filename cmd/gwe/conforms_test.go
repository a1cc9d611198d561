package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/gwe-project/gwe/schema/output"
)

// conforms NAME: what was printed last is as the JSON Schema of that name says, and has no field besides.
// Without a name, status, runs, show and log are asked, whatever they end with.
func conforms(ts *testscript.TestScript, negated bool, arguments []string) {
	if negated || len(arguments) > 1 {
		ts.Fatalf("usage: conforms [SCHEMA]")
	}
	if len(arguments) == 1 {
		check(ts, arguments[0], ts.ReadFile("stdout"))
		return
	}
	for _, name := range []string{"status", "runs", "show", "log"} {
		_ = ts.Exec("gwe", name, "--output", "json") // the exit code tells of the machine
		check(ts, name, ts.ReadFile("stdout"))
	}
}

func check(ts *testscript.TestScript, name, text string) {
	documents := []string{text}
	if name == "log" { // one a line
		documents = strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	}
	for _, one := range documents {
		if err := validate(name, one); err != nil {
			ts.Fatalf("%s\nis not as gwe schema --%s says: %v", one, name, err)
		}
	}
	if strings.Contains(text, "0001-01-01") {
		ts.Fatalf("there is a zero time in\n%s", text)
	}
}

// validate compares a document with a schema, in which all fields must be.
func validate(name, text string) error {
	for _, one := range output.Schemas() {
		if one.Name != name {
			continue
		}
		written, err := one.Text()
		if err != nil {
			return err
		}
		made, err := jsonschema.UnmarshalJSON(bytes.NewReader(written))
		if err != nil {
			return err
		}
		closeObjects(made)
		compiler := jsonschema.NewCompiler()
		compiler.AssertFormat()
		if err := compiler.AddResource("strict.json", made); err != nil {
			return err
		}
		strict, err := compiler.Compile("strict.json")
		if err != nil {
			return err
		}
		document, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			return err
		}
		return strict.Validate(document)
	}
	return &json.UnsupportedValueError{Str: "no schema " + name}
}

// closeObjects refuses in each object of a schema what the schema does not name.
func closeObjects(made any) {
	switch made := made.(type) {
	case map[string]any:
		if _, ok := made["properties"].(map[string]any); ok {
			made["additionalProperties"] = false
		}
		for _, inner := range made {
			closeObjects(inner)
		}
	case []any:
		for _, inner := range made {
			closeObjects(inner)
		}
	}
}

// TestConformsFinds: what no schema has is found.
func TestConformsFinds(t *testing.T) {
	good := `{"pending":[],"damaged":[],"broken":[],"lost":[],"now":[],"rollback":[]}`
	if err := validate("status", good); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{
		`{"pending":[],"damaged":[],"broken":[],"lost":[],"now":[],"rollback":[],"more":1}`,
		`{"pending":[{"run":"x","status":"done","more":1}],"damaged":[],"broken":[],"lost":[],"now":[],"rollback":[]}`,
		`{"pending":[{"run":"x","status":"well"}],"damaged":[],"broken":[],"lost":[],"now":[],"rollback":[]}`,
		`{"pending":[{"run":"x","status":"done","started":"today"}],"damaged":[],"broken":[],"lost":[],"now":[],"rollback":[]}`,
		`{"pending":null,"damaged":[],"broken":[],"lost":[],"now":[],"rollback":[]}`, `{}`, `[]`,
	} {
		if validate("status", bad) == nil {
			t.Errorf("taken for a status: %s", bad)
		}
	}
}
