package engine

import (
	"context"
	"fmt"
	"os"
	"slices"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/journal"
)

// takenOverRecord says that another gwe goes on with the run. The step is over with it.
type takenOverRecord struct {
	Step    string `json:"step"`
	PID     int    `json:"pid"`
	Boot    string `json:"boot"`
	Version string `json:"gwe"`
}

// CanTakeOver tells whether this gwe can go on with a run of another one: it reads the journal and the frozen recipe, and
// changes nothing.
func (e *Engine) CanTakeOver(run string) (HandOverAnswer, error) {
	if _, err := e.State.choose(run); err != nil {
		return HandOverAnswer{}, err
	}
	p, err := e.State.peek(run)
	if err != nil {
		return HandOverAnswer{}, err
	}
	if p == nil {
		return HandOverAnswer{}, notHandedOver(run)
	}
	program, err := e.program(p)
	if err != nil {
		return HandOverAnswer{}, err
	}
	h, err := replay(program, p.folder, p.records)
	if err != nil {
		return HandOverAnswer{}, err
	}
	x := &runner{work: &work{engine: e, program: program, folder: p.folder, state: h}}
	if err := x.canBoth(); err != nil {
		return HandOverAnswer{}, err
	}
	if err := program.lacking(run, program.steps); err != nil {
		return HandOverAnswer{}, err
	}
	return HandOverAnswer{Version: e.Version, Journal: journal.Format}, nil
}

// TakeOver goes on with a run that another gwe hands over. inherited are the locks that it holds, that of the state folder
// first; taken is called when the journal says that the run is this one's.
func (e *Engine) TakeOver(ctx context.Context, run string, inherited []*os.File, taken func() error) (Result, *Program, error) {
	held, err := e.inheritLocks(run, inherited)
	if err != nil {
		return Result{}, nil, err
	}
	p, err := e.State.peek(run)
	if err != nil {
		return Result{}, nil, err
	}
	if p == nil || p.handed == nil {
		return Result{}, nil, notHandedOver(run)
	}
	if held.claim == nil { // an older gwe holds the directories themselves
		if err := e.claimPaths(held, run, p.begin.worksOn()); err != nil {
			return Result{}, nil, err
		}
	}
	x, err := e.open(p, "take-over", fmt.Sprintf("Go on with run %s of %s, by gwe %s", run, p.begin.Recipe, e.Version))
	if err != nil {
		return Result{}, nil, err
	}
	defer x.close()
	x.earlier, x.locks = e.standingBefore(run), held
	x.noteUnfinished()
	to := *p.handed
	n, err := x.state.find(to.Step)
	if err == nil {
		err = x.reserveAgain()
	}
	if err == nil {
		err = x.append(recordTakenOver, takenOverRecord{Step: to.Step, PID: os.Getpid(), Boot: e.now().Boot, Version: e.Version})
	}
	if err == nil {
		err = taken()
	}
	if err != nil {
		x.task.Fail(err)
		return Result{}, nil, err // the gwe that began the run puts it back
	}
	bounded, cancel, err := x.bounded(ctx)
	defer cancel()
	if err == nil {
		behind := slices.Index(x.program.steps, n) + 1
		err = x.list(bounded, x.program.steps[behind:], nil, x.task)
	}
	return x.endForward(ctx, bounded, err), x.program, nil
}

func notHandedOver(run string) error {
	return fault.New(fault.Refused, "not-handed-over", "run %s is not handed over", run).
		WithHint("only a gwe that hands a run over starts this; `gwe recover` finishes what is left")
}

// inheritLocks takes over the locks of the gwe that started this one. They are its too, so they end with the last of both.
func (e *Engine) inheritLocks(run string, files []*os.File) (*locks, error) {
	if len(files) == 0 {
		return nil, notHandedOver("")
	}
	held := &locks{}
	for i, file := range files {
		path := e.State.lock()
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

// standingBefore are the runs before this one whose undo may still be asked for. All of them had ended when it began.
func (e *Engine) standingBefore(run string) []*storedRun {
	var standing []*storedRun
	ids, _ := e.State.Runs()
	for _, id := range ids {
		if id >= run {
			break
		}
		if p, err := e.State.peek(id); err == nil && p != nil && p.canRollBack() {
			standing = append(standing, p)
		}
	}
	return standing
}

// result is what the journal tells of a run that ended, or waits.
func (p *storedRun) result() Result {
	result := Result{Run: p.folder.id(), Handed: true}
	if waits := p.suspension; waits != nil {
		result.Status, result.Waits = StatusSuspended, waits.awaited()
		return result
	}
	end := p.ended
	result.Status, result.Stopped = end.Status, end.Stopped
	if end.Error != nil {
		result.Err = end.Error.err()
	}
	for _, other := range end.Others {
		result.Others = append(result.Others, other.err())
	}
	return result
}
