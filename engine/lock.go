package engine

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/value"
)

// locks are what one process holds while it works on a state folder. They end with the process, however it dies.
type locks struct {
	held []*durable.Lock
	// folders are those that are locked, links followed: a second lock on one would wait for the first.
	folders []string
	// around are those that were taken before, for another reason.
	around *locks
}

// lock takes the state folder's one run lock. It never waits.
func (e *Engine) lock() (*locks, error) {
	if err := e.State.refuseBundle(); err != nil {
		return nil, err
	}
	if err := e.State.prepare(); err != nil {
		return nil, err
	}
	info, err := lockInfo("")
	if err != nil {
		return nil, err
	}
	held, err := durable.Acquire(e.State.lock(), info)
	if err != nil {
		return nil, e.State.notBegun(explainBusy(err))
	}
	if err := e.State.refuseOrphan(); err != nil {
		held.Release()
		return nil, err
	}
	return &locks{held: []*durable.Lock{held}}, nil
}

// glance is how long a look of gwe recover at a suspended run may keep a person waiting.
const glance = 15 * time.Second

// lockSoon waits a moment for the lock: a timer looks at suspended runs every minute, and whoever has something to say about one
// must not meet that by chance.
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
		if sleep(ctx, 50*time.Millisecond) != nil {
			return nil, interruption(context.Cause(ctx))
		}
	}
}

// paths locks every name that is a path on that folder itself, so that two state folders cannot work on one target at once. A
// folder that does not exist yet is locked at its nearest parent that does; when the run has made it, who locks it finds that.
func (l *locks) paths(names []string) error {
	for _, path := range lockedPaths(names) {
		name := path
		for {
			status, err := os.Stat(path)
			if err == nil && status.IsDir() {
				break
			}
			if path == filepath.Dir(path) {
				return stateUnusable(path, err)
			}
			path = filepath.Dir(path)
		}
		if real, err := filepath.EvalSymlinks(path); err == nil {
			path = real
		}
		if slices.Contains(l.folders, path) {
			continue
		}
		held, err := durable.AcquireFolder(path)
		if err != nil {
			return explainBusy(err)
		}
		l.held, l.folders = append(l.held, held), append(l.folders, path)
		if busy := lockedAbove(name, path); busy != nil {
			return explainBusy(busy)
		}
	}
	return nil
}

// lockedAbove finds who holds the lock on a folder above since the name that is locked on this folder, or one that it lies in, was not
// there when he took it. Who locks the folder above itself is no matter of ours: a lock is on one folder, not on what is below.
func lockedAbove(name, folder string) *durable.BusyError {
	for folder != "/" {
		folder = filepath.Dir(folder)
		busy := durable.FolderHolder(folder)
		if busy == nil || busy.PID == os.Getpid() || busy.RunFolder == "" {
			continue
		}
		other, err := State{filepath.Dir(filepath.Dir(busy.RunFolder))}.peek(busy.Run)
		if err != nil || other == nil {
			continue
		}
		made := slices.DeleteFunc(lockedPaths(other.begin.Locks), func(lock string) bool { return real(lock) == folder })
		if anyOverlaps(name, made) {
			return busy
		}
	}
	return nil
}

func (l *locks) release() {
	for _, held := range l.held {
		held.Release()
	}
}

// lockedPaths are the lock names that are paths.
func lockedPaths(names []string) []string {
	var paths []string
	for _, name := range names {
		if filepath.IsAbs(name) {
			paths = append(paths, filepath.Clean(name))
		}
	}
	return paths
}

// lockNames evaluates the recipe's locks. A recipe without one has its own name: its runs are one line of commits.
func (p *Program) lockNames(names map[string]any) ([]string, error) {
	if len(p.locks) == 0 {
		return []string{"recipe " + p.Name()}, nil
	}
	var evaluated []string
	for _, lock := range p.locks {
		name, err := lock.evaluate(names)
		if err != nil {
			return nil, fault.New(fault.Refused, "lock-invalid", "the name of a lock cannot be evaluated").WithCause(err)
		}
		evaluated = append(evaluated, value.Text(name))
	}
	return evaluated, nil
}

// explainBusy adds what a hook that calls gwe on its own state should know.
func explainBusy(err error) error {
	var busy *durable.BusyError
	if !errors.As(err, &busy) {
		return err
	}
	if inside := os.Getenv("GWE_RUN_ID"); inside != "" && inside == busy.Run {
		return fault.New(fault.Refused, "lock-own-run", "this gwe was started by run %s, which holds %s and waits for it", inside, busy.Path).
			WithHint("a hook cannot start a run on the same state or target: make it a step of the recipe")
	}
	return err
}

// name writes into the state's lock which run it is held for: a gwe that hands a run over has its journal open no more.
func (l *locks) name(run string) {
	if l.around != nil {
		l.around.name(run)
		return
	}
	if info, err := lockInfo(run); err == nil {
		l.held[0].Describe(info)
	}
}

// files are all locks, that of the state folder first.
func (l *locks) files() []*os.File {
	var files []*os.File
	if l.around != nil {
		files = l.around.files()
	}
	for _, held := range l.held {
		files = append(files, held.File())
	}
	return files
}
