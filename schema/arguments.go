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
		if hint := sizeHint(node, entry.Key.Text, name, fields); hint != "" {
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
		hint := shape(entry.Key.Text, fields)
		if items := plainTexts(node); len(items) > 1 && stepType.About().Scalar != "" {
			hint = fmt.Sprintf("write for-each: [%s], and beside it %s: ${{ item }}", strings.Join(items, ", "), entry.Key.Text)
		}
		p.wrongShape(node, entry.Key.Text, "a mapping of its arguments", hint)
		return leaf
	}
	p.object(leaf.Arguments, entry.Key, fields, "")
	p.choices(leaf.Arguments, entry.Key, stepType)
	return leaf
}

// sizeHint is how a step is written of which somebody gave the size alone, where its text is a path; "" for
// any other text.
func sizeHint(node Scalar, owner, name string, fields value.Type) string {
	first, _ := fields.Field(name)
	at := slices.IndexFunc(fields.Fields, func(field value.Field) bool { return field.Type.Kind == value.KindSize })
	if at < 0 || first.Type.Kind != value.KindPath || node.Dynamic {
		return ""
	}
	if _, err := value.ParseSize(node.Text); err != nil {
		return ""
	}
	return fmt.Sprintf("write %s: {%s: /PATH, %s: %s}", owner, name, fields.Fields[at].Name, node.Text)
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

// object checks a mapping against an object type: the arguments of a step type, or an argument that has parts
// itself.
func (p *parser) object(given Map, owner Scalar, fields value.Type, prefix string) {
	var cured []string // the arguments that are there by another name
	for _, entry := range given.Entries {
		field, ok := fields.Field(entry.Key.Text)
		if !ok {
			cured = append(cured, p.unknownArgument(entry, owner, fields, given)...)
			continue
		}
		p.argument(entry.Value, field, prefix+field.Name)
	}
	names := fields.FieldNames()
	for _, field := range fields.Fields {
		if field.Required && !slices.Contains(cured, field.Name) && missing(given, field.Name, names) {
			p.fail(owner.Span, "missing-argument", fmt.Sprintf("%s lacks the argument %q", owner.Text, prefix+field.Name), fmt.Sprintf("add %s: %s", field.Name, field.Help))
		}
	}
}

// unknownArgument reports an argument that a step type does not have, and gives those that are meant by it.
func (p *parser) unknownArgument(entry Entry, owner Scalar, fields value.Type, given Map) (cured []string) {
	key := entry.Key
	names := slices.DeleteFunc(fields.FieldNames(), func(name string) bool { _, there := given.Get(name); return there })
	hint := suggestion(key.Text, names)
	likely := meant(key.Text, names)
	if strings.HasPrefix(hint, "expected one of") {
		hint = suggestion(key.Text, fields.FieldNames())
	}
	choice, chosen := asChoice(entry, fields)
	switch {
	case choice != "" && likely != "expected":
		hint, cured = fmt.Sprintf("write %s: {%s}", owner.Text, choice), chosen
	case slices.Contains(modifiers, key.Text) && likely == "":
		hint = fmt.Sprintf("%s belongs to the step: write it beside %s, not below", key.Text, owner.Text)
	case likely != "":
		cured = []string{likely}
	}
	p.fail(key.Span, "unknown-argument", fmt.Sprintf("%s has no argument %s", owner.Text, quote(key.Text)), hint)
	return cured
}

// asChoice shows how a value that an argument takes is written, where a recipe has it as a key: restart: app
// for action: restart and programs: [app], and the arguments that are given so. It is "" where no argument
// takes the key.
func asChoice(entry Entry, fields value.Type) (written string, given []string) {
	for _, field := range fields.Fields {
		if !slices.Contains(field.Enum, entry.Key.Text) {
			continue
		}
		written, given = field.Name+": "+entry.Key.Text, []string{field.Name}
		objects := plainTexts(entry.Value)
		list := slices.IndexFunc(fields.Fields, func(other value.Field) bool { return other.Type.Kind == value.KindList })
		_, compared := fields.Field("expected")
		switch {
		case len(objects) == 1 && objects[0] == "all" && list >= 0: // each of them has a name
			written += fmt.Sprintf(", %s: [NAME, ...]", fields.Fields[list].Name)
			given = append(given, fields.Fields[list].Name)
		case len(objects) > 0 && list >= 0:
			written += fmt.Sprintf(", %s: [%s]", fields.Fields[list].Name, strings.Join(objects, ", "))
			given = append(given, fields.Fields[list].Name)
		case len(objects) == 1 && compared:
			written += ", expected: " + objects[0]
		}
		return written, given
	}
	return "", nil
}

// plainTexts are the texts of a value, or of a list of them.
func plainTexts(node Node) []string {
	switch node := node.(type) {
	case Scalar:
		if node.Text != "" {
			return []string{node.Text}
		}
	case List:
		var all []string
		for _, item := range node.Items {
			all = append(all, plainTexts(item)...)
		}
		return all
	}
	return nil
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

// literal converts a node that holds no expressions to the canonical value of a type. Ok is false where it
// holds some, or where it was reported.
func (p *parser) literal(node Node, t value.Type, what string) (converted any, ok bool) {
	switch typed := node.(type) {
	case Scalar:
		return p.literalScalar(typed, t, what)
	case List:
		element, wanted := elementOf(t, value.KindList)
		if !wanted {
			hint := fmt.Sprintf("write one value: %s: ...", what)
			switch items := plainTexts(typed); {
			case t.Kind == value.KindMap:
				hint = fmt.Sprintf("write %s: {NAME: VALUE}", what)
			case t.Kind == value.KindBool && len(items) > 0:
				hint = fmt.Sprintf("write %s: %s", what, quoted("${{ "+strings.Join(items, " and ")+" }}"))
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
				hint = fmt.Sprintf("write one text; over several lines it stands after %s: |", what)
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

// values checks a value of any type, with expressions or without: no null, no odd numbers. It reports whether
// all was well.
func (p *parser) values(node Node, what string) bool {
	before := len(p.diagnostics)
	p.literal(node, value.Of(value.KindAny), what)
	return node != nil && !p.diagnostics[before:].HasErrors()
}
