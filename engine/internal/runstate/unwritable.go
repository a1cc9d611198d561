package runstate

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/gwe-project/gwe/engine/fault"
	"golang.org/x/sys/unix"
)

// Unwritable says which run cannot be recovered because the state directory cannot be used; it is the error
// itself if no run waits for that.
func Unwritable(s State, err error) error {
	why := fault.As(err)
	if why == nil || why.Code != "state-unusable" {
		return err
	}
	ids, _ := s.Runs()
	for _, id := range ids {
		p, lost := Peek(s, id)
		if lost != nil || p == nil || p.Ended != nil || p.ClosedByOperator() {
			continue
		}
		return fault.New(fault.Refused, "recovery-unwritable", "cannot recover run %s of %s, which has not ended: %v", id, p.Begin.Recipe, err).
			WithHint("%s, then run `gwe recover`: no other state directory knows of the run", s.writableAgain(err))
	}
	return err
}

// writableAgain is what makes the state directory usable.
func (s State) writableAgain(err error) string {
	switch {
	case errors.Is(err, syscall.EROFS):
		return "mount the file system of " + s.Directory + " writable: mount -o remount,rw (the kernel's log may say why it is not)"
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "make room on the file system of " + s.Directory
	}
	if lack, lacks := fault.Scarce(err); lacks {
		return lack.Cure
	}
	return "let this user write in " + s.Directory
}

// TroubleWith is why nothing can be written to the state directory now; nil where it can.
func TroubleWith(s State, pending bool) *Warning {
	if BundledState(s) != nil {
		return nil
	}
	err := Usable(s)
	if pending {
		err = Unwritable(s, err)
	}
	if why := fault.As(err); why != nil {
		told := WarningOf(why)
		return &told
	}
	return nil
}

// Usable reports why the state directory could not be made or written to.
func Usable(s State) error {
	path := RunsDirectory(s)
	for {
		info, err := os.Stat(path)
		if err == nil && !info.IsDir() {
			return StateUnusable(s.Directory, &fs.PathError{Op: "mkdir", Path: path, Err: unix.ENOTDIR})
		}
		if err == nil || path == filepath.Dir(path) || !errors.Is(err, fs.ErrNotExist) {
			break
		}
		path = filepath.Dir(path)
	}
	if err := unix.Faccessat(unix.AT_FDCWD, path, unix.W_OK|unix.X_OK, unix.AT_EACCESS); err != nil {
		return StateUnusable(s.Directory, &fs.PathError{Op: "access", Path: path, Err: err})
	}
	return nil
}
