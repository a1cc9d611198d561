package value

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"

	"github.com/gwe-project/gwe/engine/fault"
)

// Convert makes the canonical value of a type of what YAML, JSON or an expression gave. Text becomes a
// duration, size, version, path, url or secret where the type asks for one, and an int becomes a float;
// nothing else is implicit: the number 5 is not a string, nor 5.0 an int, nor 1.10 a version. Numbers of JSON
// must be json.Number or come by FromJSON, because a float64 that was an int once cannot be told from one
// that never was.
//
// In an object unknown members are refused, required ones must be there, absent ones get their defaults, and
// members with an enum must be of it. nil stands for an absent optional member and is refused elsewhere.
func Convert(t Type, v any) (any, error) { return convert(t, v, strict) }

// trust says whether a value comes from outside, or was made by a step type and only takes its form for the
// journal: that one may leave a path empty and a required member out.
type trust bool

const (
	strict  trust = false
	trusted trust = true
)

func convert(t Type, v any, from trust) (any, error) {
	if number, ok := v.(json.Number); ok {
		v = fromNumber(number)
	}
	switch t.Kind {
	case KindAny:
		return convertAny(v, from)
	case KindList:
		return convertList(t, v, from)
	case KindMap, KindObject:
		return convertMap(t, v, from)
	case KindSecret:
		if secret, ok := v.(Secret); ok {
			return secret, nil
		}
	case KindDuration:
		if duration, ok := v.(Duration); ok {
			return duration, nil
		}
	case KindSize:
		if size, ok := v.(Size); ok {
			return size, nil
		}
	case KindVersion:
		if version, ok := v.(Version); ok {
			return version, nil
		}
	}
	return convertScalar(t, v, from)
}

func convertScalar(t Type, v any, from trust) (any, error) {
	if v == nil {
		return nil, mismatch(t, v)
	}
	switch reflected := reflect.ValueOf(v); reflected.Kind() {
	case reflect.String:
		switch t.Kind {
		case KindInt, KindBool, KindFloat:
			return nil, mismatch(t, v)
		case KindPath, KindURL:
			if from == trusted {
				return reflected.String(), nil
			}
		case KindVersion:
			if from == trusted && reflected.Len() == 0 {
				return Version{}, nil
			}
		}
		return Parse(t, reflected.String())
	case reflect.Bool:
		if t.Kind == KindBool {
			return reflected.Bool(), nil
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		switch number := reflected.Int(); {
		case t.Kind == KindInt && int64(int(number)) != number: // on a 32-bit machine
			return nil, valueFault("%d is too big for an int", number)
		case t.Kind == KindInt:
			return int(number), nil
		case t.Kind == KindFloat:
			return float64(number), nil
		}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		switch {
		case t.Kind == KindInt && reflected.Uint() > math.MaxInt:
			return nil, valueFault("%d is too big for an int", reflected.Uint())
		case t.Kind == KindInt:
			return int(reflected.Uint()), nil
		case t.Kind == KindFloat:
			return float64(reflected.Uint()), nil
		}
	case reflect.Float32, reflect.Float64:
		if number := reflected.Float(); t.Kind == KindFloat && !math.IsInf(number, 0) && !math.IsNaN(number) {
			return number, nil
		}
	}
	return nil, mismatch(t, v)
}

// convertAny normalises what has no declared type.
func convertAny(v any, from trust) (any, error) {
	switch v.(type) {
	case nil, Duration, Size, Version, Secret:
		return v, nil
	}
	switch reflect.ValueOf(v).Kind() {
	case reflect.String:
		return reflect.ValueOf(v).String(), nil
	case reflect.Bool:
		return convert(Of(KindBool), v, from)
	case reflect.Float32, reflect.Float64:
		return convert(Of(KindFloat), v, from)
	case reflect.Slice, reflect.Array:
		return convert(ListOf(Of(KindAny)), v, from)
	case reflect.Map:
		return convert(MapOf(Of(KindAny)), v, from)
	default:
		return convert(Of(KindInt), v, from)
	}
}

func convertList(t Type, v any, from trust) (any, error) {
	reflected := reflect.ValueOf(v)
	if kind := reflected.Kind(); kind != reflect.Slice && kind != reflect.Array {
		return nil, mismatch(t, v)
	}
	list := make([]any, 0, reflected.Len())
	for i := range reflected.Len() {
		element, err := convert(t.element(), reflected.Index(i).Interface(), from)
		if err != nil {
			return nil, inside("element "+strconv.Itoa(i), err)
		}
		list = append(list, element)
	}
	return list, nil
}

func convertMap(t Type, v any, from trust) (any, error) {
	reflected := reflect.ValueOf(v)
	if reflected.Kind() != reflect.Map {
		return nil, mismatch(t, v)
	}
	given := make(map[string]any, reflected.Len())
	for entries := reflected.MapRange(); entries.Next(); {
		key := entries.Key()
		if key.Kind() == reflect.Interface {
			key = key.Elem()
		}
		if key.Kind() != reflect.String {
			return nil, valueFault("the key %v of a map is not a string", key).WithHint("put it in quotes")
		}
		given[key.String()] = entries.Value().Interface()
	}
	if t.Kind == KindObject {
		return convertObject(t, given, from)
	}
	// Keys are visited in order, so that the same input always gives the same first error.
	for _, key := range sortedKeys(given) {
		element, err := convert(t.element(), given[key], from)
		if err != nil {
			return nil, inside(key, err)
		}
		given[key] = element
	}
	return given, nil
}

func convertObject(t Type, given map[string]any, from trust) (any, error) {
	for _, name := range sortedKeys(given) {
		if _, known := t.Field(name); !known {
			return nil, unknownField(t, name)
		}
	}
	values := make(map[string]any, len(t.Fields))
	for _, field := range t.Fields {
		member, err := field.convert(given[field.Name], from)
		if err != nil {
			return nil, err
		}
		if member != nil || field.Optional {
			values[field.Name] = member
		}
	}
	return values, nil
}

// convert gives the member's canonical value; nil where it is absent.
func (f Field) convert(v any, from trust) (any, error) {
	switch {
	case v == nil && from == trusted:
		return nil, nil
	case v == nil && f.Default != "":
		converted, err := Parse(f.Type, f.Default)
		return converted, inside(f.Name, err)
	case v == nil && f.Required:
		return nil, valueFault("%q is missing", f.Name).WithHint("%s", example(f.Type))
	case v == nil:
		return nil, nil
	}
	converted, err := convert(f.Type, v, from)
	if err != nil {
		return nil, inside(f.Name, err)
	}
	if from == strict && len(f.Enum) > 0 && !slices.Contains(f.Enum, Text(converted)) {
		return nil, valueFault("%s is %q, which is not one of %s", f.Name, clip(Text(converted)), quoteAll(f.Enum)).
			WithHint("%s", choice(Text(converted), f.Enum))
	}
	return converted, nil
}

func unknownField(t Type, name string) error {
	return valueFault("there is no %q here", clip(name)).WithHint("%s", choice(name, t.FieldNames()))
}

func fromNumber(number json.Number) any {
	if whole, err := strconv.Atoi(string(number)); err == nil {
		return whole
	}
	if float, err := number.Float64(); err == nil {
		return float
	}
	return string(number)
}

// inside says where in a list, map or object the value is that an error speaks of.
func inside(where string, err error) error {
	if err == nil {
		return nil
	}
	if found := fault.As(err); found != nil {
		copied := *found
		copied.Message = where + ": " + found.Message
		return &copied
	}
	return valueFault("%s: %v", where, err)
}

// mismatch says what was wanted, what came, and how to write it.
func mismatch(t Type, v any) error {
	hint := example(t)
	switch t.Kind {
	case KindString, KindVersion, KindPath, KindURL, KindSecret:
		switch v.(type) {
		case bool, int, int64, uint64, float64:
			hint = fmt.Sprintf("put it in quotes: %q", fmt.Sprint(v))
		}
	case KindDuration:
		if number, ok := v.(int); ok {
			hint = fmt.Sprintf("a duration has a unit: %ds, for example", number)
		}
	case KindSize:
		if number, ok := v.(int); ok {
			hint = fmt.Sprintf("a size has a unit: %dB or %dMiB, for example", number, number)
		}
	}
	return valueFault("expected %s, found %s", article(t.String()), describe(v)).WithHint("%s", hint)
}
