package schema

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gwe-project/gwe/engine/value"
)

// leaf reads a step type and its arguments.
func (p *parser) leaf(entry Entry) Action {
	stepType, _ := p.catalog.Find(entry.Key.Text)
	leaf := Leaf{Key: entry.Key, Type: stepType}
	fields := stepType.Arguments()
	switch node := entry.Value.(type) {
	case nil:
		return leaf
	case Map:
		leaf.Arguments = node
	case Scalar:
		name := stepType.About().Scalar
		if node.Kind == Absent || name == "" {
			hint := shape(entry.Key.Text, fields)
			if node.Kind != Absent {
				hint = scalarHint(stepType, node.Text)
			}
			p.wrongShape(node, entry.Key.Text, "a mapping of its arguments", hint)
			return leaf
		}
		if found := keyValue.FindStringSubmatch(node.Text); found != nil {
			if _, argument := fields.Field(found[1]); argument {
				p.fail(node.Span, "wrong-shape", fmt.Sprintf("the arguments of %s are a mapping, found %s", entry.Key.Text, describe(node)),
					fmt.Sprintf("write %s: {%s: ..., ...}", entry.Key.Text, found[1]))
				return leaf
			}
		}
		// The argument has no key in the file; its type's name stands for it.
		key := entry.Key
		key.Text = name
		leaf.Arguments = Map{Span: node.Span, Entries: []Entry{{Key: key, Value: node}}}
	default:
		p.wrongShape(node, entry.Key.Text, "a mapping of its arguments", shape(entry.Key.Text, fields))
		return leaf
	}
	p.object(leaf.Arguments, entry.Key, fields, "")
	p.choices(leaf.Arguments, entry.Key, stepType)
	return leaf
}

// keyValue is how Ansible writes arguments on one line.
var keyValue = regexp.MustCompile(`^([a-z][a-z_-]*)=\S`)

// shape is the hint that shows how a step of the type is written.
func shape(name string, fields value.Type) string {
	var required []string
	for _, field := range fields.Fields {
		if field.Required {
			required = append(required, field.Name+": ...")
		}
	}
	if _, argv := fields.Field("argv"); argv && len(required) == 0 {
		required = []string{"argv: [PROGRAM, ARGUMENT, ...]"}
	}
	if len(required) == 0 && len(fields.Fields) > 0 {
		required = []string{fields.Fields[0].Name + ": ..."}
	}
	return fmt.Sprintf("write %s: {%s}", name, strings.Join(required, ", "))
}

// object checks a mapping against an object type: the arguments of a step type, or an argument that has parts itself.
func (p *parser) object(given Map, owner Scalar, fields value.Type, prefix string) {
	for _, entry := range given.Entries {
		field, ok := fields.Field(entry.Key.Text)
		if !ok {
			p.unknownArgument(entry, owner, fields)
			continue
		}
		p.argument(entry.Value, field, prefix+field.Name)
	}
	names := fields.FieldNames()
	for _, field := range fields.Fields {
		if field.Required && missing(given, field.Name, names) {
			p.fail(owner.Span, "missing-argument", fmt.Sprintf("%s lacks the argument %q", owner.Text, prefix+field.Name), fmt.Sprintf("add %s: %s", field.Name, field.Help))
		}
	}
}

func (p *parser) unknownArgument(entry Entry, owner Scalar, fields value.Type) {
	key, names := entry.Key, fields.FieldNames()
	hint := suggestion(key.Text, names)
	if choice := asChoice(entry, fields); choice != "" {
		hint = fmt.Sprintf("write %s: {%s}", owner.Text, choice)
	}
	if slices.Contains(modifiers, key.Text) {
		hint = fmt.Sprintf("%s belongs to the step: write it beside %s, not below", key.Text, owner.Text)
	}
	p.fail(key.Span, "unknown-argument", fmt.Sprintf("%s has no argument %s", owner.Text, quote(key.Text)), hint)
}

// asChoice shows how a value that an argument takes is written, where a recipe has it as a key: restart: app for action: restart and
// programs: [app]. It is "" where no argument takes the key.
func asChoice(entry Entry, fields value.Type) string {
	for _, field := range fields.Fields {
		if !slices.Contains(field.Enum, entry.Key.Text) {
			continue
		}
		written := field.Name + ": " + entry.Key.Text
		object, isText := entry.Value.(Scalar)
		list := slices.IndexFunc(fields.Fields, func(other value.Field) bool { return other.Type.Kind == value.KindList })
		if isText && object.Text != "" && list >= 0 {
			written += fmt.Sprintf(", %s: [%s]", fields.Fields[list].Name, object.Text)
		}
		return written
	}
	return ""
}

// argument checks the value of one argument.
func (p *parser) argument(node Node, field value.Field, what string) {
	if field.Literal {
		if scalar, ok := node.(Scalar); ok && scalar.Dynamic {
			p.fail(scalar.expression(), "literal-only", what+" may not contain ${{ }}: a value would be run as code",
				`hand the value over by env, and use it as "$NAME"`)
			return
		}
	}
	if field.Type.Kind == value.KindObject {
		if given, ok := node.(Map); ok {
			p.object(given, Scalar{Text: what, Span: given.Span}, field.Type, "")
			return
		}
	}
	if scalar, isScalar := node.(Scalar); isScalar && !scalar.Dynamic && scalar.Kind != Absent && p.oddLiteral(scalar, field, what) {
		return
	}
	literal, ok := p.literal(node, field.Type, what)
	if _, list := node.(List); ok || list {
		p.form(node, literal, field, what)
	}
}

// closest is the hint for a value near an accepted one.
func closest(text string, accepted []string) string {
	if found := value.Closest(text, accepted); found != "" {
		return fmt.Sprintf("did you mean %q?", found)
	}
	return fmt.Sprintf("write %s, for example", accepted[0])
}

// literal converts a node that holds no expressions to the canonical value of a type. Ok is false where it holds some, or
// where it was reported.
func (p *parser) literal(node Node, t value.Type, what string) (converted any, ok bool) {
	switch typed := node.(type) {
	case Scalar:
		return p.literalScalar(typed, t, what)
	case List:
		element, wanted := elementOf(t, value.KindList)
		if !wanted {
			hint := fmt.Sprintf("write one value: %s: ...", what)
			if t.Kind == value.KindMap {
				hint = fmt.Sprintf("write %s: {NAME: VALUE}", what)
			}
			p.wrongShape(typed, what, indefinite(t.String())+" "+t.String(), hint)
			return nil, false
		}
		ok := true
		list := make([]any, 0, len(typed.Items))
		for i, item := range typed.Items {
			one, good := p.literal(item, element, what+"["+strconv.Itoa(i)+"]")
			list, ok = append(list, one), ok && good
		}
		return list, ok
	case Map:
		element, wanted := elementOf(t, value.KindMap)
		if !wanted {
			hint := fmt.Sprintf("write one value: %s: ...", what)
			switch {
			case t.Kind == value.KindList:
				hint = fmt.Sprintf("write a list: %s: [...]", what)
			case t.Kind == value.KindString:
				hint = fmt.Sprintf("write one text; over several lines it stands behind %s: |", what)
			}
			p.wrongShape(typed, what, indefinite(t.String())+" "+t.String(), hint)
			return nil, false
		}
		ok := true
		members := make(map[string]any, len(typed.Entries))
		for _, entry := range typed.Entries {
			one, good := p.literal(entry.Value, element, what+"."+entry.Key.Text)
			members[entry.Key.Text], ok = one, ok && good
		}
		return members, ok
	}
	return nil, false
}

// elementOf gives the type of the elements of a list or map, and whether t accepts that shape.
func elementOf(t value.Type, shape value.Kind) (value.Type, bool) {
	switch {
	case t.Kind == value.KindAny:
		return t, true
	case t.Kind == shape && t.Elem != nil:
		return *t.Elem, true
	}
	return value.Type{}, false
}

func (p *parser) literalScalar(scalar Scalar, t value.Type, what string) (converted any, ok bool) {
	switch {
	case scalar.Dynamic:
		return nil, false
	case scalar.Kind == Absent:
		p.fail(scalar.Span, "no-value", what+" has no value", "give it one, or leave the key out")
		return nil, false
	}
	converted, err := scalar.Convert(t)
	if err != nil {
		rule := "wrong-type"
		if t.Kind == value.KindAny {
			rule = "number-text"
		}
		p.fault(scalar.Span, rule, what, err)
		return nil, false
	}
	p.mistakenTemplate(scalar)
	return converted, true
}

// values checks a value of any type, with expressions or without: no null, no odd numbers. It tells whether all was well.
func (p *parser) values(node Node, what string) bool {
	before := len(p.diagnostics)
	p.literal(node, value.Of(value.KindAny), what)
	return node != nil && !p.diagnostics[before:].HasErrors()
}
