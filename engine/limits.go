package engine

import (
	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
)

// openFiles is how many files gwe must be able to have open. The way back goes step by step and needs less; a run that cannot
// have so many would fail somewhere, and then in its undo too.
const openFiles = 64

// roomForFiles refuses a run that could not be put back for want of open files.
func roomForFiles() error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || limit.Cur >= openFiles {
		return nil
	}
	return fault.New(fault.Refused, "open-files-limit", "only %d files may be open at a time, and gwe needs %d", limit.Cur, openFiles).
		WithHint("raise the limit: ulimit -n 1024, or LimitNOFILE= in the unit")
}
