package trial

import (
	"encoding/json"
	"os"

	"github.com/gwe-project/gwe/engine/journal"
)

// Journals stands between the engine and its journals: it looks at the tree after the commit, and writes down
// what is changed and undone.
func (d *Disturbance) Journals(written journal.Writer) journal.Writer {
	return observedJournal{written, d}
}

type observedJournal struct {
	journal.Writer
	disturbance *Disturbance
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

// observe writes a record, and down what it says of a frame: that it exists before its step acts, and that it
// is undone when it is.
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
		// Arguments are those of the step.
		Arguments map[string]json.RawMessage `json:"arguments"`
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
	changes, fresh := d.changes(record.Type, record.Arguments)
	d.note(event{Kind: seen, Step: record.Step, ID: record.ID, Frame: record.Frame, Changes: changes, New: fresh})
	return d.err
}

// changes reports whether a step is about to change what a program may have taken up, which is something at a
// path; and whether nothing is there yet. A new release that no step has named yet is nobody's.
func (d *Disturbance) changes(name string, arguments map[string]json.RawMessage) (changes, fresh bool) {
	found, ok := d.catalog.Find(name)
	if !ok || found.About().Fresh {
		return false, false
	}
	_, release := found.Arguments().Field("link-dest")
	for _, effect := range found.About().Effects {
		if !effect.Kind.OnPath() {
			continue
		}
		var path string
		_ = json.Unmarshal(arguments[effect.Argument], &path)
		_, err := os.Lstat(path)
		changes, fresh = changes || !release || err == nil, fresh || err != nil
	}
	return changes, fresh
}
