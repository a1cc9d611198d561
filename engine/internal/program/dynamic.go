package program

import (
	"maps"
	"strings"

	"github.com/gwe-project/gwe/engine/expression"
)

// Dynamic is a value of a recipe that may depend on names known only when it is needed.
type Dynamic interface {
	// evaluate gives a canonical value of the type that the place asked for.
	Evaluate(names map[string]any) (any, error)
	// references lists what it reads.
	References() []expression.Reference
	// secret reports whether it touches a secret.
	Secret() bool
	// source is the text to show where the value is not known yet.
	Source() string
}

// constant is a literal.
type constant struct {
	value any
	text  string
}

func (c constant) Evaluate(map[string]any) (any, error) { return c.value, nil }

func (c constant) References() []expression.Reference { return nil }

func (c constant) Secret() bool { return false }

func (c constant) Source() string { return c.text }

// text is a scalar with ${{ }} in it.
type text struct {
	template *expression.Template
	raw      string
}

func (t text) Evaluate(names map[string]any) (any, error) { return t.template.Evaluate(names) }

func (t text) References() []expression.Reference { return t.template.References() }

func (t text) Secret() bool { return t.template.Secret() }

// Source shows every expression in angle brackets.
func (t text) Source() string {
	parts, problem := expression.Split(t.raw)
	if problem != nil {
		return t.raw
	}
	var shown strings.Builder
	for _, part := range parts {
		if part.Expression {
			shown.WriteString("<" + strings.TrimSpace(part.Source) + ">")
		} else {
			shown.WriteString(part.Source)
		}
	}
	return shown.String()
}

// List is a list with dynamic elements. Each element is evaluated after the list is split: a value never
// becomes two.
type List []Dynamic

func (l List) Evaluate(names map[string]any) (any, error) {
	values := make([]any, len(l))
	for i, element := range l {
		v, err := element.Evaluate(names)
		if err != nil {
			return nil, err
		}
		values[i] = v
	}
	return values, nil
}

func (l List) References() []expression.Reference { return referencesOf(l) }

func (l List) Secret() bool { return anySecret(l) }

func (l List) Source() string {
	text := "["
	for i, element := range l {
		if i > 0 {
			text += ", "
		}
		text += element.Source()
	}
	return text + "]"
}

// mapping is a map with dynamic values.
type mapping []NamedValue

func (m mapping) Evaluate(names map[string]any) (any, error) {
	values := make(map[string]any, len(m))
	for _, entry := range m {
		v, err := entry.Value.Evaluate(names)
		if err != nil {
			return nil, err
		}
		values[entry.Name] = v
	}
	return values, nil
}

func (m mapping) References() []expression.Reference { return referencesOf(m.values()) }

func (m mapping) Secret() bool { return anySecret(m.values()) }

func (m mapping) Source() string {
	text := "{"
	for i, entry := range m {
		if i > 0 {
			text += ", "
		}
		text += entry.Name + ": " + entry.Value.Source()
	}
	return text + "}"
}

func (m mapping) values() []Dynamic {
	values := make([]Dynamic, len(m))
	for i, entry := range m {
		values[i] = entry.Value
	}
	return values
}

func referencesOf(values []Dynamic) []expression.Reference {
	var all []expression.Reference
	for _, v := range values {
		all = append(all, v.References()...)
	}
	return all
}

func anySecret(values []Dynamic) bool {
	for _, v := range values {
		if v.Secret() {
			return true
		}
	}
	return false
}

// With adds one name.
func With(names map[string]any, name string, v any) map[string]any {
	more := maps.Clone(names)
	more[name] = v
	return more
}
