package proof

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/schema"
)

// roundsOnePath: what each round writes, the next one would overwrite.
func (c *checker) roundsOnePath() {
	for _, a := range c.acts {
		if a.leaf.Type == nil {
			continue
		}
		loops := slices.ContainsFunc(append(slices.Clone(a.around), a.step), func(s *schema.Step) bool { return s.ForEach != nil })
		chosen := slices.ContainsFunc(append(slices.Clone(a.around), a.step), func(s *schema.Step) bool {
			return s.When != nil && (strings.Contains(s.When.Text, "item") || strings.Contains(s.When.Text, "index"))
		})
		if !loops || chosen {
			continue
		}
		for _, written := range c.changes(a.leaf, step.Writes, step.Swaps) {
			if !written.ofRound() && written.fixed() && !hasArgument(a.leaf, "recursive") {
				c.report(a.step, a.leaf.Key.Span, RoundsOnePath, fmt.Sprintf("each round of for-each writes %s: only the last one stays", shown(written)),
					"put ${{ item }} or ${{ index }} into the path, or take the step out of the loop")
				break
			}
		}
	}
}

// exposure: secrets do not stand in files that others can read, and nothing is writable for all.
func (c *checker) exposure(s *schema.Step) {
	leaf, ok := s.Action.(schema.Leaf)
	if !ok || !hasArgument(leaf, "mode") || leaf.Type == nil || len(c.changes(leaf, step.Writes)) == 0 && len(effects(leaf)) == 0 {
		return
	}
	mode := literal(leaf, "mode")
	if mode == "" {
		return // a secret gets 0600, or only the run knows it
	}
	others := othersOf(mode)
	if others&2 != 0 {
		c.warn(s, spanOf(leaf, "mode"), WorldWritable, fmt.Sprintf("mode %s lets every user of the machine write here", mode), "leave the last digit at 5, 4 or 0")
	}
	if others&4 == 0 || !c.holdsSecret(leaf) {
		return
	}
	c.report(s, spanOf(leaf, "mode"), SecretReadable, "mode "+mode+" lets every user of the machine read the secret", `write mode: "0600", or "0640" with an owner; or leave it out, for 0600`)
}

var (
	octalMode = regexp.MustCompile(`^[0-7]{3,4}$`)
	forOthers = regexp.MustCompile(`(^|,)(u?g?[oa]+|)[+=]([rwxX]*)`)
)

// othersOf are the rights that a mode gives all users: 4 to read, 2 to write.
func othersOf(mode string) int {
	if octalMode.MatchString(mode) {
		bits, _ := strconv.ParseInt(mode[len(mode)-1:], 8, 0)
		if len(mode) == 4 && mode[0]&1 == 1 {
			bits &^= 2 // sticky: as /tmp
		}
		return int(bits)
	}
	rights := 0
	for _, clause := range forOthers.FindAllStringSubmatch(mode, -1) {
		if !strings.ContainsAny(clause[2], "oa") && clause[2] != "" {
			continue
		}
		if strings.Contains(clause[3], "r") {
			rights |= 4
		}
		if strings.Contains(clause[3], "w") {
			rights |= 2
		}
	}
	return rights
}

// holdsSecret reports whether an argument that may hold secrets reads one.
func (c *checker) holdsSecret(leaf schema.Leaf) bool {
	for _, entry := range leaf.Arguments.Entries {
		field, ok := leaf.Type.Arguments().Field(entry.Key.Text)
		if !ok || !field.Secrets {
			continue
		}
		for _, one := range texts(entry.Value) {
			if c.readsSecret(one.Text) {
				return true
			}
		}
	}
	return false
}

func (c *checker) readsSecret(text string) bool {
	return slices.ContainsFunc(c.secrets, func(name *regexp.Regexp) bool { return name.MatchString(text) })
}

// secretNames are the names by which expressions read secrets: inputs, and variables that are made of them.
func (c *checker) secretNames() {
	add := func(object, name string) {
		c.secrets = append(c.secrets, regexp.MustCompile(`\b`+object+`\s*(\??\.\s*|\[\s*["'])`+regexp.QuoteMeta(name)+`\b`))
	}
	for _, input := range c.recipe.Inputs {
		if input.Type.HoldsSecret() {
			add("inputs", input.Name.Text)
		}
	}
	if len(c.secrets) > 0 {
		c.secrets = append(c.secrets, regexp.MustCompile(`\$\{\{.*\binputs\s*([^\s.?\[\w].*)?\}\}`)) // all of them at once
	}
	for _, variable := range c.recipe.Vars {
		if slices.ContainsFunc(texts(variable.Value), func(one schema.Scalar) bool { return c.readsSecret(one.Text) }) {
			add("vars", variable.Name.Text)
		}
	}
}

// sharedFile: a file of a release may be the running release's too, as a hard link: its mode is changed in
// both.
func (c *checker) sharedFile() {
	for _, a := range c.acts {
		if !hasArgument(a.leaf, "mode", "recursive") || a.committed {
			continue
		}
		for _, changed := range c.touched(a).writes {
			for _, earlier := range c.acts {
				if earlier == a || earlier.leaf.Type == nil || earlier.step.ID == nil || !hasArgument(earlier.leaf, "link-dest") {
					continue
				}
				if _, linked := earlier.leaf.Arguments.Get("link-dest"); linked && strings.HasPrefix(string(changed), "${{steps."+earlier.step.ID.Text+".path}}/") {
					c.report(a.step, a.leaf.Key.Span, SharedFile, "a file that did not change is a hard link to the running release: this changes both, and the commit is refused",
						"set the mode when the package is made, or name the file in copy: of the "+earlier.leaf.Key.Text)
				}
			}
		}
	}
}

// relativeProgram: a program with a slash in its name is looked for from dir, and without dir from /.
func (c *checker) relativeProgram(s *schema.Step) {
	leaf, ok := s.Action.(schema.Leaf)
	if !ok || leaf.Type == nil {
		return
	}
	if _, given := leaf.Arguments.Get("dir"); given || !hasArgument(leaf, "dir") && !hasArgument(leaf, "within") {
		return // it is looked for elsewhere than from /
	}
	for _, name := range []string{"argv", "command"} {
		field, known := leaf.Type.Arguments().Field(name)
		node, _ := leaf.Arguments.Get(name)
		list, ok := node.(schema.List)
		if !known || field.Type.Kind != value.KindList || !ok || len(list.Items) == 0 {
			continue
		}
		program, ok := list.Items[0].(schema.Scalar)
		if ok && !program.Dynamic && strings.Contains(program.Text, "/") && !strings.HasPrefix(program.Text, "/") && !strings.HasPrefix(program.Text, "${{") && !strings.HasPrefix(program.Text, "~") && !strings.HasPrefix(program.Text, "$") {
			c.report(s, program.Span, RelativeProgram, fmt.Sprintf("%s is looked for from /, where %s runs", program.Text, leaf.Key.Text), "write its path from the root, or add dir:")
		}
	}
}
