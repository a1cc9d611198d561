package engine

import (
	"context"
	"fmt"
	"os"
	"slices"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/run"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/journal"
)

// CanTakeOver reports whether this gwe can continue a run of another one: it reads the journal and the
// frozen recipe, and changes nothing.
func (e *Engine) CanTakeOver(id string) (HandOverAnswer, error) {
	if _, err := runstate.Choose(e.State, id); err != nil {
		return HandOverAnswer{}, err
	}
	p, err := runstate.Peek(e.State, id)
	if err != nil {
		return HandOverAnswer{}, err
	}
	if p == nil {
		return HandOverAnswer{}, notHandedOver(id)
	}
	compiled, err := e.program(p)
	if err != nil {
		return HandOverAnswer{}, err
	}
	h, err := run.Replay(compiled, p.Directory, p.Records)
	if err != nil {
		return HandOverAnswer{}, err
	}
	x := run.New(e.config(), h, nil)
	if err := x.CanBoth(); err != nil {
		return HandOverAnswer{}, err
	}
	if err := program.Lacking(compiled, id, compiled.Steps); err != nil {
		return HandOverAnswer{}, err
	}
	return HandOverAnswer{Version: e.Version, Journal: journal.Format}, nil
}

// TakeOver continues a run that another gwe hands over. inherited are the locks that it holds, that of the
// state directory first; taken is called when the journal says that the run is this one's.
func (e *Engine) TakeOver(ctx context.Context, run string, inherited []*os.File, taken func() error) (Result, *Program, error) {
	held, err := e.inheritLocks(run, inherited)
	if err != nil {
		return Result{}, nil, err
	}
	p, err := runstate.Peek(e.State, run)
	if err != nil {
		return Result{}, nil, err
	}
	if p == nil || p.Handed == nil {
		return Result{}, nil, notHandedOver(run)
	}
	if held.claim == nil { // an older gwe holds the directories themselves
		if err := e.claimPaths(held, run, p.Begin.WorksOn()); err != nil {
			return Result{}, nil, err
		}
	}
	x, err := e.open(p, "take-over", fmt.Sprintf("Continue run %s of %s, by gwe %s", run, p.Begin.Recipe, e.Version))
	if err != nil {
		return Result{}, nil, err
	}
	defer x.Close()
	e.supersedes(x, e.standingBefore(run), held)
	x.NoteUnfinished()
	to := *p.Handed
	n, err := x.State.Find(to.Step)
	if err == nil {
		err = x.ReserveAgain()
	}
	if err == nil {
		err = x.Append(runstate.RecordTakenOver, runstate.TakenOverRecord{Step: to.Step, PID: os.Getpid(), Boot: e.now().Boot, Version: e.Version})
	}
	if err == nil {
		err = taken()
	}
	if err != nil {
		x.Task.Fail(err)
		return Result{}, nil, err // the gwe that began the run rolls it back
	}
	bounded, cancel, err := x.Bounded(ctx)
	defer cancel()
	if err == nil {
		behind := slices.Index(x.Program.Steps, n) + 1
		err = x.List(bounded, x.Program.Steps[behind:], nil, x.Task)
	}
	return e.endForward(ctx, bounded, x, held, err), x.Program, nil
}

func notHandedOver(run string) error {
	return fault.New(fault.Refused, "not-handed-over", "run %s is not handed over", run).
		WithHint("only a gwe that hands a run over starts this; `gwe recover` finishes what is left")
}

// inheritLocks takes over the locks of the gwe that started this one. They are its too, so they end with the
// last of both.
func (e *Engine) inheritLocks(run string, files []*os.File) (*locks, error) {
	if len(files) == 0 {
		return nil, notHandedOver("")
	}
	held := &locks{}
	for i, file := range files {
		path := runstate.LockFile(e.State)
		if i > 0 {
			var err error
			if path, err = os.Readlink(fmt.Sprintf("/proc/self/fd/%d", file.Fd())); err != nil {
				return nil, err
			}
			if held.claim, err = e.place().Inherit(file, path, e.claimant(run)); err != nil {
				return nil, err
			}
			if held.claim != nil {
				continue
			}
		}
		lock, err := durable.Inherit(file, path)
		if err != nil {
			return nil, err
		}
		held.held = append(held.held, lock)
	}
	return held, nil
}

// standingBefore are the runs before this one whose undo may still be asked for. All of them had ended when
// it began.
func (e *Engine) standingBefore(run string) []*runstate.StoredRun {
	var standing []*runstate.StoredRun
	ids, _ := e.State.Runs()
	for _, id := range ids {
		if id >= run {
			break
		}
		if p, err := runstate.Peek(e.State, id); err == nil && p != nil && p.CanRollBack() {
			standing = append(standing, p)
		}
	}
	return standing
}
