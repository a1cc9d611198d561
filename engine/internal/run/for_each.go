package run

import (
	"context"
	"fmt"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// forEach carries out a step for each item, one round after the other. What it goes over is journaled before
// the first round.
func (x *Runner) forEach(ctx context.Context, n *program.Node, r runstate.Rounds, parent *tasklog.Task) error {
	around := x.around(n, r)
	task := x.BeginStep(parent, "for-each", x.titleOfAll(n, around), n, r)
	err := x.allRounds(ctx, n, r, around, task)
	if err == nil {
		task.Done("")
		return nil
	}
	if stop := stopped(err); stop != nil {
		task.Done(stop.text)
		return err
	}
	err = x.State.At(n, r, err)
	task.Fail(err)
	return err
}

func (x *Runner) allRounds(ctx context.Context, n *program.Node, r runstate.Rounds, names map[string]any, task *tasklog.Task) error {
	record, err := n.Items.Evaluate(names)
	if err != nil {
		return fault.New(fault.Failed, "for-each-invalid", "what it goes over cannot be evaluated").WithCause(err)
	}
	record.Step, record.Rounds = n.Path(), r
	if err := x.reserveRounds(n, len(record.Items)); err != nil {
		return err
	}
	if err := x.note(runstate.RecordItems, record); err != nil {
		return err
	}
	for i := range record.Items {
		if ctx.Err() != nil {
			return runstate.Interruption(context.Cause(ctx))
		}
		inner := r.Next(i)
		title := x.titleOfRound(n, x.State.Names(n, inner, false), i, len(record.Items))
		if err := x.carryOut(ctx, n, inner, x.beginCounted(task, "round", title, n, inner, i+1, len(record.Items))); err != nil {
			return err
		}
	}
	if len(record.Items) == 0 {
		task.Info("there is nothing to go over")
	}
	return x.note(runstate.RecordEnded, runstate.ResultRecord{Step: n.Path(), Rounds: r, ID: n.ID(), ShownRecord: x.shown(n, r)})
}

// around are the names where the step stands, outside of its own rounds.
func (x *Runner) around(n *program.Node, r runstate.Rounds) map[string]any {
	outside := *n
	outside.Own = n.In
	return x.State.Names(&outside, r, false)
}

// titleOfAll is the title of the whole: the step's name, unless that is made of the item.
func (x *Runner) titleOfAll(n *program.Node, names map[string]any) string {
	if n.Title == nil || n.TitledByItem() {
		return n.Describe()
	}
	return x.Title(n, names)
}

// titleOfRound is the step's name, where the item is in it, or else the item.
func (x *Runner) titleOfRound(n *program.Node, names map[string]any, number, count int) string {
	if n.TitledByItem() {
		return x.Title(n, names)
	}
	return fmt.Sprintf("%d of %d: %s", number+1, count, program.ItemText(names))
}

// TitleOfFrame is the title of what a frame's step did, with the item where it did that in rounds.
func (x *Runner) TitleOfFrame(f *Frame) string {
	names := x.State.Names(f.Node, f.Rounds, true)
	title := x.Title(f.Node, names)
	if len(f.Rounds) == 0 || f.Node.TitledByItem() {
		return title
	}
	// In a used recipe the names have no item: the rounds are those around it.
	return title + " (" + x.State.itemsAround(f.Node, f.Rounds) + ")"
}
