package engine

import (
	"context"
	"strings"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/plan"
	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/run"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/step"
)

// linesOf says what the steps of an undo would do: what each is called, and what its type plans as the
// machine is now. What stands in its way now may be gone when its turn comes.
func linesOf(ctx context.Context, x *run.Runner, nodes []*program.Node, f *run.Frame) []string {
	var lines []string
	for _, inner := range nodes {
		arguments, runs := undoArguments(x, inner, f)
		if !runs {
			continue
		}
		line := x.Title(inner, x.State.Names(inner, f.Rounds, true))
		var planned step.Plan
		var err error
		if arguments != nil {
			planned, err = inner.StepType().Plan(ctx, x.Config.Machine, arguments)
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
		lines = append(lines, x.Mask.Text(line))
	}
	return lines
}

// undoArguments are those of a step of an undo, nil where only the undo will know them; runs is false where
// its guard says no.
func undoArguments(x *run.Runner, n *program.Node, f *run.Frame) (arguments map[string]any, runs bool) {
	names := program.With(x.State.Names(n, f.Rounds, true), "error", map[string]any{})
	if n.When != nil {
		// A guard that reads what only the undo will know is decided then.
		if answer, err := n.When.Evaluate(names); err == nil && answer == false {
			return nil, false
		}
	}
	arguments, _, err := x.Arguments(n, names)
	if err != nil {
		return nil, true
	}
	return arguments, true
}

// foreseeUndo refuses a rollback in which a step of an undo would fail for sure: what it needs is not there,
// and nothing that is undone before it can bring that.
func foreseeUndo(ctx context.Context, x *run.Runner) error {
	var before plan.Earlier
	look := func(nodes []*program.Node, f *run.Frame) error {
		for _, n := range nodes {
			arguments, runs := undoArguments(x, n, f)
			if !runs {
				continue
			}
			if arguments == nil {
				before.Anything = true
				continue
			}
			if n.When == nil && !n.Step.AllowFailure && n.Step.Retry == nil {
				_, err := n.StepType().Plan(ctx, x.Config.Machine, arguments)
				if step.AsStanding(err) != nil && before.Leaves(err) {
					return x.State.At(f.Node, f.Rounds, fault.New(fault.Refused, "rollback-undo-fails", "cannot roll back run %s: a step of the undo would fail", x.Directory.ID()).
						WithCause(program.Explain(ctx, err)).WithHint("put what it needs in place"))
				}
			}
			before.Paths = append(before.Paths, program.EffectPaths(n.StepType(), arguments)...)
			before.Anything = before.Anything || n.Opaque()
		}
		return nil
	}
	open := x.State.Open()
	for _, f := range open {
		if f.OwesLast || f.Part == runstate.PartFinally {
			continue
		}
		if err := look(f.Node.Undo, f); err != nil {
			return err
		}
		if own, _ := f.OwesOwn(); own {
			before.Paths = append(before.Paths, program.EffectPaths(f.Node.StepType(), f.Arguments)...)
			before.Anything = before.Anything || f.Node.Runs()
		}
	}
	for _, f := range run.OldestFirst(open) {
		if _, last := f.Owes(); last {
			if err := look(f.Node.UndoLast, f); err != nil {
				return err
			}
		}
	}
	return nil
}
