package proof

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/schema"
)

// switching: the order in which a release is made, switched to, taken up and looked at.
func (c *checker) switching() {
	for i, a := range c.acts {
		links := c.touched(a).swaps
		if len(links) == 0 {
			continue
		}
		c.switchEarly(i, a, links)
		c.switchAfterCommit(a)
		c.readAfterSwitch(i, links)
		c.restartEarly(i, a)
	}
}

// switchEarly: a link leads to what is there already.
func (c *checker) switchEarly(number int, a *act, links []path) {
	for _, to := range c.touched(a).reads {
		for _, link := range links {
			if link.covers(to) {
				c.report(a.step, a.leaf.Key.Span, SwitchEarly, fmt.Sprintf("the link %s would lead to itself", shown(link)), "name the release's own directory")
				return
			}
		}
		if slices.ContainsFunc(c.acts[:number], func(earlier *act) bool { return c.makesIt(earlier, to) }) {
			continue
		}
		for _, later := range c.acts[number+1:] {
			if !later.committed && c.makesIt(later, to) {
				c.report(a.step, a.leaf.Key.Span, SwitchEarly, fmt.Sprintf("the link leads to %s, which %s on line %d makes only later", shown(to), later.leaf.Key.Text, later.leaf.Key.Line),
					"move this step below it")
				return
			}
		}
	}
}

// makesIt reports whether the step makes what is at the path, or a part of it.
func (c *checker) makesIt(a *act, at path) bool {
	return slices.ContainsFunc(c.touched(a).writes, func(made path) bool { return made == at || at.covers(made) })
}

// switchAfterCommit: what is switched after the commit is the new version, and its failure rolls back nothing
// before it.
func (c *checker) switchAfterCommit(a *act) {
	first := func(one *act) bool { return !one.committed && len(c.touched(one).swaps) > 0 }
	if a.committed && !a.step.AllowFailure && !slices.ContainsFunc(c.acts, first) {
		c.report(a.step, a.leaf.Key.Span, SwitchAfterCommit, "the switch stands after the commit: where it fails, the run says that the new version is in place, and the old one runs",
			"move the commit below it, and below what checks the new version")
	}
}

// readAfterSwitch: a link that is read after the switch says where the new release is, and an undo that wants
// the old one gets that.
func (c *checker) readAfterSwitch(number int, links []path) {
	for _, later := range c.acts[number+1:] {
		if later.leaf.Type == nil || later.step.ID == nil || later.committed || !later.looks() {
			continue
		}
		if !slices.ContainsFunc(c.touched(later).reads, func(read path) bool { return slices.Contains(links, read) }) || !c.readInUndo(later.step.ID.Text) {
			continue
		}
		c.report(later.step, later.leaf.Key.Span, ReadAfterSwitch, "the link is read after the switch: the undo that reads it gets the new release, not the old one",
			"move this step above the switch")
	}
}

// readInUndo reports whether a step of an undo or of the failsafe reads the outputs of a step.
func (c *checker) readInUndo(id string) bool {
	found := false
	look := func(s *schema.Step) { found = found || strings.Contains(c.textOf(s), "steps."+id+".") }
	every(c.recipe, func(s *schema.Step) {
		for _, inner := range slices.Concat(s.Undo, s.UndoLast) {
			look(inner)
		}
	})
	for _, s := range c.recipe.Failsafe {
		look(s)
	}
	return found
}

// textOf is all that a step of an undo says.
func (c *checker) textOf(s *schema.Step) string {
	var text strings.Builder
	if s.When != nil {
		text.WriteString(s.When.Text + " ")
	}
	if leaf, ok := s.Action.(schema.Leaf); ok {
		for _, entry := range leaf.Arguments.Entries {
			for _, one := range texts(entry.Value) {
				text.WriteString(one.Text + " ")
			}
		}
	}
	return text.String()
}

// texts are all scalars of a value.
func texts(node schema.Node) []schema.Scalar {
	switch node := node.(type) {
	case schema.Scalar:
		return []schema.Scalar{node}
	case schema.List:
		var all []schema.Scalar
		for _, item := range node.Items {
			all = append(all, texts(item)...)
		}
		return all
	case schema.Map:
		var all []schema.Scalar
		for _, entry := range node.Entries {
			all = append(all, texts(entry.Value)...)
		}
		return all
	}
	return nil
}

// restartEarly: a program takes up the new release after the switch, and a check of it comes after that.
func (c *checker) restartEarly(number int, a *act) {
	if a.committed {
		return
	}
	takesUp := func(one *act) bool {
		return one.leaf.Type != nil && one.step.EffectsNone == nil && c.touched(one).takesUp != ""
	}
	unknown := func(one *act) bool {
		return one.leaf.Type != nil && one.step.EffectsNone == nil && !takesUp(one) && c.touched(one).runs
	}
	after := slices.IndexFunc(c.acts[number+1:], takesUp)
	before := slices.IndexFunc(c.acts[:number], takesUp)
	if after < 0 && before >= 0 && !slices.ContainsFunc(c.acts[number+1:], unknown) {
		early := c.acts[before]
		c.warn(early.step, early.leaf.Key.Span, RestartEarly, fmt.Sprintf("%q runs before the switch of line %d, and nothing takes up the new release after that", c.touched(early).takesUp, a.leaf.Key.Line),
			"move it below the switch")
	}
	if after < 0 {
		return
	}
	waits := func(one *act) bool {
		return one.leaf.Type != nil && one.looks() && hasArgument(one.leaf, "within") && !one.committed
	}
	restart := number + 1 + after
	if early := slices.IndexFunc(c.acts[number+1:restart], waits); early >= 0 && !slices.ContainsFunc(c.acts[restart:], waits) {
		check := c.acts[number+1+early]
		c.warn(check.step, check.leaf.Key.Span, CheckEarly, fmt.Sprintf("this check runs before the restart of line %d: it looks at the old program", c.acts[restart].leaf.Key.Line),
			"move it below the restart")
	}
}
