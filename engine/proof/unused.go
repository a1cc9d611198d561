package proof

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/gwe-project/gwe/schema"
)

// Unused names what nothing of a valid recipe reads, as warnings. elsewhere reports whether something beside
// the recipe names a step by its id: its tests.
//
// It looks for the names in the text of the file, so a name in a comment, or in a text that looks like an
// expression, counts as read.
func Unused(recipe *schema.Recipe, elsewhere func(id string) bool) schema.Diagnostics {
	c := &checker{recipe: recipe}
	r := newReads(string(recipe.Source))
	for _, input := range recipe.Inputs {
		if input.Mounted == "" && !r.reads("inputs", input.Name.Text) {
			c.unused(input.Name, "input", "inputs."+input.Name.Text)
		}
	}
	for _, variable := range recipe.Vars {
		if !r.reads("vars", variable.Name.Text) {
			c.unused(variable.Name, "variable", "vars."+variable.Name.Text)
		}
	}
	for _, fact := range recipe.Facts {
		if !r.reads("facts", fact.Name.Text) {
			c.unused(fact.Name, "fact", "facts."+fact.Name.Text)
		}
	}
	every(recipe, func(s *schema.Step) {
		if s.ID == nil || r.reads("steps", s.ID.Text) || r.quotes(s.ID.Text) || elsewhere(s.ID.Text) {
			return
		}
		c.add(schema.Warning, s.ID.Span, UnusedName, fmt.Sprintf("nothing reads the outputs of step %s, and no test names it", s.ID.Text),
			fmt.Sprintf("read ${{ steps.%s.OUTPUT }}, or leave id out: a name for people stands in name", s.ID.Text))
	})
	return c.diagnostics
}

func (c *checker) unused(name schema.Scalar, kind, read string) {
	c.add(schema.Warning, name.Span, UnusedName, fmt.Sprintf("nothing reads the %s %s", kind, name.Text), fmt.Sprintf("read it as ${{ %s }}, or take it out", read))
}

// reads are the names that a recipe's expressions may read.
type reads struct {
	source string
	// whole are the groups of which an expression reads all: ${{ inputs }}, or one by a name that only the
	// run knows.
	whole map[string]bool
}

var (
	expressions = regexp.MustCompile(`(?s)\$\{\{.*?\}\}`)
	guards      = regexp.MustCompile(`(?m)(?:when|until|expect|that|if)"?:(.*)$`)
	wholeGroup  = regexp.MustCompile(`\b(inputs|vars|facts|steps)\s*(?:$|[^\w\s.\[?:-]|\[\s*[^"'\s]|\s(?:[^\w]|in\b|and\b|or\b|contains\b))`)
)

func newReads(source string) reads {
	r := reads{source: source, whole: map[string]bool{}}
	texts := expressions.FindAllString(source, -1)
	for _, guard := range guards.FindAllStringSubmatch(source, -1) {
		texts = append(texts, guard[1])
	}
	for _, text := range texts {
		for _, found := range wholeGroup.FindAllStringSubmatch(strings.TrimSpace(text), -1) {
			r.whole[found[1]] = true
		}
	}
	return r
}

// reads reports whether an expression may read the name of a group: inputs.name, inputs?.name,
// inputs["name"].
func (r reads) reads(group, name string) bool {
	if r.whole[group] {
		return true
	}
	name = regexp.QuoteMeta(name)
	return regexp.MustCompile(`\b` + group + `\s*(?:\??\.\s*` + name + `\b|(?:\?\.)?\[\s*\\?["']` + name + `\\?["']\s*\])`).MatchString(r.source)
}

// quotes reports whether an expression compares something with the name: error.step == "fetch".
func (r reads) quotes(name string) bool {
	return regexp.MustCompile(`error\.step[^\n]*["']` + regexp.QuoteMeta(name) + `["']`).MatchString(r.source)
}
