package plugin

import (
	"encoding/json"
	"strings"

	"github.com/gwe-project/gwe/engine/value"
)

// maximumValues is how many bytes outputs, and a memo, may have: a record of the journal is bounded.
const maximumValues = 256 << 10

// given reads the outputs of do: all that the description promises, and nothing else.
func (t *Type) given(raw json.RawMessage) (map[string]any, error) {
	outputs, err := t.members(raw)
	if err != nil {
		return nil, err
	}
	for _, field := range t.Outputs().Fields {
		if outputs[field.Name] != nil {
			continue
		}
		if !field.Optional {
			return nil, t.lie("plugin-output-invalid", "it does not give the output %s", field.Name)
		}
		if field.PresentWhen != "" && outputs[field.PresentWhen] == true {
			return nil, t.lie("plugin-output-invalid", "%s is true, but it does not give the output %s", field.PresentWhen, field.Name)
		}
		outputs[field.Name] = nil
	}
	return outputs, nil
}

// members reads those outputs that are there.
func (t *Type) members(raw json.RawMessage) (map[string]any, error) {
	if len(raw) > maximumValues {
		return nil, t.lie("plugin-output-invalid", "its outputs have %d KiB, and %d KiB is the most", len(raw)>>10, maximumValues>>10)
	}
	var given map[string]json.RawMessage
	if raw != nil {
		if err := json.Unmarshal(raw, &given); err != nil {
			return nil, t.lie("plugin-output-invalid", "its outputs are not an object")
		}
	}
	outputs := make(map[string]any, len(given))
	for name, one := range given {
		field, known := t.Outputs().Field(name)
		if !known {
			return nil, t.lie("plugin-output-invalid", "it gives the output %s, which it does not describe", name)
		}
		v, err := value.FromJSON(field.Type, one)
		if err == nil && v != nil {
			v, err = value.Convert(value.Object(field), map[string]any{name: v})
		}
		if err != nil {
			return nil, t.lie("plugin-output-invalid", "its output %s is not as it describes: %v", name, err)
		}
		if v != nil {
			outputs[name] = v.(map[string]any)[name]
		}
	}
	return outputs, nil
}

// encode writes arguments for a plugin, secrets in the clear.
func encode(t value.Type, values map[string]any) (json.RawMessage, error) {
	members := make(map[string]json.RawMessage, len(values))
	for _, field := range t.Fields {
		v := values[field.Name]
		if v == nil {
			continue
		}
		raw, err := value.ToJSON(value.Opened(field.Type), value.Revealed(v))
		if err != nil {
			return nil, err
		}
		members[field.Name] = raw
	}
	return json.Marshal(members)
}

// betrays reports whether a secret of the arguments stands in a memo.
func betrays(memo json.RawMessage, arguments map[string]any) bool {
	var decoded any
	if len(memo) == 0 || json.Unmarshal(memo, &decoded) != nil {
		return false
	}
	var secrets []string
	walk(arguments, func(v any) {
		if secret, ok := v.(value.Secret); ok && secret.Reveal() != "" {
			secrets = append(secrets, secret.Reveal())
		}
	})
	found := false
	walk(decoded, func(v any) {
		text, ok := v.(string)
		for _, secret := range secrets {
			found = found || ok && strings.Contains(text, secret)
		}
	})
	return found
}

// walk visits what a value holds, keys included.
func walk(v any, visit func(any)) {
	switch v := v.(type) {
	case []any:
		for _, one := range v {
			walk(one, visit)
		}
	case map[string]any:
		for name, one := range v {
			visit(name)
			walk(one, visit)
		}
	default:
		visit(v)
	}
}
