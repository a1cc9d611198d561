package engine

import (
	"context"
	"os"

	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/process"
	"github.com/gwe-project/gwe/engine/value"
)

// shownRunes is how much of a fact the log shows.
const shownRunes = 200

// HostFacts are the facts of the machine that every recipe reads as host.NAME, and their type.
func HostFacts() (map[string]any, value.Type, error) {
	return hostFacts()
}

// Facts reads a recipe's facts as a run would, running its programs, and nothing else.
func (e *Engine) Facts(ctx context.Context, compiled *Program, given Inputs) ([]Fact, error) {
	_, names, err := e.begin(compiled, given)
	if err != nil {
		return nil, err
	}
	reader := factReader{machine: e.Machine, programs: true, untrusted: e.Untrusted, environment: process.BaseEnvironment()}
	return reader.all(ctx, compiled, names), nil
}

// readFacts reads the facts of a run that begins, and adds them to what its first record says.
func (e *Engine) readFacts(ctx context.Context, x *runner, begin *runstate.BeginRecord) (err error) {
	if len(x.program.Facts) == 0 {
		return nil
	}
	task := x.task.Begin("facts", "Read the facts")
	defer func() {
		if err != nil {
			task.Fail(err)
		} else {
			task.Done("")
		}
	}()
	if err := os.WriteFile(x.folder.Mark(), []byte(x.mark(placeFacts)), 0o600); err != nil {
		return runstate.StateUnusable(e.State.Folder, err)
	}
	reader := factReader{
		machine: e.Machine, programs: true, untrusted: e.Untrusted, log: task,
		environment: append(process.BaseEnvironment(), "GWE_RUN_ID="+x.folder.ID(), "GWE_RECOVERING=0", x.mark(placeFacts)),
	}
	values := map[string]any{}
	for _, read := range reader.all(ctx, x.program, x.state.own()) {
		if read.Err != nil {
			return read.Err
		}
		if values[read.Name] = read.Value; read.Value != nil {
			task.Info(read.Name + ": " + runstate.Limited(value.Text(read.Value), shownRunes))
		}
	}
	x.state.facts = values
	begin.Facts, err = program.EncodeObject(program.FactsType(x.program), values)
	return err
}
