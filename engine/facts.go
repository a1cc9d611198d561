package engine

import (
	"context"
	"os"

	"github.com/gwe-project/gwe/engine/internal/plan"
	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/run"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/process"
	"github.com/gwe-project/gwe/engine/value"
)

// shownRunes is how much of a fact the log shows.
const shownRunes = 200

// HostFacts are the facts of the machine that every recipe reads as host.NAME, and their type.
func HostFacts() (map[string]any, value.Type, error) {
	return plan.HostFacts()
}

// Facts reads a recipe's facts as a run would, running its programs, and nothing else.
func (e *Engine) Facts(ctx context.Context, compiled *Program, given Inputs) ([]Fact, error) {
	_, names, err := e.begin(compiled, given)
	if err != nil {
		return nil, err
	}
	reader := plan.FactReader{Machine: e.Machine, Programs: true, Untrusted: e.Untrusted, Environment: process.BaseEnvironment()}
	return reader.All(ctx, compiled, names), nil
}

// readFacts reads the facts of a run that begins, and adds them to what its first record says.
func (e *Engine) readFacts(ctx context.Context, x *run.Runner, begin *runstate.BeginRecord) (err error) {
	if len(x.Program.Facts) == 0 {
		return nil
	}
	task := x.Task.Begin("facts", "Read the facts")
	defer func() {
		if err != nil {
			task.Fail(err)
		} else {
			task.Done("")
		}
	}()
	if err := os.WriteFile(x.Directory.Mark(), []byte(x.Mark(run.PlaceFacts)), 0o600); err != nil {
		return runstate.StateUnusable(e.State.Directory, err)
	}
	reader := plan.FactReader{
		Machine: e.Machine, Programs: true, Untrusted: e.Untrusted, Log: task,
		Environment: append(process.BaseEnvironment(), "GWE_RUN_ID="+x.Directory.ID(), "GWE_RECOVERING=0", x.Mark(run.PlaceFacts)),
	}
	values := map[string]any{}
	for _, read := range reader.All(ctx, x.Program, x.State.Own()) {
		if read.Err != nil {
			return read.Err
		}
		if values[read.Name] = read.Value; read.Value != nil {
			task.Info(read.Name + ": " + runstate.Limited(value.Text(read.Value), shownRunes))
		}
	}
	x.State.Facts = values
	begin.Facts, err = program.EncodeObject(program.FactsType(x.Program), values)
	return err
}
