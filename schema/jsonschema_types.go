package schema

import (
	"encoding/json"
	"strings"

	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
)

// dynamicPattern is text with an expression in it: it stands where any type is wanted.
const dynamicPattern = `\$\{\{`

// The literal forms of the types that are text, for editors; value's own readers are the judges.
const (
	durationPattern = `^([0-9]+(\.[0-9]*)?(ns|us|µs|ms|s|m|h))+$`
	sizePattern     = `^[0-9]+(\.[0-9]+)?(B|[KMGTP]iB|[kKMGTP]B)$`
	versionPattern  = `^[vV]?[0-9]+(\.[0-9]+)*([-+].+)?$`
	urlPattern      = `^[A-Za-z][A-Za-z0-9+.-]*:/`
)

// leafSchema is the arguments of a step type.
func leafSchema(stepType step.Type) object {
	about := stepType.About()
	arguments := objectSchema(stepType.Arguments())
	if conditions := choicesSchema(about.Choices); len(conditions) > 0 {
		arguments["allOf"] = conditions
	}
	made := arguments
	if scalar, ok := stepType.Arguments().Field(about.Scalar); ok {
		made = object{"anyOf": []any{arguments, fieldSchema(scalar)}}
	}
	text := strings.TrimSpace(about.Summary + ".\n\n" + about.Doc)
	markdown := text
	if about.Undo != "" {
		markdown += "\n\n**Undo:** " + about.Undo + "."
	}
	if about.Example != "" {
		markdown += "\n\n```yaml\n- " + strings.ReplaceAll(strings.TrimSpace(about.Example), "\n", "\n  ") + "\n```"
	}
	made["markdownDescription"] = markdown
	return described(made, text)
}

// choicesSchema says which of several arguments are given.
func choicesSchema(choices []step.Choice) []any {
	var conditions []any
	for _, choice := range choices {
		one := make([]any, 0, len(choice.Names))
		for _, name := range choice.Names {
			one = append(one, object{"required": []string{name}})
		}
		var condition object
		switch {
		case choice.Several && choice.None:
			continue
		case choice.Several:
			condition = object{"anyOf": one}
		case choice.None:
			condition = object{"oneOf": append(one, object{"not": object{"anyOf": one}})}
		default:
			condition = object{"oneOf": one}
		}
		if choice.If != "" {
			about := object{"required": []string{choice.If}, "properties": object{choice.If: object{"enum": choice.Is}}}
			condition = object{"if": about, "then": condition}
		}
		conditions = append(conditions, condition)
	}
	return conditions
}

func objectSchema(t value.Type) object {
	properties, required, with := object{}, []string{}, object{}
	for _, field := range t.Fields {
		properties[field.Name] = fieldSchema(field)
		if field.Required {
			required = append(required, field.Name)
		}
		if field.With != "" {
			with[field.Name] = []string{field.With}
		}
	}
	made := mappingSchema(properties)
	if len(required) > 0 {
		made["required"] = required
	}
	if len(with) > 0 {
		made["dependentRequired"] = with
	}
	return made
}

func fieldSchema(field value.Field) object {
	made := narrowedSchema(field)
	if field.Literal {
		made["not"] = object{"pattern": dynamicPattern}
	}
	notes := []string{"`" + field.Type.String() + "`"}
	if field.Required {
		notes = append(notes, "required")
	}
	if field.Default != "" {
		notes = append(notes, "default `"+field.Default+"`")
		if converted, err := value.Parse(field.Type, field.Default); err == nil {
			made["default"] = converted
		}
	}
	told := strings.Join(notes, ", ")
	made["markdownDescription"] = field.Help + "\n\n" + told
	if _, either := made["anyOf"]; either {
		// yaml-language-server shows the plain description of such a schema, and with it the Markdown of the
		// alternatives.
		literal(made)["markdownDescription"] = told
	}
	return described(made, field.Help)
}

// narrowedSchema is a value of the field's type that has the form which the field asks for.
func narrowedSchema(field value.Field) object {
	made := typeSchema(field.Type)
	switch kind := field.Type.Kind; {
	case len(field.Enum) > 0:
		return object{"anyOf": []any{object{"enum": field.Enum}, dynamicSchema()}}
	case kind == value.KindList && (field.Name == "argv" || field.Name == "command"):
		literal(made)["minItems"] = 1
	case field.Pattern != "" && kind == value.KindMap:
		literal(made)["propertyNames"].(object)["pattern"] = whole(field.Pattern).String()
	case field.Pattern != "":
		made["pattern"] = whole(field.Pattern).String() + "|" + dynamicPattern
	}
	if field.Type.Kind == value.KindInt || field.Type.Kind == value.KindFloat {
		for keyword, bound := range map[string]string{"minimum": field.Min, "maximum": field.Max} {
			if bound != "" {
				literal(made)[keyword] = json.Number(bound)
			}
		}
	}
	return made
}

// literal is the part of a schema that is about a value written out, not about an expression.
func literal(of object) object { return of["anyOf"].([]any)[0].(object) }

// typeSchema is an argument of the type, literal or as an expression.
func typeSchema(t value.Type) object {
	if t.Kind == value.KindPath {
		// A run may be recovered from anywhere, and no shell reads the path.
		pattern := "^/"
		if t.Remote {
			pattern = "^(/|https?://.)"
		}
		return object{"anyOf": []any{object{"type": "string", "pattern": pattern, "not": object{"pattern": shellName.String()}}, dynamicSchema()}}
	}
	if t.Kind == value.KindSecret {
		return object{"type": "string", "pattern": "^$|" + dynamicPattern}
	}
	made := literalSchema(t, typeSchema)
	if pattern, ok := made["pattern"].(string); ok {
		made["pattern"] = pattern + "|" + dynamicPattern
		return made
	}
	if made["type"] == "string" || made["$ref"] != nil {
		return made
	}
	return object{"anyOf": []any{made, dynamicSchema()}}
}

// literalSchema is a value of the type, without expressions in it but those that of lets into its elements.
func literalSchema(t value.Type, of func(value.Type) object) object {
	switch t.Kind {
	case value.KindString, value.KindSecret:
		return object{"type": "string"}
	case value.KindPath:
		return object{"type": "string", "minLength": 1}
	case value.KindURL:
		return object{"type": "string", "pattern": urlPattern}
	case value.KindDuration:
		return object{"type": "string", "pattern": durationPattern, "examples": []string{"30s", "1h30m"}}
	case value.KindSize:
		return object{"type": "string", "pattern": sizePattern, "examples": []string{"400MiB"}}
	case value.KindVersion:
		return object{"type": "string", "pattern": versionPattern, "examples": []string{"1.10.0"}}
	case value.KindInt:
		return object{"type": "integer"}
	case value.KindFloat:
		return object{"type": "number"}
	case value.KindBool:
		return object{"type": "boolean"}
	case value.KindList:
		return object{"type": "array", "items": of(*t.Elem)}
	case value.KindMap:
		return object{"type": "object", "additionalProperties": of(*t.Elem), "propertyNames": object{"not": object{"pattern": dynamicPattern}}}
	case value.KindObject:
		return objectSchema(t)
	}
	return reference("anything")
}

func dynamicSchema() object { return object{"type": "string", "pattern": dynamicPattern} }

func reference(name string) object { return object{"$ref": "#/$defs/" + name} }

func mappingSchema(properties object) object {
	return object{"type": "object", "additionalProperties": false, "properties": properties}
}

// described adds what an editor shows for a key.
func described(made object, text string) object {
	if text != "" {
		made["description"] = text
	}
	return made
}
