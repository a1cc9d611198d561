package engine

import (
	"encoding/json"
	"fmt"

	"github.com/gwe-project/gwe/engine/value"
)

// encodeObject is the journal's form of the members of an object: arguments, outputs. Absent members are left out, and a
// secret is "***".
func encodeObject(object value.Type, values map[string]any) (map[string]json.RawMessage, error) {
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

// decodeObject reads what encodeObject wrote.
func decodeObject(object value.Type, raw map[string]json.RawMessage) (map[string]any, error) {
	values := make(map[string]any, len(raw))
	for _, field := range object.Fields {
		encoded, ok := raw[field.Name]
		if !ok {
			continue
		}
		v, err := decodeValue(field.Type, encoded)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", field.Name, err)
		}
		values[field.Name] = v
	}
	return values, nil
}

func decodeValue(t value.Type, raw json.RawMessage) (any, error) {
	if !t.HoldsSecret() {
		return value.FromJSON(t, raw)
	}
	v, err := value.FromJSON(value.Opened(t), raw)
	if err != nil {
		return nil, err
	}
	return value.Convert(t, v)
}

// secretsIn lists the secrets of a value, in the clear, for masking.
func secretsIn(v any) []string {
	switch v := v.(type) {
	case value.Secret:
		return []string{v.Reveal()}
	case []any:
		var all []string
		for _, item := range v {
			all = append(all, secretsIn(item)...)
		}
		return all
	case map[string]any:
		var all []string
		for _, member := range v {
			all = append(all, secretsIn(member)...)
		}
		return all
	}
	return nil
}

// encodeNamed is the journal's form of vars and outputs.
func encodeNamed(named []namedValue, values map[string]any) (map[string]json.RawMessage, error) {
	return encodeObject(objectOf(named), values)
}

func decodeNamed(named []namedValue, raw map[string]json.RawMessage) (map[string]any, error) {
	return decodeObject(objectOf(named), raw)
}

func objectOf(named []namedValue) value.Type {
	object := value.Type{Kind: value.KindObject}
	for _, one := range named {
		object.Fields = append(object.Fields, value.Field{Name: one.name, Type: one.typ})
	}
	return object
}

// evaluateAll evaluates named values in order.
func evaluateAll(named []namedValue, names map[string]any) (map[string]any, error) {
	values := make(map[string]any, len(named))
	for _, one := range named {
		v, err := one.value.evaluate(names)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", one.name, err)
		}
		values[one.name] = v
	}
	return values, nil
}
