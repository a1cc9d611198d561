package plugin

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/value"
)

// jsonSchema is the part of JSON Schema (draft 2020-12) that describes arguments and outputs. Any other
// keyword is refused: gwe would not check it, and nobody shall believe that it does.
type jsonSchema struct {
	Type        string `json:"type,omitempty"`
	Format      string `json:"format,omitempty"`
	Description string `json:"description,omitempty"`
	// Properties, Required and AdditionalProperties are an object's; a map has AdditionalProperties alone.
	Properties           *properties     `json:"properties,omitempty"`
	Required             []string        `json:"required,omitempty"`
	AdditionalProperties *additional     `json:"additionalProperties,omitempty"`
	Items                *jsonSchema     `json:"items,omitempty"`
	Enum                 []any           `json:"enum,omitempty"`
	Default              json.RawMessage `json:"default,omitempty"`
	// Pattern is of the whole text: ^...$. Minimum and Maximum are a number's.
	Pattern string      `json:"pattern,omitempty"`
	Minimum json.Number `json:"minimum,omitempty"`
	Maximum json.Number `json:"maximum,omitempty"`
	// The rest of value.Field, in keywords of gwe's own.
	PresentWhen string `json:"x-present-when,omitempty"`
	Literal     bool   `json:"x-literal,omitempty"`
	Secrets     bool   `json:"x-secrets,omitempty"`
	With        string `json:"x-with,omitempty"`
	// LowerBound and UpperBound are those of a duration, a size or a version.
	LowerBound string `json:"x-minimum,omitempty"`
	UpperBound string `json:"x-maximum,omitempty"`
	// Title and Comment are accepted and not used.
	Title   string `json:"title,omitempty"`
	Comment string `json:"$comment,omitempty"`
}

// property is a named schema. Their order is that of the help.
type property struct {
	name   string
	schema jsonSchema
}

type properties []property

func (p properties) MarshalJSON() ([]byte, error) {
	var text bytes.Buffer
	text.WriteByte('{')
	for i, one := range p {
		if i > 0 {
			text.WriteByte(',')
		}
		name, err := json.Marshal(one.name)
		if err != nil {
			return nil, err
		}
		text.Write(append(name, ':'))
		encoder := json.NewEncoder(&text)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(one.schema); err != nil {
			return nil, err
		}
	}
	text.WriteByte('}')
	return text.Bytes(), nil
}

func (p *properties) UnmarshalJSON(text []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	if opening, err := decoder.Token(); err != nil || opening != json.Delim('{') {
		return fmt.Errorf("properties is not an object")
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return err
		}
		one := property{name: name.(string)} // the keys of an object are strings always
		if slices.ContainsFunc(*p, func(other property) bool { return other.name == one.name }) {
			return fmt.Errorf("the property %q is there twice", one.name)
		}
		var raw json.RawMessage
		if err := decoder.Decode(&raw); err != nil {
			return err
		}
		if err := strictly(raw, &one.schema); err != nil {
			return fmt.Errorf("%s: %w", one.name, err)
		}
		*p = append(*p, one)
	}
	return nil
}

// additional is false, or the schema of a map's values.
type additional struct{ schema *jsonSchema }

func (a additional) MarshalJSON() ([]byte, error) {
	if a.schema == nil {
		return []byte("false"), nil
	}
	return json.Marshal(a.schema)
}

func (a *additional) UnmarshalJSON(text []byte) error {
	if string(text) == "false" {
		return nil
	}
	a.schema = new(jsonSchema)
	return strictly(text, a.schema)
}

// strictly reads one JSON value and refuses members that the Go type does not have.
func strictly(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	decoder.UseNumber()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return fmt.Errorf("something stands after its end")
	}
	return nil
}

// formats are the types of gwe that are text in JSON.
var formats = []value.Kind{
	value.KindPath, value.KindURL, value.KindDuration, value.KindSize, value.KindVersion, value.KindSecret,
}

// scalars are the types that JSON Schema has a name for.
var scalars = map[string]value.Kind{
	"string": value.KindString, "integer": value.KindInt, "number": value.KindFloat, "boolean": value.KindBool,
}

// typeOf reads a schema as a type of gwe.
func (s jsonSchema) typeOf() (value.Type, error) {
	if s.Format != "" && (s.Type != "string" || !slices.Contains(formats, value.Kind(s.Format))) {
		return value.Type{}, schemaFault("the format %q is none of gwe's", s.Format).
			WithHint("a string has one of the formats path, url, duration, size, version and secret, or none")
	}
	if kind, ok := scalars[s.Type]; ok {
		if s.Format != "" {
			kind = value.Kind(s.Format)
		}
		return value.Of(kind), nil
	}
	switch {
	case s.Type == "" && s.Properties == nil && s.Items == nil && s.AdditionalProperties == nil:
		return value.Of(value.KindAny), nil
	case s.Type == "array" && s.Items != nil:
		element, err := s.Items.typeOf()
		return value.ListOf(element), err
	case s.Type == "object" && s.Properties != nil:
		return s.object()
	case s.Type == "object" && s.AdditionalProperties != nil && s.AdditionalProperties.schema != nil:
		element, err := s.AdditionalProperties.schema.typeOf()
		return value.MapOf(element), err
	}
	return value.Type{}, schemaFault("the type %q cannot be understood", s.Type).
		WithHint("it is string, integer, number, boolean, array with items, or object with properties or additionalProperties")
}

// object reads the fields of an object. What is not required and has no default may be absent.
func (s jsonSchema) object() (value.Type, error) {
	if s.AdditionalProperties != nil && s.AdditionalProperties.schema != nil {
		return value.Type{}, schemaFault("an object has properties or additionalProperties, not both").
			WithHint("leave additionalProperties out, or make it false")
	}
	object := value.Object()
	for _, one := range *s.Properties {
		field, err := one.field(slices.Contains(s.Required, one.name))
		if err != nil {
			return value.Type{}, fmt.Errorf("%s: %w", one.name, err)
		}
		object.Fields = append(object.Fields, field)
	}
	for _, name := range s.Required {
		if _, known := object.Field(name); !known {
			return value.Type{}, schemaFault("required names %q, which is not a property", name)
		}
	}
	for _, field := range object.Fields {
		if _, known := object.Field(field.With); field.With != "" && !known {
			return value.Type{}, schemaFault("x-with of %q names %q, which is not a property", field.Name, field.With)
		}
		if field.PresentWhen == "" {
			continue
		}
		if sibling, ok := object.Field(field.PresentWhen); !ok || sibling.Type.Kind != value.KindBool || sibling.Optional || !field.Optional {
			return value.Type{}, schemaFault("x-present-when of %q wants a required boolean beside it, and %q itself not required", field.Name, field.Name)
		}
	}
	return object, nil
}

func (p property) field(required bool) (value.Field, error) {
	s := p.schema
	kind, err := s.typeOf()
	if err != nil {
		return value.Field{}, err
	}
	field := value.Field{
		Name: p.name, Type: kind, Help: s.Description, Required: required, Optional: !required,
		PresentWhen: s.PresentWhen, Literal: s.Literal, Secrets: s.Secrets, With: s.With,
		Min: cmp.Or(s.Minimum.String(), s.LowerBound), Max: cmp.Or(s.Maximum.String(), s.UpperBound),
	}
	for _, bound := range []string{field.Min, field.Max} {
		if bound == "" {
			continue
		}
		if _, err := value.Parse(kind, bound); err != nil || slices.Contains(unordered, kind.Kind) {
			return field, schemaFault("%s is not a bound of the type %s", bound, kind).
				WithHint("minimum and maximum are for numbers, x-minimum and x-maximum for durations, sizes and versions")
		}
	}
	if field.Pattern, err = wholePattern(s.Pattern); err != nil {
		return field, err
	}
	for _, accepted := range s.Enum {
		canonical, err := value.Convert(kind, accepted)
		if err != nil {
			return field, fmt.Errorf("enum: %w", err)
		}
		field.Enum = append(field.Enum, value.Text(canonical))
	}
	if s.Default == nil {
		return field, nil
	}
	if required {
		return field, schemaFault("what has a default is not required")
	}
	byDefault, err := value.FromJSON(kind, s.Default)
	if err == nil {
		byDefault, err = value.Convert(kind, byDefault)
	}
	if err != nil {
		return field, fmt.Errorf("default: %w", err)
	}
	field.Optional, field.Default = false, value.Text(value.Revealed(byDefault))
	switch {
	case field.Default == "":
		return field, schemaFault("an empty default says nothing").WithHint("leave it out, and take an absent one as empty")
	case len(field.Enum) > 0 && !slices.Contains(field.Enum, field.Default):
		return field, schemaFault("the default %q is not in enum", field.Default)
	}
	return field, nil
}

// unordered are the types that have no least and no greatest value.
var unordered = []value.Kind{
	value.KindAny, value.KindString, value.KindBool, value.KindPath, value.KindURL, value.KindSecret, value.KindList, value.KindMap, value.KindObject,
}

// wholePattern takes the anchors off a pattern: a pattern of gwe's is of the whole text always.
func wholePattern(pattern string) (string, error) {
	if pattern == "" {
		return "", nil
	}
	for _, anchors := range [][2]string{{"^(?:", ")$"}, {"^", "$"}} {
		inner, begins := strings.CutPrefix(pattern, anchors[0])
		inner, ends := strings.CutSuffix(inner, anchors[1])
		if _, err := regexp.Compile(inner); err == nil && begins && ends {
			return inner, nil
		}
	}
	return "", schemaFault("the pattern %q cannot be used", pattern).WithHint("a pattern is a regular expression (RE2) of the whole text: ^...$")
}

// schemaOf writes a type as JSON Schema; outputs tells that the fields of an object are there unless they are
// optional.
func schemaOf(t value.Type, outputs bool) jsonSchema {
	for name, kind := range scalars {
		if t.Kind == kind {
			return jsonSchema{Type: name}
		}
	}
	switch {
	case slices.Contains(formats, t.Kind):
		return jsonSchema{Type: "string", Format: string(t.Kind)}
	case t.Kind == value.KindList:
		items := schemaOf(*t.Elem, outputs)
		return jsonSchema{Type: "array", Items: &items}
	case t.Kind == value.KindMap:
		values := schemaOf(*t.Elem, outputs)
		return jsonSchema{Type: "object", AdditionalProperties: &additional{&values}}
	case t.Kind == value.KindObject:
		return objectSchema(t, outputs)
	}
	return jsonSchema{}
}

func objectSchema(t value.Type, outputs bool) jsonSchema {
	made := jsonSchema{Type: "object", Properties: &properties{}, AdditionalProperties: &additional{}}
	for _, field := range t.Fields {
		inner := schemaOf(field.Type, outputs)
		inner.Description, inner.PresentWhen, inner.Literal, inner.Secrets = field.Help, field.PresentWhen, field.Literal, field.Secrets
		inner.With = field.With
		if inner.Type == "integer" || inner.Type == "number" {
			inner.Minimum, inner.Maximum = json.Number(field.Min), json.Number(field.Max)
		} else {
			inner.LowerBound, inner.UpperBound = field.Min, field.Max
		}
		if field.Pattern != "" {
			inner.Pattern = "^(?:" + field.Pattern + ")$"
		}
		for _, accepted := range field.Enum {
			inner.Enum = append(inner.Enum, enumMember(field.Type, accepted))
		}
		if field.Default != "" {
			inner.Default = defaultOf(field)
		}
		if field.Required || outputs && !field.Optional {
			made.Required = append(made.Required, field.Name)
		}
		*made.Properties = append(*made.Properties, property{field.Name, inner})
	}
	return made
}

func enumMember(t value.Type, text string) any {
	parsed, err := value.Parse(t, text)
	if err != nil || t.Kind != value.KindInt && t.Kind != value.KindFloat && t.Kind != value.KindBool {
		return text
	}
	return parsed
}

// defaultOf is a default as JSON; value.ObjectOf has made sure that it can be read.
func defaultOf(field value.Field) json.RawMessage {
	parsed, err := value.Parse(field.Type, field.Default)
	if err != nil {
		return nil
	}
	raw, err := value.ToJSON(value.Opened(field.Type), value.Revealed(parsed))
	if err != nil {
		return nil
	}
	return raw
}

func schemaFault(format string, arguments ...any) *fault.Fault {
	return fault.New(fault.Refused, "plugin-description-invalid", format, arguments...)
}
