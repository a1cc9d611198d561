package conformance

import (
	"encoding/json"
	"reflect"

	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
)

// canonical gives arguments as the engine hands them over: converted, defaults filled in.
func canonical(t T, tried step.Type, given map[string]any) map[string]any {
	t.Helper()
	converted, err := value.Convert(tried.Arguments(), given)
	if err != nil {
		t.Fatalf("the arranged arguments do not fit: %v", err)
	}
	return converted.(map[string]any)
}

// checkOutputs: outputs are what the type declares, and the journal gives them back as they were.
func checkOutputs(t T, tried step.Type, outputs map[string]any) {
	t.Helper()
	object := tried.Outputs()
	for name := range outputs {
		if _, known := object.Field(name); !known {
			t.Errorf("do gives the output %q, which is not declared", name)
		}
	}
	for _, field := range object.Fields {
		got := outputs[field.Name]
		if got == nil && !field.Optional {
			t.Errorf("do does not give the output %q", field.Name)
		}
		if field.PresentWhen != "" && outputs[field.PresentWhen] == true && got == nil {
			t.Errorf("%q is true, but the output %q is absent", field.PresentWhen, field.Name)
		}
	}
	raw, err := value.ToJSON(object, outputs)
	if err != nil {
		t.Errorf("the outputs are not of their types: %v", err)
		return
	}
	again, err := value.FromJSON(object, raw)
	if err != nil {
		t.Errorf("the outputs do not come back from JSON: %v", err)
		return
	}
	for _, field := range object.Fields {
		if was, is := outputs[field.Name], again.(map[string]any)[field.Name]; !field.Type.HoldsSecret() && !reflect.DeepEqual(was, is) {
			t.Errorf("the output %q comes back from JSON as %v, was %v", field.Name, is, was)
		}
	}
}

// encode writes arguments for another process, secrets in clear.
func encode(t T, object value.Type, arguments map[string]any) map[string]json.RawMessage {
	t.Helper()
	encoded := map[string]json.RawMessage{}
	for _, field := range object.Fields {
		given, there := arguments[field.Name]
		if !there {
			continue
		}
		var raw json.RawMessage
		var err error
		if field.Type.HoldsSecret() {
			raw, err = json.Marshal(value.Revealed(given))
		} else {
			raw, err = value.ToJSON(field.Type, given)
		}
		if err != nil {
			t.Fatalf("the argument %q does not go through JSON: %v", field.Name, err)
		}
		encoded[field.Name] = raw
	}
	return encoded
}

// decodeArguments reads what encode wrote.
func decodeArguments(object value.Type, encoded map[string]json.RawMessage) (map[string]any, error) {
	arguments := map[string]any{}
	for _, field := range object.Fields {
		raw, there := encoded[field.Name]
		if !there {
			continue
		}
		decoded, err := value.FromJSON(field.Type, raw)
		if err != nil {
			return nil, err
		}
		arguments[field.Name] = decoded
	}
	return arguments, nil
}
