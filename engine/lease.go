package engine

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/claim"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/journal"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// leasesOf lists what the undos of earlier runs need.
func leasesOf(earlier []*storedRun) []string {
	var paths []string
	for _, p := range earlier {
		paths = append(paths, p.leases()...)
	}
	return paths
}

// leased reports whether an undo, of this run or of an earlier one, needs the path, something below it, or what it lies in.
func (x *runner) leased(path string) bool {
	return anyNeeds(leasesOf(x.earlier), path) || anyNeeds(x.state.leases(), path) || anyNeeds(x.elsewhere(), path)
}

// leases are what the frames need that can still be undone.
func (h *runState) leases() []string {
	h.guard.Lock()
	defer h.guard.Unlock()
	var paths []string
	for _, f := range h.frames {
		if !f.undone && !f.owesLast {
			paths = append(paths, f.leases...)
		}
	}
	return paths
}

// anyOverlaps reports whether a directory lies in one of others, or one of them in it, where links lead to directories.
func anyOverlaps(path string, others []string) bool {
	for _, other := range others {
		if overlaps(path, other) || overlaps(real(path), real(other)) {
			return true
		}
	}
	return false
}

// overlaps reports whether two paths are one, or one lies in the other.
func overlaps(a, b string) bool { return liesIn(a, b) || liesIn(b, a) }

// liesIn reports whether a path is a directory's, or lies in it. All absolute paths lie in "/".
func liesIn(path, directory string) bool {
	path, directory = filepath.Clean(path), filepath.Clean(directory)
	return path == directory || strings.HasPrefix(path, strings.TrimSuffix(directory, "/")+"/")
}

// real follows symbolic links where it can.
func real(path string) string {
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		return resolved
	}
	return path
}

// supersede gives up what the undos of standing runs kept that share a lock with a later commit: nobody can ask for
// them any more. It gives back the runs that stand on. What cannot be given up now, because another gwe
// works on that target say, stands on too, and the next run or recovery tries again.
func (e *Engine) supersede(ctx context.Context, standing []*storedRun, begin beginRecord, held *locks, task *tasklog.Task) []*storedRun {
	var on []*storedRun
	for _, p := range standing {
		if !p.canRollBack() {
			continue
		}
		if !sharesLock(p.begin.names(), begin.names()) {
			on = append(on, p)
			continue
		}
		abandoned, err := e.release(ctx, p, held)
		for _, one := range abandoned {
			task.Warn(one.warning())
		}
		if err != nil {
			on = append(on, p)
			task.Warn("what run " + p.folder.id() + " kept for its undo could not be given up: " + err.Error())
		}
	}
	return on
}

// sharesLock reports whether a lock is in both: by its name, or as a directory that both lock, by whatever path.
func sharesLock(a, b []string) bool {
	if slices.ContainsFunc(a, func(name string) bool { return slices.Contains(b, name) }) {
		return true
	}
	return claim.AnySame(claim.Resolve(a...), claim.Resolve(b...))
}

// release gives up what the undo of a past run kept, under that run's own locks; from then on it does not stand. Every
// part of it may happen twice. What lies in a directory that is another one by now is abandoned: the journal says so, and it is not tried again.
func (e *Engine) release(ctx context.Context, p *storedRun, mine *locks) ([]abandonedRecord, error) {
	own := &locks{around: mine}
	defer own.release()
	if err := e.claimPaths(own, p.folder.id(), p.begin.worksOn()); err != nil {
		return nil, err
	}
	program, err := e.program(p)
	if err != nil {
		return nil, err
	}
	opened, records, err := journal.Open(p.folder.journal())
	if err != nil {
		return nil, err
	}
	written := e.watched(opened)
	defer written.Close()
	history, err := replay(program, p.folder, records)
	if err != nil {
		return nil, err
	}
	x := &runner{work: &work{engine: e, program: program, folder: p.folder, journal: written, state: history, mask: history.secrets.mask}}
	held, keeping := history.held(), false
	for _, f := range held {
		keeping = keeping || f.part == "" && releases(f.node.stepType())
	}
	if keeping && !p.releasing {
		if err := x.allIntact(held); err != nil {
			return nil, err
		}
		// Half of what an undo needs is no way back. Nobody can ask for it from here on, and who dies here is followed by a
		// recovery that goes on.
		if err := x.append(recordReleasing, struct{}{}); err != nil {
			return nil, err
		}
		_ = p.take(recordReleasing, nil)
	}
	abandoned, err := x.releaseAll(ctx, held)
	if err != nil {
		return nil, err
	}
	if err := x.append(recordReleased, releasedRecord{abandoned}); err != nil {
		return abandoned, err
	}
	_ = p.take(recordReleased, releasedRecord{abandoned})
	if history.needed() {
		return abandoned, nil
	}
	return abandoned, p.folder.dropKept()
}

// releaseAll gives up what frames kept outside the run's folder. One that fails keeps no other one from it.
func (x *runner) releaseAll(ctx context.Context, frames []*frame) (abandoned []abandonedRecord, err error) {
	var failures []error
	for _, f := range frames {
		if err := ctx.Err(); err != nil {
			return abandoned, errors.Join(append(failures, err)...)
		}
		err := x.releaseFrame(ctx, f, nil)
		if err == nil {
			continue
		}
		if left := x.abandon(f, err); left != nil {
			abandoned = append(abandoned, left...)
			continue
		}
		failures = append(failures, err)
	}
	return abandoned, errors.Join(failures...)
}

// releaseFrame gives up what a frame kept outside the run's folder.
func (x *runner) releaseFrame(ctx context.Context, f *frame, task *tasklog.Task) error {
	if f.part != "" || f.owesLast {
		return nil // it keeps nothing
	}
	err := x.understood(f)
	var run *stepRun
	if err == nil {
		run, err = x.environmentOf(f, false, task)
	}
	if err == nil {
		err = f.node.stepType().Release(ctx, run.Run, f.arguments, f.memo)
	}
	if err == nil {
		return nil
	}
	return x.state.at(f.node, f.rounds, fault.New(fault.Failed, "release-failed", "what it kept for its undo could not be removed").WithCause(err))
}

// releaseTail gives up what the frames behind the commit kept: when the run has ended, nobody can ask for their undo. That
// these steps ended well is made durable before, or recovery might undo what can no longer be undone.
func (x *runner) releaseTail(ctx context.Context) {
	if x.state.committed < 0 {
		return
	}
	tail := x.state.open()
	if len(tail) == 0 {
		return
	}
	var err error
	closed := x.state.closing
	switch {
	case x.gaveUp != nil:
		err = x.gaveUp
		x.folder.giveUp(x.engine.now().Boot) // or each recovery would try it as a leftover
		x.task.Warn("what is kept still is not given up before " + x.folder.downs() + " is removed")
	case !x.state.closing: // once: a recovery that dies here again and again gets nowhere
		err = x.append(recordClosing, struct{}{})
	}
	if err == nil {
		err = x.unwritten
	}
	for _, f := range tail {
		failure := err
		if failure == nil && !closed {
			failure = x.intact(f)
		}
		if failure == nil {
			failure = x.releaseFrame(ctx, f, x.task)
		}
		if left := x.abandon(f, failure); left != nil {
			for _, one := range left {
				x.task.Warn(one.warning())
			}
			x.abandoned = append(x.abandoned, left...)
			continue
		}
		if failure != nil {
			f.leftover = true // the next recovery tries again
			x.task.Warn(failure.Error())
		}
	}
}
