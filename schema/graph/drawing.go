package graph

import (
	"strings"

	"github.com/gwe-project/gwe/engine/expression"
	"github.com/gwe-project/gwe/schema"
)

// kind is what an item looks like.
type kind string

const (
	leaf     kind = "leaf"
	group    kind = "group"
	parallel kind = "parallel"
	use      kind = "use"
	commit   kind = "commit"
	stop     kind = "stop"
)

// item is one step, with all that is drawn of it.
type item struct {
	kind  kind
	title string
	// tag is the step type and what else is short: "unpack, up to 3 attempts".
	tag string
	// arguments are those of a step without a name.
	arguments string
	// conditions stand above the title: "for each a in ...", "if ...".
	conditions []string
	// changes reports whether the step may change the machine.
	changes bool
	// undo are the lines of how it is rolled back, in their order.
	undo []string
	// steps are a group's steps or a parallel's branches.
	steps, rescue, finally []*item
}

// section is a list of steps with a heading.
type section struct {
	heading string
	steps   []*item
}

// drawing is a recipe as it is drawn. The first section is what a run does.
type drawing struct {
	name, summary string
	sections      []section
}

// read makes a drawing of a recipe without errors.
func read(recipe *schema.Recipe) drawing {
	d := drawing{name: recipe.Name.Text, sections: []section{{"", items(recipe.Steps)}}}
	if recipe.Summary != nil {
		d.summary = oneLine(recipe.Summary.Text)
	}
	if len(recipe.Failsafe) > 0 {
		d.sections = append(d.sections, section{"failsafe: only if not everything can be rolled back", items(recipe.Failsafe)})
	}
	if len(recipe.Finally) > 0 {
		d.sections = append(d.sections, section{"finally: at the end, good or bad", items(recipe.Finally)})
	}
	for _, s := range d.sections[1:] {
		frameless(s.steps)
	}
	return d
}

// frameless takes the undo away from what makes no frame: failsafe and finally are never undone.
func frameless(all []*item) []*item {
	for _, one := range all {
		one.undo = nil
	}
	return all
}

// commits reports whether the recipe says where it commits.
func (d drawing) commits() bool {
	for _, one := range d.sections[0].steps {
		if one.kind == commit {
			return true
		}
	}
	return false
}

func items(steps []*schema.Step) []*item {
	made := make([]*item, 0, len(steps))
	for _, step := range steps {
		made = append(made, newItem(step))
	}
	return made
}

// longestArguments is how many characters of a step's arguments are shown.
const longestArguments = 110

func newItem(step *schema.Step) *item {
	made := &item{kind: leaf, tag: step.Action.Keyword().Text}
	if step.ForEach != nil {
		made.conditions = append(made.conditions, "for each item in "+written(step.ForEach))
	}
	if step.When != nil {
		made.conditions = append(made.conditions, "if "+oneLine(step.When.Text))
	}
	switch action := step.Action.(type) {
	case schema.Leaf:
		made.leaf(step, action)
	case schema.Group:
		made.kind, made.tag = group, ""
		made.steps, made.rescue, made.finally = items(action.Steps), items(action.Rescue), frameless(items(action.Finally))
	case schema.Parallel:
		made.kind, made.tag, made.steps = parallel, "in parallel", items(action.Branches)
		if action.Limit != nil {
			made.tag += ", " + shown(action.Limit.Text) + " at a time"
		}
	case schema.Use:
		made.kind, made.tag = use, "use "+shown(action.Recipe.Text)
	case schema.Reboot:
		made.arguments = waits(action.Within)
	case schema.Confirm:
		made.arguments = waits(action.Within)
	case schema.HandOver:
		if action.Program != nil {
			made.arguments = shown(action.Program.Text)
		}
	case schema.Commit:
		made.kind, made.title, made.tag = commit, shown(action.Text.Text), ""
	case schema.Stop:
		made.kind, made.title, made.tag = stop, shown(action.Text.Text), ""
	}
	made.label(step)
	for _, one := range step.Undo {
		inner := newItem(one)
		made.undo = append(made.undo, strings.Join(append([]string{inner.title}, inner.conditions...), ", "))
	}
	for _, one := range step.UndoLast {
		inner := newItem(one)
		made.undo = append(made.undo, strings.Join(append([]string{"last: " + inner.title}, inner.conditions...), ", "))
	}
	if own, ok := step.Action.(schema.Leaf); ok && made.changes && own.Type.About().Undo != "" {
		made.undo = append(made.undo, oneLine(own.Type.About().Undo))
	}
	if made.changes && len(made.undo) == 0 {
		made.undo = []string{"nothing"}
	}
	return made
}

// waits says how long a run waits at a step.
func waits(within *schema.Setting) string {
	if within == nil {
		return ""
	}
	return "waits, at most " + shown(within.Text)
}

// label gives the title, and adds to the tag what the step's modifiers say.
func (i *item) label(step *schema.Step) {
	if step.Name != nil && i.kind != commit && i.kind != stop {
		i.title = shown(step.Name.Text)
	}
	if i.title == "" && step.ID != nil {
		i.title = step.ID.Text
	}
	if i.title == "" && i.kind != group && i.kind != parallel {
		i.title, i.tag = i.tag, ""
	}
	var more []string
	if i.arguments != "" && i.tag == "" {
		more = append(more, i.arguments)
	} else if i.arguments != "" {
		i.tag += " " + i.arguments
	}
	if i.tag != "" {
		more = append(more, i.tag)
	}
	if step.Retry != nil && step.Retry.Attempts != nil {
		more = append(more, "up to "+shown(step.Retry.Attempts.Text)+" attempts")
	}
	if step.AllowFailure {
		more = append(more, "may fail")
	}
	i.tag = strings.Join(more, ", ")
}

func (i *item) leaf(step *schema.Step, action schema.Leaf) {
	if action.Type == nil {
		return
	}
	i.changes = len(action.Type.About().Effects) > 0 && step.EffectsNone == nil
	if step.Name != nil {
		return // it says what the step is about
	}
	var arguments []string
	for _, entry := range action.Arguments.Entries {
		arguments = append(arguments, entry.Key.Text+": "+written(entry.Value))
	}
	if len(arguments) > 0 {
		i.arguments = clipped(strings.Join(arguments, ", "), longestArguments)
	}
}

// written is a value as flow YAML would have it.
func written(node schema.Node) string {
	switch node := node.(type) {
	case schema.Scalar:
		return shown(node.Text)
	case schema.List:
		parts := make([]string, 0, len(node.Items))
		for _, one := range node.Items {
			parts = append(parts, written(one))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case schema.Map:
		parts := make([]string, 0, len(node.Entries))
		for _, entry := range node.Entries {
			parts = append(parts, entry.Key.Text+": "+written(entry.Value))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return ""
}

// shown is a text of the recipe with its expressions in angle brackets, as in a plan.
func shown(text string) string {
	parts, problem := expression.Split(text)
	if problem != nil {
		return oneLine(text)
	}
	var all strings.Builder
	for _, part := range parts {
		if part.Expression {
			all.WriteString("<" + strings.TrimSpace(part.Source) + ">")
		} else {
			all.WriteString(part.Source)
		}
	}
	return oneLine(all.String())
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// clipped shortens a text to so many characters.
func clipped(text string, length int) string {
	if runes := []rune(text); len(runes) > length {
		return string(runes[:length-3]) + "..."
	}
	return text
}
