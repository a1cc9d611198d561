package trial

import (
	"encoding/json"

	"github.com/gwe-project/gwe/cmd/gwe/trial/scratch"
	"github.com/gwe-project/gwe/schema"
)

// job is what one scratch machine is made for.
type job struct {
	Layout scratch.Layout `json:"layout"`
	// Recipe is the RECIPE operand inside; Source is written there where the recipe is not a file of the real
	// machine.
	Recipe string `json:"recipe"`
	Source []byte `json:"source,omitempty"`
	// Plugins are the directories of plugins inside.
	Plugins []string `json:"plugins,omitempty"`
	// Inputs are a file for --inputs.
	Inputs   json.RawMessage   `json:"inputs"`
	Fixture  []*schema.Placed  `json:"fixture"`
	StandIns []*schema.StandIn `json:"stand-ins"`
	// Script is text for /bin/sh, run when the fixture stands; "" is none.
	Script string `json:"script,omitempty"`
	// Then is what comes next while the run is suspended, and when it has committed.
	Then []*schema.Next `json:"then,omitempty"`
	// Fault is what goes wrong; nil is nothing.
	Fault *Fault `json:"fault,omitempty"`
}

// Fault is one thing that goes wrong on purpose.
type Fault struct {
	// Kill ends the process with SIGKILL; else the step fails.
	Kill bool `json:"kill,omitempty"`
	// Step is the step's id or path; "" is the commit. Number says which of its executions, from 1.
	Step   string `json:"step,omitempty"`
	Number int    `json:"number,omitempty"`
	// Behind is true where the step has acted, or the commit is durable, and false where it is about to.
	Behind bool `json:"behind,omitempty"`
}

// report is what a scratch machine tells.
type report struct {
	// Broken says why there was no test; Hint what to do. Of a test that was, Error is the one that ended the
	// run, "" where it ended well, with its own hint, and Others are the errors on its way back.
	Broken string   `json:"broken,omitempty"`
	Hint   string   `json:"hint,omitempty"`
	Error  string   `json:"error,omitempty"`
	Others []string `json:"others,omitempty"`

	// Before and After are the trees around all that gwe did; Commit is the one right after the commit, if
	// there was one.
	Before, Commit, After tree
	// Later is what came between the commit and a rollback by hand; nil where there was none.
	Later *later `json:"later,omitempty"`
	// Exit is gwe's; where it was killed, that of the recovery. Of a run that was suspended it is the run's
	// own.
	Exit int `json:"exit"`
	// Log is what people saw, one line each; Said is what it tells, without marks and times.
	Log  string   `json:"log"`
	Said []string `json:"said"`
	// Outputs are the recipe's, by name.
	Outputs map[string]json.RawMessage `json:"outputs"`
	// Calls are what each stand-in was called with.
	Calls map[string][]string `json:"calls"`
	// Events are what gwe came to, in order.
	Events []event `json:"events"`

	// pass are the paths that no tree is compared at or below.
	pass map[string]bool
}

// event is one thing that gwe came to.
type event struct {
	// Kind is "step" for the execution of a step, "committed", or "fault" for what went wrong on purpose;
	// "frame" where a step is about to act, "undo-step" for a step of its undo, "undone" where that is over
	// in its place, and "call" for that of a stand-in.
	Kind   string `json:"kind"`
	Step   string `json:"step,omitempty"`
	Number int    `json:"number,omitempty"`
	// ID is the step's; "" where it has none.
	ID string `json:"id,omitempty"`
	// Frame is the number of the frame; Changes tells that its step changes what is at a path, and New that
	// nothing was there.
	Frame   int  `json:"frame,omitempty"`
	Changes bool `json:"changes,omitempty"`
	New     bool `json:"new,omitempty"`
	// StandIn is which one was called, and Process the part of the run that called it: RUN/PLACE.
	StandIn int    `json:"stand-in,omitempty"`
	Process string `json:"process,omitempty"`
}

const (
	eventStep      = "step"
	eventCommitted = "committed"
	eventFault     = "fault"
	eventFrame     = "frame"
	eventUndoStep  = "undo-step"
	eventUndone    = "undone"
	eventCall      = "call"
)

// came reports whether gwe came to an event of that kind.
func (r *report) came(kind string) bool {
	for _, one := range r.Events {
		if one.Kind == kind {
			return true
		}
	}
	return false
}
