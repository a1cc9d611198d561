package value

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// article puts "a" or "an" before the name of a type.
func article(name string) string {
	if name != "" && strings.ContainsRune("aeio", rune(name[0])) {
		return "an " + name
	}
	return "a " + name
}

// describe names a value in the words of recipes, and shows it where that is short and no secret.
func describe(v any) string {
	switch typed := v.(type) {
	case nil:
		return "nothing"
	case Secret:
		return "a secret"
	case Duration:
		return "the duration " + typed.String()
	case Size:
		return "the size " + typed.String()
	case Version:
		return "the version " + typed.String()
	case time.Time:
		return "a date"
	}
	switch reflected := reflect.ValueOf(v); reflected.Kind() {
	case reflect.String:
		return "the text " + strconv.Quote(clip(reflected.String()))
	case reflect.Bool:
		return fmt.Sprintf("the bool %v", v)
	case reflect.Float32, reflect.Float64:
		return fmt.Sprintf("the float %v", v)
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Map:
		return "a map"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return fmt.Sprintf("the int %v", v)
	default:
		return "something that is not a value of a recipe"
	}
}

// example is the hint that shows how a value of the type is written.
func example(t Type) string { return "write " + sample(t) + ", for example" }

func sample(t Type) string {
	switch t.Kind {
	case KindInt:
		return "12"
	case KindBool:
		return "true"
	case KindFloat:
		return "1.5"
	case KindDuration:
		return "90s"
	case KindSize:
		return "400MiB"
	case KindPath:
		return "/opt/firmware"
	case KindURL:
		return "https://example.org/firmware.tar.zst.gpg"
	case KindVersion:
		return `"1.10.0"`
	case KindList:
		return "[" + sample(t.element()) + "]"
	case KindMap:
		return "{name: " + sample(t.element()) + "}"
	case KindObject:
		members := []string{}
		for _, field := range t.Fields {
			if field.Required || len(t.Fields) == 1 {
				members = append(members, field.Name+": "+sample(field.Type))
			}
		}
		return "{" + strings.Join(members, ", ") + "}"
	default:
		return `"text"`
	}
}

// choice is the hint for a name or value that is not among the known ones.
func choice(name string, known []string) string {
	if closest := Closest(name, known); closest != "" {
		return fmt.Sprintf("did you mean %q?", closest)
	}
	if len(known) == 0 {
		return "nothing is accepted here"
	}
	return "expected one of: " + strings.Join(known, ", ")
}

func quoteAll(texts []string) string {
	quoted := make([]string, 0, len(texts))
	for _, text := range texts {
		quoted = append(quoted, strconv.Quote(text))
	}
	return strings.Join(quoted, ", ")
}

func sortedKeys(values map[string]any) []string {
	keys := make([]string, 0, len(values))
	for key := range values {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
