package engine

import (
	"context"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/run"
	"github.com/gwe-project/gwe/engine/value"
)

// checkReturn judges the reboot into the previous system. Where expect tells the systems apart, the machine
// is there when expect does not hold, and when all that expect reads of the host and the facts is as at the
// start of the run. What is not so yet may still come about; that expect holds means the new system.
func (j *judgement) checkReturn(ctx context.Context, expect *program.Condition) {
	if !j.booted() {
		return
	}
	j.decision = goOn
	start := j.history.Names(j.node, nil, false)
	if !expect.TellsApart(start) {
		return
	}
	now, err := j.present(ctx, expect)
	if err == nil {
		var holds any
		if holds, err = expect.Evaluate(now); err == nil && holds == true {
			j.failed("return-fell-forward", "the machine rebooted, and came back in the new system: %s", expect.Source)
			return
		}
	}
	changed := expect.Changed(start, now)
	if err == nil && changed == "" {
		return
	}
	j.decision = waitOn
	s := j.suspension
	switch {
	case j.late():
		j.failed("return-elsewhere", "the machine rebooted, and within %s it was not in the previous system%s", value.DurationOf(s.Within), changed)
	case j.waited.Boots >= s.Boots:
		j.rollBack("return-elsewhere", "the machine booted %d times, and was not in the previous system%s", j.waited.Boots, changed)
	}
	j.because(err)
}

// left reports whether a machine that a run brought into a new system runs another one by now. An error means
// that nobody can tell.
func (e *Engine) left(ctx context.Context, h *run.State) (bool, error) {
	n := h.Program.ByPath[h.Rebooted.Step]
	if n == nil || program.As[*program.Waiting](n) == nil {
		return false, fault.New(fault.Errored, "journal-unreadable", "run %s rebooted at a step that its frozen recipe does not have", h.Begin.Run)
	}
	expect := expectedSystem(h)
	if !expect.TellsApart(h.Names(n, nil, false)) {
		return false, nil
	}
	j := judgement{engine: e, history: h, node: n}
	holds, err := j.asks(ctx, expect)
	return !holds, err
}

// expectedSystem is what tells the system into which the run rebooted the machine; nil where the recipe does
// not say.
func expectedSystem(h *run.State) *program.Condition {
	return program.As[*program.Waiting](h.Program.ByPath[h.Rebooted.Step]).Expect
}
