package process

import (
	"context"
	"errors"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/openat"
)

// running is a program that was started.
type running struct {
	process *os.Process
	// exited is closed when the program has ended; it is not reaped then. After that *code is its exit code,
	// -1 for a signal.
	exited <-chan struct{}
	code   *int
}

// launch starts the program from a thread of its own, which lives as long as the program: see the package's
// doc. prepare is done on that thread before.
func launch(path string, command Command, dir *openat.Dir, files []*os.File, group cgroup, prepare func() error) (running, error) {
	type start struct {
		process *os.Process
		err     error
	}
	started := make(chan start)
	exited := make(chan struct{})
	code := new(int)
	go func() {
		defer close(exited)
		// Never unlocked: the thread, with the umask it no longer shares, ends with this goroutine.
		runtime.LockOSThread()
		var process *os.Process
		directory := workingDirectory(dir)
		err := prepare()
		if err == nil {
			process, err = fork(path, command, directory, files, group)
		}
		started <- start{process, err}
		if err == nil {
			*code = waitForExit(process.Pid)
		}
	}()
	outcome := <-started
	if outcome.err != nil {
		<-exited
		return running{}, outcome.err
	}
	return running{process: outcome.process, exited: exited, code: code}, nil
}

// setUmask sets 022 for this thread alone. Where a sandbox forbids unshare, the whole process gets the same
// value; as it is always the same one, that races with nothing either.
func setUmask() {
	_ = unix.Unshare(unix.CLONE_FS)
	unix.Umask(0o022)
}

// workingDirectory makes an open directory that of this thread, which the program inherits. Where a sandbox
// forbids unshare, it is the path by which the child finds its copy of the descriptor.
func workingDirectory(dir *openat.Dir) (path string) {
	if dir == nil || unix.Unshare(unix.CLONE_FS) == nil && unix.Fchdir(dir.Descriptor()) == nil {
		return ""
	}
	return "/proc/self/fd/" + strconv.Itoa(dir.Descriptor())
}

// fork starts the program in its control group, so that no moment is left in which it could start something
// outside. Where the kernel (before 5.7) or a sandbox does not do that, it is started without. ETXTBSY is
// tried again for a moment: a thread that forked while the program's file was being written gives it to its
// child, which holds it until its own exec. So is a program that never began: until it has a session of its
// own, a child hears what is sent to gwe's process group, a Ctrl-C say, and dies of it; an undo must not fail
// of that.
func fork(path string, command Command, directory string, files []*os.File, group cgroup) (*os.Process, error) {
	attributes := &os.ProcAttr{
		Dir:   directory,
		Env:   command.Environment,
		Files: files,
		Sys:   &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL},
	}
	if command.As != nil {
		attributes.Sys.Credential = &syscall.Credential{Uid: command.As.UID, Gid: command.As.GID, Groups: command.As.Groups}
	}
	if command.As != nil || command.NoNewPrivileges || command.Confine != nil {
		keepInherited()
	}
	if group != "" {
		directory, err := unix.Open(string(group), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err == nil {
			defer unix.Close(directory)
			attributes.Sys.UseCgroupFD, attributes.Sys.CgroupFD = true, directory
		}
	}
	for pause := 5 * time.Millisecond; ; pause *= 2 {
		process, err := os.StartProcess(path, command.Arguments, attributes)
		if err != nil && attributes.Sys.UseCgroupFD && !errors.Is(err, syscall.ETXTBSY) {
			attributes.Sys.UseCgroupFD = false
			process, err = os.StartProcess(path, command.Arguments, attributes)
		}
		again := errors.Is(err, syscall.ETXTBSY)
		if err == nil && neverBegan(func() (status, error) { return readStatus(process.Pid) }) {
			_, _ = process.Wait()
			again, err = true, errNeverBegan
		}
		if again && pause < time.Second {
			time.Sleep(pause)
			continue
		}
		return process, err
	}
}

var errNeverBegan = errors.New("a signal ended it before it began")

// neverBegan reports whether a child died before it became the program. os.StartProcess does not: its pipe is
// closed by both. Some kernels (6.1.192) close it early in execve, so a child that lives may be about to
// become the program.
func neverBegan(look func() (status, error)) bool {
	const forkedOnly = 0x40 // PF_FORKNOEXEC of linux/sched.h
	for {
		child, err := look()
		switch {
		case err != nil || child.flags&forkedOnly == 0:
			return false
		case child.state == 'Z':
			return true
		}
		time.Sleep(100 * time.Microsecond)
	}
}

// reap collects the ended program.
func reap(process *os.Process) (code int, signal syscall.Signal) {
	state, err := process.Wait()
	if err != nil {
		return -1, 0
	}
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		signal = status.Signal()
	}
	return state.ExitCode(), signal
}

func timedOut(ctx context.Context) bool {
	return errors.Is(ctx.Err(), context.DeadlineExceeded) || errors.Is(context.Cause(ctx), context.DeadlineExceeded)
}
