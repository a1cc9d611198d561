package engine

import (
	"strings"

	"github.com/gwe-project/gwe/engine/expression"
)

// dynamic is a value of a recipe that may depend on names known only when it is needed.
type dynamic interface {
	// evaluate gives a canonical value of the type that the place asked for.
	evaluate(names map[string]any) (any, error)
	// references lists what it reads.
	references() []expression.Reference
	// secret tells whether it touches a secret.
	secret() bool
	// source is the text to show where the value is not known yet.
	source() string
}

// constant is a literal.
type constant struct {
	value any
	text  string
}

func (c constant) evaluate(map[string]any) (any, error) { return c.value, nil }
func (c constant) references() []expression.Reference   { return nil }
func (c constant) secret() bool                         { return false }
func (c constant) source() string                       { return c.text }

// text is a scalar with ${{ }} in it.
type text struct {
	template *expression.Template
	raw      string
}

func (t text) evaluate(names map[string]any) (any, error) { return t.template.Evaluate(names) }
func (t text) references() []expression.Reference         { return t.template.References() }
func (t text) secret() bool                               { return t.template.Secret() }

// source shows every expression in angle brackets.
func (t text) source() string {
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

// list is a list with dynamic elements. Each element is evaluated after the list is split: a value never becomes two.
type list []dynamic

func (l list) evaluate(names map[string]any) (any, error) {
	values := make([]any, len(l))
	for i, element := range l {
		v, err := element.evaluate(names)
		if err != nil {
			return nil, err
		}
		values[i] = v
	}
	return values, nil
}

func (l list) references() []expression.Reference { return referencesOf(l) }
func (l list) secret() bool                       { return anySecret(l) }

func (l list) source() string {
	text := "["
	for i, element := range l {
		if i > 0 {
			text += ", "
		}
		text += element.source()
	}
	return text + "]"
}

// mapping is a map with dynamic values.
type mapping []namedValue

func (m mapping) evaluate(names map[string]any) (any, error) {
	values := make(map[string]any, len(m))
	for _, entry := range m {
		v, err := entry.value.evaluate(names)
		if err != nil {
			return nil, err
		}
		values[entry.name] = v
	}
	return values, nil
}

func (m mapping) references() []expression.Reference { return referencesOf(m.values()) }
func (m mapping) secret() bool                       { return anySecret(m.values()) }

func (m mapping) source() string {
	text := "{"
	for i, entry := range m {
		if i > 0 {
			text += ", "
		}
		text += entry.name + ": " + entry.value.source()
	}
	return text + "}"
}

func (m mapping) values() []dynamic {
	values := make([]dynamic, len(m))
	for i, entry := range m {
		values[i] = entry.value
	}
	return values
}

func referencesOf(values []dynamic) []expression.Reference {
	var all []expression.Reference
	for _, v := range values {
		all = append(all, v.references()...)
	}
	return all
}

func anySecret(values []dynamic) bool {
	for _, v := range values {
		if v.secret() {
			return true
		}
	}
	return false
}
