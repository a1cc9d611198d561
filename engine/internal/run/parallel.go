package run

import (
	"context"
	"sync"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// Parallel carries out branches side by side. The first failure ends the others, which are interrupted; when
// every one has ended, that failure continues, and what is rolled back then is rolled back branch by branch.
func (x *Runner) Parallel(ctx context.Context, n *program.Node, r runstate.Rounds, task *tasklog.Task) error {
	branches := program.As[*program.Parallel](n).Branches
	limit := len(branches)
	if d := program.As[*program.Parallel](n).Limit; d != nil {
		v, err := d.Evaluate(x.State.Names(n, r, false))
		if err != nil {
			return fault.New(fault.Failed, "limit-invalid", "the limit cannot be used").WithCause(err)
		}
		if limit = min(limit, v.(int)); limit < 1 {
			return fault.New(fault.Failed, "limit-invalid", "the limit is %d, and at least one branch must run", limit)
		}
	}
	if err := x.note(runstate.RecordBranches, x.recordOfStep(n, r, "")); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		running sync.WaitGroup
		mutex   sync.Mutex
		failure error
		crash   any
	)
	slots := make(chan struct{}, limit)
	carryOut := func(branch *program.Node) {
		defer running.Done()
		defer func() { <-slots }()
		defer func() {
			// A panic is a defect: it continues in the goroutine that waits, once the other branches have
			// ended.
			if cause := recover(); cause != nil {
				mutex.Lock()
				crash = cause
				mutex.Unlock()
				cancel(nil)
			}
		}()
		if err := x.branch(branch).step(ctx, branch, r, task); err != nil {
			mutex.Lock()
			if failure == nil {
				failure = err
			}
			mutex.Unlock()
			cancel(fault.New(fault.Interrupted, "branch-ended", "another branch failed: %s", x.Named(branch, r)))
		}
	}
	for _, branch := range branches {
		slots <- struct{}{}
		if ctx.Err() != nil {
			<-slots
			break
		}
		running.Add(1)
		go carryOut(branch)
	}
	running.Wait()
	if crash != nil {
		panic(crash)
	}
	if failure == nil && ctx.Err() != nil {
		failure = runstate.Interruption(context.Cause(ctx))
	}
	return failure
}
