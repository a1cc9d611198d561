package schema

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/value"
)

// modifiers are the keys of a step beside its action.
var modifiers = []string{"id", "name", "for-each", "when", "until", "timeout", "retry", "undo", "undo-last", "effects", "allow-failure", "allow"}

// stepKeys are all keys that a step may have.
func (p *parser) stepKeys() []string {
	if p.keys == nil {
		p.keys = append(slices.Clone(modifiers), "commit", "stop", "steps", "rescue", "finally", "parallel", "limit", "use", "with", "reboot", "confirm", "hand-over")
		for _, name := range p.catalog.Names() {
			if !slices.Contains(p.keys, name) {
				p.keys = append(p.keys, name)
			}
		}
	}
	return p.keys
}

// list reads a list of steps that stands at the path.
func (p *parser) list(node Node, path string, where place) []*Step {
	list, ok := node.(List)
	if !ok {
		if node != nil {
			p.wrongShape(node, string(where), "a list of steps", p.listHint(node))
		}
		return nil
	}
	var steps []*Step
	for i, item := range list.Items {
		step := p.step(item, fmt.Sprintf("%s[%d]", path, i), where)
		if step == nil {
			continue
		}
		steps = append(steps, step)
	}
	return steps
}

// step reads one step; nil where it is none at all.
func (p *parser) step(node Node, path string, where place) *Step {
	p.steps++
	if p.steps > maxSteps {
		if p.steps == maxSteps+1 {
			p.fail(node.Where(), "too-large", fmt.Sprintf("the recipe has more than %d steps", maxSteps), "split it into recipes of their own")
		}
		return nil
	}
	fields, ok := node.(Map)
	switch {
	case node == nil:
		return nil
	case !ok:
		p.noStep(node)
		return nil
	}
	step := &Step{Span: fields.Span, Path: path}
	var actions []Scalar
	unknown := false
	for _, entry := range fields.Entries {
		switch key := entry.Key.Text; {
		case slices.Contains(modifiers, key):
			p.modifier(step, entry, where)
		case key == "commit" || key == "stop":
			actions = append(actions, entry.Key)
			step.Action = p.ending(entry, where)
		case p.known(key):
			actions = append(actions, entry.Key)
			step.Action = p.leaf(entry)
		case key == "steps" || key == "parallel" || key == "use":
			actions = append(actions, entry.Key)
			step.Action = p.composed(fields, entry, path, where)
		case suspends(key):
			actions = append(actions, entry.Key)
			step.Action = p.suspension(entry, where)
		case companions[key] != "":
			if _, there := fields.Get(companions[key]); !there {
				unknown = true
				p.fail(entry.Key.Span, "companion", fmt.Sprintf("%q stands beside %q only", key, companions[key]), companionHint(key))
			}
		default:
			unknown = true
			p.unknownStepKey(entry.Key, fields)
		}
	}
	switch {
	case len(actions) == 0 && !unknown && !fields.partial:
		p.fail(step.Span, "one-action", "a step has one action, this one has none", "an action is a step type (`gwe steps` lists them), commit, stop, steps, parallel, use, reboot, confirm or hand-over")
	case len(actions) > 1:
		p.twoActions(actions)
	}
	if step.ID != nil && len(actions) == 0 {
		p.spoilt["steps."+step.ID.Text] = true
	}
	p.alone(step, fields)
	p.onlyLooks(step)
	return step
}

// noStep reports a list element that is not a mapping.
func (p *parser) noStep(node Node) {
	if scalar, ok := node.(Scalar); ok && scalar.Kind == Text {
		name, argument, _ := strings.Cut(scalar.Text, ":")
		if slices.Contains(p.stepKeys(), name) {
			switch argument = strings.TrimSpace(argument); {
			case argument != "":
			case suspends(name):
				argument = "{" + suspensionExample[name] + "}"
			case name == "commit":
				argument = "the new version is in place"
			case name == "stop":
				argument = "it is up to date"
			default:
				argument = "..."
			}
			p.fail(scalar.Span, "wrong-shape", "a step is a mapping, found "+describe(scalar), fmt.Sprintf("write - %s: %s", name, argument))
			return
		}
	}
	hint := "write - TYPE: {ARGUMENTS}; `gwe steps` lists the types"
	if _, list := node.(List); list {
		hint = "start it with one dash"
	}
	p.wrongShape(node, "a step", "a mapping", hint)
}

func (p *parser) twoActions(actions []Scalar) {
	names := make([]string, 0, len(actions))
	for _, action := range actions {
		names = append(names, fmt.Sprintf("%q (line %d)", action.Text, action.Line))
	}
	last := len(names) - 1
	p.fail(actions[1].Span, "one-action", fmt.Sprintf("a step has one action, this one has %s and %s", strings.Join(names[:last], ", "), names[last]),
		`make it a step of its own: start it with "- "`)
}

func (p *parser) known(name string) bool {
	_, ok := p.catalog.Find(name)
	return ok
}

// modifier reads one key of a step beside its action.
func (p *parser) modifier(step *Step, entry Entry, where place) {
	switch key, node := entry.Key.Text, entry.Value; key {
	case "id":
		step.ID = p.id(node)
	case "name":
		step.Name = p.text(node, key, true)
	case "for-each":
		if !where.undone() {
			p.fail(entry.Key.Span, "group-not-here", fmt.Sprintf("%s does not stand in %s", key, where), "write one step for each item")
			return
		}
		step.ForEach = p.forEach(node)
	case "when":
		step.When = p.bare(node, key)
	case "until":
		step.Until = p.bare(node, key)
	case "timeout":
		step.Timeout = p.setting(node, key, positiveDuration)
	case "retry":
		step.Retry = p.retry(node)
	case "allow-failure":
		step.AllowFailure = p.literalBool(node, key)
	case "allow":
		step.Allow = p.allowances(node)
	case "undo", "undo-last":
		if !where.undone() {
			p.fail(entry.Key.Span, "undo-not-here", fmt.Sprintf("a step in %s has no %s of its own: it is never undone", where, key), "leave it out")
			return
		}
		p.undo(step, entry)
	case "effects":
		p.effects(step, entry, where)
	}
}

func (p *parser) id(node Node) *Scalar {
	id := p.text(node, "id", false)
	if id == nil || !p.identifier(*id, "step") {
		return nil
	}
	first, twice := p.ids[id.Text]
	switch {
	case twice && first.Span == id.Span:
		p.fail(id.Span, "duplicate-id", fmt.Sprintf("the step %s is there twice, by an alias", quote(id.Text)), "write the second one out, with an id of its own")
		return id
	case twice:
		p.fail(id.Span, "duplicate-id", fmt.Sprintf("the id %s stands here twice: first on line %d", quote(id.Text), first.Line),
			"an id is unique in the whole recipe, undo, failsafe and finally included")
		return id
	}
	p.ids[id.Text] = *id
	return id
}

func (p *parser) literalBool(node Node, what string) bool {
	scalar, ok := node.(Scalar)
	switch {
	case node == nil:
		return false
	case !ok || scalar.Kind == Absent:
		p.wrongShape(node, what, "a bool", "write true or false")
		return false
	case scalar.Dynamic:
		p.fail(scalar.expression(), "literal-only", what+" holds no expressions", "write true or false")
		return false
	}
	converted, err := scalar.Convert(value.Of(value.KindBool))
	if err != nil {
		p.fault(scalar.Span, "wrong-type", what, err)
		return false
	}
	return converted == true
}

// ending reads commit and stop.
func (p *parser) ending(entry Entry, where place) Action {
	key := entry.Key
	switch {
	case key.Text == "commit" && where != topLevel && where.undone():
		p.fail(key.Span, "ending-not-here", fmt.Sprintf("commit does not stand in %s", where), "write it among the recipe's own steps: a run commits once, and as a whole")
	case where == inBranch && key.Text == "stop":
		p.fail(key.Span, "ending-not-here", fmt.Sprintf("stop does not stand in %s: the other branches still run", where), "write it after the parallel, with a when")
	case !where.undone():
		p.fail(key.Span, "ending-not-here", fmt.Sprintf("%s does not stand in %s", key.Text, where), "write it among the recipe's steps")
	}
	var text Scalar
	if scalar, ok := entry.Value.(Scalar); ok && scalar.Kind == Absent {
		p.fail(scalar.Span, "no-value", key.Text+" has no text", fmt.Sprintf("say what is so from here on: %s: %s", key.Text,
			map[string]string{"commit": "the new version is in place", "stop": "it is up to date"}[key.Text]))
	} else if read := p.text(entry.Value, key.Text, true); read != nil {
		text = *read
	}
	if key.Text == "stop" {
		return Stop{Key: key, Text: text}
	}
	if where == topLevel {
		if p.commit != nil {
			p.fail(key.Span, "second-commit", fmt.Sprintf("a recipe has one commit, and it stands on line %d", p.commit.Line), "keep the one after which nothing is to be undone")
		} else {
			p.commit = &key
		}
	}
	return Commit{Key: key, Text: text}
}

// endings are the modifiers that make sense beside commit, stop, reboot, confirm and hand-over.
var endings = map[string][]string{
	"commit": {"id", "name", "allow"}, "stop": {"id", "name", "allow", "when"},
	"reboot": {"id", "name", "allow", "when"}, "confirm": {"id", "name", "allow", "when"},
	"hand-over": {"id", "name", "allow", "when"},
}

// alone refuses the modifiers that make no sense beside these.
func (p *parser) alone(step *Step, fields Map) {
	reason := "it only ends the run"
	switch step.Action.(type) {
	case Commit:
		reason = "every run that gets there commits, or none does"
	case Stop:
	case Reboot, Confirm:
		reason = "the run waits here once, and within says how long"
	case HandOver:
		reason = "the run changes its gwe here once, and within says how long that may take"
	default:
		return
	}
	accepted := endings[step.Action.Keyword().Text]
	for _, entry := range fields.Entries {
		if key := entry.Key.Text; slices.Contains(modifiers, key) && !slices.Contains(accepted, key) {
			hint := "leave it out: " + reason
			if key == "when" {
				hint = "put a stop with the opposite when before it"
			} else if _, commits := step.Action.(Commit); commits {
				hint = "leave it out: a commit cannot fail, is not undone, and happens once"
			}
			p.fail(entry.Key.Span, "modifier-not-here", fmt.Sprintf("a %s has no %s", step.Action.Keyword().Text, key), hint)
		}
	}
}
