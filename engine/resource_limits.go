package engine

import (
	"cmp"
	"errors"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/process"
)

const (
	// openFiles is how many files gwe must be able to have open. The way back goes step by step and needs
	// less; a run that cannot have so many would fail somewhere, and then in its undo too.
	openFiles = 64
	// freeFiles is how many of them must be free: gwe may inherit open files, and other programs may have all
	// of the machine's.
	freeFiles = 40
	// freeProcesses is how many processes and threads must be free, for gwe and a program that it starts.
	freeProcesses = 12
)

// roomToAct refuses to begin, and to continue with, what could not be rolled back for want of open files or
// processes. Run, Recover, Rollback, Confirm and CancelSuspended ask it before they change anything.
func roomToAct() error { return cmp.Or(roomForFiles(), roomForProcesses()) }

// roomForFiles looks at the limit, and whether the machine gives as many.
func roomForFiles() error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err == nil && limit.Cur < openFiles {
		return fault.New(fault.Refused, "open-files-limit", "only %d files may be open at a time, and gwe needs %d", limit.Cur, openFiles).
			WithHint("raise the limit: ulimit -n 1024, or LimitNOFILE= in the unit")
	}
	opened := make([]int, 0, freeFiles)
	defer func() {
		for _, one := range opened {
			_ = unix.Close(one)
		}
	}()
	for len(opened) < freeFiles {
		one, err := unix.Open("/", unix.O_PATH|unix.O_CLOEXEC, 0)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			lack, scarce := fault.Scarce(err)
			if !scarce {
				return nil
			}
			return fault.New(fault.Refused, "open-files-limit", "only %d more files can be opened, and gwe needs %d", len(opened), freeFiles).
				WithCause(err).WithHint("%s", lack.Cure)
		}
		opened = append(opened, one)
	}
	return nil
}

// roomForProcesses looks at what the user and the control group may still start.
func roomForProcesses() error {
	free, of := process.Room()
	if free < 0 || free >= freeProcesses {
		return nil
	}
	return fault.New(fault.Refused, "process-limit", "only %d more processes and threads may run by %s, and gwe needs %d", free, of, freeProcesses).
		WithHint("end what has too many, or raise the limit: ulimit -u, TasksMax= in the unit, or pids.max of the control group")
}
