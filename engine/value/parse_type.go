package value

import (
	"strings"

	"github.com/gwe-project/gwe/engine/fault"
)

// typeDepth bounds nesting: nobody writes more, and a hostile recipe shall not exhaust the stack.
const typeDepth = 8

// typeNames are the types that a recipe may write, in the order of the documentation.
var typeNames = []string{"string", "int", "bool", "float", "duration", "size", "path", "url", "version", "secret", "list", "map"}

// foreignTypes are the names of types in other languages, and ours.
var foreignTypes = map[string]string{
	"boolean": "bool", "number": "int, or float for one with a fraction", "integer": "int", "long": "int", "uint": "int", "double": "float",
	"decimal": "float", "str": "string", "text": "string", "char": "string", "array": "list<string>", "sequence": "list<string>",
	"dict": "map<string>", "object": "map<string>", "mapping": "map<string>", "hash": "map<string>", "file": "path", "filepath": "path", "dir": "path",
	"directory": "path", "uri": "url", "password": "secret", "token": "secret", "bytes": "size", "time": "duration", "timeout": "duration",
	"seconds": "duration", "semver": "version", "choice": "string, with enum: [a, b]", "enum": "string, with enum: [a, b]",
}

// ParseType reads a type as a recipe writes it: "string", "list<path>", "map<list<int>>". Blanks are not
// accepted.
func ParseType(text string) (Type, error) {
	return parseType(text, text, 0)
}

func parseType(text, whole string, depth int) (Type, error) {
	if depth > typeDepth {
		return Type{}, typeFault("the type is nested more than %d deep", typeDepth)
	}
	name, rest, bracket := strings.Cut(text, "<")
	switch name {
	case "list", "map":
		inner, closed := strings.CutSuffix(rest, ">")
		if !bracket || !closed || inner == "" {
			return Type{}, typeFault("the type %q says not what a %s holds", whole, name).
				WithHint("write %s<string>, for example", name)
		}
		element, err := parseType(inner, whole, depth+1)
		if err != nil {
			return Type{}, err
		}
		return Type{Kind: Kind(name), Elem: &element}, nil
	case "string", "int", "bool", "float", "duration", "size", "path", "url", "version", "secret":
		if bracket {
			return Type{}, typeFault("the type %s holds no other type: only list and map do", name).WithHint("write %s", name)
		}
		return Of(Kind(name)), nil
	}
	found := typeFault("there is no type %q", text)
	if ours := foreignTypes[strings.ToLower(strings.TrimSpace(text))]; ours != "" {
		return Type{}, found.WithHint("write %s", ours)
	}
	if inner, list := strings.CutSuffix(text, "[]"); list {
		if _, err := ParseType(inner); err == nil {
			return Type{}, found.WithHint("write list<%s>", inner)
		}
	}
	if closest := Closest(name, typeNames); closest != "" {
		if closest == "list" || closest == "map" {
			closest += "<string>"
		}
		return Type{}, found.WithHint("did you mean %q?", closest)
	}
	return Type{}, found.WithHint("the types are string, int, bool, float, duration, size, path, url, version, secret, list<T> and map<T>")
}

func typeFault(format string, arguments ...any) *fault.Fault {
	return fault.New(fault.Refused, "type-unknown", format, arguments...)
}
