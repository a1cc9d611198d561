package proof

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/schema"
)

// scratch are names of directories for what a run needs only while it lasts.
var scratch = regexp.MustCompile(`(?i)^/(tmp|var/tmp|run)/|te?mp|scratch|stag|cache|download|work|unpacked|updating|maintenance|progress|[./_-]lock$`)

// finallyRemoves: finally runs after a good end too.
func (c *checker) finallyRemoves() {
	check := func(s *schema.Step) {
		leaf, ok := s.Action.(schema.Leaf)
		if !ok || leaf.Type == nil || s.When != nil && strings.Contains(s.When.Text, "error.") {
			return
		}
		for _, removed := range c.changes(leaf, step.Removes) {
			if needing := c.neededBy(removed); needing != nil {
				c.report(s, leaf.Key.Span, FinallyRemoves, fmt.Sprintf("finally runs after a good end too, and removes what %s on line %d put in place", needing.leaf.Key.Text, needing.leaf.Key.Line),
					"guard it with when: error.code != nil, or leave it to the undo of that step; if it is there for the run alone, say so: allow: { finally-removes: REASON }")
				return
			}
		}
	}
	for _, s := range c.recipe.Finally {
		check(s)
	}
	every(c.recipe, func(s *schema.Step) {
		if group, ok := s.Action.(schema.Group); ok {
			for _, inner := range group.Finally {
				check(inner)
			}
		}
	})
}

// neededBy is the step whose result lies at the path, or that switched to it.
func (c *checker) neededBy(removed path) *act {
	for i, a := range c.acts {
		if a.leaf.Type == nil {
			continue
		}
		for _, link := range c.touched(a).swaps {
			if removed.covers(link) || slices.ContainsFunc(c.touched(a).reads, removed.covers) {
				return a
			}
		}
		if scratch.MatchString(string(removed)) {
			continue
		}
		for _, made := range c.touched(a).writes {
			inUse := func(later *act) bool {
				return later.leaf.Type != nil && slices.ContainsFunc(c.touched(later).reads, made.covers)
			}
			if removed.covers(made) && a.leaf.Type.About().Undo != "" && !slices.ContainsFunc(c.acts[i+1:], inUse) {
				return a
			}
		}
	}
	return nil
}

// failsafeRemoved: what the failsafe needs stays.
func (c *checker) failsafeRemoved() {
	for _, s := range c.recipe.Failsafe {
		leaf, ok := s.Action.(schema.Leaf)
		if !ok || leaf.Type == nil {
			continue
		}
		for _, needed := range c.reads(leaf) {
			for _, a := range c.acts {
				if a.leaf.Type == nil || hasArgument(a.leaf, "protect") && !c.prunes(a.leaf, needed) {
					continue
				}
				for _, removed := range c.touched(a).removes {
					if removed.covers(needed) {
						c.report(a.step, a.leaf.Key.Span, FailsafeRemoved, fmt.Sprintf("%s may remove %s, which the failsafe on line %d needs", a.leaf.Key.Text, shown(needed), leaf.Key.Line),
							"leave it there: the failsafe of this run, and of the next ones, leads to it")
					}
				}
			}
		}
	}
}

// prunes reports whether a step that keeps the newest of a directory may remove the path: it is not among
// what is protected.
func (c *checker) prunes(leaf schema.Leaf, needed path) bool {
	names, known := c.protected(leaf)
	if !known {
		return false
	}
	for _, dir := range c.changes(leaf, step.Removes) {
		rest, below := strings.CutPrefix(string(needed), strings.TrimSuffix(string(dir), "/")+"/")
		if !below {
			continue
		}
		first, _, _ := strings.Cut(rest, "/")
		if slices.Contains(names, first) || slices.Contains(names, string(needed)) {
			return false
		}
	}
	return true
}

// protected are the names that a step keeps whatever their age; false where only the run knows them.
func (c *checker) protected(leaf schema.Leaf) (names []string, known bool) {
	node, given := leaf.Arguments.Get("protect")
	if !given {
		field, _ := leaf.Type.Arguments().Field("protect")
		return strings.FieldsFunc(strings.Trim(field.Default, "[]"), func(r rune) bool { return r == ',' || r == ' ' }), true
	}
	for _, one := range texts(node) {
		if one.Dynamic {
			return nil, false
		}
		names = append(names, one.Text)
	}
	return names, true
}

// protectNothing: a name that is protected is one in the directory.
func (c *checker) protectNothing() {
	for _, a := range c.acts {
		node, given := a.leaf.Arguments.Get("protect")
		if !given || !hasArgument(a.leaf, "protect") {
			continue
		}
		for _, dir := range c.touched(a).removes {
			for _, name := range texts(node) {
				if name.Dynamic || strings.Contains(name.Text, "/") {
					continue
				}
				if elsewhere := c.elsewhere(dir, name.Text); elsewhere != "" {
					c.warn(a.step, name.Span, ProtectNothing, fmt.Sprintf("nothing in %s is called %s: the recipe's %s is %s", shown(dir), name.Text, name.Text, shown(elsewhere)),
						"write its path: protect: ["+shown(elsewhere)+"]")
				}
			}
		}
	}
}

// elsewhere is a path of that name that the recipe has, where it has none of that name in the directory.
func (c *checker) elsewhere(dir path, name string) path {
	var found path
	inDir := false
	every(c.recipe, func(s *schema.Step) {
		leaf, ok := s.Action.(schema.Leaf)
		if !ok || leaf.Type == nil || hasArgument(leaf, "protect") {
			return
		}
		for _, one := range slices.Concat(c.reads(leaf), c.changes(leaf, step.Writes, step.Removes, step.Swaps)) {
			switch {
			case string(one) == string(dir)+"/"+name:
				inDir = true
			case filepath.Base(string(one)) == name && found == "":
				found = one
			}
		}
	})
	if inDir {
		return ""
	}
	return found
}
