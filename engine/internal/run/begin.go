package run

import (
	"encoding/json"

	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
)

// SetInputs takes over what is known before the run exists.
func (h *State) SetInputs(begin runstate.BeginRecord, names map[string]any) {
	h.Begin = begin
	h.Inputs, h.host = h.Secrets.watch(names["inputs"].(map[string]any)), names["host"].(map[string]any)
}

// VariableRecord is the journal's form of the vars.
func (x *Runner) VariableRecord() (map[string]json.RawMessage, error) {
	values, err := program.EvaluateVariables(x.Program.Variables, x.State.Own())
	if err != nil {
		return nil, err
	}
	return program.EncodeNamed(x.Program.Variables, values)
}

// Start writes the first record of the run: from then on it exists.
func (x *Runner) Start(begin runstate.BeginRecord) (err error) {
	x.reserved = ReserveFor(x.Program)
	if begin.Vars, err = x.VariableRecord(); err != nil {
		return err
	}
	if err := begin.Fits(); err != nil {
		return err
	}
	if err := runstate.Announce(x.Config.State, x.Config.Place, begin); err != nil {
		return err
	}
	if err := x.Append(runstate.RecordBegin, begin); err != nil {
		return err
	}
	if len(x.Program.Failsafe) > 0 {
		if err := x.makeRoom(placeFailsafe); err != nil {
			return err
		}
	}
	if len(x.Program.Finally) > 0 {
		return x.makeRoom(placeFinally)
	}
	return nil
}
