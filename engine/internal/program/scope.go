package program

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/expression"
	"github.com/gwe-project/gwe/engine/host"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/schema"
)

// visibleNames is what the expressions of a step may read: base without steps, and the outputs of the steps
// above.
//
// Views share the list of outputs, so that a recipe of many steps costs no more than its steps: a view is
// only extended a second time when the first extension is no longer used.
type visibleNames struct {
	base  expression.Scope
	above []value.Field
	// unsure is the same with every output optional; nil where above is so already.
	unsure []value.Field
}

// add extends the view.
func (v visibleNames) add(left ...value.Field) visibleNames {
	v.above = append(v.above, left...)
	if len(v.unsure) == len(v.above)-len(left) {
		for _, one := range left {
			one.Optional = true
			v.unsure = append(v.unsure, one)
		}
	}
	return v
}

// scope is the view as an expression reads it.
func (v visibleNames) scope() expression.Scope {
	return v.base.With("steps", value.Type{Kind: value.KindObject, Fields: v.above[:len(v.above):len(v.above)]})
}

// with adds a name.
func (v visibleNames) with(name string, t value.Type) visibleNames {
	v.base = v.base.With(name, t)
	return v
}

// given is the view of what runs only where the guard is true.
func (v visibleNames) given(guard *expression.Expression) visibleNames {
	if guard != nil {
		v.base = v.base.Given(guard)
	}
	return v
}

// doubtful is the view in which every output may be absent: nobody knows how far the steps came.
func (v visibleNames) doubtful() visibleNames {
	if len(v.unsure) != len(v.above) {
		v.above = slices.Clone(v.above)
		return v.doubt(0)
	}
	v.above, v.unsure = v.unsure, nil
	return v
}

// doubt makes outputs optional, from one number on, which must be this view's own. -1 is none.
func (v visibleNames) doubt(number int) visibleNames {
	for i := number; i >= 0 && i < len(v.above); i++ {
		v.above[i].Optional = true
	}
	return v
}

// earlyScope is what every expression of the recipe may read, before the run exists too: its inputs and the
// machine.
func earlyScope(recipe *schema.Recipe) expression.Scope {
	inputs := value.Type{Kind: value.KindObject}
	for _, input := range recipe.Inputs {
		inputs.Fields = append(inputs.Fields, value.Field{Name: input.Name.Text, Type: input.Type, Help: input.Help})
	}
	return expression.NewScope().With("inputs", inputs).With("host", host.Type()).
		Explaining(func(path []string) string { return whyUnreadable(recipe, path) }).
		Sparing(func(path []string) bool { return declaredWrongly(recipe, path) })
}

// declaredWrongly reports whether the name is declared with a mistake that was said, or belongs to such a
// group or step.
func declaredWrongly(recipe *schema.Recipe, path []string) bool {
	if len(path) > 1 {
		return recipe.Spoilt[path[0]+"."+path[1]]
	}
	if path[0] == "facts" && len(recipe.Facts) > 0 {
		return false // the others are there, where facts are
	}
	for name := range recipe.Spoilt {
		if strings.HasPrefix(name, path[0]+".") {
			return true
		}
	}
	return false
}

// whyUnreadable says why an expression cannot read a name that the recipe has elsewhere; "" where it has
// none.
func whyUnreadable(recipe *schema.Recipe, path []string) string {
	if len(path) == 2 && path[0] == "steps" {
		if id, ok := recipe.IDs[path[1]]; ok {
			return fmt.Sprintf("the step %q is on line %d: an expression reads only steps that have run before it; until and retry.when read result", path[1], id.Line)
		}
	}
	switch {
	case path[0] == "steps" && len(path) == 1:
		return "no step has run there: write inputs or vars, or move it into a step"
	case (path[0] == "facts" || path[0] == "run") && len(path) == 1:
		return fmt.Sprintf("%s is not known there yet: write inputs or host", path[0])
	case path[0] == "vars" && len(path) == 1 && len(recipe.Vars) == 0:
		return "the recipe has no vars"
	case path[0] == "vars":
		for _, binding := range recipe.Vars {
			if path[len(path)-1] == binding.Name.Text || len(path) == 1 {
				return "a variable reads only those above it: move it down"
			}
		}
	}
	return ""
}

// runType is the type of the name run.
func runType() value.Type {
	return value.Type{Kind: value.KindObject, Fields: []value.Field{
		{Name: "id", Type: value.Type{Kind: value.KindString}, Help: "the run's id; ids sort by time"},
		{Name: "recipe", Type: value.Type{Kind: value.KindString}, Help: "the recipe's name"},
		{Name: "dir", Type: value.Type{Kind: value.KindPath}, Help: "the run's own directory in gwe's state"},
		{Name: "recovering", Type: value.Type{Kind: value.KindBool}, Help: "true while the machine is being rolled back"},
	}}
}

// errorType is the type of the name error: the first error of the run, or of the attempt in retry.when.
func errorType() value.Type {
	text := value.Type{Kind: value.KindString}
	return value.Type{Kind: value.KindObject, Fields: []value.Field{
		{Name: "step", Type: text, Help: "the id or path of the step that failed"},
		{Name: "class", Type: text, Help: "failed, refused, errored or interrupted"},
		{Name: "code", Type: text, Help: "stable code of the error"},
		{Name: "message", Type: text, Help: "what happened"},
	}}
}

// maybe is the object type with every member optional: the error after a good run, the outputs of a failed
// attempt.
func maybe(object value.Type) value.Type {
	fields := slices.Clone(object.Fields)
	for i := range fields {
		fields[i].Optional = true
	}
	object.Fields = fields
	return object
}

// StaticScope is a part of a program whose steps see each other's outputs by their ids, and those of the
// scopes around it: the recipe itself, one round of a for-each, one branch of a parallel. The recipe of a use
// is a scope too, and sees nothing of what is around it. When a scope ends well, what its steps left becomes
// visible around it.
type StaticScope struct {
	Parent *StaticScope
	// Owner is the for-each, the branch or the use; nil for the recipe itself.
	Owner *Node
	// Loops is how many for-each are around it: so many numbers of rounds tell one instance of it from
	// another.
	Loops int
	// Left are the ids by which its steps are read from outside, and lefts the same as a set.
	Left  []leaving
	Lefts map[string]bool
}

// leaving is the id of outputs that become visible around a scope; list tells those of a for-each.
type leaving struct {
	Id   string
	List bool
}

// Used reports whether the scope is a recipe that is used.
func (a *StaticScope) Used() bool {
	return a.Owner != nil && As[*Used](a.Owner) != nil && As[*Used](a.Owner).Scope == a
}
