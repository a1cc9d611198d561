package engine

import (
	"fmt"
	"slices"

	"github.com/gwe-project/gwe/engine/expression"
	"github.com/gwe-project/gwe/engine/host"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/schema"
)

// visible is a step whose outputs an expression may read.
type visible struct {
	id      string
	outputs value.Type
	// optional outputs may be absent as a whole: the step has a guard, or may have failed, or was never reached.
	optional bool
}

// earlyScope is what every expression of the recipe may read, before the run exists too: its inputs and the machine.
func earlyScope(recipe *schema.Recipe) expression.Scope {
	inputs := value.Type{Kind: value.KindObject}
	for _, input := range recipe.Inputs {
		inputs.Fields = append(inputs.Fields, value.Field{Name: input.Name.Text, Type: input.Type, Help: input.Help})
	}
	return expression.NewScope().With("inputs", inputs).With("host", host.Type()).
		Explaining(func(path []string) string { return whyNot(recipe, path) })
}

// whyNot says why an expression cannot read a name that the recipe has elsewhere; "" where it has none.
func whyNot(recipe *schema.Recipe, path []string) string {
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

// withSteps adds what the steps above left.
func withSteps(base expression.Scope, above []visible) expression.Scope {
	object := value.Type{Kind: value.KindObject}
	for _, one := range above {
		object.Fields = append(object.Fields, value.Field{Name: one.id, Type: one.outputs, Optional: one.optional})
	}
	return base.With("steps", object)
}

// appendVisible adds a step, where it has an id and can leave anything.
func appendVisible(above []visible, n *node) []visible {
	if n.step.ID == nil {
		return above
	}
	return append(above[:len(above):len(above)], visible{
		id: n.id(), outputs: n.outputs(), optional: n.step.When != nil || n.step.AllowFailure,
	})
}

// afterStop is the list in which every step behind a possible stop may be absent.
func afterStop(steps []*schema.Step, above []visible) []visible {
	behind := map[string]bool{}
	stopped := false
	for _, s := range steps {
		if _, ok := s.Action.(schema.Stop); ok {
			stopped = true
		}
		if s.ID != nil {
			behind[s.ID.Text] = stopped
		}
	}
	all := slices.Clone(above)
	for i := range all {
		all[i].optional = all[i].optional || behind[all[i].id]
	}
	return all
}

// unsure is the list in which every output may be absent: nobody knows how far the run came.
func unsure(above []visible) []visible {
	all := slices.Clone(above)
	for i := range all {
		all[i].optional = true
	}
	return all
}

// runType is the type of the name run.
func runType() value.Type {
	return value.Type{Kind: value.KindObject, Fields: []value.Field{
		{Name: "id", Type: value.Type{Kind: value.KindString}, Help: "the run's id; ids sort by time"},
		{Name: "recipe", Type: value.Type{Kind: value.KindString}, Help: "the recipe's name"},
		{Name: "dir", Type: value.Type{Kind: value.KindPath}, Help: "the run's own folder in gwe's state"},
		{Name: "recovering", Type: value.Type{Kind: value.KindBool}, Help: "true while the machine is being put back"},
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

// maybe is the object type with every member optional: the error after a good run, the outputs of a failed attempt.
func maybe(object value.Type) value.Type {
	fields := slices.Clone(object.Fields)
	for i := range fields {
		fields[i].Optional = true
	}
	object.Fields = fields
	return object
}
