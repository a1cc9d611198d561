package engine

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/plugin"
	"github.com/gwe-project/gwe/engine/regular"
	"github.com/gwe-project/gwe/engine/step"
)

// plugins lists the plugins of which the program has steps, by name.
func (p *Program) plugins() []*plugin.Type {
	var found []*plugin.Type
	for _, n := range p.byPath {
		if used, ok := n.stepType().(*plugin.Type); ok && !slices.Contains(found, used) {
			found = append(found, used)
		}
	}
	slices.SortFunc(found, func(a, b *plugin.Type) int { return cmp.Compare(a.About().Name, b.About().Name) })
	return found
}

// freezePlugins keeps the descriptions of the plugins that the program uses, and refuses one that could not act.
func (p *Program) freezePlugins(r runstate.RunDirectory, begin *runstate.BeginRecord) error {
	for _, used := range p.plugins() {
		if err := used.Ready(); err != nil {
			return err
		}
		path, err := filepath.Abs(used.Path())
		if err != nil {
			return err
		}
		if err := os.MkdirAll(r.Plugins(), 0o700); err != nil {
			return err
		}
		name, text := used.About().Name, used.Description().Text()
		if err := durable.WriteFile(r.Plugin(name), text, 0o600); err != nil {
			return err
		}
		begin.Plugins = append(begin.Plugins, runstate.PluginRecord{Type: name, Path: path, SHA256: used.Digest(), Description: runstate.Digest(text)})
	}
	return nil
}

// catalogOf is what a past run's frozen recipe is compiled with: the very plugins that it began with, and gwe's own types.
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

// frozenPlugin finds a plugin where the run had it, or else, by its digest, where plugins are looked for now. One that is
// nowhere is told where it is needed: what is undone before may bring it back.
func (e *Engine) frozenPlugin(p *runstate.StoredRun, record runstate.PluginRecord) (*plugin.Type, error) {
	text, err := regular.Read(p.Folder.Plugin(record.Type))
	if err == nil && runstate.Digest(text) != record.Description {
		err = fault.New(fault.Errored, "frozen-plugin-changed", "its SHA-256 is not %s", record.Description)
	}
	var description plugin.Description
	if err == nil {
		description, err = plugin.ReadDescription(record.Type, text)
	}
	if err != nil {
		return nil, fault.New(fault.Errored, "frozen-plugin-unreadable", "the description of the plugin %s that run %s keeps cannot be used",
			record.Type, p.Folder.ID()).WithCause(err)
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

// missingPlugin tells that the undo of a frame cannot be asked for now: it is a plugin's, or a step of it is, and that is gone or is
// another one. An undo that was tried is over, so it is not tried then.
func (x *runner) missingPlugin(f *frame, class fault.Class) error {
	for _, n := range slices.Concat([]*node{f.node}, f.node.undo, f.node.undoLast) {
		if used, ok := n.stepType().(*plugin.Type); ok {
			if absent := used.Ready(); absent != nil {
				return pluginGone(x.folder.ID(), used, class, absent)
			}
		}
	}
	return nil
}

// lacking tells that a plugin is not there of which the program has steps among these, or in them.
func (p *Program) lacking(run string, among []*node) error {
	for _, used := range p.plugins() {
		absent := used.Ready()
		if absent == nil {
			continue
		}
		for _, n := range p.byPath {
			if n.stepType() == step.Type(used) && slices.ContainsFunc(among, n.within) {
				return pluginGone(run, used, fault.Errored, absent)
			}
		}
	}
	return nil
}

func pluginGone(run string, used *plugin.Type, class fault.Class, absent error) error {
	return fault.New(class, "frozen-plugin-changed", "run %s needs the plugin %s that it began with", run, used.About().Name).
		WithCause(absent).WithHint("put the plugin of SHA-256 %s back at %s, or name the folder that has it with --plugin-dir", used.Digest(), used.Path())
}

// missingPluginFirst tells whether a recovery of a dead run could not even begin to put it back.
func (e *Engine) missingPluginFirst(p *runstate.StoredRun) error {
	if len(p.Begin.Plugins) == 0 {
		return nil
	}
	program, err := e.program(p)
	if err != nil {
		return err
	}
	h, err := replay(program, p.Folder, p.Records)
	if err != nil {
		return err
	}
	x := &runner{work: &work{engine: e, program: program, folder: p.Folder, state: h, mask: h.secrets.mask}}
	if open := x.framesToUndo(); len(open) > 0 && (h.Failure != nil || !h.complete()) {
		return x.missingPlugin(open[0], fault.Errored)
	}
	return nil
}
