package schema

import (
	"slices"

	"github.com/gwe-project/gwe/engine/value"
)

// typePattern is a type as an input or a fact names it.
const typePattern = `^((list|map)<)*(string|int|bool|float|duration|size|path|url|version|secret)>*$`

// inputKinds are the types of inputs that have no elements.
var inputKinds = []value.Kind{
	value.KindString, value.KindInt, value.KindBool, value.KindFloat, value.KindDuration, value.KindSize, value.KindPath, value.KindURL,
	value.KindVersion, value.KindSecret,
}

func inputSchema() object {
	made := mappingSchema(object{
		"type":     typeNameSchema(inputKinds),
		"required": described(object{"type": "boolean"}, "Whether it must be given."),
		"default":  described(reference("anything"), "The value where none is given; it holds no expressions."),
		"enum":     described(object{"type": "array", "minItems": 1, "items": reference("anything")}, "The accepted values."),
		"pattern":  described(object{"type": "string", "minLength": 1}, "A regular expression (RE2) that the text matches."),
		"min":      described(object{"type": []string{"number", "string"}}, "The lowest accepted value."),
		"max":      described(object{"type": []string{"number", "string"}}, "The highest accepted value."),
		"mounted":  described(object{"anyOf": []any{object{"type": "boolean"}, object{"type": "string", "pattern": "^$|^/"}}}, "Where a path must lie, or nothing is done: true for any mount but the root, or the mount point."),
		"help":     described(reference("description"), "One line for people."),
	})
	made["required"] = []string{"type"}
	made["anyOf"] = []any{
		object{"required": []string{"default"}, "properties": object{"required": object{"const": false}}},
		object{"required": []string{"required"}, "properties": object{"required": object{"const": true}, "default": false}},
	}
	made["dependentSchemas"] = object{
		"enum": ofKinds(listedKinds), "pattern": ofKinds(matchedKinds), "min": ofKinds(boundedKinds), "max": ofKinds(boundedKinds),
		"mounted": ofKinds(mountedKinds),
	}
	conditions := make([]any, 0, len(inputKinds))
	for _, kind := range inputKinds {
		fits := literalOf(value.Of(kind))
		then := object{"default": fits, "enum": object{"items": fits}, "min": fits, "max": fits}
		if kind == value.KindSecret {
			then = object{"default": object{"const": ""}}
		}
		conditions = append(conditions, object{"if": ofKinds([]value.Kind{kind}), "then": object{"properties": then}})
	}
	made["allOf"] = conditions
	return made
}

// literalOf is a value of the type that holds no expressions.
func literalOf(t value.Type) object {
	made := literalSchema(t, literalOf)
	if made["type"] == "string" {
		made["not"] = object{"pattern": dynamicPattern}
	}
	return made
}

// typeNameSchema is the name of a type; an editor completes those that have no elements.
func typeNameSchema(kinds []value.Kind) object {
	return described(object{"anyOf": []any{
		object{"enum": kinds},
		object{"type": "string", "pattern": typePattern, "examples": []string{"list<string>", "map<string>"}},
	}}, "string, int, bool, float, duration, size, path, url, version, secret, list<T> or map<T>")
}

// ofKinds is an input of one of the types.
func ofKinds(kinds []value.Kind) object {
	return object{"required": []string{"type"}, "properties": object{"type": object{"enum": kinds}}}
}

func factSchema() object {
	path := object{"type": "string", "minLength": 1}
	kinds := slices.DeleteFunc(slices.Clone(inputKinds), func(kind value.Kind) bool { return kind == value.KindSecret })
	typeName := typeNameSchema(kinds)
	typeName["not"] = object{"pattern": "secret"}
	made := mappingSchema(object{
		"type":     described(typeName, "string, int, bool, float, duration, size, path, url, version, list<T> or map<T>"),
		"run":      described(object{"type": "array", "minItems": 1, "items": object{"type": "string"}}, "A program and its arguments; the fact is what it writes to its standard output."),
		"file":     described(path, "A file; the fact is what it holds."),
		"free":     described(path, "A path; the fact is the space on its file system that may still be written, a size."),
		"timeout":  described(reference("duration"), "The time for run; one minute where it is left out."),
		"optional": described(object{"type": "boolean"}, "Whether it may be absent: no such file or program, an exit code other than 0, or empty text."),
		"help":     described(reference("description"), "One line for people."),
	})
	made["oneOf"] = []any{
		object{"required": []string{"type", "run"}},
		object{"required": []string{"type", "file"}},
		object{"required": []string{"free"}, "properties": object{"type": object{"const": value.KindSize}}},
	}
	made["dependentRequired"] = object{"timeout": []string{"run"}}
	return made
}
