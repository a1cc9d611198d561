package value

import "strings"

// Kind is the outermost shape of a type.
type Kind string

const (
	KindAny      Kind = "any"
	KindString   Kind = "string"
	KindInt      Kind = "int"
	KindBool     Kind = "bool"
	KindFloat    Kind = "float"
	KindDuration Kind = "duration"
	KindSize     Kind = "size"
	KindPath     Kind = "path"
	KindURL      Kind = "url"
	KindVersion  Kind = "version"
	KindSecret   Kind = "secret"
	KindList     Kind = "list"
	KindMap      Kind = "map"
	KindObject   Kind = "object"
)

// Type is the type of a value. The canonical Go forms are: string, int, bool, float64; Duration, Size,
// Version and Secret of this package; string for path and url; []any for a list; map[string]any for a map and
// an object; nil for an absent value.
type Type struct {
	Kind Kind
	// Remote says of a path that it may be an http or https address instead.
	Remote bool
	// Elem is the element of a list or a map.
	Elem *Type
	// Fields are an object's, in order of declaration.
	Fields []Field
}

// Field is one member of an object type.
type Field struct {
	Name string
	Type Type
	// Help is one line for people, with the unit where there is one.
	Help string
	// Required arguments must be given; Default is the text of the default of one that is not, for people and
	// schema.
	Required bool
	Default  string
	// Enum lists the accepted values, where they are few.
	Enum []string
	// Pattern is a regular expression (RE2) that the whole of a literal text matches, for the schema and for
	// validation; "" is any. What an expression gives, the step type itself judges.
	Pattern string
	// Min and Max are inclusive bounds of a literal number, as Parse reads them; "" is none.
	Min, Max string
	// With names the argument without which this one says nothing; "" is none.
	With string
	// Optional outputs may be absent, which is not empty.
	Optional bool
	// PresentWhen names the boolean sibling that, when true, promises that this optional output is there.
	PresentWhen string
	// Literal arguments may not contain ${{ }}: the text of a script, say.
	Literal bool
	// Secrets marks an argument that is not of type secret and yet may be made of secrets: env, headers,
	// stdin, content. The Go value is then plain text, and whoever journals or logs it must mask it.
	Secrets bool
	// Readers names the argument with the mode that what is made of this one gets: it says who can read the
	// secrets in it. "" is none.
	Readers string
}

// Of gives the type of a kind that has no parts.
func Of(kind Kind) Type { return Type{Kind: kind} }

// ListOf gives list<element>.
func ListOf(element Type) Type { return Type{Kind: KindList, Elem: &element} }

// MapOf gives map<element>; keys are strings always.
func MapOf(element Type) Type { return Type{Kind: KindMap, Elem: &element} }

// Object gives an object type.
func Object(fields ...Field) Type { return Type{Kind: KindObject, Fields: fields} }

// Field finds a member of an object type.
func (t Type) Field(name string) (Field, bool) {
	for i := range t.Fields { // a recipe of thousands of steps has as many members of steps
		if t.Fields[i].Name == name {
			return t.Fields[i], true
		}
	}
	return Field{}, false
}

// FieldNames lists the members of an object type in order of declaration.
func (t Type) FieldNames() []string {
	names := make([]string, 0, len(t.Fields))
	for _, field := range t.Fields {
		names = append(names, field.Name)
	}
	return names
}

// String writes the type as a recipe does, "list<path>"; an object, which a recipe cannot write, shows its
// fields.
func (t Type) String() string {
	switch t.Kind {
	case KindList, KindMap:
		return string(t.Kind) + "<" + t.element().String() + ">"
	case KindObject:
		return "object{" + strings.Join(t.FieldNames(), ", ") + "}"
	default:
		return string(t.Kind)
	}
}

// Equal reports whether two types hold the same values: help, defaults and the like do not count, the
// presence of fields does.
func (t Type) Equal(other Type) bool {
	if t.Kind != other.Kind {
		return false
	}
	switch t.Kind {
	case KindList, KindMap:
		return t.element().Equal(other.element())
	case KindObject:
		if len(t.Fields) != len(other.Fields) {
			return false
		}
		for _, field := range t.Fields {
			match, ok := other.Field(field.Name)
			if !ok || match.Optional != field.Optional || !field.Type.Equal(match.Type) {
				return false
			}
		}
	}
	return true
}

// HoldsSecret reports whether values of the type are secret or may hold one.
func (t Type) HoldsSecret() bool {
	switch t.Kind {
	case KindSecret:
		return true
	case KindList, KindMap:
		return t.element().HoldsSecret()
	case KindObject:
		for _, field := range t.Fields {
			if field.Type.HoldsSecret() {
				return true
			}
		}
	}
	return false
}

// element is the element's type; a list or map made without one holds any.
func (t Type) element() Type {
	if t.Elem == nil {
		return Of(KindAny)
	}
	return *t.Elem
}
