//go:build amd64

package trace

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Action is what becomes of a program at a point.
type Action struct {
	do    verb
	errno unix.Errno
	first bool
}

type verb int

const (
	goOn verb = iota
	killBefore
	killAfter
	fail
)

// GoOn lets the call be made.
func GoOn() Action { return Action{} }

// KillBefore ends the program with SIGKILL; the call is not made.
func KillBefore() Action { return Action{do: killBefore} }

// KillAfter lets the call be made, and ends the program with SIGKILL before it sees the result.
func KillAfter() Action { return Action{do: killAfter} }

// First lets a kill end the program that was run, and not the one of its children that makes the call.
func (a Action) First() Action {
	a.first = true
	return a
}

// Fail makes the call return the error; it is not made.
func Fail(errno unix.Errno) Action { return Action{do: fail, errno: errno} }

// Program is what is run. Its first argument is its path.
type Program struct {
	Arguments   []string
	Environment []string
	Output      *os.File // stdout and stderr; calls on it are not points
	// Root is the directory below which the points lie. Elsewhere only fsync and its like, and execve, are
	// points.
	Root string
	// Launcher is the command that calls Launch with the arguments that follow: a program has to be the one
	// that installs its filter.
	Launcher []string
	// Before is how many programs were followed before this one: their numbers are not given again.
	Before int
}

// Status is how a program ended, and how many programs were followed until then, with those before.
type Status struct {
	syscall.WaitStatus
	Followed int
	// Outlived reports that the program was killed and another one, which was followed too, ended later by
	// itself.
	Outlived bool
}

// Tracer runs programs, one at a time, from a thread of its own: ptrace knows threads, and only the one that
// started a program may ask about it.
type Tracer struct{ requests chan func() }

// Start makes a tracer. The process must have no children then: the thread would wait for theirs too.
func Start() *Tracer {
	t := &Tracer{requests: make(chan func())}
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with this goroutine
		for request := range t.requests {
			request()
		}
	}()
	return t
}

// Close ends the tracer.
func (t *Tracer) Close() { close(t.requests) }

// Run runs a program to its end and asks at each point what to do. The points come one at a time; what the
// program's other threads do meanwhile continues.
func (t *Tracer) Run(program Program, decide func(Point) Action) (status Status, err error) {
	ended := make(chan struct{})
	t.requests <- func() {
		defer close(ended)
		status, err = run(program, decide)
	}
	<-ended
	return status, err
}

type tracing struct {
	program Program
	decide  func(Point) Action
	main    int
	counts  map[Point]int
	// followed are the numbers of the programs that are followed, by process, from when the launcher has
	// become the first.
	followed map[int]int
	// next is the number of the one that comes next.
	next int
	// known are the threads that have stopped once: the first stop of each is not its own doing.
	known map[int]bool
	// killing is the thread whose call is the last of victim, the process that is killed then.
	killing, victim int
	killed          bool
	// held is the thread at whose call the victim is killed. If it outlives the victim, it is continued then.
	held     int
	outlived bool
}

func run(program Program, decide func(Point) Action) (Status, error) {
	argv := append(append([]string{}, program.Launcher...), program.Arguments...)
	null, err := os.Open(os.DevNull)
	if err != nil {
		return Status{}, err
	}
	defer null.Close()
	pid, err := syscall.ForkExec(argv[0], argv, &syscall.ProcAttr{
		Env:   program.Environment,
		Files: []uintptr{null.Fd(), program.Output.Fd(), program.Output.Fd()},
		Sys:   &syscall.SysProcAttr{Ptrace: true, Setpgid: true},
	})
	if err != nil {
		return Status{}, fmt.Errorf("starting %s: %w", argv[0], err)
	}
	t := &tracing{
		program: program, decide: decide, main: pid, counts: map[Point]int{}, known: map[int]bool{pid: true},
		followed: map[int]int{}, next: program.Before + 1,
	}
	status, err := t.follow()
	return Status{status, t.next - 1, t.outlived}, err
}

const options = unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK | unix.PTRACE_O_TRACEEXEC |
	unix.PTRACE_O_TRACESECCOMP | unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_EXITKILL

func (t *tracing) follow() (result syscall.WaitStatus, err error) {
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(t.main, &status, unix.WALL, nil); err != nil {
		return 0, err
	}
	if err := unix.PtraceSetOptions(t.main, options); err != nil {
		return 0, fmt.Errorf("ptrace: %w", err)
	}
	if err := unix.PtraceCont(t.main, 0); err != nil {
		return 0, err
	}
	for {
		pid, err := syscall.Wait4(-1, &status, unix.WALL|unix.WNOTHREAD, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.ECHILD):
			return result, nil
		case err != nil:
			return result, err
		case status.Exited(), status.Signaled():
			if t.killed && t.victim == t.main && pid != t.main && t.followed[pid] != 0 && status.Exited() {
				t.outlived = true
			}
			if delete(t.followed, pid); pid == t.main {
				result = status
			}
			if pid == t.victim && t.held != 0 {
				_ = unix.PtraceCont(t.held, 0)
			}
			continue
		}
		// A thread that has been killed meanwhile is not an error: its end comes next.
		if err := t.stopped(pid, status); err != nil && !errors.Is(err, syscall.ESRCH) {
			return result, err
		}
	}
}

// stopped lets a stopped thread continue, or not.
func (t *tracing) stopped(pid int, status syscall.WaitStatus) error {
	signal := status.StopSignal()
	first := !t.known[pid]
	t.known[pid] = true
	switch {
	case signal == syscall.SIGTRAP && status.TrapCause() == unix.PTRACE_EVENT_SECCOMP:
		return t.atCall(pid)
	case signal == syscall.SIGTRAP && status.TrapCause() == unix.PTRACE_EVENT_EXEC:
		return t.atExec(pid)
	case signal == syscall.SIGTRAP && status.TrapCause() > 0: // a new thread or process
		return unix.PtraceCont(pid, 0)
	case signal == syscall.SIGTRAP|0x80: // the end of the last call
		if pid == t.killing {
			t.held = pid
			return t.kill()
		}
		return unix.PtraceCont(pid, 0)
	case signal == syscall.SIGSTOP && first:
		return unix.PtraceCont(pid, 0)
	}
	return unix.PtraceCont(pid, int(signal))
}

// atExec continues to follow the program that was run, and every other that is linked at a fixed address, for
// the filter holds for it too. All others are let go.
func (t *tracing) atExec(pid int) error {
	if pid == t.killing {
		if err := t.kill(); err != nil {
			return err
		}
	}
	if pid != t.main && fixed(fmt.Sprintf("/proc/%d/exe", pid)) != nil {
		return unix.PtraceDetach(pid)
	}
	t.followed[pid] = t.next
	t.next++
	return unix.PtraceCont(pid, 0)
}

// caller is the process of a thread: of one that has not become a program yet, that of its parent.
func caller(pid int, followed map[int]int) int {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for _, field := range []string{"\nTgid:", "\nPPid:"} {
		_, rest, _ := strings.Cut(string(text), field)
		var process int
		_, _ = fmt.Sscan(rest, &process)
		if followed[process] != 0 {
			return process
		}
	}
	return 0
}

func (t *tracing) atCall(pid int) error {
	process := caller(pid, t.followed)
	if process == 0 || t.killed && (t.victim == process || t.victim == t.main) {
		return unix.PtraceCont(pid, 0)
	}
	var registers unix.PtraceRegs
	if err := unix.PtraceGetRegs(pid, &registers); err != nil {
		return err
	}
	c, ok := changers[number(&registers)]
	if !ok {
		return fmt.Errorf("stopped at call %d, which nobody asked for", number(&registers))
	}
	path, ok := t.chosen(c, pathOf(pid, c, &registers))
	if !ok {
		return unix.PtraceCont(pid, 0)
	}
	point := Point{Call: c.name, Path: path, Program: t.followed[process]}
	t.counts[point]++
	point.Nth = t.counts[point]
	action := t.decide(point)
	if action.do == killBefore || action.do == killAfter {
		if t.victim = process; action.first {
			t.victim = t.main
		}
	}
	switch action.do {
	case killBefore:
		t.held = pid
		return t.kill()
	case killAfter:
		t.killing = pid
		return unix.PtraceSyscall(pid, 0)
	case fail:
		refuse(&registers, action.errno)
		if err := unix.PtraceSetRegs(pid, &registers); err != nil {
			return err
		}
	}
	return unix.PtraceCont(pid, 0)
}

// kill ends the victim. What it started is not ended: that is the kernel's business, or the next gwe's.
func (t *tracing) kill() error {
	t.killed, t.killing = true, 0
	return unix.Kill(t.victim, unix.SIGKILL)
}

// chosen reports whether a call on a path is a point, and gives the path's stable name.
func (t *tracing) chosen(c call, path string) (string, bool) {
	if path == t.program.Output.Name() || path == "" {
		return "", false
	}
	if below, err := filepath.Rel(t.program.Root, path); err == nil && below != ".." && !strings.HasPrefix(below, "../") {
		return Stable(below), true
	}
	switch c.name {
	case "execve", "fsync", "fdatasync", "syncfs":
		return Stable(path), true
	}
	return "", false
}
