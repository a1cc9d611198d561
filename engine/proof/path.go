package proof

import (
	"strings"

	"github.com/gwe-project/gwe/engine/expression"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/schema"
)

// path is a path as the recipe writes it, brought to one form: expressions trimmed, variables replaced by
// what they are made of, no double or final slashes. Two that are equal name one place; "" is a path that is
// known only at run time.
type path string

// longestPath bounds what variables made of variables grow to, in bytes: no path of Linux is longer.
const longestPath = 4096

// covers reports whether the other path is this one, or lies below it.
func (p path) covers(other path) bool {
	if p == "" || other == "" {
		return false
	}
	return p == other || strings.HasPrefix(string(other), strings.TrimSuffix(string(p), "/")+"/")
}

// paths gives the paths that an argument holds: one, or those of a list.
func (c *checker) paths(node schema.Node) []path {
	switch node := node.(type) {
	case schema.Scalar:
		return []path{c.path(node.Text)}
	case schema.List:
		var all []path
		for _, item := range node.Items {
			all = append(all, c.paths(item)...)
		}
		return all
	}
	return nil
}

// path reads a text with ${{ }} inside.
func (c *checker) path(text string) path {
	parts, problem := expression.Split(text)
	if problem != nil || len(parts) == 0 {
		return ""
	}
	var joined strings.Builder
	for _, part := range parts {
		if !part.Expression {
			joined.WriteString(part.Source)
			continue
		}
		joined.WriteString(c.expanded(strings.TrimSpace(part.Source)))
	}
	first := parts[0]
	switch whole := joined.String(); {
	case len(whole) > longestPath:
		return ""
	case !first.Expression && !strings.HasPrefix(whole, "/"):
		return ""
	case first.Expression && !strings.HasPrefix(whole, "/") && !c.pathInput(strings.TrimSpace(first.Source)) && !strings.HasPrefix(whole, "${{steps.") && !strings.HasPrefix(whole, "${{item"):
		return ""
	default:
		return tidy(whole)
	}
}

// expanded is an expression in its one form: a variable that is plain text becomes that text.
func (c *checker) expanded(source string) string {
	name, isVariable := strings.CutPrefix(source, "vars.")
	if known := c.variables[name]; isVariable && known != "" {
		return string(known)
	}
	return "${{" + source + "}}"
}

// pathInput reports whether the expression is nothing but an input of type path, or a variable that starts
// with one.
func (c *checker) pathInput(source string) bool {
	name, ok := strings.CutPrefix(source, "inputs.")
	if !ok {
		return strings.HasPrefix(source, "vars.") && strings.Contains(c.expanded(source), "${{inputs.")
	}
	for _, input := range c.recipe.Inputs {
		if input.Name.Text == name {
			return input.Type.Kind == value.KindPath
		}
	}
	return false
}

// tidy drops double and final slashes. A path with .. in it may lead anywhere.
func tidy(whole string) path {
	for strings.Contains(whole, "//") {
		whole = strings.ReplaceAll(whole, "//", "/")
	}
	if strings.Contains(whole+"/", "/../") {
		return ""
	}
	if whole != "/" {
		whole = strings.TrimSuffix(whole, "/")
	}
	return path(whole)
}

// andAbove gives the path and all directories that it lies in, nearest first.
func (p path) andAbove() []path {
	if p == "" {
		return nil
	}
	all := []path{p}
	for at := strings.LastIndexByte(string(p), '/'); at > 0; at = strings.LastIndexByte(string(p[:at]), '/') {
		all = append(all, p[:at])
	}
	return all
}

// fixed reports whether the path is known before the run, but for the inputs.
func (p path) fixed() bool { return p != "" && !strings.Contains(string(p), "steps.") && !p.ofRound() }

// ofRound reports whether the path is another one in each round of a for-each.
func (p path) ofRound() bool {
	return strings.Contains(string(p), "item") || strings.Contains(string(p), "index")
}
