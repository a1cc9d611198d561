package program

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/value"
)

// Freeze keeps the recipe as it is now, and those that it uses: recovery runs these copies, whatever becomes
// of the files.
func Freeze(p *Program, r runstate.RunDirectory) ([]runstate.UseRecord, error) {
	var uses []runstate.UseRecord
	for _, use := range p.uses {
		record := runstate.UseRecord{From: use.from, Name: use.name, File: use.file, Digest: runstate.Digest(use.source)}
		if slices.Contains(uses, record) {
			continue
		}
		if len(uses) == 0 {
			if err := os.Mkdir(filepath.Join(string(r), "uses"), 0o700); err != nil {
				return nil, err
			}
		}
		if err := durable.WriteFile(r.Used(record.Digest), use.source, 0o600); err != nil {
			return nil, err
		}
		uses = append(uses, record)
	}
	return uses, durable.WriteFile(r.Recipe(), p.Recipe.Source, 0o600)
}

// KeepInputs puts inputs into the begin record, and secret ones into files that only the owner reads.
func KeepInputs(p *Program, r runstate.RunDirectory, inputs map[string]any, begin *runstate.BeginRecord) error {
	shown, err := ShownInputs(p, inputs)
	if err != nil {
		return err
	}
	begin.Inputs = shown
	for _, input := range p.Recipe.Inputs {
		name := input.Name.Text
		v, ok := inputs[name]
		if !ok || !input.Type.HoldsSecret() {
			continue
		}
		raw, err := value.ToJSON(value.Opened(input.Type), value.Revealed(v))
		if err != nil {
			return err
		}
		if err := durable.WriteSealed(r.Secret(name), raw); err != nil {
			return err
		}
		begin.Secrets = append(begin.Secrets, name)
	}
	return nil
}

// ShownInputs are the inputs that hold no secret, as the journal has them.
func ShownInputs(p *Program, inputs map[string]any) (map[string]json.RawMessage, error) {
	shown := map[string]json.RawMessage{}
	for _, input := range p.Recipe.Inputs {
		v, ok := inputs[input.Name.Text]
		if !ok || input.Type.HoldsSecret() {
			continue
		}
		raw, err := value.ToJSON(input.Type, v)
		if err != nil {
			return nil, err
		}
		shown[input.Name.Text] = raw
	}
	return shown, nil
}

// UndoVersions are the versions of undo data that this gwe writes, by step type; those of version 1 are left
// out.
func UndoVersions(p *Program) map[string]int {
	var versions map[string]int
	for _, n := range p.ByPath {
		if n.Leaf() == nil || n.StepType().About().UndoVersion() == 1 {
			continue
		}
		if versions == nil {
			versions = map[string]int{}
		}
		versions[n.StepType().About().Name] = n.StepType().About().UndoVersion()
	}
	return versions
}
