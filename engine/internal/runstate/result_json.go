package runstate

import (
	"encoding/json"
	"errors"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
)

// problem is an error in the JSON of a result.
type problem struct {
	Message string    `json:"message"`
	Code    string    `json:"code,omitempty"`
	Hint    string    `json:"hint,omitempty"`
	Step    *StepName `json:"step,omitempty"`
}

func problemOf(err error) *problem {
	if err == nil {
		return nil
	}
	one := problem{Message: err.Error()}
	if f := fault.As(err); f != nil {
		one.Code, one.Hint = f.Code, f.Hint
	}
	var located *StepError
	if errors.As(err, &located) {
		one.Step = &located.Step
	}
	return &one
}

// MarshalJSON gives the result with its exit code and its errors: of each its message, code and hint, and the
// step that it belongs to.
func (r Result) MarshalJSON() ([]byte, error) {
	others := make([]*problem, len(r.Others))
	for i, other := range r.Others {
		others[i] = problemOf(other)
	}
	return json.Marshal(struct {
		Run      string         `json:"run"`
		Status   Status         `json:"status"`
		ExitCode int            `json:"exit_code"`
		Outputs  map[string]any `json:"outputs,omitempty"`
		Stopped  string         `json:"stopped,omitempty"`
		Waits    string         `json:"waits,omitempty"`
		Kept     []string       `json:"kept,omitempty"`
		Handed   bool           `json:"handed,omitempty"`
		Now      []step.Report  `json:"now,omitempty"`
		Error    *problem       `json:"error,omitempty"`
		Others   []*problem     `json:"others,omitempty"`
	}{r.Run, r.Status, r.ExitCode(), r.Outputs, r.Stopped, r.Waits, r.Kept, r.Handed, r.Now, problemOf(r.Err), others})
}
