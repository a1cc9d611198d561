package process

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Signal sends to that very process, and to no other that got its pid since. The error is os.ErrProcessDone
// where it has ended.
func (i Identity) Signal(signal syscall.Signal) error {
	descriptor, err := unix.PidfdOpen(i.PID, 0)
	switch {
	case errors.Is(err, syscall.ENOSYS): // a kernel before 5.3
		if !i.Alive() {
			return os.ErrProcessDone
		}
		return unix.Kill(i.PID, signal)
	case errors.Is(err, syscall.ESRCH):
		return os.ErrProcessDone
	case err != nil:
		return err
	}
	defer unix.Close(descriptor)
	if !i.Alive() {
		return os.ErrProcessDone
	}
	err = unix.PidfdSendSignal(descriptor, signal, nil, 0)
	if errors.Is(err, syscall.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}
