package engine

import (
	"context"
	"slices"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/run"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/step"
)

// examineRollback looks at everything that could stand in the way of a rollback: journals, frames, the
// machine. It gives the run as a rollback would find it, and what that would leave since it came after the
// commit.
func (e *Engine) examineRollback(ctx context.Context, p *runstate.StoredRun, standing []*runstate.StoredRun) (*run.Runner, []step.Later, error) {
	x, err := e.wayBack(p, standing)
	if err != nil {
		return nil, nil, err
	}
	if err := inspectFrames(ctx, x); err != nil {
		return nil, nil, err
	}
	if err := foreseeUndo(ctx, x); err != nil {
		return nil, nil, err
	}
	later, err := e.foresee(ctx, x, p, standing)
	return x, later, err
}

// wayBack looks at what journals tell that could stand in the way of a rollback, and gives the run as that
// would find it once it has begun. It only reads, and does not look at the machine: asLeft does. The error
// says why it cannot be.
func (e *Engine) wayBack(p *runstate.StoredRun, standing []*runstate.StoredRun) (*run.Runner, error) {
	id := p.Directory.ID()
	if p.UndoFailed {
		return nil, fault.New(fault.Refused, "rollback-broken", "an undo of run %s failed: the machine is not as a run left it", id).
			WithHint("`gwe show %s` tells which one; put that right by hand", id)
	}
	if err := e.covered(p, standing); err != nil {
		return nil, err
	}
	compiled, err := e.program(p)
	if err != nil {
		return nil, err
	}
	h, err := run.Replay(compiled, p.Directory, p.Records)
	if err != nil {
		return nil, err
	}
	x := run.New(e.config(), h, nil)
	for _, f := range h.Held() {
		if irreversible(f) {
			return nil, x.State.At(f.Node, f.Rounds, fault.New(fault.Refused, "rollback-irreversible", "run %s cannot be undone: nothing undoes what %q did", id, x.TitleOfFrame(f)).
				WithHint("restore by hand what the step did"))
		}
	}
	h.GiveUpAfterCommit()
	h.TakeRollback(runstate.UnwindRecord{Back: h.Rebooted})
	for _, f := range h.Open() {
		if why := x.MissingPlugin(f, fault.Refused); why != nil {
			return nil, why
		}
	}
	return x, nil
}

// rollbackReaches refuses a rollback while a file system that the run worked on is not there, or takes
// nothing. After a reboot of the run its file systems may be others.
func (e *Engine) rollbackReaches(p *runstate.StoredRun) error {
	if p.Waited {
		return nil
	}
	return runstate.OutOfReach(p.Targets(e.runsPrograms), fault.Refused)
}

// irreversible reports whether nothing would be done to put the frame back: no undo of its type's, none in
// the recipe, and none of a group around it.
func irreversible(f *run.Frame) bool {
	if f.Part != "" || f.Node.StepType().About().Undo != "" {
		return false
	}
	for n := f.Node; n != nil; n = n.Parent {
		if len(n.Undo)+len(n.UndoLast) > 0 {
			return false
		}
	}
	return true
}

// inspectFrames asks the frames, newest first, whether the machine is as the run left it. What a later step
// of the same run changed again cannot be judged before that is rolled back.
func inspectFrames(ctx context.Context, x *run.Runner) error {
	if err := x.AllIntact(x.State.Open()); err != nil {
		return err
	}
	later, obscured := changedByFinally(x)
	for _, f := range x.State.Open() {
		if f.OwesLast {
			continue // all else of it is undone
		}
		obscured = obscured || len(f.Node.Undo)+len(f.Node.UndoLast) > 0 || f.Part == "" && f.Node.Runs() && !irreversible(f)
		if f.Part != "" {
			continue
		}
		stepType := f.Node.StepType()
		run, err := x.EnvironmentOf(f, true, nil)
		if err != nil {
			return err
		}
		own, err := touchedBy(f, run.Run)
		if err != nil {
			return notAsLeft(ctx, x, f, err)
		}
		covered := false
		for _, path := range own {
			covered = covered || runstate.AnyOverlaps(path, later)
		}
		later = append(later, own...)
		run.AfterCommit, run.Obscured = true, obscured
		if !covered && !obscured {
			err = f.Unreachable()
		}
		if err == nil {
			err = stepType.Verify(ctx, run.Run, f.Arguments, f.Memo)
		}
		if inspector, ok := stepType.(step.InspectorType); ok && err == nil && !covered {
			err = inspector.Inspect(ctx, run.Run, f.Arguments, f.Memo)
		}
		if err != nil {
			return notAsLeft(ctx, x, f, err)
		}
	}
	return nil
}

// notAsLeft refuses the rollback because of what a frame found, also if that is only what it could not look
// at: nothing was done yet.
func notAsLeft(ctx context.Context, x *run.Runner, f *run.Frame, err error) error {
	changed := fault.New(fault.Refused, "rollback-changed", "the machine is not as run %s left it", x.Directory.ID()).WithCause(program.Explain(ctx, err))
	if why := fault.As(err); why != nil && why.Hint != "" {
		changed = changed.WithHint("%s", why.Hint) // it says how the machine becomes so again
	}
	return x.State.At(f.Node, f.Rounds, changed)
}

// touchedBy lists what the frame changed: what its type tells, or else the paths of its effects.
func touchedBy(f *run.Frame, run *step.Run) ([]string, error) {
	if toucher, ok := f.Node.StepType().(step.ToucherType); ok {
		if paths, known, err := toucher.Touches(run, f.Arguments, f.Memo); known || err != nil {
			return paths, err
		}
	}
	return program.EffectPaths(f.Node.StepType(), f.Arguments), nil
}

// checkRebootBack finds out whether the way back leads over a reboot: the run rebooted the machine, and that
// has not left the new system since.
func (e *Engine) checkRebootBack(ctx context.Context, x *run.Runner) error {
	if x.State.Rebooted == nil {
		return nil
	}
	left, err := e.left(ctx, x.State)
	if err != nil {
		return fault.New(fault.Refused, "rollback-where", "whether the machine still runs the system that run %s rebooted it into cannot be told", x.Directory.ID()).WithCause(err)
	}
	if left {
		x.State.Rebooted = nil
	}
	return nil
}

// notRolledBack names the steps after the commit that a rollback does not roll back: what their undo needs
// went when the run ended, or there is none.
func notRolledBack(x *run.Runner) []string {
	stays := []string{}
	for _, f := range x.State.Open() {
		if f.Part == "" && irreversible(f) {
			stays = append(stays, x.TitleOfFrame(f))
		}
	}
	for _, f := range x.State.Frames {
		if f.GivenUp && !f.Undone {
			stays = append(stays, x.TitleOfFrame(f))
		}
	}
	return stays
}

// runsPrograms reports whether steps of that type run a program, as far as the catalog knows it.
func (e *Engine) runsPrograms(stepType string) bool {
	found, known := e.Catalog.Find(stepType)
	return !known || slices.ContainsFunc(found.About().Effects, func(effect step.Effect) bool { return effect.Kind == step.Runs })
}
