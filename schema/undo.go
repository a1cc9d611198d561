package schema

import (
	"fmt"
	"strings"
)

// undo reads undo and undo-last: steps, or for undo the word none.
func (p *parser) undo(step *Step, entry Entry) {
	key := entry.Key.Text
	switch typed := entry.Value.(type) {
	case Scalar:
		switch {
		case typed.Text == "none" && key == "undo":
			step.UndoNone = &typed
		case typed.Text == "none":
			p.wrongShape(typed, key, "a list of steps", "leave it out: there is nothing to run last")
		default:
			p.wrongShape(typed, key, "a list of steps, or none", undoHint(typed.Text))
		}
	case Map:
		p.fail(typed.Span, "wrong-shape", key+" is a list of steps, or none, found a mapping", p.listHint(typed))
	case List:
		if len(typed.Items) == 0 {
			p.fail(typed.Span, "no-value", key+" is empty", "leave it out, or write undo: none if nothing can undo the step")
		}
		if key == "undo" {
			step.Undo = p.list(typed, step.Path+".undo", inUndo)
		} else {
			step.UndoLast = p.list(typed, step.Path+".undo-last", inUndoLast)
		}
	}
}

// undoHint shows the undo that somebody wrote as a text.
func undoHint(text string) string {
	switch words := strings.Fields(text); {
	case len(words) > 1 && strings.ContainsAny(text, "|&;<>$`*\"'"):
		return fmt.Sprintf("write undo: [{run: {script: %s}}]", quoted(strings.TrimSpace(text)))
	case len(words) > 1:
		return fmt.Sprintf("write undo: [{run: {argv: [%s]}}]", strings.Join(words, ", "))
	}
	return "write its steps, each with a dash: undo: [{run: {argv: [PROGRAM]}}]; undo: none if nothing can undo the step, effects: none if it only looks"
}

// effects reads effects: none, the author's word that the step only looks.
func (p *parser) effects(step *Step, entry Entry, where place) {
	if !where.undone() {
		p.fail(entry.Key.Span, "effects-not-here", fmt.Sprintf("effects does not stand in %s: no step there is ever undone", where), "leave it out")
		return
	}
	scalar, ok := entry.Value.(Scalar)
	if !ok || scalar.Text != "none" {
		if entry.Value != nil {
			p.wrongShape(entry.Value, "effects", "none", "write effects: none for a step that only looks, or leave it out")
		}
		return
	}
	step.EffectsNone = &entry.Key
}

// onlyLooks checks that effects: none stands beside a step that could have effects of which gwe knows
// nothing, and that nothing would undo.
func (p *parser) onlyLooks(step *Step) {
	if step.EffectsNone == nil || step.Action == nil {
		return
	}
	at := step.EffectsNone.Span
	leaf, ok := step.Action.(Leaf)
	switch {
	case !ok:
		p.fail(at, "effects-not-here", fmt.Sprintf("effects: none stands beside a step that runs a program, not beside %s", step.Action.Keyword().Text),
			"write it on each step inside that only looks")
	case leaf.Type == nil:
	case len(leaf.Type.About().Effects) == 0:
		p.warn(at, "effects-not-here", fmt.Sprintf("%s only looks: it has no effects anyway", leaf.Key.Text), "leave effects out")
	case !leaf.Type.About().Opaque():
		p.fail(at, "effects-not-here", fmt.Sprintf("%s has effects, and gwe undoes them: %s", leaf.Key.Text, leaf.Type.About().Undo), "leave effects out")
	case len(step.Undo) > 0 || len(step.UndoLast) > 0 || step.UndoNone != nil:
		p.fail(at, "effects-not-here", "a step without effects has nothing to undo", "leave out effects, if the step changes something; else leave out undo and undo-last")
	}
}
