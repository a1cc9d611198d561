package proof

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/schema"
)

// removals: what is removed is what is meant, and nothing needs it any more.
func (c *checker) removing() {
	every(c.recipe, c.removesMore)
	every(c.recipe, c.undoRemoves)
	for i, a := range c.acts {
		if a.leaf.Type == nil {
			continue
		}
		if len(c.acts) <= mostActs {
			c.removedEarly(i, a)
			c.prunesParent(a)
		}
	}
}

// lastInput is the input of which the last part of a path is made, and nothing else.
var lastInput = regexp.MustCompile(`/\$\{\{inputs\.([a-z][a-z0-9_]*)\}\}$`)

// removesMore: an input that may be empty, or dots, makes a path that of the directory above.
func (c *checker) removesMore(s *schema.Step) {
	leaf, ok := s.Action.(schema.Leaf)
	if !ok || leaf.Type == nil {
		return
	}
	paths := c.changes(leaf, step.Removes)
	if literal(leaf, "delete") == "true" && hasArgument(leaf, "delete", "target") {
		paths = c.changes(leaf, step.Writes)
	}
	for _, removed := range paths {
		found := lastInput.FindStringSubmatch(string(removed))
		if found == nil {
			continue
		}
		at := slices.IndexFunc(c.recipe.Inputs, func(input *schema.Input) bool { return input.Name.Text == found[1] })
		if at < 0 {
			continue
		}
		input := c.recipe.Inputs[at]
		for _, odd := range []string{"", ".."} {
			if input.Type.Kind == value.KindString && input.Check(odd) == nil && !c.excludes(s, found[1]) {
				tell := c.warn
				if input.Default == odd {
					tell = c.report
				}
				tell(s, leaf.Key.Span, RemovesMore, fmt.Sprintf("where the input %s is %q, this removes %s", found[1], odd, shown(path(strings.TrimSuffix(string(removed), found[0])+map[string]string{"": "/", "..": "/.."}[odd]))),
					`give the input a pattern, pattern: "^[a-z0-9][a-z0-9.-]*$" for example`)
				break
			}
		}
	}
}

// excludes reports whether a guard asks for the input.
func (c *checker) excludes(s *schema.Step, input string) bool {
	return s.When != nil && strings.Contains(s.When.Text, "inputs."+input)
}

// undoRemoves: a step type that undoes itself removes what it made, entry by entry. An undo beside it that
// removes the whole takes what came later, too.
func (c *checker) undoRemoves(s *schema.Step) {
	leaf, ok := s.Action.(schema.Leaf)
	if !ok || leaf.Type == nil || leaf.Type.About().Undo == "" || len(s.Undo)+len(s.UndoLast) == 0 {
		return
	}
	made := c.changes(leaf, step.Writes)
	for _, inner := range slices.Concat(s.Undo, s.UndoLast) {
		undo, ok := inner.Action.(schema.Leaf)
		if !ok || undo.Type == nil {
			continue
		}
		gone := c.changes(undo, step.Removes)
		for _, command := range commands(words(undo)) {
			if command[0] == "rm" {
				for _, word := range command[1:] {
					gone = append(gone, c.path(word))
				}
			}
		}
		for _, removed := range gone {
			if slices.ContainsFunc(made, removed.covers) {
				c.report(s, undo.Key.Span, UndoRemoves, fmt.Sprintf("%s undoes itself, and spares what came into %s later: this removes that too", leaf.Key.Text, shown(removed)), "leave this undo out")
				return
			}
		}
	}
}

// removedEarly: what a step reads is still there.
func (c *checker) removedEarly(number int, a *act) {
	if a.looks() {
		return
	}
	for _, read := range c.touched(a).reads {
		for i, earlier := range c.acts[:number] {
			if earlier.leaf.Type == nil || earlier.guarded() || earlier.forgiven() || earlier.rescuing || hasArgument(earlier.leaf, "keep") {
				continue
			}
			gone := slices.ContainsFunc(c.touched(earlier).removes, func(removed path) bool { return removed.covers(read) })
			if !gone {
				continue
			}
			back := slices.ContainsFunc(c.acts[i:number], func(between *act) bool {
				return between.leaf.Type != nil && between.leaf.Type.About().Opaque() || meets(c.touched(between).writes, read) || meets(c.touched(between).swaps, read)
			})
			if !back {
				c.report(a.step, a.leaf.Key.Span, RemovedEarly, fmt.Sprintf("%s on line %d has removed %s, which %s reads here", earlier.leaf.Key.Text, earlier.leaf.Key.Line, shown(read), a.leaf.Key.Text),
					"move the removal below this step")
				return
			}
		}
	}
}

// prunesParent: a directory of releases holds nothing else. Where the releases lie one level deeper, their
// own directory is an old entry.
func (c *checker) prunesParent(a *act) {
	if !hasArgument(a.leaf, "dir", "keep") {
		return
	}
	for _, dir := range c.touched(a).removes {
		for _, maker := range c.acts {
			if maker.leaf.Type == nil || maker == a || !hasArgument(maker.leaf, "into", "keyring") {
				continue
			}
			for _, into := range c.touched(maker).writes {
				if dir.covers(into) && dir != into {
					c.report(a.step, spanOf(a.leaf, "dir"), PrunesParent, fmt.Sprintf("the releases lie in %s: seen from %s that is one old directory, which may be removed", shown(into), shown(dir)),
						"write dir: "+shown(into))
					return
				}
			}
		}
	}
}
