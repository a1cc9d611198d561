package trial

import (
	"encoding/json"
	"slices"

	"github.com/gwe-project/gwe/engine/journal"
	"github.com/gwe-project/gwe/engine/step"
)

// Journals stands between the engine and its journals: it looks at the tree after the commit, and writes down what is changed and undone.
func (d *Disturbance) Journals(written journal.Writer) journal.Writer {
	return observedJournal{written, d}
}

type observedJournal struct {
	journal.Writer
	disturbance *Disturbance
}

// UseReserve hands on what the engine asks of journals that have it.
func (o observedJournal) UseReserve() error {
	if reserved, ok := o.Writer.(interface{ UseReserve() error }); ok {
		return reserved.UseReserve()
	}
	return nil
}

// Append writes a record. The one of the commit is the point of no return.
func (o observedJournal) Append(kind string, data any) error {
	write := func() error { return o.Writer.Append(kind, data) }
	if kind == "committed" {
		return o.disturbance.commit(write)
	}
	return o.observe(kind, data, write)
}

// Note writes a record in its order.
func (o observedJournal) Note(kind string, data any) error {
	return o.observe(kind, data, func() error { return o.Writer.Note(kind, data) })
}

// observe writes a record, and down what it says of a frame: that it exists before its step acts, and that it is undone when it is.
func (o observedJournal) observe(kind string, data any, write func() error) error {
	if err := write(); err != nil {
		return err
	}
	seen, ok := map[string]string{"intent": eventFrame, "undo-step": eventUndoStep, "undone": eventUndone, "undone-but-last": eventUndone}[kind]
	if !ok {
		return nil
	}
	var record struct {
		Frame int    `json:"frame"`
		Step  string `json:"step"`
		ID    string `json:"id"`
		Type  string `json:"type"`
	}
	text, err := json.Marshal(data)
	if err == nil {
		err = json.Unmarshal(text, &record)
	}
	if err != nil {
		return err
	}
	d := o.disturbance
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.note(event{Kind: seen, Step: record.Step, ID: record.ID, Frame: record.Frame, Changes: d.changes(record.Type)})
	return d.err
}

// changes tells whether a step type changes what is at a path.
func (d *Disturbance) changes(name string) bool {
	found, ok := d.catalog.Find(name)
	return ok && slices.ContainsFunc(found.About().Effects, func(e step.Effect) bool { return e.Kind.OnPath() })
}
