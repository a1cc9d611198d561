package engine

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/host"
	"github.com/gwe-project/gwe/engine/journal"
	"github.com/gwe-project/gwe/engine/regular"
	"github.com/gwe-project/gwe/engine/step"
)

// runState is what the journal tells of a run. A live run and a recovery both work on it, and it changes by records alone:
// what is not in the journal did not happen.
type runState struct {
	program *Program
	folder  runFolder
	secrets *secrets

	begin beginRecord
	// version is that of the gwe that took the run over last; "" where none did.
	version string
	inputs  map[string]any
	host    map[string]any
	facts   map[string]any
	vars    map[string]any
	// frames are in the order of their making. Frame numbers start at 1; one that was given out may have no frame.
	frames   []*frame
	byNumber map[int]*frame
	// lastProgram is the newest frame that may have changed what gwe cannot see; 0 where there is none.
	lastProgram int
	// settled are the paths of the recipe's own steps that are over: they ended well, were skipped, or were given up.
	settled map[string]bool
	// guard lies around frames and scenes: branches work on them side by side.
	guard  sync.Mutex
	scenes map[scopeKey]*scopeInstance
	// lengths are how many rounds each for-each has; rescues are what the rescue of each group was called for.
	lengths map[instance]int
	rescues map[instance]errorRecord
	// committed is how many frames there were at the commit; -1 without one.
	committed int
	stopped   *stepRecord
	// failure is why the run turned back; nil while it goes forward.
	failure  *errorRecord
	released bool
	// rollback is true where a committed run is put back by hand.
	rollback bool
	// worked is how long the processes before this one worked on the way forward.
	worked time.Duration
	// suspension is what the run waits for; nil while it does not. rebooted is the reboot that it has behind it, and that its
	// way back has to take back; stranded is why that could not be done.
	suspension *suspension
	rebooted   *suspendedRecord
	// arrived is a reboot that led into the new system, where the run turns back before the journal says so; left means that the machine
	// has left it since.
	arrived  *suspendedRecord
	left     bool
	stranded *errorRecord
	// awaiting is true where all is done that needs no service, and the rest waits for them. looked is when a recovery first looked
	// at the run in the boot of the last one that did.
	awaiting bool
	// closing is true where what the steps behind the commit kept may be gone.
	closing bool
	looked  host.Moment
	// stalled is the last word of a recovery that could not do all.
	stalled heldRecord
	// undoErrors are all errors of undos, in the order in which they came.
	undoErrors []errorRecord
	// processes are the children that were started, in order.
	processes []processRecord
}

// frame is one effect that may have to be undone.
type frame struct {
	number int
	node   *node
	rounds rounds
	// part is set for a frame of a group, parallel or use; "" for one of a leaf.
	part      part
	arguments map[string]any
	memo      json.RawMessage
	// version is that of the undo data; 0 is from before there were versions. saved are the files that belong to it, and begun means that an
	// undo may have changed these. writer is the version of the gwe that wrote them.
	version int
	writer  string
	saved   []savedFile
	begun   bool
	leases  []string
	// targets are where its effects are, as far as those of the run do not tell it.
	targets []targetRecord
	// parents are the directories that hold what it changed; nil where none was noted.
	parents []step.Parent
	// done means that the step ended well; undone that it is put back.
	done, undone bool
	// broken means that its undo failed and the machine may not be as before; leftover that something of ours lies about.
	broken, leftover bool
	// rest is what its undo still has to do when the services are there; nil where none of it was put off.
	rest *putOffRecord
	// owesLast means that its undo is over but for what runs when everything older is undone.
	owesLast bool
	// told means that what it owes last has run, in a context that was undone alone. It is owed again as soon as anything else is undone.
	told bool
	// givenUp means that it lies behind the commit of a run that ended, and that what its undo needs went then.
	givenUp bool
	// kept are the directories to which its undo moved what came after the commit.
	kept []string
	// here means that this process did it, so that the folder of what it saved is there, unless somebody removed it.
	here bool
	// lost means that it was removed.
	lost bool
}

// instance is a step in the rounds around it.
type instance struct {
	node   *node
	rounds string
}

func newHistory(program *Program, folder runFolder) *runState {
	return &runState{
		secrets: newSecrets(folder),
		program: program, folder: folder, committed: -1, settled: map[string]bool{}, byNumber: map[int]*frame{},
		scenes: map[scopeKey]*scopeInstance{}, lengths: map[instance]int{}, rescues: map[instance]errorRecord{},
	}
}

// readHistory rebuilds a run from its journal.
func readHistory(program *Program, folder runFolder, records []journal.Record) (*runState, error) {
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
func (h *runState) apply(kind string, data json.RawMessage) error {
	switch kind {
	case recordBegin:
		return h.applyBegin(data)
	case recordSkipped:
		return into(data, h.applySkipped)
	case recordIntent:
		return into(data, h.applyIntent)
	case recordResult:
		return into(data, h.applyResult)
	case recordUnwind:
		return into(data, h.applyUnwind)
	case recordUndoStep:
		return into(data, h.applyResult)
	case recordItems:
		return into(data, h.applyItems)
	case recordBranches:
		return into(data, h.applyBranches)
	case recordUsed:
		return into(data, h.applyUsed)
	case recordEntered:
		return into(data, h.applyEntered)
	case recordEnded:
		return into(data, h.applyEnded)
	case recordRescue:
		return into(data, h.applyRescue)
	case recordMishap:
		return into(data, func(r troubleRecord) error { h.undoErrors = append(h.undoErrors, r.Error); return nil })
	case recordUndone:
		return into(data, h.applyUndone)
	case recordButLast:
		return into(data, h.applyUndoneButLast)
	case recordCommitted:
		return into(data, func(r committedRecord) error {
			h.settled[r.Step], h.committed = true, len(h.frames)
			for number, saved := range r.Saved {
				if f := h.frame(number); f != nil {
					f.saved = saved
				}
			}
			return nil
		})
	case recordPutBack:
		return into(data, func(r putBackRecord) error {
			for _, number := range r.Frames {
				if f := h.frame(number); f != nil {
					f.begun = true
				}
			}
			return nil
		})
	case recordChecked:
		h.beginUndo(h.frames)
	case recordStopped:
		return into(data, func(r stepRecord) error { h.settled[r.Step], h.stopped = true, &r; return nil })
	case recordCleaned:
		return into(data, h.applyCleaned)
	case recordSuspended:
		return into(data, h.applySuspended)
	case recordWaited:
		return into(data, h.applyWaited)
	case recordConfirmed:
		h.applyConfirmed()
	case recordCancelled:
		if h.suspension != nil {
			h.suspension.cancelled = true
		}
	case recordResumed:
		return into(data, h.applyResumed)
	case recordHandedOver:
		return into(data, func(r handedOverRecord) error { h.worked = r.Worked; return nil })
	case recordTakenOver:
		return into(data, func(r takenOverRecord) error { h.settled[r.Step], h.version = true, r.Version; return nil })
	case recordStranded:
		return into(data, h.applyStranded)
	case recordReleased:
		h.released = true
	case recordRecovery:
		return into(data, h.applyRecovery)
	case recordPutOff:
		return into(data, h.applyPutOff)
	case recordHeld:
		return into(data, func(r heldRecord) error { h.stalled = r; return nil })
	case recordServices:
		h.awaiting = true
	case recordClosing:
		h.closing = true
	case recordRollback:
		return into(data, h.applyRollback)
	case recordEnd:
		return into(data, h.applyEnd)
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

func (h *runState) applyBegin(data json.RawMessage) error {
	return into(data, func(r beginRecord) (err error) {
		h.begin = r
		inputs, err := h.decodeInputs(r)
		if err != nil {
			return err
		}
		h.inputs = h.secrets.watch(inputs)
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
func (h *runState) decodeInputs(r beginRecord) (map[string]any, error) {
	inputs := map[string]any{}
	for _, input := range h.program.Recipe.Inputs {
		name := input.Name.Text
		raw, ok := r.Inputs[name]
		if input.Type.HoldsSecret() {
			kept, err := readSecret(h.folder.secret(name))
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

// readSecret reads the value of a secret input. A gwe from before undo data had digests wrote it without one.
func readSecret(path string) ([]byte, error) {
	sealed, err := durable.ReadSealed(path)
	if err == nil {
		if sealed == nil {
			return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
		}
		return sealed, nil
	}
	plain, unread := regular.Read(path)
	if unread == nil && json.Valid(plain) {
		return plain, nil
	}
	return nil, err
}

func (h *runState) applyIntent(r intentRecord) error {
	n := h.program.byPath[r.Step]
	if n == nil || n.leaf() == nil || n.stepType().About().Name != r.Type {
		return fmt.Errorf("the frozen recipe has no step %s of type %s", r.Step, r.Type)
	}
	arguments, err := decodeObject(n.stepType().Arguments(), r.Arguments)
	if err != nil {
		return err
	}
	if r.Secret {
		names := h.names(n, r.Rounds, false)
		for _, argument := range n.arguments() {
			if !argument.value.secret() {
				continue
			}
			if arguments[argument.name], err = argument.value.evaluate(names); err != nil {
				return fmt.Errorf("%s: %w", argument.name, err)
			}
		}
	}
	h.add(&frame{number: r.Frame, node: n, rounds: r.Rounds, arguments: arguments, memo: r.Memo, version: r.UndoData, writer: h.writer(), saved: r.Saved,
		leases: r.Leases, targets: r.Targets, parents: r.Parents})
	return nil
}

func (h *runState) add(f *frame) {
	h.guard.Lock()
	defer h.guard.Unlock()
	h.frames = append(h.frames, f)
	h.byNumber[f.number] = f
	if f.part == "" && f.node.opaque() {
		h.lastProgram = max(h.lastProgram, f.number)
	}
}

// find gives the node of a record.
func (h *runState) find(path string) (*node, error) {
	n := h.program.byPath[path]
	if n == nil {
		return nil, fmt.Errorf("the frozen recipe has no step %s", path)
	}
	return n, nil
}

func (h *runState) applySkipped(r stepRecord) error {
	n, err := h.find(r.Step)
	if err != nil {
		return err
	}
	h.settle(n, r.Rounds)
	if id := n.id(); id != "" {
		h.scene(n.own, r.Rounds).set(id, nil)
	}
	return nil
}

// settle notes that one of the recipe's own steps is over, all rounds of it.
func (h *runState) settle(n *node, r rounds) {
	if n.parent == nil && len(r) == 0 {
		h.settled[n.path()] = true
	}
}

func (h *runState) applyResult(r resultRecord) error {
	n, err := h.find(r.Step)
	if err != nil {
		return err
	}
	outputs, err := decodeObject(n.outputs(), r.Outputs)
	if err != nil {
		return err
	}
	h.setOutputs(n, r.Rounds, outputs)
	if f := h.frame(r.Frame); f != nil {
		f.done, f.saved = true, r.Saved
	}
	h.settle(n, r.Rounds)
	return nil
}

// setOutputs makes outputs visible.
func (h *runState) setOutputs(n *node, r rounds, outputs map[string]any) {
	if id := n.id(); id != "" {
		h.scene(n.own, r).set(id, outputs)
	}
}

func (h *runState) applyUndone(r undoneRecord) error {
	f, err := h.frameOf(r.Frame)
	if err != nil {
		return err
	}
	h.guard.Lock()
	h.reopenUndoLast(f)
	f.undone, f.leftover, f.broken, f.kept = true, r.Leftover, r.Broken, r.Kept
	h.guard.Unlock()
	h.undoErrors = append(h.undoErrors, r.Errors...)
	h.skipUndone(f)
	return nil
}

// skipUndone takes in that the run goes on without the step of an undone frame: it was allowed to fail, and its outputs are gone.
func (h *runState) skipUndone(f *frame) {
	if f.part != "" {
		return
	}
	h.dropOutputs(f)
	h.settle(f.node, f.rounds)
}

// dropOutputs takes away what a frame that is put back had left, here and where it became visible since.
func (h *runState) dropOutputs(f *frame) {
	id := f.node.id()
	for at := f.node.own; at != nil && id != ""; at = at.parent {
		h.scene(at, f.rounds).remove(id)
		if at.used() {
			id = at.owner.id() // what the recipe gave back that used it
		}
	}
}

// applyEnd takes over what could not be given up when the run ended.
func (h *runState) applyEnd(r endRecord) error {
	for _, number := range r.Leftovers {
		if f := h.frame(number); f != nil {
			f.leftover = true
		}
	}
	return nil
}

func (h *runState) applyCleaned(r undoneRecord) error {
	f, err := h.frameOf(r.Frame)
	if err != nil {
		return err
	}
	f.leftover = false
	return nil
}
