package engine

import (
	"errors"
	"syscall"

	"github.com/gwe-project/gwe/engine/fault"
)

// unwritable says which run cannot be recovered because the state directory cannot be used; it is the error itself if no run waits for that.
func (s State) unwritable(err error) error {
	why := fault.As(err)
	if why == nil || why.Code != "state-unusable" {
		return err
	}
	ids, _ := s.Runs()
	for _, id := range ids {
		p, lost := s.peek(id)
		if lost != nil || p == nil || p.ended != nil || p.closedByOperator() {
			continue
		}
		return fault.New(fault.Refused, "recovery-unwritable", "cannot recover run %s of %s, which has not ended: %v", id, p.begin.Recipe, err).
			WithHint("%s, then run `gwe recover`: no other state directory knows of the run", s.writableAgain(err))
	}
	return err
}

// writableAgain is what makes the state directory usable.
func (s State) writableAgain(err error) string {
	switch {
	case errors.Is(err, syscall.EROFS):
		return "mount the file system of " + s.Folder + " writable: mount -o remount,rw (the kernel's log may say why it is not)"
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "make room on the file system of " + s.Folder
	}
	if lack, lacks := fault.Scarce(err); lacks {
		return lack.Cure
	}
	return "let this user write in " + s.Folder
}

// trouble is why nothing can be written to the state directory now; nil where it can.
func (s State) trouble(pending bool) *Warning {
	if s.bundled() != nil {
		return nil
	}
	err := s.usable()
	if pending {
		err = s.unwritable(err)
	}
	if why := fault.As(err); why != nil {
		told := warningOf(why)
		return &told
	}
	return nil
}
