package process

import (
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
)

// Check is nil where the program exited with one of the accepted codes, 0 alone where none is given. Else it
// is a fault of class failed: process-exit, or process-signal where a signal that gwe did not send ended the
// program.
func (r Result) Check(program string, accept ...int) error {
	if r.Signal != 0 {
		found := fault.New(fault.Failed, "process-signal", "%s was ended by signal %d (%s)", program, int(r.Signal), unix.SignalName(r.Signal))
		switch r.Signal {
		case syscall.SIGKILL:
			return found.WithHint("nothing of gwe's sent it: the kernel may have run out of memory, see its log")
		case syscall.SIGSEGV, syscall.SIGBUS, syscall.SIGILL, syscall.SIGFPE, syscall.SIGABRT:
			return found.WithHint("the program crashed: see its last lines")
		default:
			return found.WithHint("another process on the machine sent it")
		}
	}
	if r.ExitCode == 0 && len(accept) == 0 || slices.Contains(accept, r.ExitCode) {
		return nil
	}
	found := fault.New(fault.Failed, "process-exit", "%s exited with %d", program, r.ExitCode)
	switch {
	case r.ExitCode == 126:
		return found.WithHint("a shell exits so when it may not execute a command: see its last lines")
	case r.ExitCode == 127:
		return found.WithHint("a shell exits so when it does not find a command: see its last lines, and the PATH")
	case r.ExitCode > 128 && unix.SignalName(syscall.Signal(r.ExitCode-128)) != "":
		return found.WithHint("a shell exits so when its command was ended by signal %d (%s)",
			r.ExitCode-128, unix.SignalName(syscall.Signal(r.ExitCode-128)))
	case r.Unlogged:
		return found.WithHint("the log has no output of it: run it by hand to see why")
	default:
		return found.WithHint("see its last lines in the log")
	}
}
