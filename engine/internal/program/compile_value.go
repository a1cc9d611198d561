package program

import (
	"cmp"
	"strings"

	"github.com/gwe-project/gwe/engine/expression"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/schema"
)

var (
	textType     = value.Type{Kind: value.KindString}
	boolType     = value.Type{Kind: value.KindBool}
	intType      = value.Type{Kind: value.KindInt}
	floatType    = value.Type{Kind: value.KindFloat}
	durationType = value.Type{Kind: value.KindDuration}
	anyType      = value.Type{Kind: value.KindAny}
)

// value compiles a value of the recipe for a place that wants a type. Its literals were checked by the schema
// already.
func (c *compiler) value(node schema.Node, want value.Type, scope expression.Scope) Dynamic {
	switch node := node.(type) {
	case schema.Scalar:
		if want.Kind == value.KindPath && node.Kind == schema.Text && !node.Dynamic && node.Text != "" && !want.IsAbsolute(node.Text) && !schema.ForShell(node.Text) {
			c.fail(node.Span, "relative-path", relativeHint(node.Text), "%q is not an absolute path", node.Text)
		}
		return c.scalar(node, want, scope)
	case schema.List:
		element := anyType
		if want.Elem != nil {
			element = *want.Elem
		}
		values := make(List, len(node.Items))
		for i, item := range node.Items {
			values[i] = c.value(item, element, scope)
		}
		return values
	case schema.Map:
		values := make(mapping, len(node.Entries))
		for i, entry := range node.Entries {
			inner := member(want, entry.Key.Text)
			values[i] = NamedValue{entry.Key.Text, c.value(entry.Value, inner, scope), inner}
		}
		return values
	}
	return constant{}
}

// member is the type of one member of a map or an object.
func member(of value.Type, name string) value.Type {
	if of.Elem != nil {
		return *of.Elem
	}
	for _, field := range of.Fields {
		if field.Name == name {
			return field.Type
		}
	}
	return anyType
}

func (c *compiler) scalar(scalar schema.Scalar, want value.Type, scope expression.Scope) Dynamic {
	if !strings.Contains(scalar.Text, "${{") {
		// The schema has said already what is wrong with a literal.
		literal, _ := scalar.Convert(literalWanted(scalar, want))
		return constant{literal, scalar.Text}
	}
	template, problems := expression.CompileText(scalar.Text, scope, want)
	for _, problem := range problems {
		c.problem(scalar, problem)
	}
	if len(problems) > 0 {
		return constant{nil, scalar.Text}
	}
	return text{template, scalar.Text}
}

// literalWanted is the type of a literal where the place has none of its own.
func literalWanted(scalar schema.Scalar, want value.Type) value.Type {
	if want.Kind == value.KindAny {
		return literalType(scalar)
	}
	return want
}

// setting compiles a timeout, a count, ...; nil where there is none.
func (c *compiler) setting(setting *schema.Setting, want value.Type, scope expression.Scope) Dynamic {
	if setting == nil {
		return nil
	}
	if !setting.Dynamic {
		return constant{setting.Value, setting.Text}
	}
	return c.scalar(setting.Scalar, want, scope)
}

// inferred compiles a value of no declared type, a var or an output, and tells its type.
func (c *compiler) inferred(node schema.Node, scope expression.Scope) (Dynamic, value.Type) {
	switch node := node.(type) {
	case schema.Scalar:
		compiled := c.scalar(node, anyType, scope)
		if dynamicText, ok := compiled.(text); ok {
			return compiled, dynamicText.template.Type()
		}
		return compiled, literalType(node)
	case schema.List:
		values := make(List, len(node.Items))
		element := anyType
		for i, item := range node.Items {
			var typ value.Type
			values[i], typ = c.inferred(item, scope)
			if i == 0 {
				element = typ
			} else if !element.Equal(typ) {
				element = anyType
			}
		}
		return values, value.Type{Kind: value.KindList, Elem: &element}
	case schema.Map:
		values := make(mapping, len(node.Entries))
		object := value.Type{Kind: value.KindObject}
		for i, entry := range node.Entries {
			inner, typ := c.inferred(entry.Value, scope)
			values[i] = NamedValue{entry.Key.Text, inner, typ}
			object.Fields = append(object.Fields, value.Field{Name: entry.Key.Text, Type: typ})
		}
		return values, object
	}
	return constant{}, anyType
}

// literalType is what YAML takes a literal for.
func literalType(scalar schema.Scalar) value.Type {
	switch scalar.Kind {
	case schema.Int:
		return intType
	case schema.Float:
		return floatType
	case schema.Bool:
		return boolType
	}
	return textType
}

// problem reports what is wrong within a scalar, at its place in the file.
func (c *compiler) problem(scalar schema.Scalar, problem expression.Problem) {
	c.report(schema.Diagnostic{
		Severity: schema.Error,
		Rule:     cmp.Or(problem.Rule, "expression"),
		File:     c.recipe.File,
		Span:     scalar.Locate(problem.From, problem.To),
		Message:  problem.Message,
		Hint:     problem.Hint,
	})
}

// relativeHint says how to write a path that does not begin at the root.
func relativeHint(text string) string {
	if strings.HasPrefix(text, "{{") {
		return "an expression begins with a dollar: write \"$" + text + "\""
	}
	return "a run may be recovered from anywhere: write the path from the root, or make it an input of type path"
}
