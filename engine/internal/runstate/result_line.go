package runstate

import (
	"errors"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
)

// ResultLine is how a run ended, for programs: the last line of what `gwe run` and `gwe rollback` print, and
// one line for each run that `gwe recover`, `gwe confirm` or `gwe cancel` brought to its end.
type ResultLine struct {
	// Kind is "result": no event of the log has that one.
	Kind string `json:"kind"`
	// Run is the id of the run; absent where it was refused before it had one.
	Run string `json:"run,omitempty"`
	// Status is how the run ended; absent where gwe or the machine failed before it began.
	Status Status `json:"status,omitempty"`
	// Exit is the exit code that the run stands for.
	Exit int `json:"exit"`
	// Waits says what a suspended run waits for.
	Waits string `json:"waits,omitempty"`
	// Stopped is the text of the stop that ended the run well.
	Stopped string `json:"stopped,omitempty"`
	// Error is the first error.
	Error string `json:"error,omitempty"`
	// Code is the stable code of Error: `gwe explain CODE` explains it.
	Code string `json:"code,omitempty"`
	// Hint says what to do about Error.
	Hint string `json:"hint,omitempty"`
	// Failed is the step that Error belongs to; absent where it belongs to none.
	Failed *StepName `json:"failed,omitempty"`
	// Errors are those after Error, of undos, the failsafe and finally, in their order.
	Errors []string `json:"errors,omitempty"`
	// Kept are the directories to which a manual rollback moved what came after the commit.
	Kept []string `json:"kept,omitempty"`
	// Now is what runs on the machine at the end, as far as steps of the recipe can tell.
	Now []step.Report `json:"now,omitempty"`
	// Outputs are what the recipe hands out.
	Outputs map[string]any `json:"outputs,omitempty"`
}

// Line is the result for programs.
func (r Result) Line() ResultLine {
	line := ResultLine{
		Run: r.Run, Status: r.Status, Exit: r.ExitCode(), Waits: r.Waits, Stopped: r.Stopped, Kept: r.Kept, Now: r.Now, Outputs: r.Outputs,
	}.Because(r.Err)
	for _, other := range r.Others {
		line.Errors = append(line.Errors, other.Error())
	}
	return line
}

// Because adds an error, with its code, its hint and its step.
func (l ResultLine) Because(err error) ResultLine {
	l.Kind = "result"
	if err == nil {
		return l
	}
	l.Error = err.Error()
	if found := fault.As(err); found != nil {
		l.Code, l.Hint = found.Code, found.Hint
	}
	var located *StepError
	if errors.As(err, &located) {
		l.Failed = &located.Step
	}
	return l
}
