package engine

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/host"
	"github.com/gwe-project/gwe/engine/journal"
)

// history is what the journal tells of a run. A live run and a recovery both work on it, and it changes by records alone:
// what is not in the journal did not happen.
type history struct {
	program *Program
	folder  runFolder

	begin  beginRecord
	inputs map[string]any
	host   map[string]any
	facts  map[string]any
	vars   map[string]any
	// frames are in the order of their making. Frame numbers start at 1.
	frames []*frame
	// outputs are by path, of every step that ended well; skipped and given-up steps are in settled without outputs.
	outputs map[string]map[string]any
	settled map[string]bool
	// committed is the number of the last frame before the commit; -1 without one.
	committed int
	stopped   *stepRecord
	// failure is why the run turned back; nil while it goes forward.
	failure  *errorRecord
	released bool
	// undoErrors are all errors of undos, in the order in which they came.
	undoErrors []errorRecord
	// processes are the children that were started, in order.
	processes []processRecord
}

// frame is one effect that may have to be undone.
type frame struct {
	number    int
	node      *node
	arguments map[string]any
	memo      json.RawMessage
	leases    []string
	// done means that the step ended well; undone that it is put back.
	done, undone bool
	// broken means that its undo failed and the machine may not be as before; leftover that something of ours lies about.
	broken, leftover bool
}

func newHistory(program *Program, folder runFolder) *history {
	return &history{
		program: program, folder: folder, committed: -1,
		outputs: map[string]map[string]any{}, settled: map[string]bool{},
	}
}

// readHistory rebuilds a run from its journal.
func readHistory(program *Program, folder runFolder, records []journal.Record) (*history, error) {
	h := newHistory(program, folder)
	for _, record := range records {
		if err := h.apply(record.Kind, record.Data); err != nil {
			return nil, fault.New(fault.Errored, "journal-unreadable", "record %d (%s) of %s cannot be understood",
				record.Number, record.Kind, folder.journal()).WithCause(err)
		}
	}
	return h, nil
}

// apply takes one record in.
func (h *history) apply(kind string, data json.RawMessage) error {
	switch kind {
	case recordBegin:
		return h.applyBegin(data)
	case recordSkipped:
		return into(data, func(r stepRecord) error { h.settled[r.Step] = true; return nil })
	case recordIntent:
		return into(data, h.applyIntent)
	case recordResult:
		return into(data, h.applyResult)
	case recordUnwind:
		return into(data, func(r unwindRecord) error {
			if r.Frame == 0 {
				h.failure = &r.Error
			}
			return nil
		})
	case recordUndoStep:
		return into(data, func(r resultRecord) error { return h.applyResult(r) })
	case recordUndone:
		return into(data, h.applyUndone)
	case recordCommitted:
		return into(data, func(r stepRecord) error {
			h.settled[r.Step], h.committed = true, len(h.frames)
			return nil
		})
	case recordStopped:
		return into(data, func(r stepRecord) error { h.settled[r.Step], h.stopped = true, &r; return nil })
	case recordCleaned:
		return into(data, h.applyCleaned)
	case recordReleased:
		h.released = true
	case recordProcess:
		return into(data, func(r processRecord) error { h.processes = append(h.processes, r); return nil })
	}
	return nil
}

// into decodes a record and hands it on.
func into[R any](data json.RawMessage, take func(R) error) error {
	var record R
	if err := json.Unmarshal(data, &record); err != nil {
		return err
	}
	return take(record)
}

func (h *history) applyBegin(data json.RawMessage) error {
	return into(data, func(r beginRecord) (err error) {
		h.begin = r
		if h.inputs, err = h.decodeInputs(r); err != nil {
			return err
		}
		if h.host, err = decodeObject(host.Type(), r.Host); err != nil {
			return err
		}
		if h.facts, err = decodeObject(factsType(h.program), r.Facts); err != nil {
			return err
		}
		h.vars, err = decodeNamed(h.program.variables, r.Vars)
		return err
	})
}

// decodeInputs reads inputs back; the values of secret ones lie in files of their own.
func (h *history) decodeInputs(r beginRecord) (map[string]any, error) {
	inputs := map[string]any{}
	for _, input := range h.program.Recipe.Inputs {
		name := input.Name.Text
		raw, ok := r.Inputs[name]
		if input.Type.HoldsSecret() {
			kept, err := os.ReadFile(h.folder.secret(name))
			if err != nil {
				return nil, err
			}
			raw, ok = kept, true
		}
		if !ok {
			continue
		}
		v, err := decodeValue(input.Type, raw)
		if err != nil {
			return nil, fmt.Errorf("input %s: %w", name, err)
		}
		inputs[name] = v
	}
	return inputs, nil
}

func (h *history) applyIntent(r intentRecord) error {
	n := h.program.byPath[r.Step]
	if n == nil || n.action.stepType == nil || n.action.stepType.About().Name != r.Type {
		return fmt.Errorf("the frozen recipe has no step %s of type %s", r.Step, r.Type)
	}
	raw := r.Arguments
	if r.Kept {
		var err error
		if raw, err = h.folder.keptArguments(r.Frame); err != nil {
			return err
		}
	}
	arguments, err := decodeObject(n.action.stepType.Arguments(), raw)
	if err != nil {
		return err
	}
	h.frames = append(h.frames, &frame{number: r.Frame, node: n, arguments: arguments, memo: r.Memo, leases: r.Leases})
	return nil
}

func (h *history) applyResult(r resultRecord) error {
	n := h.program.byPath[r.Step]
	if n == nil {
		return fmt.Errorf("the frozen recipe has no step %s", r.Step)
	}
	outputs, err := decodeObject(n.outputs(), r.Outputs)
	if err != nil {
		return err
	}
	h.outputs[r.Step], h.settled[r.Step] = outputs, true
	if f := h.frame(r.Frame); f != nil {
		f.done = true
	}
	return nil
}

func (h *history) applyUndone(r undoneRecord) error {
	f := h.frame(r.Frame)
	if f == nil {
		return fmt.Errorf("there is no frame %d", r.Frame)
	}
	f.undone, f.leftover, f.broken = true, r.Leftover, r.Broken
	h.undoErrors = append(h.undoErrors, r.Errors...)
	// A step whose frame is undone on its own was allowed to fail: its outputs are gone, and the run went on.
	delete(h.outputs, f.node.path())
	h.settled[f.node.path()] = true
	return nil
}

func (h *history) applyCleaned(r undoneRecord) error {
	f := h.frame(r.Frame)
	if f == nil {
		return fmt.Errorf("there is no frame %d", r.Frame)
	}
	f.leftover = false
	return nil
}

// frame finds a frame by its number; nil for 0.
func (h *history) frame(number int) *frame {
	if number < 1 || number > len(h.frames) {
		return nil
	}
	return h.frames[number-1]
}

// anyFrame tells whether a frame is so.
func (h *history) anyFrame(is func(*frame) bool) bool { return slices.ContainsFunc(h.frames, is) }

// open lists the frames that a failure now would put back, newest first.
func (h *history) open() []*frame {
	var open []*frame
	for i := len(h.frames) - 1; i >= 0 && i >= h.committed; i-- {
		if f := h.frames[i]; !f.undone {
			open = append(open, f)
		}
	}
	return open
}

// held lists the frames whose undo may still be asked for by hand: those before the commit of a run that stands.
func (h *history) held() []*frame {
	if h.released || h.committed < 0 {
		return nil
	}
	var held []*frame
	for _, f := range h.frames[:h.committed] {
		if !f.undone {
			held = append(held, f)
		}
	}
	return held
}

// complete tells whether the forward path came to its end.
func (h *history) complete() bool {
	if h.stopped != nil {
		return true
	}
	for _, n := range h.program.steps {
		if !h.settled[n.path()] {
			return false
		}
	}
	return true
}
