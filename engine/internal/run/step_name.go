package run

import (
	"strings"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/tasklog"
	"github.com/gwe-project/gwe/engine/value"
)

// named names the step in these rounds. A name that cannot be evaluated, or not yet, is shown as its source.
func (h *State) named(n *program.Node, r runstate.Rounds) runstate.StepName {
	named := runstate.StepName{ID: n.ID(), Type: n.Keyword(), Item: h.itemsAround(n, r), Path: n.Path(), At: n.Position()}
	if n.Title != nil {
		named.Name = n.Title.Source()
		if name, err := n.Title.Evaluate(h.namesAt(n, r)); err == nil {
			named.Name = value.Text(name)
		}
		named.Name = runstate.Limited(strings.Join(strings.Fields(named.Name), " "), runstate.NameRunes)
	}
	for user := n.User(); user != nil; user = user.User() {
		named.Within = append([]string{runstate.ShortName(h.named(user, r.In(user.Own.Loops)))}, named.Within...)
	}
	return named
}

// namesAt are what the expressions of the step read in these rounds: outside of its own for-each where they
// end there.
func (h *State) namesAt(n *program.Node, r runstate.Rounds) map[string]any {
	if len(r) < n.Own.Loops {
		outside := *n
		outside.Own = n.In
		n = &outside
	}
	return h.Names(n, r, false)
}

// itemsAround names the items of the rounds, outermost first.
func (h *State) itemsAround(n *program.Node, r runstate.Rounds) string {
	var items []string
	for at := n.Own; at != nil; at = at.Parent {
		if at.Owner == nil || at.Owner.Items == nil || at.Owner.Own != at || len(r) < at.Loops {
			continue
		}
		if s := h.scope(at, r); s.looped {
			items = append([]string{program.ItemText(map[string]any{"item": s.item, "index": s.index})}, items...)
		}
	}
	return runstate.Limited(strings.Join(items, ", "), runstate.NameRunes)
}

// Named names the step without showing a secret.
func (x *Runner) Named(n *program.Node, r runstate.Rounds) runstate.StepName {
	return runstate.RedactedName(x.State.named(n, r), x.Mask)
}

// shown is what a record of the step holds for lists.
func (x *Runner) shown(n *program.Node, r runstate.Rounds) runstate.ShownRecord {
	named := x.Named(n, r)
	return runstate.ShownRecord{Name: named.Name, Type: named.Type, Item: named.Item}
}

// recordOfStep is the record of a step that made no frame, or of a part of one.
func (x *Runner) recordOfStep(n *program.Node, r runstate.Rounds, text string) runstate.StepRecord {
	return runstate.StepRecord{Step: n.Path(), Rounds: r, ID: n.ID(), ShownRecord: x.shown(n, r), Text: text}
}

// begin opens a task of a step, in these rounds, below another.
func (x *Runner) begin(parent *tasklog.Task, kind, title string, n *program.Node, r runstate.Rounds) *tasklog.Task {
	return x.beginCounted(parent, kind, title, n, r, 0, 0)
}

// BeginStep opens the task of a step, with its place in its list.
func (x *Runner) BeginStep(parent *tasklog.Task, kind, title string, n *program.Node, r runstate.Rounds) *tasklog.Task {
	return x.beginCounted(parent, kind, title, n, r, n.Number, n.Siblings)
}

func (x *Runner) beginCounted(parent *tasklog.Task, kind, title string, n *program.Node, r runstate.Rounds, number, of int) *tasklog.Task {
	named := x.State.named(n, r)
	return parent.BeginStep(kind, title, tasklog.Step{
		ID: named.ID, Path: named.Path, Action: named.Type, Item: named.Item, Number: number, Of: of,
		MayFail: n.Step.AllowFailure && (kind == "round" || n.Items == nil && kind == n.Construct.Kind()),
	})
}

// outputsInvalid is a defect of a step type: its outputs are not what it declares.
func outputsInvalid(err error) error {
	return fault.New(fault.Errored, "outputs-invalid", "the step's outputs cannot be journaled").WithCause(err)
}
