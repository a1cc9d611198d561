package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/run"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/process"
	"github.com/gwe-project/gwe/engine/tasklog"
	"github.com/gwe-project/gwe/engine/value"
)

// HandOver is how a run is handed over to another gwe. Its zero value does: the other one says nothing then.
type HandOver struct {
	// Flags are the global flags, but for the state directory, that the other gwe is started with.
	Flags []string
	// Stdout and Stderr are its streams; nil is none.
	Stdout, Stderr *os.File
	// Pretend only looks whether the program is there, and continues in this process: in the test of a
	// recipe.
	Pretend bool
}

// TakeOverCommand is what a gwe starts another one with, the run's id after it and the flags before that.
// With TakeOverCheck among them the other one only reports whether it can continue the run, as a
// HandOverAnswer. Else it has a pipe as its descriptor 3, into which it writes one byte when it has taken the
// run over, and after it the run's locks, that of the state directory first; TakeOverLocks says how many.
// Gwes of all versions keep to this.
const (
	TakeOverCommand = "take-over"
	TakeOverCheck   = "--check"
	TakeOverLocks   = "--locks"
)

// HandOverAnswer is what a gwe says that can continue a run.
type HandOverAnswer struct {
	Version string `json:"gwe"`
	// Journal is the newest format of journals that it reads.
	Journal int `json:"journal"`
}

// askSuccessor lets the other gwe read the journal and the frozen recipe, and gives its version. It changes
// nothing. Where the hand-over is only pretended, it looks whether the program is there.
func (e *Engine) askSuccessor(ctx context.Context, run string, record runstate.HandedOverRecord, task *tasklog.Task) (string, error) {
	if e.HandOver.Pretend {
		if err := unix.Access(record.Program, unix.X_OK); err != nil {
			return "", fault.New(fault.Failed, "hand-over-refused", "%s cannot continue the run", record.Program).WithCause(err)
		}
		return e.Version, nil
	}
	var answer strings.Builder
	var said []string
	result, err := process.Run(ctx, process.Command{
		Arguments: e.takeOver(record.Program, TakeOverCheck, run), Timeout: record.Within,
		Environment: os.Environ(), Stdout: &answer, OutputLimit: 4 << 10, Filter: task.Filter,
		Output: func(stream, line string) {
			if stream == "stderr" {
				said = append(said, strings.TrimPrefix(line, "gwe: "))
				task.Output(line)
			}
		},
	})
	if err == nil {
		err = result.Check(record.Program)
	}
	var can HandOverAnswer
	if err == nil && (json.Unmarshal([]byte(answer.String()), &can) != nil || can.Version == "") {
		err = errors.New("it does not answer as a gwe does")
	}
	if err == nil {
		return can.Version, nil
	}
	if ctx.Err() != nil {
		return "", runstate.Interruption(context.Cause(ctx))
	}
	if len(said) > 0 {
		err = fmt.Errorf("%s (%w)", said[0], err)
	}
	return "", fault.New(fault.Failed, "hand-over-refused", "%s cannot continue the run", record.Program).WithCause(err).
		WithHint("the gwe that began the run stays; bring one that reads the journals and the recipes of this one")
}

// takeOver is the command line of the other gwe.
func (e *Engine) takeOver(compiled string, arguments ...string) []string {
	line := append([]string{compiled, TakeOverCommand, "--state-dir", e.State.Directory}, e.HandOver.Flags...)
	return append(line, arguments...)
}

// endForward ends the forward path, or lets another gwe continue it: on the context of who asked, for that
// one has the run's time-out around its own work. bounded is the context of the forward path.
func (e *Engine) endForward(ctx, bounded context.Context, x *run.Runner, held *locks, err error) Result {
	if departs := run.HandingOff(err); departs != nil {
		return e.awaitSuccessor(ctx, x, held, departs.To)
	}
	return x.Conclude(bounded, err)
}

// awaitSuccessor ends this process's own work on the run, and waits for the other gwe to end it. That one may
// die at once, hang, or fall in the middle of the run: then this one is still there, with the locks, and puts
// all back.
func (e *Engine) awaitSuccessor(ctx context.Context, x *run.Runner, held *locks, to runstate.HandedOverRecord) Result {
	x.Task.Done("handing over to " + to.To())
	x.Close()
	run := x.Directory.ID()
	held.name(run)
	failure := e.startSuccessor(ctx, run, to, held)
	p, err := runstate.Peek(e.State, run)
	if err != nil {
		return Result{Run: run, Status: runstate.StatusBroken, Handed: true, Err: &Unsettled{Run: run, Err: err}}
	}
	if p.Ended != nil || p.Suspension != nil {
		return p.Result()
	}
	if failure == nil {
		failure = fault.New(fault.Interrupted, "run-died", "gwe %s, which continued run %s, died in the middle of it", to.Version, run)
	}
	if cause := context.Cause(ctx); cause != nil {
		failure = runstate.Interruption(cause)
	}
	failure = x.State.At(x.Program.ByPath[to.Step], nil, failure)
	result, err := e.recoverLocked(context.WithoutCancel(ctx), p, e.standingBefore(run), held, failure)
	if err != nil {
		result = Result{Run: run, Status: runstate.StatusBroken, Err: &Unsettled{Run: run, Err: err}}
		if p.Committed >= 0 {
			result.Status = runstate.StatusCommitted
		}
	}
	return result
}

// startSuccessor starts the other gwe and waits for its end. Its error says why it did not take the run over:
// then it is dead.
func (e *Engine) startSuccessor(ctx context.Context, run string, to runstate.HandedOverRecord, held *locks) error {
	failed := fault.New(fault.Failed, "hand-over-failed", "%s did not take the run over", to.Program)
	ours, theirs, err := os.Pipe()
	if err != nil {
		return failed.WithCause(err)
	}
	defer ours.Close()
	files := append([]*os.File{nil, e.HandOver.Stdout, e.HandOver.Stderr, theirs}, held.files()...)
	command := process.Command{
		Arguments: e.takeOver(to.Program, TakeOverLocks, fmt.Sprint(len(files)-4), run), Environment: os.Environ(),
	}
	child, err := process.Start(command, files)
	_ = theirs.Close()
	if err != nil {
		return failed.WithCause(err)
	}
	taken := make(chan bool, 1)
	go func() { // ends with the child at the latest: nobody else has the pipe's other end
		count, _ := ours.Read(make([]byte, 1))
		taken <- count == 1
	}()
	late := time.NewTimer(to.Within)
	defer late.Stop()
	var failure error
	stop, took := ctx.Done(), false
	for waits := true; waits; {
		select {
		case took = <-taken:
			taken = nil
			if late.Stop(); !took {
				_ = child.Kill()
			}
		case <-late.C:
			failure = failed.WithCause(fmt.Errorf("it had %s for that, and was ended", value.DurationOf(to.Within)))
			_ = child.Kill()
		case <-stop:
			stop = nil
			child.Signal(signalOf(context.Cause(ctx)))
		case <-child.Exited():
			waits = false
		}
	}
	result := child.Wait()
	if taken != nil {
		took = <-taken
	}
	if took || failure != nil {
		return failure
	}
	return failed.WithCause(result.Check(to.Program))
}

// signalOf is the signal that asks another gwe for what this one is asked for.
func signalOf(cause error) syscall.Signal {
	var stopped *Stopped
	if errors.As(cause, &stopped) {
		return stopped.Signal
	}
	return syscall.SIGTERM
}
