package process

import (
	"errors"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// childStatus is siginfo_t as waitid(2) fills it. x/sys has the type, but not the members that waitid is for.
type childStatus struct {
	_      [3]int32   // what unix.Siginfo has too, in an order that differs between machines
	_      [0]uintptr // the members below are aligned as pointers are
	pid    int32
	user   uint32
	status int32
	_      [104]byte // up to the kernel's 128 bytes
}

// exitedByItself is CLD_EXITED; every other code of a child that ended is a signal's.
const exitedByItself = 1

// waitForExit waits without reaping, so that the pid, and with it the number of its group and session, stays
// taken. It gives the exit code, -1 for a signal.
func waitForExit(pid int) int {
	for {
		var child childStatus
		information := (*unix.Siginfo)(unsafe.Pointer(&child))
		err := unix.Waitid(unix.P_PID, pid, information, unix.WEXITED|unix.WNOWAIT, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case err != nil, information.Code != exitedByItself:
			return -1
		default:
			return int(child.status)
		}
	}
}
