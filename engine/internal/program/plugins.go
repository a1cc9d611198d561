package program

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/plugin"
	"github.com/gwe-project/gwe/engine/step"
)

// plugins lists the plugins of which the program has steps, by name.
func (p *Program) plugins() []*plugin.Type {
	var found []*plugin.Type
	for _, n := range p.ByPath {
		if used, ok := n.StepType().(*plugin.Type); ok && !slices.Contains(found, used) {
			found = append(found, used)
		}
	}
	slices.SortFunc(found, func(a, b *plugin.Type) int { return cmp.Compare(a.About().Name, b.About().Name) })
	return found
}

// FreezePlugins keeps the descriptions of the plugins that the program uses, and refuses one that could not
// act.
func FreezePlugins(p *Program, r runstate.RunDirectory, begin *runstate.BeginRecord) error {
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

// Lacking tells that a plugin is not there of which the program has steps among these, or in them.
func Lacking(p *Program, run string, among []*Node) error {
	for _, used := range p.plugins() {
		absent := used.Ready()
		if absent == nil {
			continue
		}
		for _, n := range p.ByPath {
			if n.StepType() == step.Type(used) && slices.ContainsFunc(among, n.Within) {
				return PluginGone(run, used, fault.Errored, absent)
			}
		}
	}
	return nil
}

func PluginGone(run string, used *plugin.Type, class fault.Class, absent error) error {
	return fault.New(class, "frozen-plugin-changed", "run %s needs the plugin %s that it began with", run, used.About().Name).
		WithCause(absent).WithHint("put the plugin of SHA-256 %s back at %s, or name the directory that has it with --plugin-dir", used.Digest(), used.Path())
}
