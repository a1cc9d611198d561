package schema

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/value"
)

// inputKeys are the keys of an input.
var inputKeys = []string{"type", "required", "default", "enum", "pattern", "min", "max", "mounted", "help"}

// Which types have an order to bound, a text to match, values to list.
var (
	boundedKinds = []value.Kind{value.KindInt, value.KindFloat, value.KindDuration, value.KindSize, value.KindVersion}
	matchedKinds = []value.Kind{value.KindString, value.KindPath, value.KindURL, value.KindVersion, value.KindSecret}
	mountedKinds = []value.Kind{value.KindPath}
	listedKinds  = append([]value.Kind{value.KindString, value.KindPath, value.KindURL}, boundedKinds...)
)

func (p *parser) inputs(node Node) []*Input {
	var inputs []*Input
	for _, entry := range p.fields(node, "inputs").Entries {
		named := p.identifier(entry.Key, "input")
		fields, ok := entry.Value.(Map)
		if !ok {
			p.noInput(entry)
			p.spoilt["inputs."+entry.Key.Text] = true
			continue
		}
		if input := p.input(entry.Key, fields); input != nil && named {
			inputs = append(inputs, input)
		} else {
			p.spoilt["inputs."+entry.Key.Text] = true
		}
	}
	return inputs
}

// noInput reports an input that is not a mapping: often only its type was written.
func (p *parser) noInput(entry Entry) {
	hint := fmt.Sprintf("write %s: {type: string, required: true}, for example", entry.Key.Text)
	if scalar, ok := entry.Value.(Scalar); ok {
		if _, err := value.ParseType(scalar.Text); err == nil {
			hint = fmt.Sprintf("write %s: {type: %s, required: true}", entry.Key.Text, scalar.Text)
		}
	}
	if entry.Value != nil {
		p.wrongShape(entry.Value, "an input", "a mapping", hint)
	}
}

// input reads one input; nil where its type is not known.
func (p *parser) input(name Scalar, fields Map) *Input {
	input := &Input{Name: name}
	for _, entry := range fields.Entries {
		switch entry.Key.Text {
		case "help":
			if help := p.text(entry.Value, "help", false); help != nil {
				input.Help = help.Text
			}
		case "required":
			input.Required = p.literalBool(entry.Value, "required")
		default:
			if !slices.Contains(inputKeys, entry.Key.Text) {
				p.unknownKey(entry.Key, "an input", inputKeys)
			}
		}
	}
	if !p.inputType(input, fields) {
		return nil
	}
	p.inputBounds(input, fields)
	p.inputDefault(input, fields)
	return input
}

func (p *parser) inputType(input *Input, fields Map) bool {
	node, there := fields.Get("type")
	if !there && missing(fields, "type", inputKeys) {
		p.fail(input.Name.Span, "missing-key", fmt.Sprintf("the input %s has no type", input.Name.Text), "write type: string, for example")
	}
	text := p.text(node, "type", false)
	if text == nil {
		return false
	}
	parsed, err := value.ParseType(text.Text)
	if err != nil {
		p.fault(text.Span, "type", "type", err)
		return false
	}
	input.Type = parsed
	return true
}

// inputBounds reads what narrows the type: enum, pattern, min and max.
func (p *parser) inputBounds(input *Input, fields Map) {
	for _, entry := range fields.Entries {
		switch key, node := entry.Key.Text, entry.Value; key {
		case "enum":
			if p.suits(entry.Key, input.Type, listedKinds) {
				input.Enum = p.enum(node, input.Type)
			}
		case "pattern":
			if p.suits(entry.Key, input.Type, matchedKinds) {
				input.Pattern = p.pattern(node)
			}
		case "min":
			if p.suits(entry.Key, input.Type, boundedKinds) {
				input.Min = p.constant(node, input.Type, key)
			}
		case "max":
			if p.suits(entry.Key, input.Type, boundedKinds) {
				input.Max = p.constant(node, input.Type, key)
			}
		case "mounted":
			if p.suits(entry.Key, input.Type, mountedKinds) {
				p.inputMounted(input, node)
			}
		}
	}
	if input.Min != nil && input.Max != nil && compare(input.Min, input.Max) > 0 {
		at, _ := fields.Get("max")
		p.fail(at.Where(), "bounds", fmt.Sprintf("max %s is below min %s", value.Text(input.Max), value.Text(input.Min)), "no value fits: exchange them")
	}
}

// inputMounted reads where the path of an input must be mounted.
func (p *parser) inputMounted(input *Input, node Node) {
	if at, found := dynamic(node); found {
		p.fail(at, "literal-only", "mounted holds no expressions", "write true, or the mount point")
		return
	}
	if list, ok := node.(List); ok {
		p.wrongShape(list, "mounted", "true or a mount point", "a path lies on one mount: write true, or that mount point")
		return
	}
	if scalar, ok := node.(Scalar); ok && p.mountPoints(node, "mounted") {
		if input.Mounted = scalar.Text; scalar.Kind == Bool {
			input.Mounted = ""
			if p.literalBool(node, "mounted") {
				input.Mounted = Anywhere
			}
		}
	}
}

// suits reports whether a key makes sense beside the type.
func (p *parser) suits(key Scalar, t value.Type, kinds []value.Kind) bool {
	if slices.Contains(kinds, t.Kind) {
		return true
	}
	names := make([]string, 0, len(kinds))
	for _, kind := range kinds {
		names = append(names, string(kind))
	}
	p.fail(key.Span, "key-not-here", fmt.Sprintf("%s %s has no %s", indefinite(t.String()), t, key.Text),
		"leave it out; the types that have one are "+strings.Join(names, ", "))
	return false
}

func (p *parser) enum(node Node, t value.Type) []any {
	list, ok := node.(List)
	switch {
	case node == nil:
		return nil
	case !ok:
		p.wrongShape(node, "enum", "a list of values", "write [a, b], for example")
		return nil
	case len(list.Items) == 0:
		p.fail(list.Span, "no-value", "enum is empty, and no value fits", "leave it out")
	}
	var accepted []any
	for i, item := range list.Items {
		if one := p.constant(item, t, fmt.Sprintf("enum[%d]", i)); one != nil {
			accepted = append(accepted, one)
		}
	}
	return accepted
}

func (p *parser) pattern(node Node) *regexp.Regexp {
	text := p.text(node, "pattern", false)
	if text == nil {
		return nil
	}
	compiled, err := regexp.Compile(text.Text)
	if err != nil {
		hint := "the syntax is RE2's; in double quotes every backslash is written twice"
		if strings.Contains(text.Text, "(?=") || strings.Contains(text.Text, "(?!") || strings.Contains(text.Text, "(?<") {
			hint = "the syntax is RE2's, which cannot look ahead or behind: write what is accepted, or list it in enum"
		}
		p.fail(text.Span, "pattern", "pattern is not a regular expression: "+strings.TrimPrefix(err.Error(), "error parsing regexp: "), hint)
	}
	return compiled
}

// constant reads a literal value of the type; nil where it is none.
func (p *parser) constant(node Node, t value.Type, what string) any {
	if at, ok := dynamic(node); ok {
		p.fail(at, "literal-only", what+" holds no expressions", "compute it in vars, which may")
		return nil
	}
	converted, ok := p.literal(node, t, what)
	if !ok {
		return nil
	}
	return converted
}

// dynamic finds the first expression in a node.
func dynamic(node Node) (Span, bool) {
	switch typed := node.(type) {
	case Scalar:
		if typed.Dynamic {
			return typed.expression(), true
		}
	case List:
		for _, item := range typed.Items {
			if at, ok := dynamic(item); ok {
				return at, true
			}
		}
	case Map:
		for _, entry := range typed.Entries {
			if at, ok := dynamic(entry.Value); ok {
				return at, true
			}
		}
	}
	return Span{}, false
}

// inputDefault reads the default, which fits all that the input says, and decides with required whether it
// may be left out.
func (p *parser) inputDefault(input *Input, fields Map) {
	node, there := fields.Get("default")
	switch {
	case there && input.Required:
		p.fail(keySpan(fields, "default"), "required-or-default", fmt.Sprintf("the input %s is required, and has a default too", input.Name.Text),
			"an input is required or has a default: remove one of them")
		return
	case !there && !input.Required:
		if said, ok := fields.Get("required"); ok && !isFalse(said) {
			return // what it says was reported
		}
		p.fail(input.Name.Span, "required-or-default", fmt.Sprintf("the input %s is neither required nor has a default", input.Name.Text),
			"add required: true, or a default")
		return
	case !there:
		return
	}
	if input.Type.HoldsSecret() {
		hint := "write required: true"
		if input.Type.Kind == value.KindSecret {
			hint += `; or default: "" for a secret that may be left out`
		}
		if scalar, ok := node.(Scalar); !ok || scalar.Kind != Text || scalar.Text != "" {
			p.fail(keySpan(fields, "default"), "secret-default", "a secret that stands in a recipe is none", hint)
			return
		}
	}
	input.Default = p.constant(node, input.Type, "default")
	if input.Default == nil {
		return
	}
	if secret, empty := input.Default.(value.Secret); empty && secret.Reveal() == "" {
		return
	}
	if err := input.Check(input.Default); err != nil {
		p.fail(node.Where(), "default", "default: "+strings.TrimPrefix(err.Error(), "the input "+input.Name.Text+": "), "write a default that the input accepts, or accept this one too")
	}
}

func isFalse(node Node) bool {
	scalar, ok := node.(Scalar)
	return ok && scalar.Text == "false"
}

// keySpan is the place of a key of a mapping.
func keySpan(fields Map, key string) Span {
	for _, entry := range fields.Entries {
		if entry.Key.Text == key {
			return entry.Key.Span
		}
	}
	return fields.Span
}
