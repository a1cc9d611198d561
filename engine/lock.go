package engine

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/gwe-project/gwe/engine/claim"
	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/runstate"
)

// locks are what one process holds while it works on a state directory. They end with the process, however it
// dies.
type locks struct {
	// held are the lock of the state directory and, from an older gwe that handed a run over, those of its
	// targets.
	held []*durable.Lock
	// claim is on the directories that the run works on; nil where there are none.
	claim *claim.Claim
	// around are those that were taken before, for another reason.
	around *locks
}

// lock takes the state directory's one run lock. It never waits.
func (e *Engine) lock() (*locks, error) {
	if err := e.trusted(); err != nil {
		return nil, err
	}
	if err := runstate.RefuseBundle(e.State); err != nil {
		return nil, err
	}
	if err := runstate.Prepare(e.State); err != nil {
		return nil, err
	}
	if err := e.trusted(); err != nil { // another user may have been quicker to make it
		return nil, err
	}
	info, err := runstate.LockInfo("")
	if err != nil {
		return nil, err
	}
	held, err := durable.Acquire(runstate.LockFile(e.State), info)
	if err != nil {
		return nil, runstate.NotBegun(e.State, explainBusy(err))
	}
	if err := runstate.RefuseOrphan(e.State); err != nil {
		held.Release()
		return nil, err
	}
	return &locks{held: []*durable.Lock{held}}, nil
}

// glance is how long a look of gwe recover at a suspended run may keep a person waiting.
const glance = 15 * time.Second

// lockSoon waits a moment for the lock: a timer looks at suspended runs every minute, and whoever has
// something to say about one must not meet that by chance.
func (e *Engine) lockSoon(ctx context.Context) (*locks, error) {
	said := false
	for begun := time.Now(); ; {
		held, err := e.lock()
		var busy *durable.BusyError
		if !errors.As(err, &busy) || time.Since(begun) > glance {
			return held, err
		}
		if e.Waits != nil && !said {
			said = true
			e.Waits(err)
		}
		if runstate.Sleep(ctx, 50*time.Millisecond) != nil {
			return nil, runstate.Interruption(context.Cause(ctx))
		}
	}
}

// claimPaths claims every directory that a run works on, with all that lies in it, so that two state
// directories cannot work on one at once. What is claimed already, here or around, does not matter.
func (e *Engine) claimPaths(l *locks, run string, paths []string) error {
	extents := claim.Resolve(paths...)
	if len(extents) == 0 {
		return nil
	}
	var err error
	if l.claim == nil {
		l.claim, err = e.place().Take(e.claimant(run), extents, l.claims()...)
	} else {
		err = l.claim.Add(extents, l.claims()...)
	}
	return explainBusy(err)
}

// place is where this user's gwes meet.
func (e *Engine) place() claim.Place {
	if e.Place != (claim.Place{}) {
		return e.Place
	}
	return claim.Usual(os.Getenv)
}

// claimant is this process as a claim names it.
func (e *Engine) claimant(run string) claim.Holder {
	return claim.Holder{State: e.State.Directory, Run: run, Inside: os.Getenv("GWE_RUN_ID")}
}

// claims are those that this process has around these locks.
func (l *locks) claims() (mine []*claim.Claim) {
	for around := l.around; around != nil; around = around.around {
		mine = append(mine, around.claim)
	}
	return mine
}

func (l *locks) release() {
	l.claim.Release()
	for _, held := range l.held {
		held.Release()
	}
}

// explainBusy adds what a hook that calls gwe on its own state should know.
func explainBusy(err error) error {
	var busy *durable.BusyError
	if !errors.As(err, &busy) {
		return err
	}
	if inside := os.Getenv("GWE_RUN_ID"); inside != "" && inside == busy.Run {
		return fault.New(fault.Refused, "lock-own-run", "this gwe was started by run %s, which holds %s and waits for it", inside, busy.Path).
			WithHint("a hook cannot start a run on the same state or target: make it a step of the recipe, or lock a directory below the target")
	}
	return err
}

// name writes into the locks which run they are held for: a gwe that hands a run over has its journal open no
// more.
func (l *locks) name(run string) {
	if l.claim != nil {
		l.claim.Name(run)
	}
	if l.around != nil {
		l.around.name(run)
		return
	}
	if info, err := runstate.LockInfo(run); err == nil && len(l.held) > 0 {
		l.held[0].Describe(info)
	}
}

// files are all locks, that of the state directory first.
func (l *locks) files() []*os.File {
	var files []*os.File
	if l.around != nil {
		files = l.around.files()
	}
	for _, held := range l.held {
		files = append(files, held.File())
	}
	if l.claim != nil {
		files = append(files, l.claim.File())
	}
	return files
}
