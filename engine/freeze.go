package engine

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/value"
)

// freeze keeps the recipe as it is now, and those that it uses: recovery runs these copies, whatever becomes of the files.
func (p *Program) freeze(r runstate.RunDirectory) ([]runstate.UseRecord, error) {
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

// keepInputs puts inputs into the begin record, and secret ones into files that only the owner reads.
func (p *Program) keepInputs(r runstate.RunDirectory, inputs map[string]any, begin *runstate.BeginRecord) error {
	shown, err := p.shownInputs(inputs)
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

// shownInputs are the inputs that hold no secret, as the journal has them.
func (p *Program) shownInputs(inputs map[string]any) (map[string]json.RawMessage, error) {
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
