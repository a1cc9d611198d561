package program

import (
	"github.com/gwe-project/gwe/engine/value"
)

// Items is what a step is carried out for.
type Items struct {
	Value Dynamic
	// of is the type of the whole, a list, a map or an object; element is that of one item.
	of, element value.Type
}

// TypeOf is the type of one item: the members of an object may differ.
func (i *Items) TypeOf(number int, keys []string) value.Type {
	if i.of.Kind == value.KindObject && number < len(keys) {
		return member(i.of, keys[number])
	}
	return i.element
}

// forEach compiles what a step is carried out for, and gives what is visible in each round.
func (c *compiler) forEach(n *Node, v visibleNames) visibleNames {
	before := len(c.diagnostics)
	compiled, of := c.inferred(n.Step.ForEach, v.scope())
	n.Items = &Items{Value: compiled, of: of, element: anyType}
	n.Own = &StaticScope{Parent: n.In, Owner: n, Loops: n.In.Loops + 1}
	index := intType
	switch of.Kind {
	case value.KindList:
		n.Items.element = member(of, "")
	case value.KindMap:
		n.Items.element, index = member(of, ""), textType
	case value.KindObject:
		n.Items.element, index = common(of), textType
	default:
		n.Items.element = textType // what is wrong was said
		if len(c.diagnostics) == before && len(c.recipe.Spoilt) == 0 {
			c.fail(n.Step.ForEach.Where(), "for-each", "give it a list, or a map: for a number of rounds, [1, 2, 3]", "for-each goes over a list or a map, and this is %s", of)
		}
	}
	if of.HoldsSecret() {
		c.fail(n.Step.ForEach.Where(), "for-each", "go over the names of the secrets, and read them in the steps", "for-each does not go over secrets: the log names each item")
	}
	return v.with("item", n.Items.element).with("index", index)
}

// common is the type of all members of an object; any where they differ.
func common(object value.Type) value.Type {
	for _, field := range object.Fields {
		if field.Optional || !field.Type.Equal(object.Fields[0].Type) {
			return anyType
		}
	}
	if len(object.Fields) == 0 {
		return anyType
	}
	return object.Fields[0].Type
}
