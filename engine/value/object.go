package value

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/fault"
)

// goTypes are the Go types that a field may have, other than slices, maps, pointers and structs.
var goTypes = map[reflect.Type]Kind{
	reflect.TypeFor[string]():   KindString,
	reflect.TypeFor[int]():      KindInt,
	reflect.TypeFor[bool]():     KindBool,
	reflect.TypeFor[float64]():  KindFloat,
	reflect.TypeFor[Path]():     KindPath,
	reflect.TypeFor[Location](): KindPath,
	reflect.TypeFor[URL]():      KindURL,
	reflect.TypeFor[Duration](): KindDuration,
	reflect.TypeFor[Size]():     KindSize,
	reflect.TypeFor[Version]():  KindVersion,
	reflect.TypeFor[Secret]():   KindSecret,
	reflect.TypeFor[any]():      KindAny,
}

// ObjectOf gives the object type of a Go struct. Every field is exported and has the tag name; further tags
// are
//
//	required:"true"   an argument that must be given
//	default:"TEXT"    the value of one that is not given, as Parse reads it
//	enum:"a,b"        the accepted values
//	help:"..."        one line for people
//	present:"found"   on a pointer: the boolean sibling that promises that it is there
//	literal:"true"    an argument that may not contain ${{ }}
//	secrets:"true"    an argument that may be made of secrets, though its type is not secret
//	readers:"mode"    the argument with the mode of the file that a secret in this one comes to stand in
//	pattern:"..."     the regular expression that a literal text matches as a whole
//	min:"1" max:"9"   the bounds of a literal number
//	with:"http"       the argument without which this one says nothing
//
// An embedded struct without tags gives its fields, for what several step types share. A pointer may be
// absent; a slice is a list, a map[string]T a map, a struct an object. A scalar argument without required,
// default and pointer is Go's zero value when absent.
func ObjectOf(structure reflect.Type) (Type, error) {
	return objectOf(structure, nil)
}

// MustObjectOf is ObjectOf for a type known to the program; it panics where ObjectOf gives an error, which no
// input can cause.
func MustObjectOf[A any]() Type {
	object, err := ObjectOf(reflect.TypeFor[A]())
	if err != nil {
		panic(err)
	}
	return object
}

func objectOf(structure reflect.Type, outer []reflect.Type) (Type, error) {
	if structure.Kind() != reflect.Struct {
		return Type{}, structFault("%s is not a struct", structure)
	}
	if slices.Contains(outer, structure) {
		return Type{}, structFault("%s holds itself", structure)
	}
	outer = append(slices.Clip(outer), structure)
	object := Type{Kind: KindObject, Fields: make([]Field, 0, structure.NumField())}
	for i := range structure.NumField() {
		fields, err := fieldsOf(structure.Field(i), outer)
		if err != nil {
			return Type{}, fmt.Errorf("%s.%s: %w", structure, structure.Field(i).Name, err)
		}
		for _, field := range fields {
			if _, twice := object.Field(field.Name); twice {
				return Type{}, structFault("%s has two fields named %q", structure, field.Name)
			}
			object.Fields = append(object.Fields, field)
		}
	}
	for _, field := range object.Fields {
		if _, ok := object.Field(field.With); field.With != "" && !ok {
			return Type{}, structFault("%s: the tag with of %q names no field", structure, field.Name)
		}
		if _, ok := object.Field(field.Readers); field.Readers != "" && !ok {
			return Type{}, structFault("%s: the tag readers of %q names no field", structure, field.Name)
		}
		if field.PresentWhen == "" {
			continue
		}
		if sibling, ok := object.Field(field.PresentWhen); !ok || sibling.Type.Kind != KindBool || sibling.Optional || !field.Optional {
			return Type{}, structFault("%s: the tag present of %q wants a pointer, and a bool beside it", structure, field.Name)
		}
	}
	return object, nil
}

// fieldsOf gives the field of a member, or those of an embedded struct.
func fieldsOf(member reflect.StructField, outer []reflect.Type) ([]Field, error) {
	if member.Anonymous && member.Tag == "" {
		embedded, err := objectOf(member.Type, outer)
		return embedded.Fields, err
	}
	field, err := fieldOf(member, outer)
	return []Field{field}, err
}

func fieldOf(member reflect.StructField, outer []reflect.Type) (Field, error) {
	field := Field{
		Name:        member.Tag.Get("name"),
		Help:        member.Tag.Get("help"),
		Required:    member.Tag.Get("required") == "true",
		Default:     member.Tag.Get("default"),
		PresentWhen: member.Tag.Get("present"),
		Literal:     member.Tag.Get("literal") == "true",
		Secrets:     member.Tag.Get("secrets") == "true",
		Readers:     member.Tag.Get("readers"),
		Pattern:     member.Tag.Get("pattern"),
		Min:         member.Tag.Get("min"),
		Max:         member.Tag.Get("max"),
		With:        member.Tag.Get("with"),
	}
	if enum := member.Tag.Get("enum"); enum != "" {
		field.Enum = strings.Split(enum, ",")
	}
	if !member.IsExported() || member.Anonymous || field.Name == "" {
		return field, structFault("a field is exported and has the tag name, or is an embedded struct without tags")
	}
	goType := member.Type
	if goType.Kind() == reflect.Pointer {
		field.Optional = true
		goType = goType.Elem()
	}
	var err error
	if field.Type, err = typeOf(goType, outer); err != nil {
		return field, err
	}
	if _, err := regexp.Compile(field.Pattern); err != nil {
		return field, structFault("the tag pattern is not a regular expression: %v", err)
	}
	for _, bound := range []string{field.Min, field.Max} {
		if bound == "" {
			continue
		}
		if _, err := Parse(field.Type, bound); err != nil {
			return field, err
		}
	}
	if field.Required && (field.Optional || field.Default != "") {
		return field, structFault("what is required is not a pointer and has no default")
	}
	if field.Default != "" {
		if field.Optional {
			return field, structFault("what has a default is never absent: it is not a pointer")
		}
		byDefault, err := Parse(field.Type, field.Default)
		if err == nil {
			_, err = field.convert(byDefault, strict)
		}
		return field, err
	}
	return field, nil
}

func typeOf(goType reflect.Type, outer []reflect.Type) (Type, error) {
	if kind, ok := goTypes[goType]; ok {
		return Type{Kind: kind, Remote: goType == reflect.TypeFor[Location]()}, nil
	}
	switch goType.Kind() {
	case reflect.Slice:
		element, err := typeOf(goType.Elem(), outer)
		return ListOf(element), err
	case reflect.Map:
		if goType.Key() != reflect.TypeFor[string]() {
			return Type{}, structFault("the keys of a map are strings")
		}
		element, err := typeOf(goType.Elem(), outer)
		return MapOf(element), err
	case reflect.Struct:
		return objectOf(goType, outer)
	}
	return Type{}, structFault("the Go type %s stands for no type of a recipe", goType)
}

func structFault(format string, arguments ...any) *fault.Fault {
	return fault.New(fault.Errored, "struct-invalid", format, arguments...)
}
