package engine

import (
	"github.com/gwe-project/gwe/engine/host"
	"github.com/gwe-project/gwe/engine/internal/run"
)

// config is what the engine's runs have of it.
func (e *Engine) config() run.Config {
	return run.Config{
		State: e.State, Catalog: e.Catalog, Machine: e.Machine, Sink: e.Sink, Version: e.Version, Early: e.Early, Place: e.place(),
		Unwatched: e.unwatched, Now: e.now, AskSuccessor: e.askSuccessor, Pretend: e.HandOver.Pretend,
	}
}

// now is the moment of the machine.
func (e *Engine) now() host.Moment {
	if e.Clock == nil {
		return host.Now()
	}
	return e.Clock()
}
