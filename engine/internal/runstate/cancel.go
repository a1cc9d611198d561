package runstate

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/gwe-project/gwe/engine/fault"
)

// CancelSignal asks gwe to stop and roll everything back. However often it comes, it never stops gwe at once,
// as a second SIGTERM does. A program with the engine inside that wants to hear `gwe cancel` cancels the
// context of Run on it.
const CancelSignal = syscall.SIGUSR1

// Cancel asks the process that works on the run, or without an id on any run, to stop and put everything
// back. It does not wait. It refuses where nothing is in progress, or another run than that; a suspended run,
// on which no process works, with the code cancel-suspended: Engine.CancelSuspended rolls that back.
func (s State) Cancel(id string) (Holder, error) {
	if err := RefuseBundle(s); err != nil {
		return Holder{}, err
	}
	if held, err := s.Holder(); id != "" && (err != nil || held == nil || held.Run != id) {
		chosen, err := Choose(s, id)
		if err != nil {
			return Holder{}, err
		}
		id = chosen
	}
	held, err := s.Holder()
	switch {
	case err != nil:
		return Holder{}, err
	case held == nil && s.isWaiting(id):
		return Holder{}, fault.New(fault.Refused, "cancel-suspended", "no process works on the run: it is suspended")
	case held == nil && len(LostRuns(s)) > 0:
		lost := s.lost()[0]
		return Holder{}, s.lostFault(lost)
	case held == nil && id != "":
		return Holder{}, s.notRunning(id)
	case held == nil:
		return Holder{}, s.nothingToCancel()
	case id != "" && held.Run != id:
		return Holder{}, s.notRunning(id)
	}
	suspended := held.Suspended()
	err = held.Signal(CancelSignal)
	switch {
	case err == nil && suspended:
		return Holder{}, fault.New(fault.Refused, "cancel-stopped", "process %d of run %s was stopped (SIGSTOP): it hears nothing until it continues", held.PID, held.Run).
			WithHint("`kill -CONT %d` lets it continue; it rolls the run back then", held.PID)
	case errors.Is(err, os.ErrProcessDone):
		return *held, nil // it was quicker
	case errors.Is(err, fs.ErrPermission):
		return Holder{}, fault.New(fault.Refused, "cancel-not-allowed", "process %d belongs to another user", held.PID).WithCause(err).
			WithHint("cancel as the user who started the run, or as root")
	case err != nil:
		return Holder{}, fault.New(fault.Errored, "cancel-failed", "process %d cannot be asked to stop", held.PID).WithCause(err)
	}
	return *held, nil
}

// nothingToCancel names a run whose process died: only a recovery ends it.
func (s State) nothingToCancel() error {
	list, _ := s.List()
	for _, one := range list {
		if one.Status == StatusPending && one.Resolved == nil {
			return s.notRunning(one.Run)
		}
	}
	return fault.New(fault.Refused, "cancel-nothing", "no run is in progress in %s", s.Directory).WithHint("`gwe status` tells what is in progress")
}

// isWaiting reports whether the run, or without an id any run, is suspended.
func (s State) isWaiting(id string) bool {
	_, err := Waiting(s, id)
	return err == nil
}

// holds reports whether a process works on its run still.
func (s State) holds(held Holder) bool {
	now, err := s.Holder()
	return err == nil && now != nil && now.Identity == held.Identity && now.Run == held.Run
}

func (s State) notRunning(id string) error {
	refusal := fault.New(fault.Refused, "cancel-not-running", "run %s is not in progress", id)
	p, err := Peek(s, id)
	if err != nil || p == nil {
		return refusal
	}
	if p.Ended == nil {
		return refusal.WithHint("its process died: `gwe recover` brings it to its end")
	}
	return refusal.WithHint("it has ended: %s", p.Summary().Status)
}

// Await waits until the run of a process has ended, or the process has, and tells how the run stands then.
// One that is suspended then is not cancelled: Engine.CancelSuspended rolls it back.
func (s State) Await(ctx context.Context, held Holder) (Summary, error) {
	for {
		alive := held.Alive() // asked first: what is written before a death is read after it
		if held.Run == "" {
			if now, err := s.Holder(); err == nil && now != nil && now.Identity == held.Identity {
				held.Run = now.Run
			}
		}
		summary := Summary{}
		if held.Run != "" {
			p, err := Peek(s, held.Run)
			if err != nil && !alive && held.Lost {
				return Summary{}, nil // its journal was deleted: nothing tells how it ended
			}
			if err != nil && !alive {
				return Summary{}, err
			}
			if p != nil {
				summary = p.Summary()
			}
		}
		if !alive || summary.Run != "" && summary.Status != StatusPending && !(summary.Status == StatusSuspended && s.holds(held)) {
			return summary, nil
		}
		select {
		case <-ctx.Done():
			return summary, context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Cancelled is what `gwe cancel` tells programs.
type Cancelled struct {
	// Run is the id of the run; absent where the process was asked before it came to one.
	Run string `json:"run,omitempty"`
	// PID is the process that was asked to stop.
	PID int `json:"pid"`
	// Status is how the run stands: with --no-wait "in progress", else how it ended; absent where there is no
	// run.
	Status Status `json:"status,omitempty"`
}
