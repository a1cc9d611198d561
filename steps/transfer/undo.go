package transfer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/made"
	"github.com/gwe-project/gwe/engine/step"
)

// Undo restores every change of the manifest, whichever of them a power cut or a kill has let happen.
// Without a sealed manifest nothing in the target was touched.
func (rsync) Undo(ctx context.Context, run *step.Run, a arguments, m memo) error {
	if m.Target == "" {
		run.Log.Warn(a.Target + " is on another machine and stays as it is")
		return nil
	}
	aside, err := made.AsideOf(run, m.Target)
	if err != nil {
		return err
	}
	touched, err := sealed(run.Directory)
	if err != nil {
		return err
	}
	if err := a.inUse(run, m); touched && err != nil {
		return err
	}
	s, err := openSite(run, m)
	if isAbsent(err) && (!touched || !m.Existed) {
		return m.Order.Undo() // what it lay in is gone
	}
	if err != nil {
		return explain(err, "cannot open the target %s", m.Target)
	}
	defer s.close()
	if touched && s.away() {
		return m.Order.Undo()
	}
	if touched {
		if err := putBack(ctx, s, aside); err != nil {
			return err
		}
		// The kept entries are in their places for good before anything that tells of them goes.
		if err := s.sync(); err != nil {
			return err
		}
		if err := unseal(run.Directory); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if !m.Existed {
		dir, name := s.hidden()
		err = made.DiscardIn(ctx, run, dir, name, m.Target, "", s.known)
	} else {
		err = s.discard()
	}
	if err := errors.Join(m.Order.Undo(), err); err != nil {
		return &step.Leftover{Err: err}
	}
	return nil
}

// away reports whether a new target is at neither of its names. A later step may have moved it, and could not
// be undone yet: when this undo comes again, it will know it.
func (s *site) away() bool {
	if s.m.Existed {
		return false
	}
	_, target := s.above.Stat(s.base)
	dir, name := s.hidden()
	_, hidden := dir.Stat(name)
	return errors.Is(target, fs.ErrNotExist) && errors.Is(hidden, fs.ErrNotExist)
}

// inUse keeps a new target that a link of link-dest leads to: the step that pointed it there could not be
// undone, and a release that may be faulty is better than none. A link that led to its name before, when
// nothing was there, does so again.
func (a arguments) inUse(run *step.Run, m memo) error {
	if m.Existed {
		return nil
	}
	for _, link := range a.LinkDest {
		if text, err := run.Machine.ReadLink(string(link)); err == nil && text == m.Dangling[string(link)] {
			continue
		}
		if real, err := filepath.EvalSymlinks(string(link)); err == nil && within(real, m.Target) {
			return &step.Leftover{Err: fault.New(fault.Failed, "release-in-use", "the release %s stays: %s still leads to it", m.Target, link).
				WithHint("point %s to another release, then run gwe recover", link)}
		}
	}
	return nil
}

// takeAway gives a new target the name of the hidden directory, which Do has removed: a full disk would not
// take another one. errors.Is(err, fs.ErrExist) tells that it is still there.
func (s *site) takeAway(ctx context.Context) error {
	run, m := s.run, s.m
	there, err := statAt(s.above.Descriptor(), s.base)
	if err != nil || there == nil {
		return err
	}
	look := &mover{site: s, target: none, hidden: none, parent: none, volatile: s.above.Volatile()}
	defer look.close()
	for one, err := range changes(run.Directory) {
		if err != nil {
			return err
		}
		if one.way != "" || one.verb != add {
			continue
		}
		foreign, err := look.makesWay(ctx, one, there)
		if err != nil {
			return err
		}
		if foreign {
			run.Log.Warn(fmt.Sprintf("%s was replaced after the step, and is restored all the same", m.Target))
		}
	}
	if s.target != nil {
		if err := s.noteOurs(s.target); err != nil {
			return explain(err, "cannot note the directory %s", m.Target)
		}
	}
	dir, name := s.hidden()
	err = durable.MoveAwayAt(s.above, s.base, dir, name)
	if mounted := durable.UnmountedAt(s.above, s.base); err != nil && mounted != nil {
		return &step.Leftover{Err: mounted}
	}
	return err
}

// putBack continues after an error: what can be restored is.
func putBack(ctx context.Context, s *site, aside *made.Aside) error {
	run, m := s.run, s.m
	if !m.Existed {
		if err := s.takeAway(ctx); !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	hidden, missing := s.makeHidden()
	hidden.Close()
	if missing != nil && step.IsParentChanged(missing) {
		return missing
	}
	mover, err := newMover(s)
	if err != nil {
		return explain(err, "cannot open the target %s", m.Target)
	}
	defer mover.close()
	var keeping *keeper
	if run.AfterCommit {
		keeping = &keeper{mover: mover, list: made.Open(run), aside: aside}
		defer keeping.list.Close()
	}
	var failures []error
	told := 0
	for _, dressing := range []bool{false, true} {
		for one, err := range changes(run.Directory) {
			if err != nil {
				return err
			}
			if (one.verb == dress) != dressing {
				continue
			}
			if missing != nil && !dressing {
				return explain(missing, "cannot make the hidden directory %s", m.Hidden)
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			var foreign bool
			if keeping != nil && !dressing {
				err = keeping.back(ctx, one)
			} else {
				foreign, err = mover.back(ctx, one)
			}
			if err != nil && len(failures) < mostTold {
				failures = append(failures, explain(err, "cannot put %q back in %s", one.way, m.Target))
			}
			if foreign {
				if told++; told <= mostTold {
					run.Log.Warn(fmt.Sprintf("%q in %s was replaced after the step, and is restored all the same", one.way, m.Target))
				}
			}
		}
	}
	if keeping != nil {
		keeping.tell(run.Log)
	}
	return errors.Join(failures...)
}
