package engine

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/regular"
)

// Resolution is how an operator closed a run that gwe could not bring to its end. It lies in a file beside the journal: the journal
// may be what is damaged.
type Resolution struct {
	// At is when.
	At time.Time `json:"at"`
	// Reason is what the operator gave as the reason.
	Reason string `json:"reason"`
	// By is the name of the user, or the number where it has none.
	By string `json:"by"`
	// Version is the release of gwe that closed it.
	Version string `json:"gwe"`
}

func (r runFolder) resolved() string { return filepath.Join(string(r), "resolved.json") }

// resolution reads how the run was closed by an operator; nil where none did. What cannot be read closes nothing.
func (r runFolder) resolution() *Resolution {
	if r.check() != nil {
		return nil
	}
	text, err := regular.Read(r.resolved())
	var read Resolution
	if err != nil || json.Unmarshal(text, &read) != nil {
		return nil
	}
	return &read
}

// Resolve closes a run that gwe could not bring to its end, with the operator's reason: one that ended with exit code 5, one whose
// recovery fails, or one whose journal is damaged. From then on it blocks no other run and is no reason for exit code 5 any more; what
// was kept for its undo is removed. Without an id it is the only such run.
//
// It recovers what can be recovered first. It refuses where that ends the run, and where the run can be recovered once a lock is free
// or a file system is mounted. The finding is what the run left, as Examine gives it just before the run is closed.
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
			if result.Run == id && result.Status != StatusSuspended {
				return Finding{}, fault.New(fault.Refused, "resolve-recovered", "run %s was recovered just now: %s", id, result.Status)
			}
		}
		return Finding{}, err
	}
	if err := recoverable(failure, found.Run); err != nil {
		return found, err
	}
	folder := e.State.run(found.Run)
	isLost := found.Status == StatusLost
	found.Blocks, found.Resolved = false, &Resolution{At: time.Now().UTC(), Reason: reason, By: operator(), Version: e.Version}
	text, err := json.Marshal(found.Resolved)
	switch {
	case err != nil:
		return found, err
	case isLost:
		return found, e.State.resolveLost(found.Run, append(text, '\n'))
	case folder.check() != nil:
		return found, e.State.setAside(folder)
	}
	if err := durable.WriteFile(folder.resolved(), append(text, '\n'), 0o600); err != nil {
		return found, e.State.notBegun(err)
	}
	if err := durable.SyncFolder(string(folder)); err != nil {
		return found, err
	}
	e.State.dropUnfinished()
	err = folder.dropKept()
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

// setAside moves away what stands in the place of a run's directory: nothing can be written into it.
func (s State) setAside(folder runFolder) error {
	aside := filepath.Join(s.Folder, "set-aside")
	err := os.MkdirAll(aside, 0o700)
	if err == nil {
		err = os.Rename(string(folder), filepath.Join(aside, folder.id()))
	}
	if err == nil {
		err = errors.Join(durable.SyncFolder(s.runs()), durable.SyncFolder(aside))
	}
	if err != nil {
		return s.notBegun(err)
	}
	return nil
}

// operator is who calls gwe.
func operator() string {
	if who, err := user.Current(); err == nil && who.Username != "" {
		return who.Username
	}
	return strconv.Itoa(os.Getuid())
}

// warnOfUnresolved says at the start of a run which earlier ones an operator has still to look at.
func (x *runner) warnOfUnresolved() {
	left, err := x.engine.State.Unresolved()
	if err != nil {
		return // what cannot be listed is told by the recovery before
	}
	for _, one := range left {
		what := "ended with exit code 5: the machine may not be as it was before it"
		switch one.Status {
		case StatusDamaged:
			what = "has a damaged journal"
		case StatusLost:
			what = "of " + one.Recipe + " had begun and its journal was deleted: what it changed on " + listed(one.Targets) + " was never undone"
		}
		x.task.Warn("run " + one.Run + " " + what + "; `gwe resolve " + one.Run + "` says what is different and closes it")
	}
}
