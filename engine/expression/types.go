package expression

import (
	"strings"

	"github.com/gwe-project/gwe/engine/value"
)

// kindNothing is the type of nil, and of the elements of an empty list: it fits everywhere.
const kindNothing value.Kind = "nothing"

func of(kind value.Kind) value.Type { return value.Of(kind) }

// isText tells the kinds whose canonical form is plain text.
func isText(t value.Type) bool {
	return t.Kind == value.KindString || t.Kind == value.KindPath || t.Kind == value.KindURL
}

func isNumber(t value.Type) bool { return t.Kind == value.KindInt || t.Kind == value.KindFloat }

// isMeasure tells the opaque kinds, which are compared with their own kind only.
func isMeasure(t value.Type) bool {
	return t.Kind == value.KindDuration || t.Kind == value.KindSize || t.Kind == value.KindVersion
}

// isScalar tells what has one obvious text.
func isScalar(t value.Type) bool {
	return isText(t) || isNumber(t) || isMeasure(t) || t.Kind == value.KindBool
}

func elementOf(t value.Type) value.Type {
	if t.Elem == nil {
		return of(value.KindAny)
	}
	return *t.Elem
}

// fits reports whether a value of one type is accepted where another is wanted: text becomes what is read
// from text, an int a float, a map literal a map. What is any fits only where any is wanted.
func fits(have, want value.Type) bool {
	switch {
	case want.Kind == value.KindAny || have.Kind == kindNothing:
		return true
	case isText(have):
		return isText(want) || isMeasure(want) || want.Kind == value.KindSecret
	case have.Kind == value.KindInt && want.Kind == value.KindFloat:
		return true
	case have.Kind == value.KindObject && want.Kind == value.KindMap:
		for _, field := range have.Fields {
			if field.Optional || !fits(field.Type, elementOf(want)) {
				return false
			}
		}
		return true
	case have.Kind != want.Kind:
		return false
	case have.Kind == value.KindList || have.Kind == value.KindMap:
		return fits(elementOf(have), elementOf(want))
	case have.Kind == value.KindObject:
		return objectFits(have, want)
	}
	return true
}

func objectFits(have, want value.Type) bool {
	for _, field := range have.Fields {
		if _, known := want.Field(field.Name); !known {
			return false
		}
	}
	for _, field := range want.Fields {
		given, ok := have.Field(field.Name)
		if !ok && field.Required || ok && (given.Optional && field.Required || !fits(given.Type, field.Type)) {
			return false
		}
	}
	return true
}

// unify gives the one type of two values that stand for each other, as both sides of ?? and ?: do.
func unify(a, b value.Type) (value.Type, bool) {
	switch {
	case a.Kind == kindNothing:
		return b, true
	case b.Kind == kindNothing || a.Equal(b):
		return a, true
	case isText(a) && isText(b):
		return of(value.KindString), true
	case isNumber(a) && isNumber(b):
		return of(value.KindFloat), true
	case a.Kind == value.KindAny || b.Kind == value.KindAny:
		return of(value.KindAny), true
	case a.Kind == value.KindList && b.Kind == value.KindList || a.Kind == value.KindMap && b.Kind == value.KindMap:
		element, ok := unify(elementOf(a), elementOf(b))
		return value.Type{Kind: a.Kind, Elem: &element}, ok
	case fits(a, b) && b.Kind == value.KindMap:
		return b, true
	case fits(b, a) && a.Kind == value.KindMap:
		return a, true
	}
	return of(value.KindAny), false
}

// opened is the type of a value once its secrets are plain text.
func opened(t value.Type) value.Type {
	switch t.Kind {
	case value.KindSecret:
		return of(value.KindString)
	case value.KindList, value.KindMap:
		element := opened(elementOf(t))
		return value.Type{Kind: t.Kind, Elem: &element}
	case value.KindObject:
		fields := make([]value.Field, 0, len(t.Fields))
		for _, field := range t.Fields {
			field.Type = opened(field.Type)
			fields = append(fields, field)
		}
		return value.Object(fields...)
	}
	return t
}

// a names a type with its article: "an int", "a list<path>", "an object".
func a(t value.Type) string {
	name := t.String()
	switch t.Kind {
	case value.KindObject:
		name = "object"
	case kindNothing:
		return "nothing"
	case value.KindAny:
		return "a value of unknown type"
	}
	if strings.ContainsRune("aeio", rune(name[0])) {
		return "an " + name
	}
	return "a " + name
}
