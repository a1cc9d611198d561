package engine

import (
	"encoding/json"

	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
)

// setInputs takes over what is known before the run exists.
func (h *runState) setInputs(begin runstate.BeginRecord, names map[string]any) {
	h.Begin = begin
	h.inputs, h.host = h.secrets.watch(names["inputs"].(map[string]any)), names["host"].(map[string]any)
}

// variableRecord is the journal's form of the vars.
func (x *runner) variableRecord() (map[string]json.RawMessage, error) {
	values, err := program.EvaluateVariables(x.program.Variables, x.state.own())
	if err != nil {
		return nil, err
	}
	return program.EncodeNamed(x.program.Variables, values)
}

// start writes the first record of the run: from then on it exists.
func (x *runner) start(begin runstate.BeginRecord) (err error) {
	x.reserved = reserveFor(x.program)
	if begin.Vars, err = x.variableRecord(); err != nil {
		return err
	}
	if err := begin.Fits(); err != nil {
		return err
	}
	if err := runstate.Announce(x.config.State, x.config.Place, begin); err != nil {
		return err
	}
	if err := x.append(runstate.RecordBegin, begin); err != nil {
		return err
	}
	if len(x.program.Failsafe) > 0 {
		if err := x.makeRoom(placeFailsafe); err != nil {
			return err
		}
	}
	if len(x.program.Finally) > 0 {
		return x.makeRoom(placeFinally)
	}
	return nil
}
