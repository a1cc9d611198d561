package run

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/process"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// Early in a boot a recovery stands in front of the services: they wait for it, so it must not wait for them.
// It rolls back, newest first, all that needs none of them, and they start on what was before. What does need
// them is put off, durably, and done by the next recovery that is not early, newest first again, which then
// closes the run. That the rest of a newer frame comes after an older frame does no harm: no service has run
// since the boot.

// servicesPatience is how long services may take to come up, from the first look in a boot on. What was put
// off and fails within it is put off once more.
const servicesPatience = 5 * time.Minute

// errWaits is the end of a step that was put off.
var errWaits = errors.New("it waits for the services")

// putOff closes a frame as far as its undo needs no service. Where a second try came no further the journal
// is not told: it tells of progress.
func (x *Runner) putOff(f *Frame, done runstate.UndoneRecord, rest runstate.PutOffRecord) {
	if f.Rest != nil && f.Rest.Own == rest.Own && slices.Equal(f.Rest.Steps, rest.Steps) {
		return
	}
	rest.UndoneRecord = done
	_ = x.Append(runstate.RecordPutOff, rest)
}

// FramesToUndo lists the open frames that this recovery works on, in the order in which it does.
func (x *Runner) FramesToUndo() []*Frame { return x.State.framesToUndo(x.Config.Early) }

// framesToUndo lists the open frames that a recovery works on, in the order in which it does. An early one
// has done its part of those that wait.
func (h *State) framesToUndo(early bool) []*Frame {
	open := h.Open()
	h.Guard.Lock()
	defer h.Guard.Unlock()
	if !slices.ContainsFunc(open, func(f *Frame) bool { return !f.Told }) {
		return nil // nothing older is left to undo
	}
	if early {
		return slices.DeleteFunc(open, func(f *Frame) bool { return f.Rest != nil || f.OwesLast })
	}
	var now, last []*Frame
	for _, f := range open {
		if f.OwesLast {
			last = append(last, f)
		} else {
			now = append(now, f)
		}
	}
	return append(now, OldestFirst(last)...)
}

// postpones reports whether what fails in the undo of a frame is put off: early in a boot nobody knows
// whether a missing service is the reason, and after that the services may still be coming up.
func (x *Runner) postpones(f *Frame) bool {
	return x.Config.Early || (f.Rest != nil || f.OwesLast && x.State.Awaiting) && x.servicesMayStart()
}

// servicesMayStart reports whether services may still be coming up.
func (x *Runner) servicesMayStart() bool {
	now, looked := x.Config.Now(), x.State.Looked
	return now.Boot == looked.Boot && now.Since-looked.Since < servicesPatience
}

func (x *Runner) logDeferred(err error, task *tasklog.Task) {
	task.Warn("it is tried again when the services are there: " + x.withoutSecrets(err).Error())
}

// needsServices reports whether a step says that it needs services. Arguments that cannot be evaluated say so
// elsewhere.
func (x *Runner) needsServices(n *program.Node, names map[string]any) bool {
	user, ok := n.StepType().(step.EarlyType)
	if !ok {
		return false
	}
	arguments, _, err := x.Arguments(n, names)
	if err != nil {
		return false
	}
	needs, err := user.NeedsServices(arguments)
	return err == nil && needs
}

// finallyNeedsServices reports whether a step of the recipe's finally does.
func (x *Runner) finallyNeedsServices() bool {
	return slices.ContainsFunc(x.Program.Finally, func(n *program.Node) bool {
		return x.needsServices(n, program.With(x.State.Names(n, nil, x.State.Failure != nil), "error", map[string]any{}))
	})
}

// DefersFinally reports whether an early recovery leaves a run alone that did all its steps: only its finally
// is to come.
func (x *Runner) DefersFinally() bool {
	owed := func(f *Frame) bool { return f.Part == runstate.PartFinally }
	return x.Config.Early && (len(x.Program.Finally) > 0 || slices.ContainsFunc(x.State.Open(), owed))
}

// HasDeferred tells, when the undos are over, whether something is left that waits for services. Where not
// all could be rolled back, the services must not start on that: an early recovery puts the failsafe in
// place, and leaves it to the later one to do so again with the services there, and to judge.
func (x *Runner) HasDeferred(ctx context.Context) bool {
	left := slices.ContainsFunc(x.State.Open(), func(f *Frame) bool { return !f.Told })
	if !x.Config.Early {
		return left
	}
	if x.State.broken() && len(x.Program.Failsafe) > 0 {
		_, _ = x.epilogue(ctx, runstate.RecordFailsafe, placeFailsafe, "Failsafe", x.Program.Failsafe)
		return true
	}
	return left || x.finallyNeedsServices()
}

// ExitDeferred ends this process's part of a run of which a rest waits for services.
func (x *Runner) ExitDeferred() runstate.Result {
	process.Release(x.MarkOfRun())
	if !x.State.Awaiting {
		_ = x.Append(runstate.RecordServices, struct{}{})
	}
	return x.exitSuspended(&suspending{runstate.ServicesAwaited})
}

// earlyVariables tell the programs of a step that the services are not there, and wait for them: systemctl
// would start nothing before they have ended. So by the second variable, which is systemd's own, it leaves
// start, stop, restart and reload alone.
func (x *Runner) earlyVariables() []string {
	if !x.Config.Early {
		return []string{"GWE_EARLY=0"}
	}
	return []string{"GWE_EARLY=1", "SYSTEMD_OFFLINE=1"}
}
