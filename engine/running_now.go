package engine

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/internal/run"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/step"
)

// otherTargets bounds how many runs with other locks than the newest are asked what runs.
const otherTargets = 8

// reportNow asks what runs by the newest run that has ended and can tell; none where no recipe says it. Of
// runs with other locks, the newest that stands is asked as well, but not for its checks: what an older
// recipe waited for may be of no matter any more.
func (e *Engine) reportNow(ctx context.Context, list []Summary) []step.Report {
	if runstate.BundledState(e.State) != nil {
		return nil // nothing of another machine runs here
	}
	var watched []run.WatchRecord
	var asked []Summary
	for _, one := range slices.Backward(list) {
		stands := one.Status == runstate.StatusDone || one.Status == runstate.StatusCommitted
		known := slices.ContainsFunc(asked, func(newer Summary) bool { return runstate.SharesLock(newer.Locks, one.Locks) })
		if len(asked) > 0 && !stands || known || len(asked) > otherTargets {
			continue
		}
		text, err := durable.ReadNote(runstate.DirectoryOf(e.State, one.Run).Reports())
		var noted []run.WatchRecord
		if err != nil || len(text) == 0 || json.Unmarshal(text, &noted) != nil {
			continue
		}
		if len(asked) > 0 {
			noted = slices.DeleteFunc(noted, func(one run.WatchRecord) bool { return e.onlyChecks(one) })
		}
		asked, watched = append(asked, one), append(noted, watched...)
	}
	return e.config().Report(ctx, watched)
}

// onlyChecks reports whether the step tells of no release and no program.
func (e *Engine) onlyChecks(one run.WatchRecord) bool {
	stepType, ok := e.Catalog.Find(one.Type)
	return one.Check != "" || ok && len(stepType.About().Effects) == 0
}

// Reports tells what runs now, as the recipe of the newest ended run says it: releases, programs, checks. It
// takes no lock.
func (e *Engine) Reports(ctx context.Context) ([]step.Report, error) {
	list, err := e.State.List()
	if err != nil {
		return nil, err
	}
	return e.reportNow(ctx, list), nil
}
