package engine

import (
	"context"
	"time"

	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
)

// Overview tells what is in progress. It takes no lock and changes nothing. ctx bounds the questions about
// what runs.
func (e *Engine) Overview(ctx context.Context) (Overview, error) {
	seen := Overview{Pending: []Summary{}, Damaged: []Summary{}, Broken: []Summary{}, Now: []step.Report{}, Lost: runstate.LostRuns(e.State)}
	held, err := e.State.Holder()
	if err != nil {
		return seen, err
	}
	if held != nil {
		seen.Running = runstate.ActivityOf(e.State, *held)
	}
	list, standing, err := runstate.Survey(e.State)
	if err != nil {
		return seen, err
	}
	for i, one := range list {
		seen.Abandoned = append(seen.Abandoned, one.Abandoned...)
		switch {
		case held != nil && one.Run == held.Run:
			seen.Running.Recipe = one.Recipe
		case one.Status == runstate.StatusDamaged:
			if one.Resolved == nil {
				seen.Damaged = append(seen.Damaged, one)
			}
		case one.Status == runstate.StatusPending, one.Status == runstate.StatusSuspended:
			if one.Suspension != nil {
				left := one.Suspension.Left(e.now())
				one.Left = value.DurationOf(left.Round(time.Second)).String()
				if left <= 0 {
					one.Next = "`gwe recover` looks at it: its time is over"
				}
			}
			if open := runstate.OpenTasks(e.State, one.Run); one.Status == runstate.StatusPending && len(open) > 1 {
				one.In = open[len(open)-1].Name
			}
			seen.Pending = append(seen.Pending, one)
		case seen.Last == nil || seen.Last.Status != runstate.StatusRolledBack || one.Ended.After(seen.Last.Ended):
			seen.Last = &list[i]
		}
	}
	if seen.Running != nil {
		seen.Running.Next = runstate.Advised(*seen.Running)
	} else {
		seen.State = runstate.TroubleWith(e.State, len(seen.Pending) > 0)
	}
	seen.Broken = runstate.Broken(list)
	for i, one := range seen.Broken {
		if found, err := e.examine(one.Run); err == nil {
			seen.Broken[i].FailedUndos = found.FailedUndos
		}
	}
	seen.Rollback = e.passing(standing, nil)
	seen.Now = append(seen.Now, e.reportNow(ctx, list)...)
	return seen, nil
}
