package run

import (
	"context"

	"github.com/gwe-project/gwe/engine/claim"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/host"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// Config is what a run has of the engine that carries it out.
type Config struct {
	State   runstate.State
	Catalog step.Catalog
	Machine step.Machine
	// Sink takes the log's events for people.
	Sink tasklog.Sink
	// Version is gwe's own, for the journal.
	Version string
	// Early is set early in a boot, before the services: what needs them is deferred.
	Early bool
	// Place is where the gwes of this user meet.
	Place claim.Place
	// Unwatched reports that nothing on this machine continues a run that waits; nil where something does.
	Unwatched func(wait runstate.Cause) *fault.Fault
	// Now is the moment of the machine.
	Now func() host.Moment
	// AskSuccessor asks another gwe whether it can continue the run of that id, and returns its version. It
	// changes nothing.
	AskSuccessor func(ctx context.Context, run string, to runstate.HandedOverRecord, task *tasklog.Task) (version string, err error)
	// Pretend is set where a hand-over only asks, and this process continues the run.
	Pretend bool
}
