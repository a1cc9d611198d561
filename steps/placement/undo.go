package placement

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/made"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
)

// Undo takes away what Put has placed and gives the old one its place back, whatever was done of it. What
// another user has put there since is left alone, and the undo fails. After the commit, what came into a
// directory or was changed since moves aside. same knows what was placed again by other means than its
// identity; it may be nil. The codes of its errors begin with verb.
func (p Placement) Undo(ctx context.Context, run *step.Run, verb string, same func(fs.FileInfo) bool) error {
	if p.New == "" {
		return nil
	}
	if _, err := made.AsideOf(run, p.Path); err != nil {
		return err
	}
	open, err := p.open(run)
	if err != nil {
		return err
	}
	defer open.close()
	before, err := p.look(open)
	if err != nil {
		return err
	}
	if err := p.takeBack(run, open, verb, false, same); err != nil {
		return err
	}
	if before == (state{}) {
		// A later step may have moved it away, and could not be undone yet: when this undo comes again, it
		// will know it.
		return p.Order.Undo()
	}
	// What is at the path is as before: from here on nothing asks for the note.
	forgotten := Forget(run.Directory)
	if err := made.Discard(ctx, run, p.New, p.Path); err != nil {
		return errors.Join(&step.Leftover{Err: err}, durable.SyncDir(open.fresh.Dir))
	}
	if err := errors.Join(p.Order.Undo(), forgotten); err != nil {
		return &step.Leftover{Err: err}
	}
	return nil
}

// GoBack is Undo of a Moving placement alone: what was moved gets its name again, and what was there its
// place.
func (p Placement) GoBack(run *step.Run, verb string) error {
	open, err := p.open(run)
	if err != nil {
		return err
	}
	defer open.close()
	return p.takeBack(run, open, verb, true, nil)
}

// keptAt says for people where that is which was there before.
func (p Placement) keptAt(kept fs.FileInfo) string {
	if kept == nil {
		return ""
	}
	return "; what was there before is kept as " + p.Old
}

// state is what is at the three names; nil where nothing is.
type state struct{ fresh, now, kept fs.FileInfo }

func (p Placement) look(open places) (found state, err error) {
	if found.fresh, err = open.fresh.Lstat(); err != nil {
		return found, err
	}
	if found.now, err = open.now.Lstat(); err != nil || p.Old == "" {
		return found, err
	}
	found.kept, err = open.kept.Lstat()
	return found, err
}

// taking is one look of an undo at a placement, and what follows of it.
//
//	fresh   now       kept      placed  what it means                       what is done
//	any     = kept    there     any     the path was not touched            the second name goes
//	there   there     there     any     the same, the old one was copied    the second name goes
//	-       -         -         yes     the old one is lost                 kept-gone (if there was one)
//	there   any       -         any     not placed, or undone already       nothing
//	-       -         -         no      the same                            nothing
//	-       the old   -         yes     undone already                      nothing
//	-       ours      -         yes     placed; nothing was there before    it goes; kept-gone if there was an old one
//	-       ours      there     yes     placed                              the old one takes its place
//	-       other     there     any     somebody else put it there          changed
//	-       other     -         yes     the same                            changed; kept-gone if there was an old one
//	any     -         there     any     placed, and it was taken away       the old one takes its place
type taking struct {
	Placement
	places
	state
	run  *step.Run
	verb string
	note openat.Identity
	// placed means that the new file was ready to take the place.
	placed bool
}

// takeBack is Undo without the tidying up: what is ours at the path gets its new name again, or where stay is
// false may be lost. A new directory that took nothing's place has its hidden name then, and is made durable
// with its removal.
func (p Placement) takeBack(run *step.Run, open places, verb string, stay bool, same func(fs.FileInfo) bool) error {
	found, err := p.look(open)
	if err != nil {
		return err
	}
	t := taking{Placement: p, places: open, state: found, run: run, verb: verb}
	if t.note, t.placed, err = Noted(run.Directory); err != nil {
		return err
	}
	fresh, now, kept := found.fresh, found.now, found.kept
	switch {
	case t.untouched():
		return open.kept.Remove()
	case kept == nil && now == nil && fresh == nil && p.Old != "" && t.placed:
		return t.keptGone()
	case kept == nil && (now == nil || fresh != nil):
		return nil // nothing was done, or it was undone already
	}
	ours, err := t.ours(same)
	if err != nil {
		return err
	}
	if !ours && run.AfterCommit && !stay && now != nil && fresh == nil && t.placed {
		if kept == nil && p.Old == "" {
			run.Log.Warn(p.Path + " stays: it came after the commit, in the place of what was put there")
			return nil
		}
		ours = kept != nil // it moves aside
	}
	if kept == nil && p.Old != "" {
		return t.withoutKept(ours)
	}
	return t.giveBack(ours, stay)
}

// untouched reports that the kept one is a second name of what is at the path, or a copy of it that was made
// before the path was touched.
func (t taking) untouched() bool {
	if t.state.kept == nil || t.state.now == nil {
		return false
	}
	if os.SameFile(t.state.kept, t.state.now) {
		return true
	}
	return t.state.fresh != nil && !t.state.fresh.IsDir() && !t.state.kept.IsDir() && !t.run.AfterCommit
}

// ours reports whether what is at the path is what was put there, or what programs of the run made of it.
func (t taking) ours(same func(fs.FileInfo) bool) (bool, error) {
	now := t.state.now
	if now == nil || t.state.fresh != nil || !t.placed {
		return false, nil
	}
	if ours, err := IsNoted(t.run.Directory, t.places.now); err != nil || ours {
		return ours, err
	}
	if t.Old != "" && t.state.kept == nil {
		return false, nil // it still has its place, or again
	}
	if same != nil && same(now) {
		return true, nil
	}
	if t.run.Followed && !t.run.AfterCommit && (!now.IsDir() || t.note.Kind == unix.S_IFDIR) {
		t.run.Log.Info(t.Path + " is something else by now: it goes, as what programs of the run change in place does")
		return true, nil
	}
	return false, nil
}

// withoutKept is for where there was an old one, and nothing is kept of it: it has its place again, or it is
// lost.
func (t taking) withoutKept(ours bool) error {
	if !t.placed {
		return nil
	}
	if ours {
		return t.keptGone()
	}
	if t.Was == nil {
		return nil // of an older gwe, which did not note it
	}
	now, err := t.places.now.Identity()
	if err != nil || now.Is(*t.Was) {
		return err
	}
	return t.keptGone()
}

// giveBack takes away what is ours at the path, and gives the old one its place.
func (t taking) giveBack(ours, stay bool) error {
	now, kept := t.state.now, t.state.kept
	lost := !stay && now != nil && !now.IsDir() && !(t.run.AfterCommit && made.Changed(t.run, t.Path))
	switch {
	case ours && kept == nil && lost:
		return t.places.now.Remove()
	case ours && kept != nil && lost && !kept.IsDir():
		return Rename(t.places.kept, t.places.now, true)
	case ours:
		if err := Stays(t.places.now, t.verb, now); err != nil {
			return err
		}
		if stay {
			if err := Rename(t.places.now, t.places.fresh, false); err != nil {
				return err
			}
		} else if err := Move(t.places.now, t.places.fresh); err != nil {
			return err
		}
	case now != nil && (kept != nil || t.Old == "" && t.placed):
		return fault.New(fault.Failed, t.verb+"-changed", "%s is neither what was there nor what was put there", t.Path).
			WithHint("see what else writes %s, and put there by hand what belongs there%s", t.Path, t.keptAt(kept))
	}
	if kept == nil {
		return nil
	}
	return Rename(t.places.kept, t.places.now, false)
}

func (t taking) keptGone() error {
	return fault.New(fault.Failed, t.verb+"-kept-gone", "%s is gone, which was at %s before", t.Old, t.Path).
		WithHint("see what removed it, and put there by hand what belongs there")
}
