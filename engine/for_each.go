package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/gwe-project/gwe/engine/expression"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/tasklog"
	"github.com/gwe-project/gwe/engine/value"
)

// forEach carries out a step for each item, one round after the other. What it goes over is journaled before the first
// round.
func (x *runner) forEach(ctx context.Context, n *node, r runstate.Rounds, parent *tasklog.Task) error {
	around := x.around(n, r)
	task := x.beginStep(parent, "for-each", x.titleOfAll(n, around), n, r)
	err := x.allRounds(ctx, n, r, around, task)
	if err == nil {
		task.Done("")
		return nil
	}
	if stop := stopped(err); stop != nil {
		task.Done(stop.text)
		return err
	}
	err = x.state.at(n, r, err)
	task.Fail(err)
	return err
}

func (x *runner) allRounds(ctx context.Context, n *node, r runstate.Rounds, names map[string]any, task *tasklog.Task) error {
	record, err := n.items.evaluate(names)
	if err != nil {
		return fault.New(fault.Failed, "for-each-invalid", "what it goes over cannot be evaluated").WithCause(err)
	}
	record.Step, record.Rounds = n.path(), r
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
		title := x.titleOfRound(n, x.state.names(n, inner, false), i, len(record.Items))
		if err := x.carryOut(ctx, n, inner, x.beginCounted(task, "round", title, n, inner, i+1, len(record.Items))); err != nil {
			return err
		}
	}
	if len(record.Items) == 0 {
		task.Info("there is nothing to go over")
	}
	return x.note(runstate.RecordEnded, runstate.ResultRecord{Step: n.path(), Rounds: r, ID: n.id(), ShownRecord: x.shown(n, r)})
}

// around are the names where the step stands, outside of its own rounds.
func (x *runner) around(n *node, r runstate.Rounds) map[string]any {
	outside := *n
	outside.own = n.in
	return x.state.names(&outside, r, false)
}

// evaluate gives the items: of a map those of its keys, in their order.
func (i *items) evaluate(names map[string]any) (runstate.ItemsRecord, error) {
	v, err := i.value.evaluate(names)
	if err != nil {
		return runstate.ItemsRecord{}, err
	}
	record := runstate.ItemsRecord{Items: []json.RawMessage{}}
	add := func(number int, item any) error {
		raw, err := value.ToJSON(i.typeOf(number, record.Keys), item)
		record.Items = append(record.Items, raw)
		return err
	}
	switch v := v.(type) {
	case []any:
		for number, item := range v {
			if err := add(number, item); err != nil {
				return record, err
			}
		}
	case map[string]any:
		for key := range v {
			record.Keys = append(record.Keys, key)
		}
		slices.Sort(record.Keys)
		for number, key := range record.Keys {
			if err := add(number, v[key]); err != nil {
				return record, err
			}
		}
	default:
		return record, fault.New(fault.Failed, "for-each-invalid", "it is neither a list nor a map")
	}
	return record, nil
}

// titleOfAll is the title of the whole: the step's name, unless that is made of the item.
func (x *runner) titleOfAll(n *node, names map[string]any) string {
	if n.title == nil || n.titledByItem() {
		return n.describe()
	}
	return x.title(n, names)
}

// titleOfRound is the step's name, where the item is in it, or else the item.
func (x *runner) titleOfRound(n *node, names map[string]any, number, count int) string {
	if n.titledByItem() {
		return x.title(n, names)
	}
	return fmt.Sprintf("%d of %d: %s", number+1, count, itemText(names))
}

// titleOfFrame is the title of what a frame's step did, with the item where it did that in rounds.
func (x *runner) titleOfFrame(f *frame) string {
	names := x.state.names(f.node, f.Rounds, true)
	title := x.title(f.node, names)
	if len(f.Rounds) == 0 || f.node.titledByItem() {
		return title
	}
	// In a used recipe the names have no item: the rounds are those around it.
	return title + " (" + x.state.itemsAround(f.node, f.Rounds) + ")"
}

// itemText is the item of a round for people: of a map its key.
func itemText(names map[string]any) string {
	item, ok := names["index"].(string)
	if !ok {
		item = value.Text(names["item"])
	}
	if characters := []rune(item); len(characters) > 60 {
		item = string(characters[:60]) + "..."
	}
	return item
}

// titledByItem tells whether the step's name tells one round from another.
func (n *node) titledByItem() bool {
	return n.title != nil && slices.ContainsFunc(n.title.references(), func(r expression.Reference) bool {
		return r.Path[0] == "item" || r.Path[0] == "index"
	})
}
