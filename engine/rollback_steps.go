package engine

import (
	"context"
	"strings"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/step"
)

// linesOf says what the steps of an undo would do: what each is called, and what its type plans as the machine is now. What stands in its
// way now may be gone when its turn comes.
func linesOf(ctx context.Context, x *runner, nodes []*program.Node, f *frame) []string {
	var lines []string
	for _, inner := range nodes {
		arguments, runs := undoArguments(x, inner, f)
		if !runs {
			continue
		}
		line := x.title(inner, x.state.names(inner, f.Rounds, true))
		var planned step.Plan
		var err error
		if arguments != nil {
			planned, err = inner.StepType().Plan(ctx, x.config.Machine, arguments)
		}
		what := strings.Join(planned.Do, "; ")
		if err != nil {
			what = "as things stand: " + program.Explain(ctx, err).Error()
		}
		switch {
		case what == "":
		case inner.Title == nil && err == nil:
			line = what
		default:
			line += ": " + what
		}
		lines = append(lines, x.mask.Text(line))
	}
	return lines
}

// undoArguments are those of a step of an undo, nil where only the undo will know them; runs is false where its guard says no.
func undoArguments(x *runner, n *program.Node, f *frame) (arguments map[string]any, runs bool) {
	names := program.With(x.state.names(n, f.Rounds, true), "error", map[string]any{})
	if n.When != nil {
		// A guard that reads what only the undo will know is decided then.
		if answer, err := n.When.Evaluate(names); err == nil && answer == false {
			return nil, false
		}
	}
	arguments, _, err := x.arguments(n, names)
	if err != nil {
		return nil, true
	}
	return arguments, true
}

// foreseeUndo refuses a rollback in which a step of an undo would fail for sure: what it needs is not there, and nothing that is undone
// before it can bring that.
func foreseeUndo(ctx context.Context, x *runner) error {
	var before earlier
	look := func(nodes []*program.Node, f *frame) error {
		for _, n := range nodes {
			arguments, runs := undoArguments(x, n, f)
			if !runs {
				continue
			}
			if arguments == nil {
				before.anything = true
				continue
			}
			if n.When == nil && !n.Step.AllowFailure && n.Step.Retry == nil {
				_, err := n.StepType().Plan(ctx, x.config.Machine, arguments)
				if step.AsStanding(err) != nil && before.leaves(err) {
					return x.state.at(f.node, f.Rounds, fault.New(fault.Refused, "rollback-undo-fails", "cannot roll back run %s: a step of the undo would fail", x.folder.ID()).
						WithCause(program.Explain(ctx, err)).WithHint("put what it needs in place"))
				}
			}
			before.paths = append(before.paths, program.EffectPaths(n.StepType(), arguments)...)
			before.anything = before.anything || n.Opaque()
		}
		return nil
	}
	open := x.state.open()
	for _, f := range open {
		if f.OwesLast || f.Part == runstate.PartFinally {
			continue
		}
		if err := look(f.node.Undo, f); err != nil {
			return err
		}
		if own, _ := f.owesOwn(); own {
			before.paths = append(before.paths, program.EffectPaths(f.node.StepType(), f.arguments)...)
			before.anything = before.anything || f.node.Runs()
		}
	}
	for _, f := range oldestFirst(open) {
		if _, last := f.owes(); last {
			if err := look(f.node.UndoLast, f); err != nil {
				return err
			}
		}
	}
	return nil
}
