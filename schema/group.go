package schema

import (
	"fmt"
	"path"
	"strings"

	"github.com/gwe-project/gwe/engine/value"
)

// companions are the keys of a step that belong to one action, and to which.
var companions = map[string]string{"rescue": "steps", "finally": "steps", "limit": "parallel", "with": "use"}

func companionHint(key string) string {
	switch key {
	case "rescue", "finally":
		return "put the step into a group: steps: [...], and " + key + " beside it"
	case "limit":
		return "limit says how many branches of parallel run at one time"
	}
	return "with gives the inputs of the recipe that use names"
}

// composed reads steps, parallel and use, with the keys that belong to them.
func (p *parser) composed(fields Map, entry Entry, path string, where place) Action {
	if !where.undone() {
		p.fail(entry.Key.Span, "group-not-here", fmt.Sprintf("%s does not stand in %s", entry.Key.Text, where),
			"write its steps into the list itself: each of them runs, whatever becomes of the one before")
		return Group{Key: entry.Key}
	}
	switch entry.Key.Text {
	case "steps":
		return p.group(fields, entry, path, where)
	case "parallel":
		return p.parallel(fields, entry, path)
	}
	return p.use(fields, entry)
}

func (p *parser) group(fields Map, entry Entry, path string, where place) Group {
	group := Group{Key: entry.Key, Steps: p.full(entry, path, where.within())}
	if node, ok := fields.Get("rescue"); ok {
		group.Rescue = p.full(Entry{Key: keyOf(fields, "rescue"), Value: node}, path, where.within())
	}
	if node, ok := fields.Get("finally"); ok {
		group.Finally = p.full(Entry{Key: keyOf(fields, "finally"), Value: node}, path, inFinally)
	}
	return group
}

func (p *parser) parallel(fields Map, entry Entry, path string) Parallel {
	parallel := Parallel{Key: entry.Key, Branches: p.full(entry, path, inBranch)}
	if node, ok := fields.Get("limit"); ok {
		parallel.Limit = p.setting(node, "limit", branchLimit)
	}
	return parallel
}

var branchLimit = settingRule{of: value.Of(value.KindInt), min: 1, example: "4"}

// full reads a list of steps that has at least one.
func (p *parser) full(entry Entry, path string, where place) []*Step {
	if list, ok := entry.Value.(List); ok && len(list.Items) == 0 {
		p.fail(list.Span, "no-steps", entry.Key.Text+" has no steps", "leave it out, or give it at least one")
	}
	return p.list(entry.Value, path+"."+entry.Key.Text, where)
}

func keyOf(fields Map, name string) Scalar {
	for _, entry := range fields.Entries {
		if entry.Key.Text == name {
			return entry.Key
		}
	}
	return Scalar{}
}

func (p *parser) use(fields Map, entry Entry) Use {
	use := Use{Key: entry.Key}
	if name := p.text(entry.Value, "use", false); name != nil && p.recipeReference(*name) {
		use.Recipe = *name
	}
	if node, ok := fields.Get("with"); ok {
		use.With = p.bindings(node, "with", "input")
	}
	return use
}

// recipeReference checks how a recipe names another one.
func (p *parser) recipeReference(name Scalar) bool {
	switch text := name.Text; {
	case strings.Contains(text, "://"):
		p.fail(name.Span, "use-recipe", "a recipe is used from a file, not from a URL", "put the file beside this recipe")
	case Shipped(text) && !namePattern.MatchString(text):
		p.fail(name.Span, "use-recipe", fmt.Sprintf("%s is not the name of a recipe", quote(text)), "write the bare name of a shipped recipe, or a file: ./other.yaml")
	case !Shipped(text) && path.Ext(text) != ".yaml" && path.Ext(text) != ".yml":
		p.fail(name.Span, "use-recipe", fmt.Sprintf("%s is not a recipe file: its name does not end in .yaml", quote(text)), "write the file's name as it is: ./other.yaml")
	default:
		return true
	}
	return false
}

// Shipped reports whether a reference to a recipe is the bare name of a shipped one, and not a file.
func Shipped(reference string) bool {
	return !strings.Contains(reference, "/") && !strings.HasSuffix(reference, ".yaml") && !strings.HasSuffix(reference, ".yml")
}

// forEach reads what a step is carried out for: a list, a mapping, or one expression.
func (p *parser) forEach(node Node) Node {
	switch typed := node.(type) {
	case nil:
		return nil
	case List:
		if len(typed.Items) == 0 {
			p.fail(typed.Span, "no-value", "for-each is empty: the step never runs", "give it items, or leave the step out")
			return nil
		}
	case Map:
		if len(typed.Entries) == 0 {
			p.fail(typed.Span, "no-value", "for-each is empty: the step never runs", "give it items, or leave the step out")
			return nil
		}
	case Scalar:
		if !typed.Dynamic || typed.Kind == Absent {
			hint := "write [a, b], or ${{ inputs.items }} for example"
			if bareCondition.MatchString(typed.Text) && typed.Kind == Text {
				hint = "to have it evaluated write " + quoted("${{ "+typed.Text+" }}")
			}
			if spread := spreadRange(typed.Text); spread != "" {
				hint = "write [" + spread + "]: a range has no form of its own"
			}
			p.wrongShape(typed, "for-each", "a list or a mapping", hint)
			return nil
		}
		return typed
	}
	p.values(node, "for-each")
	return node
}
