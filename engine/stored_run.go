package engine

import (
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/run"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/journal"
	"github.com/gwe-project/gwe/engine/regular"
)

// program compiles the frozen copy: recovery never looks at the recipe that the run was started with.
func (e *Engine) program(p *runstate.StoredRun) (*Program, error) {
	source, err := regular.Read(p.Directory.Recipe())
	if err != nil {
		return nil, fault.New(fault.Errored, "frozen-recipe-missing", "the frozen recipe of run %s cannot be read", p.Directory.ID()).WithCause(err).
			WithHint("put %s back: the recipe of SHA-256 %s that the run began with", p.Directory.Recipe(), p.Begin.Digest)
	}
	if runstate.Digest(source) != p.Begin.Digest {
		return nil, fault.New(fault.Errored, "frozen-recipe-changed", "the frozen recipe of run %s is not the one that it began with", p.Directory.ID()).
			WithHint("put the right %s back: its SHA-256 is %s", p.Directory.Recipe(), p.Begin.Digest)
	}
	catalog, err := e.catalogOf(p)
	if err != nil {
		return nil, err
	}
	compiled, diagnostics := program.Compile(program.Frozen{Directory: p.Directory, Uses: p.Begin.Uses}, p.Begin.File, source, catalog)
	if compiled == nil {
		return nil, fault.New(fault.Errored, "frozen-recipe-invalid", "this gwe does not understand the frozen recipe of run %s: %s",
			p.Directory.ID(), diagnostics[0].Message).WithHint("recover with gwe %s, which began the run", p.Begin.Version)
	}
	return compiled, nil
}

// open takes a past run over: its journal opened for writing, its history rebuilt, its log a file of its own.
func (e *Engine) open(p *runstate.StoredRun, kind, title string) (*run.Runner, error) {
	compiled, err := e.program(p)
	if err != nil {
		return nil, err
	}
	written, records, err := journal.Open(p.Directory.Journal())
	if err != nil {
		return nil, err
	}
	history, err := run.Replay(compiled, p.Directory, records)
	if err != nil {
		_ = written.Close()
		return nil, err
	}
	x := e.beginRunner(history, written, kind, title)
	x.Recovers = kind == "recover"
	x.Number = history.LastFrame()
	return x, nil
}
