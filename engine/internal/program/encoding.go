package program

import (
	"encoding/json"
	"fmt"

	"github.com/gwe-project/gwe/engine/value"
)

// EncodeObject is the journal's form of the members of an object: arguments, outputs. Absent members are left
// out, and a secret is "***".
func EncodeObject(object value.Type, values map[string]any) (map[string]json.RawMessage, error) {
	encoded := make(map[string]json.RawMessage, len(values))
	for _, field := range object.Fields {
		v, ok := values[field.Name]
		if !ok || v == nil {
			continue
		}
		raw, err := value.ToJSON(field.Type, v)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", field.Name, err)
		}
		encoded[field.Name] = raw
	}
	return encoded, nil
}

// DecodeObject reads what EncodeObject wrote.
func DecodeObject(object value.Type, raw map[string]json.RawMessage) (map[string]any, error) {
	values := make(map[string]any, len(raw))
	for _, field := range object.Fields {
		encoded, ok := raw[field.Name]
		if !ok {
			continue
		}
		v, err := DecodeValue(field.Type, encoded)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", field.Name, err)
		}
		values[field.Name] = v
	}
	return values, nil
}

func DecodeValue(t value.Type, raw json.RawMessage) (any, error) {
	if !t.HoldsSecret() {
		return value.FromJSON(t, raw)
	}
	v, err := value.FromJSON(value.Opened(t), raw)
	if err != nil {
		return nil, err
	}
	return value.Convert(t, v)
}

// SecretsIn lists the secrets of a value, in the clear, for masking.
func SecretsIn(v any) []string {
	switch v := v.(type) {
	case value.Secret:
		return []string{v.Reveal()}
	case []any:
		var all []string
		for _, item := range v {
			all = append(all, SecretsIn(item)...)
		}
		return all
	case map[string]any:
		var all []string
		for _, member := range v {
			all = append(all, SecretsIn(member)...)
		}
		return all
	}
	return nil
}

// EncodeNamed is the journal's form of vars and outputs.
func EncodeNamed(named []NamedValue, values map[string]any) (map[string]json.RawMessage, error) {
	return EncodeObject(objectOf(named), values)
}

func DecodeNamed(named []NamedValue, raw map[string]json.RawMessage) (map[string]any, error) {
	return DecodeObject(objectOf(named), raw)
}

func objectOf(named []NamedValue) value.Type {
	object := value.Type{Kind: value.KindObject}
	for _, one := range named {
		object.Fields = append(object.Fields, value.Field{Name: one.Name, Type: one.Typ})
	}
	return object
}

// EvaluateAll evaluates named values in order.
func EvaluateAll(named []NamedValue, names map[string]any) (map[string]any, error) {
	values := make(map[string]any, len(named))
	for _, one := range named {
		v, err := one.Value.Evaluate(names)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", one.Name, err)
		}
		values[one.Name] = v
	}
	return values, nil
}
