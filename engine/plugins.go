package engine

import (
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/run"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/plugin"
	"github.com/gwe-project/gwe/engine/regular"
	"github.com/gwe-project/gwe/engine/step"
)

// catalogOf is what a past run's frozen recipe is compiled with: the very plugins that it began with, and
// gwe's own types.
func (e *Engine) catalogOf(p *runstate.StoredRun) (step.Catalog, error) {
	var catalog step.Catalog
	for _, record := range p.Begin.Plugins {
		frozen, err := e.frozenPlugin(p, record)
		if err != nil {
			return nil, err
		}
		catalog = append(catalog, frozen)
	}
	return append(catalog, e.Catalog...), nil
}

// frozenPlugin finds a plugin where the run had it, or else, by its digest, where plugins are looked for now.
// One that is nowhere is told where it is needed: what is undone before may bring it back.
func (e *Engine) frozenPlugin(p *runstate.StoredRun, record runstate.PluginRecord) (*plugin.Type, error) {
	text, err := regular.Read(p.Directory.Plugin(record.Type))
	if err == nil && runstate.Digest(text) != record.Description {
		err = fault.New(fault.Errored, "frozen-plugin-changed", "its SHA-256 is not %s", record.Description)
	}
	var description plugin.Description
	if err == nil {
		description, err = plugin.ReadDescription(record.Type, text)
	}
	if err != nil {
		return nil, fault.New(fault.Errored, "frozen-plugin-unreadable", "the description of the plugin %s that run %s keeps cannot be used",
			record.Type, p.Directory.ID()).WithCause(err)
	}
	frozen := plugin.New(description, record.Path, false)
	if frozen.Ready() == nil {
		return frozen, nil
	}
	if found, ok := e.Catalog.Find(record.Type); ok {
		if other, ok := found.(*plugin.Type); ok && other.Digest() == record.SHA256 && other.Ready() == nil {
			return plugin.New(description, other.Path(), false), nil
		}
	}
	return frozen, nil
}

// missingPluginFirst reports whether a recovery of a dead run could not even begin to roll it back.
func (e *Engine) missingPluginFirst(p *runstate.StoredRun) error {
	if len(p.Begin.Plugins) == 0 {
		return nil
	}
	compiled, err := e.program(p)
	if err != nil {
		return err
	}
	h, err := run.Replay(compiled, p.Directory, p.Records)
	if err != nil {
		return err
	}
	x := run.New(e.config(), h, nil)
	if open := x.FramesToUndo(); len(open) > 0 && (h.Failure != nil || !h.Complete()) {
		return x.MissingPlugin(open[0], fault.Errored)
	}
	return nil
}
