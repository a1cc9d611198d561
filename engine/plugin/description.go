package plugin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
)

// Description is what a plugin says of itself: the answer to describe, and the file beside the executable.
type Description struct {
	about              step.About
	arguments, outputs value.Type
	// also are the operations that the plugin serves beside those that every plugin serves.
	also []Operation
	// digest is the SHA-256 of the executable in hexadecimal; "" in an answer to describe.
	digest string
	// text is the whole of it, as gwe keeps it.
	text []byte
}

// described is the JSON form of a Description.
type described struct {
	Protocol   int         `json:"protocol"`
	Type       string      `json:"type"`
	Summary    string      `json:"summary"`
	Doc        string      `json:"doc,omitempty"`
	Example    string      `json:"example,omitempty"`
	Effects    []effect    `json:"effects,omitempty"`
	Undo       string      `json:"undo,omitempty"`
	Repeatable bool        `json:"repeatable,omitempty"`
	Fresh      bool        `json:"fresh,omitempty"`
	UndoData   int         `json:"undo-data,omitempty"`
	Scalar     string      `json:"scalar,omitempty"`
	Choices    []choice    `json:"choices,omitempty"`
	Also       []Operation `json:"also,omitempty"`
	Arguments  jsonSchema  `json:"arguments"`
	Outputs    *jsonSchema `json:"outputs,omitempty"`
	Executable *executable `json:"executable,omitempty"`
}

type effect struct {
	Kind        step.EffectKind `json:"kind"`
	Argument    string          `json:"argument,omitempty"`
	Conditional bool            `json:"conditional,omitempty"`
	If          string          `json:"if,omitempty"`
	Is          []string        `json:"is,omitempty"`
}

// choice is a step.Choice.
type choice struct {
	Names   []string `json:"names"`
	Several bool     `json:"several,omitempty"`
	None    bool     `json:"none,omitempty"`
	If      string   `json:"if,omitempty"`
	Is      []string `json:"is,omitempty"`
}

type executable struct {
	SHA256 string `json:"sha256"`
}

// The bounds of a description: nobody needs more, and a hostile one shall cost nothing.
const (
	maximumDescription = 1 << 20
	maximumDepth       = 64
)

var (
	kebab      = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	snake      = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	digestForm = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// grammar are the keys of a step that are the language's own: no step type can have such a name.
var grammar = []string{
	"id", "name", "when", "until", "timeout", "retry", "for-each", "undo", "undo-last", "effects", "allow-failure", "steps", "rescue", "finally",
	"parallel", "limit", "use", "with", "commit", "stop",
}

// ReadDescription reads a description of the type. Its faults are plugin-description-invalid and
// plugin-protocol.
func ReadDescription(typeName string, text []byte) (Description, error) {
	if len(text) > maximumDescription {
		return Description{}, schemaFault("the description has %d KiB, and %d KiB is the most", len(text)>>10, maximumDescription>>10)
	}
	if deeper(text, maximumDepth) {
		return Description{}, schemaFault("the description is nested more than %d deep", maximumDepth)
	}
	// A newer protocol may have members that this one does not know: that is what to say of it.
	var version struct {
		Protocol int `json:"protocol"`
	}
	if err := json.Unmarshal(text, &version); err == nil && version.Protocol != Protocol {
		return Description{}, otherProtocol(version.Protocol)
	}
	var read described
	if err := strictly(text, &read); err != nil {
		return Description{}, schemaFault("the description cannot be read").WithCause(err)
	}
	d := Description{
		about: step.About{
			Name: read.Type, Summary: read.Summary, Doc: read.Doc, Example: read.Example, Repeatable: read.Repeatable, UndoData: read.UndoData,
			Undo: read.Undo, Scalar: read.Scalar, Fresh: read.Fresh,
		},
		also: read.Also, outputs: value.Object(),
	}
	if read.Executable != nil {
		d.digest = read.Executable.SHA256
	}
	for _, one := range read.Choices {
		d.about.Choices = append(d.about.Choices, step.Choice(one))
	}
	for _, one := range read.Effects {
		d.about.Effects = append(d.about.Effects, step.Effect(one))
	}
	var err error
	if d.arguments, err = fieldsOf(read.Arguments, "arguments"); err != nil {
		return Description{}, err
	}
	if read.Outputs != nil {
		if d.outputs, err = fieldsOf(*read.Outputs, "outputs"); err != nil {
			return Description{}, err
		}
		for i := range d.outputs.Fields { // to give one is not a duty of the recipe's
			d.outputs.Fields[i].Required = false
		}
	}
	if err := d.check(typeName); err != nil {
		return Description{}, err
	}
	d.text, err = d.marshal()
	return d, err
}

// deeper reports whether JSON is nested more than most deep. It looks at no more than brackets and strings.
func deeper(text []byte, most int) bool {
	depth, inText := 0, false
	for i := 0; i < len(text); i++ {
		switch character := text[i]; {
		case inText && character == '\\':
			i++
		case character == '"':
			inText = !inText
		case inText:
		case character == '{' || character == '[':
			if depth++; depth > most {
				return true
			}
		case character == '}' || character == ']':
			depth--
		}
	}
	return false
}

func fieldsOf(read jsonSchema, what string) (value.Type, error) {
	if read.Type != "object" || read.Properties == nil {
		return value.Type{}, schemaFault("%s is not a JSON Schema of an object with properties", what).
			WithHint(`with nothing to describe it is {"type": "object", "properties": {}}`)
	}
	object, err := read.object()
	if err == nil {
		return object, nil
	}
	if f := fault.As(err); f != nil && f.Code == "plugin-description-invalid" {
		return value.Type{}, schemaFault("%s: %v", what, err).WithHint("%s", f.Hint)
	}
	return value.Type{}, schemaFault("%s: %v", what, err)
}

// check finds what the engine and the grammar could not live with. What is only poor help, the conformance
// suite reports.
func (d Description) check(typeName string) error {
	switch {
	case d.about.Name != typeName:
		return schemaFault("it describes the type %q, and %q was asked for", d.about.Name, typeName).
			WithHint("the executable is named %s<type>", Prefix)
	case !kebab.MatchString(typeName):
		return schemaFault("%q is not the name of a step type", typeName).WithHint("small letters, digits, and - between them")
	case slices.Contains(grammar, typeName):
		return schemaFault("%q is a key of the recipe language, and no step type can have its name", typeName)
	case d.about.Summary == "" || strings.ContainsAny(d.about.Summary, "\n\r"):
		return schemaFault("summary is not a line of text")
	case d.digest != "" && !digestForm.MatchString(d.digest):
		return schemaFault("executable.sha256 is not a SHA-256 in hexadecimal")
	}
	for _, also := range d.also {
		if also != Release && also != Verify {
			return schemaFault("also lists %q", also).WithHint("it lists release and verify, where the plugin serves them")
		}
	}
	if err := d.checkEffects(); err != nil {
		return err
	}
	if err := d.checkChoices(); err != nil {
		return err
	}
	if err := checkNames(d.arguments, "argument", kebab); err != nil {
		return err
	}
	return checkNames(d.outputs, "output", snake)
}

func (d Description) checkEffects() error {
	for _, one := range d.about.Effects {
		if !slices.Contains([]step.EffectKind{step.Writes, step.Removes, step.Swaps, step.Runs, step.Refreshes}, one.Kind) {
			return schemaFault("there is no effect %q", one.Kind).WithHint("writes, removes, swaps, runs and refreshes are the effects")
		}
		if _, known := d.arguments.Field(one.If); !known && one.If != "" {
			return schemaFault("the effect %s depends on the argument %q, which is not described", one.Kind, one.If)
		}
		if _, known := d.arguments.Field(one.Argument); !known && !(!one.Kind.OnPath() && one.Argument == "") {
			return schemaFault("the effect %s names the argument %q, which is not described", one.Kind, one.Argument)
		}
	}
	return nil
}

// checkChoices sees to the arguments that scalar and choices name.
func (d Description) checkChoices() error {
	if _, known := d.arguments.Field(d.about.Scalar); d.about.Scalar != "" && !known {
		return schemaFault("scalar names the argument %q, which is not described", d.about.Scalar)
	}
	for _, one := range d.about.Choices {
		for _, name := range one.Names {
			if _, known := d.arguments.Field(name); !known {
				return schemaFault("choices names the argument %q, which is not described", name)
			}
		}
		if _, known := d.arguments.Field(one.If); one.If != "" && !known {
			return schemaFault("choices names the argument %q, which is not described", one.If)
		}
	}
	return nil
}

func checkNames(object value.Type, what string, form *regexp.Regexp) error {
	for _, field := range object.Fields {
		if !form.MatchString(field.Name) {
			return schemaFault("the %s %q has no name of one", what, field.Name).
				WithHint("arguments are kebab-case, outputs snake_case")
		}
	}
	return nil
}

// Of describes a step type.
func Of(stepType step.Type) (Description, error) {
	d := Description{about: stepType.About(), arguments: stepType.Arguments(), outputs: stepType.Outputs()}
	if more, ok := stepType.(interface{ Releases() bool }); ok && more.Releases() {
		d.also = append(d.also, Release)
	}
	if more, ok := stepType.(interface{ Verifies() bool }); ok && more.Verifies() {
		d.also = append(d.also, Verify)
	}
	var err error
	d.text, err = d.marshal()
	return d, err
}

// Text is the description as JSON, indented for people.
func (d Description) Text() []byte { return d.text }

// With is the description of that executable.
func (d Description) With(digest string) (Description, error) {
	d.digest = digest
	var err error
	d.text, err = d.marshal()
	return d, err
}

func (d Description) marshal() ([]byte, error) {
	written := described{
		Protocol: Protocol, Type: d.about.Name, Summary: d.about.Summary, Doc: d.about.Doc, Example: d.about.Example,
		Undo: d.about.Undo, Repeatable: d.about.Repeatable, Fresh: d.about.Fresh, UndoData: d.about.UndoData, Scalar: d.about.Scalar, Also: d.also,
		Arguments: objectSchema(d.arguments, false),
	}
	if outputs := objectSchema(d.outputs, true); len(d.outputs.Fields) > 0 {
		written.Outputs = &outputs
	}
	for _, one := range d.about.Effects {
		written.Effects = append(written.Effects, effect(one))
	}
	for _, one := range d.about.Choices {
		written.Choices = append(written.Choices, choice(one))
	}
	if d.digest != "" {
		written.Executable = &executable{d.digest}
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(written); err != nil {
		return nil, fmt.Errorf("the description cannot be written: %w", err)
	}
	return text.Bytes(), nil
}

func otherProtocol(version int) error {
	return fault.New(fault.Refused, "plugin-protocol", "the plugin speaks version %d of the protocol, and this gwe version %d", version, Protocol).
		WithHint("use a plugin that was made for this gwe")
}
