package process

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/openat"
)

// Command is a program to run.
type Command struct {
	// Name is what messages call it; "" is the program.
	Name string
	// Arguments are the program and its arguments. A program without a slash is looked for in the PATH of
	// Environment; one with a slash, where it is relative, is relative to Directory.
	Arguments []string
	// Directory is where the program runs; "" is gwe's own working directory. It is opened once, by the rule
	// of package openat for links.
	Directory string
	// In is the directory at Directory where the caller has opened it, to be sure which one it is; nil else.
	In *openat.Dir
	// Environment is complete: nothing is inherited. Of two entries with one name the later counts.
	Environment []string
	// Input is what the program reads from its standard input; nil is nothing. Its Read must not block for
	// ever: Run waits for it.
	Input io.Reader
	// Timeout ends the program and its tree; 0 is none.
	Timeout time.Duration
	// Grace is the time between SIGTERM and SIGKILL; 0 is DefaultGrace.
	Grace time.Duration
	// Accept lists the exit codes of a good end; nil is 0 alone. Any code is a Result and no error: Accept
	// only decides whether daemons may live on.
	Accept []int
	// KeepDaemons lets live on what a well-ended program left behind.
	KeepDaemons bool
	// As is the user that the program runs as; nil is gwe's own. Only root may choose another one.
	As *Account
	// NoNewPrivileges keeps the program and all that it starts from gaining rights by setuid programs and
	// file capabilities.
	NoNewPrivileges bool
	// Confine bounds what the program can change; nil is nothing. It includes NoNewPrivileges.
	Confine *Confinement
	// Output takes the lines of both streams, "stdout" and "stderr", without their ends ("\n", "\r\n" or
	// "\r"); the bytes of a line are as the program wrote them, valid UTF-8 or not. It is called from one
	// goroutine at a time.
	Output func(stream, line string)
	// Filter, where it is not nil, makes a writer that passes a stream on to another one, without secrets
	// say, before it is cut into lines for Output; it is closed at the end of the stream. Stdout and Stderr
	// take what the program wrote.
	Filter func(to io.Writer) io.WriteCloser
	// OutputLimit is how much of each stream reaches Output from its beginning, in bytes as a log writes
	// them; 0 is DefaultOutputLimit.
	OutputLimit int64
	// Stdout and Stderr take all bytes of a stream, whatever OutputLimit says. They are written to from one
	// goroutine each.
	Stdout, Stderr io.Writer
	// Started is told the pid right after the start.
	Started func(pid int)
}

// DefaultGrace is the time that a tree has between SIGTERM and SIGKILL.
const DefaultGrace = 5 * time.Second

// Result is how a program ended.
type Result struct {
	PID int
	// ExitCode is -1 where a signal ended the program.
	ExitCode int
	// Signal is the one that ended the program; 0 where it exited by itself.
	Signal   syscall.Signal
	Duration time.Duration
	// Unlogged is set where none of its output went to Command.Output: it wrote nothing, or nobody listened.
	Unlogged bool
}

// Run runs the program to its end. An end by itself, with whatever exit code or signal, is a Result; see
// Result.Check.
//
// The faults: process-not-found, process-not-executable, process-no-exec, process-interpreter-missing,
// process-no-shebang, process-wrong-format, process-arguments-invalid, process-arguments-too-long (failed and
// permanent); process-directory-missing (failed); process-timeout (failed) when Timeout or the deadline of
// ctx passed; process-interrupted (interrupted) when ctx was cancelled; process-survives and process-start
// (errored).
func Run(ctx context.Context, command Command) (Result, error) {
	if err := command.check(); err != nil {
		return Result{}, err
	}
	dir, err := command.enter()
	if err != nil {
		return Result{}, err
	}
	defer dir.Close()
	if command.Timeout > 0 {
		limited, cancel := context.WithTimeout(ctx, command.Timeout)
		defer cancel()
		ctx = limited
	}
	if ctx.Err() != nil {
		return Result{}, command.stopped(ctx, 0)
	}
	own := rand.Text()
	mark := MarkVariable + "=" + own
	command.Environment = merged(append(slices.Clone(command.Environment), mark))
	path, err := command.program()
	if err != nil {
		return Result{}, err
	}
	pipes, err := openPipes(command)
	if err != nil {
		return Result{}, err
	}
	begun := time.Now()
	group := settle(command.Environment, own)
	running, err := launch(path, command, dir, pipes.child[:], group, func() error {
		setUmask()
		return command.limit()
	})
	pipes.closeChildEnds()
	if err != nil {
		group.remove()
		pipes.abandon()
		return Result{}, explainStart(path, command, err)
	}
	pipes.serve(command)
	if command.Started != nil {
		command.Started(running.process.Pid)
	}
	family := tree{root: running.process.Pid, marks: []string{mark}, groups: []cgroup{group}}
	if status, err := readStatus(family.root); err == nil { // it is not reaped yet
		family.since = status.start
	}
	return supervise(ctx, command, running, pipes, family, begun)
}

// supervise waits for the end, or brings it about, and collects what is left.
func supervise(ctx context.Context, command Command, running running, pipes *pipes, family tree, begun time.Time) (Result, error) {
	var stopped error
	select {
	case <-running.exited:
	case <-ctx.Done():
		stopped = command.stopped(ctx, time.Since(begun))
	}
	// It is reaped last: until then its pid, and with it the number of its group and session, cannot become
	// another's.
	var surviving error
	if stopped != nil || !command.KeepDaemons || !command.accepts(*running.code) {
		surviving = family.end(command.grace())
	}
	pipes.finish()
	result := Result{PID: running.process.Pid, ExitCode: -1, Duration: time.Since(begun), Unlogged: command.Output == nil || !pipes.heard.Load()}
	if surviving == nil {
		<-running.exited
		result.ExitCode, result.Signal = reap(running.process)
	}
	for _, group := range family.groups {
		group.remove() // unless daemons live on in it: see Release
	}
	if stopped != nil && surviving != nil {
		return result, fault.As(stopped).WithCause(surviving)
	}
	return result, cmp.Or(stopped, surviving)
}

func (c Command) check() error {
	if len(c.Arguments) == 0 || c.Arguments[0] == "" {
		return fault.New(fault.Failed, "process-arguments-invalid", "there is no program to run").AsPermanent()
	}
	for _, text := range slices.Concat(c.Arguments, c.Environment, []string{c.Directory}) {
		if strings.ContainsRune(text, 0) {
			return fault.New(fault.Failed, "process-arguments-invalid",
				"an argument, a variable or the directory of %s contains a NUL byte, which no program can be given", c.name()).AsPermanent()
		}
	}
	return nil
}

// enter opens the directory in which the program runs; nil is that of gwe. The caller closes it.
func (c Command) enter() (dir *openat.Dir, err error) {
	switch {
	case c.In != nil:
		return c.In.Below(".")
	case c.Directory == "":
		return nil, nil
	}
	directory, err := filepath.Abs(c.Directory)
	if err == nil {
		dir, err = openat.Open(directory)
	}
	switch {
	case err == nil || fault.As(err) != nil:
		return dir, err
	case errors.Is(err, syscall.ENOTDIR):
		return nil, fault.New(fault.Failed, "process-directory-missing", "cannot run %s in %s: it is not a directory", c.name(), c.Directory)
	}
	return nil, fault.New(fault.Failed, "process-directory-missing", "cannot run %s in directory %s", c.name(), c.Directory).WithCause(err)
}

func (c Command) name() string { return cmp.Or(c.Name, c.Arguments[0]) }

func (c Command) grace() time.Duration {
	if c.Grace == 0 {
		return DefaultGrace
	}
	return c.Grace
}

// accepts reports whether the exit code, -1 for a signal, is one of a good end.
func (c Command) accepts(code int) bool {
	if c.Accept == nil {
		return code == 0
	}
	return code >= 0 && slices.Contains(c.Accept, code)
}

// stopped is the fault of a program that was ended, or never begun, because of its context.
func (c Command) stopped(ctx context.Context, after time.Duration) error {
	cause := context.Cause(ctx)
	if timedOut(ctx) {
		late := fault.New(fault.Failed, "process-timeout", "%s did not end in time and was stopped after %s",
			c.name(), after.Round(time.Millisecond)).
			WithHint("if it is only slow, raise the step's timeout; else see what it waits for: what it printed stands in the log")
		if !errors.Is(cause, context.DeadlineExceeded) { // the caller's own words say more
			return late.WithCause(cause)
		}
		return late
	}
	return fault.New(fault.Interrupted, "process-interrupted", "%s was stopped", c.name()).WithCause(cause)
}
