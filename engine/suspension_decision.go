package engine

import (
	"context"
	"slices"

	"github.com/gwe-project/gwe/engine/expression"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/plan"
	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/run"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/process"
	"github.com/gwe-project/gwe/engine/value"
)

// decision is what is to become of a suspended run.
type decision int

const (
	waitOn decision = iota
	goOn
	askAgain
	turnBack
)

// verdict is a decision with its reason, and how far the wait came.
type verdict struct {
	decision decision
	failure  error
	waited   runstate.WaitedRecord
	// arrived means that the machine rebooted into the system that was wanted.
	arrived bool
	// left means that it has left that system since.
	left bool
}

// judge decides about a suspended run. It reads the machine's boot, the time since then and, where an
// expression asks for them, the host and the facts as they are now; never the clock on the wall.
func (e *Engine) judge(ctx context.Context, h *run.State) verdict {
	s := h.Suspension
	j := judgement{engine: e, history: h, suspension: s, node: h.Program.ByPath[s.Step], verdict: verdict{waited: s.After(e.now())}}
	switch {
	case j.waited.Boots > s.Boots:
		j.looped()
	case s.Cause == runstate.CauseConfirm:
		j.confirm(ctx)
	case s.Cause == runstate.CauseReturn:
		j.checkReturn(ctx, program.As[*program.Waiting](j.node).Expect)
	default:
		j.reboot(ctx, program.As[*program.Waiting](j.node).Expect, program.As[*program.Waiting](j.node).Await)
	}
	if ctx.Err() != nil {
		// Who is told to stop decides nothing: what was asked was cut short, and says so little of the
		// machine as of the run.
		return verdict{waited: s.After(e.now())}
	}
	if s.Cancelled && s.Cause != runstate.CauseReturn {
		j.decision = turnBack
		j.failure = fault.New(fault.Interrupted, "cancelled", "the run was cancelled while it waited for %s", s.Awaited())
	}
	return j.verdict
}

type judgement struct {
	verdict
	engine     *Engine
	history    *run.State
	suspension *runstate.Suspension
	node       *program.Node
}

// reboot tells "did not reboot", "came back in another system", "is not ready in time" and "rebooted" apart.
func (j *judgement) reboot(ctx context.Context, expect, await *program.Condition) {
	s := j.suspension
	if !j.booted() {
		return
	}
	if expect != nil {
		holds, err := j.asks(ctx, expect)
		if err != nil {
			// Nobody can tell yet where the machine is; if that stays so, it may well be the new system.
			j.arrived = true
			j.notYet(expect, err)
			return
		}
		if !holds {
			j.failed("reboot-fell-back", "the machine rebooted, and came back in another system: not %s", expect.Source)
			return
		}
	}
	j.arrived = true
	if await != nil && !s.Cancelled {
		if holds, err := j.asks(ctx, await); !holds {
			j.notYet(await, err)
			return
		}
	}
	j.decision = goOn
}

// notYet leaves alone a machine that has rebooted, and of which something is not so yet, or cannot be told:
// until the time is over.
func (j *judgement) notYet(asked *program.Condition, err error) {
	s := j.suspension
	switch {
	case j.late():
		j.rollBack("reboot-not-ready", "the machine rebooted, and %s did not come about within %s", asked.Source, value.DurationOf(s.Within))
	case j.waited.Boots >= s.Boots:
		j.rollBack("reboot-loop", "the machine booted %d times, and %s did not come about", j.waited.Boots, asked.Source)
	}
	j.because(err)
}

// looped gives up on a machine that has booted more often than the run outlives: it went down each time that
// it was asked about, so it is asked no more. Into which system it boots nobody knows; the way back leads
// over a reboot.
func (j *judgement) looped() {
	j.arrived = true
	j.rollBack("reboot-loop", "the machine booted %d times while the run waited for %s, and its state could not be read", j.waited.Boots, j.suspension.Awaited())
}

// booted reports whether the machine has rebooted since the wait began, and gives up on one that does not.
func (j *judgement) booted() bool {
	if j.waited.Boots == 0 && j.late() {
		j.failed("reboot-missing", "the machine did not reboot within %s", value.DurationOf(j.suspension.Within))
	}
	return j.waited.Boots > 0
}

func (j *judgement) late() bool { return j.waited.Spent >= j.suspension.Within }

// confirm reports whether somebody or the condition confirmed the run.
func (j *judgement) confirm(ctx context.Context) {
	s := j.suspension
	left, doubt := j.fellBack(ctx)
	switch {
	case left, s.Cancelled:
		return
	case s.Confirmed:
		j.decision = goOn
		return
	}
	until := program.As[*program.Waiting](j.node).Await
	if until != nil {
		holds := false
		if doubt == nil {
			holds, doubt = j.asks(ctx, until)
		}
		switch {
		case !holds:
			j.waited.True = nil
		case j.waited.True == nil:
			spent := j.waited.Spent
			j.waited.True = &spent
		}
		if holds && j.waited.Spent-*j.waited.True >= s.Hold {
			j.decision = goOn
			return
		}
	}
	switch {
	case j.waited.Spent >= s.Within:
		j.rollBack("unconfirmed", "it was not confirmed within %s", value.DurationOf(s.Within))
	case j.waited.Boots >= s.Boots:
		j.rollBack("unconfirmed", "the machine booted %d times, and it was not confirmed", j.waited.Boots)
	}
	j.because(doubt)
}

// fellBack reports whether the machine left the new system since the run rebooted it there: a boot loader
// gave that up, say. What is healthy then is the old one. An error means that nobody can tell; a person who
// confirms the run is believed all the same.
func (j *judgement) fellBack(ctx context.Context) (bool, error) {
	if j.history.Rebooted == nil || j.waited.Boots == 0 {
		return false, nil
	}
	left, err := j.engine.left(ctx, j.history)
	if left && err == nil {
		j.left = true
		j.rollBack("reboot-fell-back", "the machine booted once more, and came back in another system: not %s", expectedSystem(j.history).Source)
	}
	return j.left, err
}

// failed is a reboot that did not do what it was for: it is asked for again where attempts are left.
func (j *judgement) failed(code, format string, arguments ...any) {
	j.rollBack(code, format, arguments...)
	if j.suspension.Attempt < j.suspension.Attempts {
		j.decision = askAgain
	}
}

func (j *judgement) rollBack(code, format string, arguments ...any) {
	j.decision, j.failure = turnBack, fault.New(fault.Failed, code, format, arguments...)
}

// because adds what kept a condition from being evaluated.
func (j *judgement) because(err error) {
	if f := fault.As(j.failure); f != nil && err != nil {
		j.failure = f.WithCause(err)
	}
}

// asks evaluates a condition with the host and the facts as they are now. One that cannot be evaluated does
// not hold.
func (j *judgement) asks(ctx context.Context, asked *program.Condition) (bool, error) {
	names, err := j.present(ctx, asked)
	if err != nil {
		return false, err
	}
	answer, err := asked.Evaluate(names)
	if err != nil {
		return false, err
	}
	return answer.(bool), nil
}

// present are the names that a condition reads, with the host and the facts as they are now.
func (j *judgement) present(ctx context.Context, asked *program.Condition) (map[string]any, error) {
	names := j.history.Names(j.node, nil, false)
	machine, _, err := HostFacts()
	if err != nil {
		return nil, err
	}
	names["host"] = machine
	facts := map[string]any{}
	reader := plan.FactReader{
		Machine: j.engine.Machine, Programs: true, Untrusted: j.engine.Untrusted,
		Environment: append(process.BaseEnvironment(), "GWE_RUN_ID="+j.history.Begin.Run, "GWE_RECOVERING=0"),
	}
	for _, f := range j.history.Program.Facts {
		if !reads(asked, f.Declared.Name.Text) {
			continue
		}
		read := reader.Read(ctx, f, names)
		if read.Err != nil {
			return nil, read.Err
		}
		facts[read.Name] = read.Value
	}
	names["facts"] = facts
	return names, nil
}

// reads reports whether a condition reads a fact.
func reads(asked *program.Condition, fact string) bool {
	return slices.ContainsFunc(asked.References(), func(read expression.Reference) bool {
		return read.Path[0] == "facts" && (len(read.Path) == 1 || read.Path[1] == fact)
	})
}

// bootedIntoNewSystem finds out whether a run that died before its reboot finds itself in the new system: the
// power failed after a step had chosen that. Then the way back leads over a reboot as it does after the
// step. Only expect can tell.
func (e *Engine) bootedIntoNewSystem(ctx context.Context, h *run.State, boot string) {
	if h.Rebooted != nil || h.Committed >= 0 || h.Begin.Boot == "" || h.Begin.Boot == boot {
		return
	}
	for _, n := range h.Program.Steps {
		w := program.As[*program.Waiting](n)
		if w == nil || w.Expect == nil || h.Settled[n.Path()] {
			continue
		}
		record, err := w.Evaluate(h.Names(n, nil, true))
		if err != nil {
			return // it reads what a later step would have found out
		}
		j := judgement{engine: e, history: h, node: n}
		if holds, _ := j.asks(ctx, w.Expect); holds {
			record.Step = n.Path()
			h.Arrived = &record
		}
		return
	}
}
