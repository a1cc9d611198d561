package engine

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/run"
	"github.com/gwe-project/gwe/engine/internal/runstate"
)

// Resolve closes a run that gwe could not bring to its end, with the operator's reason: one that ended with
// exit code 5, one whose recovery fails, or one whose journal is damaged. From then on it blocks no other run
// and is not a reason for exit code 5 any more; what was kept for its undo is removed. Without an id it is
// the only such run.
//
// It recovers what can be recovered first. It refuses where that ends the run, and where the run can be
// recovered once a lock is free or a file system is mounted. The finding is what the run left, as Examine
// gives it just before the run is closed.
func (e *Engine) Resolve(ctx context.Context, id, reason string) (Finding, error) {
	if strings.TrimSpace(reason) == "" {
		return Finding{}, fault.New(fault.Refused, "resolve-reason", "a run is resolved with a reason: what was found, and what was done about it").
			WithHint("--reason TEXT")
	}
	locks, err := e.lock()
	if err != nil {
		return Finding{}, err
	}
	defer locks.release()
	_, settled, failure := e.recoverAll(ctx, locks)
	found, err := e.Examine(id)
	if err != nil {
		for _, result := range settled {
			if result.Run == id && result.Status != runstate.StatusSuspended {
				return Finding{}, fault.New(fault.Refused, "resolve-recovered", "run %s was recovered just now: %s", id, result.Status)
			}
		}
		return Finding{}, err
	}
	if err := recoverable(failure, found.Run); err != nil {
		return found, err
	}
	directory := runstate.DirectoryOf(e.State, found.Run)
	isLost := found.Status == runstate.StatusLost
	found.Blocks, found.Resolved = false, &Resolution{At: time.Now().UTC(), Reason: reason, By: operator(), Version: e.Version}
	text, err := json.Marshal(found.Resolved)
	switch {
	case err != nil:
		return found, err
	case isLost:
		return found, runstate.ResolveLost(e.State, found.Run, append(text, '\n'))
	case directory.Check() != nil:
		return found, runstate.SetAside(e.State, directory)
	}
	if err := durable.WriteFile(directory.Resolved(), append(text, '\n'), 0o600); err != nil {
		return found, runstate.NotBegun(e.State, err)
	}
	if err := durable.SyncDirectory(string(directory)); err != nil {
		return found, err
	}
	runstate.DropUnfinished(e.State)
	err = directory.DropKept()
	found.Kept = slices.DeleteFunc(found.Kept, func(path string) bool { _, gone := os.Lstat(path); return gone != nil })
	return found, err
}

// recoverable finds the reason why the run could not be recovered, if that is one that passes.
func recoverable(failures error, id string) error {
	for _, err := range flattened(failures) {
		var unsettled *Unsettled
		if !errors.As(err, &unsettled) || unsettled.Run != id {
			continue
		}
		found := fault.As(unsettled.Err)
		passing := []string{"lock-busy", "lock-directory-unsafe", "lock-directory-unusable", "target-unreachable", "target-not-mounted", "target-read-only"}
		if found != nil && slices.Contains(passing, found.Code) {
			return fault.New(fault.Refused, "resolve-recoverable", "run %s is not lost: it can be recovered", id).WithCause(unsettled.Err).WithHint("%s", found.Hint)
		}
	}
	return nil
}

func flattened(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

// operator is who calls gwe.
func operator() string {
	if who, err := user.Current(); err == nil && who.Username != "" {
		return who.Username
	}
	return strconv.Itoa(os.Getuid())
}

// warnOfUnresolved says at the start of a run which earlier ones an operator has still to look at.
func (e *Engine) warnOfUnresolved(x *run.Runner) {
	left, err := e.State.Unresolved()
	if err != nil {
		return // what cannot be listed is told by the recovery before
	}
	for _, one := range left {
		what := "ended with exit code 5: the machine may not be as it was before it"
		switch one.Status {
		case runstate.StatusDamaged:
			what = "has a damaged journal"
		case runstate.StatusLost:
			what = "of " + one.Recipe + " had begun and its journal was deleted: what it changed on " + runstate.Listed(one.Targets) + " was never undone"
		}
		x.Task.Warn("run " + one.Run + " " + what + "; `gwe resolve " + one.Run + "` says what is different and closes it")
	}
}
