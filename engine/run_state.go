package engine

import (
	"encoding/json"
	"fmt"

	"github.com/gwe-project/gwe/engine/host"
	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/journal"
)

// runState is what the journal tells of a run, bound to its recipe: the nodes of its frames, the values that its steps left. A live run
// and a recovery both work on it, and it changes by records alone: what is not in the journal did not happen.
type runState struct {
	*runstate.Recorded
	program *Program
	folder  runstate.RunDirectory
	secrets *secrets

	// frames are those of the journal with their nodes, in the same order.
	frames   []*frame
	byNumber map[int]*frame
	inputs   map[string]any
	host     map[string]any
	facts    map[string]any
	vars     map[string]any
	// lastProgram is the newest frame that may have changed what gwe cannot see; 0 where there is none.
	lastProgram int
	// settled are the paths of the recipe's own steps that are over: they ended well, were skipped, or were given up.
	settled map[string]bool
	scenes  map[scopeKey]*scopeInstance
	// lengths are how many rounds each for-each has; rescues are what the rescue of each group was called for.
	lengths map[instance]int
	rescues map[instance]runstate.ErrorRecord
	// arrived is a reboot that led into the new system, where the run turns back before the journal says so; left means that the machine
	// has left it since.
	arrived *runstate.SuspendedRecord
	left    bool
}

// frame is one effect that may have to be undone, bound to its step.
type frame struct {
	*runstate.Frame
	node *program.Node
	// arguments are those of the step; none for the frame of a group, parallel or use.
	arguments map[string]any
}

// instance is a step in the rounds around it.
type instance struct {
	node   *program.Node
	rounds string
}

func newRunState(compiled *Program, folder runstate.RunDirectory) *runState {
	return &runState{Recorded: runstate.NewRecorded(), program: compiled, folder: folder, secrets: newSecrets(folder), settled: map[string]bool{},
		byNumber: map[int]*frame{}, scenes: map[scopeKey]*scopeInstance{}, lengths: map[instance]int{}, rescues: map[instance]runstate.ErrorRecord{},
	}
}

// replay rebuilds a run from its journal.
func replay(compiled *Program, folder runstate.RunDirectory, records []journal.Record) (*runState, error) {
	h := newRunState(compiled, folder)
	for _, record := range records {
		if err := h.apply(record.Kind, record.Data); err != nil {
			return nil, runstate.NotUnderstood(folder, record, err)
		}
	}
	return h, nil
}

// apply takes one record in, and binds what it says to the recipe.
func (h *runState) apply(kind string, data json.RawMessage) error {
	decoded, err := runstate.DecodeRecord(kind, data)
	if err != nil {
		return err
	}
	if undone, ok := decoded.(runstate.UndoneRecord); ok && kind != runstate.RecordCleaned {
		if f := h.frame(undone.Frame); f != nil {
			h.reopenUndoLast(f)
		}
	}
	if kind == runstate.RecordRollback {
		h.giveUpAfterCommit()
	}
	if err := h.Take(kind, decoded); err != nil {
		return err
	}
	return h.bind(kind, decoded)
}

// bind takes in what a record says about the recipe's steps and their values.
func (h *runState) bind(kind string, decoded any) error {
	switch r := decoded.(type) {
	case runstate.BeginRecord:
		return h.bindBegin(r)
	case runstate.IntentRecord:
		return h.bindIntent(r)
	case runstate.EnteredRecord:
		return h.bindEntered(r)
	case runstate.ResultRecord:
		if kind == runstate.RecordEnded {
			return h.bindEnded(r)
		}
		return h.bindResult(r)
	case runstate.StepRecord:
		switch kind {
		case runstate.RecordSkipped:
			return h.bindSkipped(r)
		case runstate.RecordBranches:
			return h.bindBranches(r)
		}
		h.settled[r.Step] = true // stopped
	case runstate.CommittedRecord:
		h.settled[r.Step] = true
	case runstate.ResumedRecord:
		h.settled[r.Step] = true
	case runstate.TakenOverRecord:
		h.settled[r.Step] = true
	case runstate.UndoneRecord:
		if kind == runstate.RecordUndone || kind == runstate.RecordButLast && r.Told {
			h.skipUndone(h.frame(r.Frame))
		}
	case runstate.ItemsRecord:
		return h.bindItems(r)
	case runstate.UsedRecord:
		return h.bindUsed(r)
	case runstate.TroubleRecord:
		if kind == runstate.RecordRescue {
			return h.bindRescue(r)
		}
	}
	return nil
}

func (h *runState) bindBegin(r runstate.BeginRecord) error {
	inputs, err := h.decodeInputs(r)
	if err != nil {
		return err
	}
	h.inputs = h.secrets.watch(inputs)
	if h.host, err = program.DecodeObject(host.Type(), r.Host); err != nil {
		return err
	}
	if h.facts, err = program.DecodeObject(program.FactsType(h.program), r.Facts); err != nil {
		return err
	}
	h.vars, err = program.DecodeNamed(h.program.Variables, r.Vars)
	return err
}

// decodeInputs reads inputs back; the values of secret ones lie in files of their own.
func (h *runState) decodeInputs(r runstate.BeginRecord) (map[string]any, error) {
	inputs := map[string]any{}
	for _, input := range h.program.Recipe.Inputs {
		name := input.Name.Text
		raw, ok := r.Inputs[name]
		if input.Type.HoldsSecret() {
			kept, err := runstate.ReadSecret(h.folder.Secret(name))
			if err != nil {
				return nil, err
			}
			raw, ok = kept, true
		}
		if !ok {
			continue
		}
		v, err := program.DecodeValue(input.Type, raw)
		if err != nil {
			return nil, fmt.Errorf("input %s: %w", name, err)
		}
		inputs[name] = v
	}
	return inputs, nil
}

func (h *runState) bindIntent(r runstate.IntentRecord) error {
	n := h.program.ByPath[r.Step]
	if n == nil || n.Leaf() == nil || n.StepType().About().Name != r.Type {
		return fmt.Errorf("the frozen recipe has no step %s of type %s", r.Step, r.Type)
	}
	arguments, err := program.DecodeObject(n.StepType().Arguments(), r.Arguments)
	if err != nil {
		return err
	}
	if r.Secret {
		names := h.names(n, r.Rounds, false)
		for _, argument := range n.Arguments() {
			if !argument.Value.Secret() {
				continue
			}
			if arguments[argument.Name], err = argument.Value.Evaluate(names); err != nil {
				return fmt.Errorf("%s: %w", argument.Name, err)
			}
		}
	}
	h.bindFrame(r.Frame, n, arguments)
	return nil
}

// bindFrame gives a frame its node and the arguments of its step.
func (h *runState) bindFrame(number int, n *program.Node, arguments map[string]any) {
	h.Guard.Lock()
	defer h.Guard.Unlock()
	f := &frame{Frame: h.Recorded.ByNumber[number], node: n, arguments: arguments}
	h.frames, h.byNumber[number] = append(h.frames, f), f
	f.ForgetBefore()
	if f.Part == "" && n.Opaque() {
		h.lastProgram = max(h.lastProgram, number)
	}
}

// find gives the node of a record.
func (h *runState) find(path string) (*program.Node, error) {
	n := h.program.ByPath[path]
	if n == nil {
		return nil, fmt.Errorf("the frozen recipe has no step %s", path)
	}
	return n, nil
}

func (h *runState) bindSkipped(r runstate.StepRecord) error {
	n, err := h.find(r.Step)
	if err != nil {
		return err
	}
	h.settle(n, r.Rounds)
	if id := n.ID(); id != "" {
		h.scene(n.Own, r.Rounds).set(id, nil)
	}
	return nil
}

// settle notes that one of the recipe's own steps is over, all rounds of it.
func (h *runState) settle(n *program.Node, r runstate.Rounds) {
	if n.Parent == nil && len(r) == 0 {
		h.settled[n.Path()] = true
	}
}

func (h *runState) bindResult(r runstate.ResultRecord) error {
	n, err := h.find(r.Step)
	if err != nil {
		return err
	}
	outputs, err := program.DecodeObject(n.Outputs(), r.Outputs)
	if err != nil {
		return err
	}
	h.setOutputs(n, r.Rounds, outputs)
	h.settle(n, r.Rounds)
	return nil
}

// setOutputs makes outputs visible.
func (h *runState) setOutputs(n *program.Node, r runstate.Rounds, outputs map[string]any) {
	if id := n.ID(); id != "" {
		h.scene(n.Own, r).set(id, outputs)
	}
}

// skipUndone takes in that the run goes on without the step of an undone frame: it was allowed to fail, and its outputs are gone.
func (h *runState) skipUndone(f *frame) {
	if f.Part != "" {
		return
	}
	h.dropOutputs(f)
	h.settle(f.node, f.Rounds)
}

// dropOutputs takes away what a frame that is put back had left, here and where it became visible since.
func (h *runState) dropOutputs(f *frame) {
	id := f.node.ID()
	for at := f.node.Own; at != nil && id != ""; at = at.Parent {
		h.scene(at, f.Rounds).remove(id)
		if at.Used() {
			id = at.Owner.ID() // what the recipe gave back that used it
		}
	}
}
