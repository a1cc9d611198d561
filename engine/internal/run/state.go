package run

import (
	"encoding/json"
	"fmt"

	"github.com/gwe-project/gwe/engine/host"
	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/journal"
)

// State is what the journal tells of a run, bound to its recipe: the nodes of its frames, the values that its
// steps left. A live run and a recovery both work on it, and it changes by records alone: what is not in the
// journal did not happen.
type State struct {
	*runstate.Recorded
	Program   *program.Program
	directory runstate.RunDirectory
	Secrets   *secrets

	// Frames are those of the journal with their nodes, in the same order.
	Frames   []*Frame
	byNumber map[int]*Frame
	Inputs   map[string]any
	host     map[string]any
	Facts    map[string]any
	Vars     map[string]any
	// lastProgram is the newest frame that may have changed what gwe cannot see; 0 where there is none.
	lastProgram int
	// Settled are the paths of the recipe's own steps that are over: they ended well, were skipped, or were
	// given up.
	Settled map[string]bool
	scopes  map[scopeKey]*scopeInstance
	// lengths are how many rounds each for-each has; rescues are what the rescue of each group was called
	// for.
	lengths map[instance]int
	rescues map[instance]runstate.ErrorRecord
	// Arrived is a reboot that led into the new system, where the run turns back before the journal says so;
	// left means that the machine has left it since.
	Arrived *runstate.SuspendedRecord
	Left    bool
}

// Frame is one effect that may have to be undone, bound to its step.
type Frame struct {
	*runstate.Frame
	Node *program.Node
	// Arguments are those of the step; none for the frame of a group, parallel or use.
	Arguments map[string]any
}

// instance is a step in the rounds around it.
type instance struct {
	node   *program.Node
	rounds string
}

// NewState is a run of which no record has been taken in yet.
func NewState(compiled *program.Program, directory runstate.RunDirectory) *State {
	return &State{Recorded: runstate.NewRecorded(), Program: compiled, directory: directory, Secrets: newSecrets(directory), Settled: map[string]bool{},
		byNumber: map[int]*Frame{}, scopes: map[scopeKey]*scopeInstance{}, lengths: map[instance]int{}, rescues: map[instance]runstate.ErrorRecord{},
	}
}

// Replay rebuilds a run from its journal.
func Replay(compiled *program.Program, directory runstate.RunDirectory, records []journal.Record) (*State, error) {
	h := NewState(compiled, directory)
	for _, record := range records {
		if err := h.apply(record.Kind, record.Data); err != nil {
			return nil, runstate.NotUnderstood(directory, record, err)
		}
	}
	return h, nil
}

// apply takes one record in, and binds what it says to the recipe.
func (h *State) apply(kind string, data json.RawMessage) error {
	decoded, err := runstate.DecodeRecord(kind, data)
	if err != nil {
		return err
	}
	return h.take(kind, decoded)
}

// take takes one decoded record in, and binds what it says to the recipe.
func (h *State) take(kind string, decoded any) error {
	if undone, ok := decoded.(runstate.UndoneRecord); ok && kind != runstate.RecordCleaned {
		if f := h.Frame(undone.Frame); f != nil {
			h.reopenUndoLast(f)
		}
	}
	if kind == runstate.RecordRollback {
		h.GiveUpAfterCommit()
	}
	if err := h.Take(kind, decoded); err != nil {
		return err
	}
	return h.bind(kind, decoded)
}

// bind takes in what a record says about the recipe's steps and their values.
func (h *State) bind(kind string, decoded any) error {
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
		h.Settled[r.Step] = true // stopped
	case runstate.CommittedRecord:
		h.Settled[r.Step] = true
	case runstate.ResumedRecord:
		h.Settled[r.Step] = true
	case runstate.TakenOverRecord:
		h.Settled[r.Step] = true
	case runstate.UndoneRecord:
		if kind == runstate.RecordUndone || kind == runstate.RecordButLast && r.Told {
			h.skipUndone(h.Frame(r.Frame))
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

func (h *State) bindBegin(r runstate.BeginRecord) error {
	inputs, err := h.decodeInputs(r)
	if err != nil {
		return err
	}
	h.Inputs = h.Secrets.watch(inputs)
	if h.host, err = program.DecodeObject(host.Type(), r.Host); err != nil {
		return err
	}
	if h.Facts, err = program.DecodeObject(program.FactsType(h.Program), r.Facts); err != nil {
		return err
	}
	h.Vars, err = program.DecodeNamed(h.Program.Variables, r.Vars)
	return err
}

// decodeInputs reads inputs back; the values of secret ones lie in files of their own.
func (h *State) decodeInputs(r runstate.BeginRecord) (map[string]any, error) {
	inputs := map[string]any{}
	for _, input := range h.Program.Recipe.Inputs {
		name := input.Name.Text
		raw, ok := r.Inputs[name]
		if input.Type.HoldsSecret() {
			kept, err := runstate.ReadSecret(h.directory.Secret(name))
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

func (h *State) bindIntent(r runstate.IntentRecord) error {
	n := h.Program.ByPath[r.Step]
	if n == nil || n.Leaf() == nil || n.StepType().About().Name != r.Type {
		return fmt.Errorf("the frozen recipe has no step %s of type %s", r.Step, r.Type)
	}
	arguments, err := program.DecodeObject(n.StepType().Arguments(), r.Arguments)
	if err != nil {
		return err
	}
	if r.Secret {
		names := h.Names(n, r.Rounds, false)
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
func (h *State) bindFrame(number int, n *program.Node, arguments map[string]any) {
	h.Guard.Lock()
	defer h.Guard.Unlock()
	f := &Frame{Frame: h.Recorded.ByNumber[number], Node: n, Arguments: arguments}
	h.Frames, h.byNumber[number] = append(h.Frames, f), f
	f.ForgetBefore()
	if f.Part == "" && n.Opaque() {
		h.lastProgram = max(h.lastProgram, number)
	}
}

// Find gives the node of a record.
func (h *State) Find(path string) (*program.Node, error) {
	n := h.Program.ByPath[path]
	if n == nil {
		return nil, fmt.Errorf("the frozen recipe has no step %s", path)
	}
	return n, nil
}

func (h *State) bindSkipped(r runstate.StepRecord) error {
	n, err := h.Find(r.Step)
	if err != nil {
		return err
	}
	h.settle(n, r.Rounds)
	if id := n.ID(); id != "" {
		h.scope(n.Own, r.Rounds).set(id, nil)
	}
	return nil
}

// settle notes that one of the recipe's own steps is over, all rounds of it.
func (h *State) settle(n *program.Node, r runstate.Rounds) {
	if n.Parent == nil && len(r) == 0 {
		h.Settled[n.Path()] = true
	}
}

func (h *State) bindResult(r runstate.ResultRecord) error {
	n, err := h.Find(r.Step)
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
func (h *State) setOutputs(n *program.Node, r runstate.Rounds, outputs map[string]any) {
	if id := n.ID(); id != "" {
		h.scope(n.Own, r).set(id, outputs)
	}
}

// skipUndone takes in that the run continues without the step of an undone frame: it was allowed to fail, and
// its outputs are gone.
func (h *State) skipUndone(f *Frame) {
	if f.Part != "" {
		return
	}
	h.dropOutputs(f)
	h.settle(f.Node, f.Rounds)
}

// dropOutputs takes away what a frame that is rolled back had left, here and where it became visible since.
func (h *State) dropOutputs(f *Frame) {
	id := f.Node.ID()
	for at := f.Node.Own; at != nil && id != ""; at = at.Parent {
		h.scope(at, f.Rounds).remove(id)
		if at.Used() {
			id = at.Owner.ID() // what the recipe gave back that used it
		}
	}
}
