package transfer

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"

	"github.com/gwe-project/gwe/engine/made"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// groupOf names the tree of a change in the list of what was made. A new target is one tree.
func (c change) groupOf() string {
	if c.way == "" {
		return ""
	}
	return c.staged
}

// makes reports whether a change puts something new in a place.
func (c change) makes() bool { return c.verb == add || c.verb == swap }

// recordMade lists the staged entries, in the order of the manifest.
func recordMade(ctx context.Context, run *step.Run, hidden int) error {
	list, err := made.Create(run.Directory)
	if err != nil {
		return err
	}
	for one, err := range changes(run.Directory) {
		if err == nil && one.makes() {
			err = list.Tree(ctx, hidden, one.staged, one.groupOf())
		}
		if err != nil {
			return errors.Join(err, list.Close())
		}
	}
	return list.Close()
}

// settleMade is made.Settle for all places.
func settleMade(ctx context.Context, s *site) error {
	run := s.run
	if done, err := sealed(run.Directory); err != nil || !done {
		return err
	}
	at, err := newMover(s)
	if err != nil {
		return explain(err, "cannot open the target %s", s.m.Target)
	}
	defer at.close()
	next, stop := iter.Pull2(changes(run.Directory))
	defer stop()
	return made.SettleAs(ctx, run, func(group string) (int, string) {
		for one, err, more := next(); more && err == nil; one, err, more = next() {
			if one.makes() && one.groupOf() == group {
				if directory, name, err := at.place(one.way); err == nil {
					return directory, name
				}
				return made.Nowhere, ""
			}
		}
		return made.Nowhere, ""
	})
}

// keeper puts changes back after the commit: it deletes nothing that the step did not make, or that was
// changed since.
type keeper struct {
	*mover
	list  *made.List
	aside *made.Aside
	// stays counts what stays in its place; first is one of them.
	stays int
	first string
}

// back puts one change back, like mover.back.
func (k *keeper) back(ctx context.Context, one change) error {
	directory, name, err := k.place(one.way)
	if errors.Is(err, os.ErrNotExist) && one.verb == add {
		return nil
	}
	if err != nil {
		return err
	}
	if one.verb == add {
		left, err := k.list.Remove(ctx, directory, name, one.groupOf())
		if left && err == nil {
			if k.stays++; k.stays == 1 {
				k.first = one.way
			}
		}
		return err
	}
	if _, err := k.mover.back(ctx, one); err != nil {
		return err
	}
	aside, err := statAt(k.hidden, one.staged)
	if err != nil || aside == nil || aside.Ino == one.old {
		return err
	}
	left := true
	if one.verb == swap {
		if left, err = k.list.Remove(ctx, k.hidden, one.staged, one.groupOf()); err != nil {
			return err
		}
	}
	if !left {
		return nil
	}
	return k.aside.MoveFrom(k.kept, one.staged, one.way)
}

func (k *keeper) tell(log *tasklog.Task) {
	if k.stays > 0 {
		log.Warn(fmt.Sprintf("%q stays in %s, and %d more new entries: something came into them or they were changed after the commit",
			k.first, k.m.Target, k.stays-1))
	}
}

// Inspect refuses a rollback while something is mounted in a new target.
func (rsync) Inspect(_ context.Context, run *step.Run, _ arguments, m memo) error {
	if m.Target == "" || m.Existed {
		return nil
	}
	s, err := openSite(run, m)
	if isAbsent(err) {
		return nil
	}
	if err != nil {
		return explain(err, "cannot open the target %s", m.Target)
	}
	defer s.close()
	return made.UnmountedIn(s.above, s.base)
}

// Keeps foresees what would stay or move aside.
func (rsync) Keeps(ctx context.Context, run *step.Run, _ arguments, m memo) (step.Keeping, error) {
	touched, err := sealed(run.Directory)
	if err != nil || !touched || m.Target == "" {
		return step.Keeping{}, err
	}
	if !m.Existed {
		return made.Keeps(ctx, run, m.Target, true)
	}
	s, err := openSite(run, m)
	if err != nil {
		return step.Keeping{}, explain(err, "cannot open the target %s", m.Target)
	}
	defer s.close()
	at, err := newMover(s)
	if err != nil {
		return step.Keeping{}, explain(err, "cannot open the target %s", m.Target)
	}
	defer at.close()
	foreseen := made.Foresee(run)
	defer foreseen.Close()
	stays, moves := step.Later{Directory: m.Target}, step.Later{Directory: m.Target}
	var keeping step.Keeping
	for one, err := range changes(run.Directory) {
		if err != nil {
			return keeping, err
		}
		path := filepath.Join(m.Target, one.way)
		found := step.Later{Directory: path}
		directory, name, absent := at.place(one.way)
		switch {
		case absent != nil:
		case one.makes():
			found, err = foreseen.Group(ctx, directory, name, path, one.groupOf())
		case one.verb == remove:
			if there, err := statAt(directory, name); err == nil && there != nil {
				found.Entries = []string{"."}
			}
		}
		switch {
		case err != nil:
			return keeping, err
		case len(found.Entries) == 0:
			if one.makes() {
				keeping.Made = append(keeping.Made, path)
			}
		case one.verb == add:
			made.Add(&stays, one.way, found)
		default:
			made.Add(&moves, one.way, found)
		}
	}
	if len(stays.Entries) > 0 {
		keeping.Later = append(keeping.Later, stays)
	}
	if len(moves.Entries) > 0 {
		if moves.To, err = made.Beside(run, m.Target); err != nil {
			return keeping, err
		}
		keeping.Later = append(keeping.Later, moves)
	}
	return keeping, nil
}
