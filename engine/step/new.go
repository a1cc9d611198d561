package step

import (
	"context"
	"encoding/json"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/value"
)

// New makes a Type of an Action. It panics where the structs A or O carry a field or tag that value.ObjectOf refuses: a
// defect of the program that no input can cause, found by the first test that touches the catalog.
func New[A, M, O any](about About, action Action[A, M, O]) Type {
	return typed[A, M, O]{
		about:     about,
		action:    action,
		arguments: value.MustObjectOf[A](),
		outputs:   value.MustObjectOf[O](),
	}
}

// typed is the one place where dynamic values become typed structs and go back.
type typed[A, M, O any] struct {
	about              About
	action             Action[A, M, O]
	arguments, outputs value.Type
}

func (t typed[A, M, O]) About() About          { return t.about }
func (t typed[A, M, O]) Arguments() value.Type { return t.arguments }
func (t typed[A, M, O]) Outputs() value.Type   { return t.outputs }

func (t typed[A, M, O]) Plan(ctx context.Context, machine Machine, arguments map[string]any) (Plan, error) {
	typedArguments, err := bind[A](arguments)
	if err != nil {
		return Plan{}, err
	}
	plan, err := t.action.Plan(ctx, Within(ctx, machine), typedArguments)
	return plan, interrupted(ctx, err)
}

func (t typed[A, M, O]) Prepare(ctx context.Context, run *Run, arguments map[string]any) (json.RawMessage, error) {
	run.within(ctx)
	typedArguments, err := bind[A](arguments)
	if err != nil {
		return nil, err
	}
	memo, err := t.action.Prepare(ctx, run, typedArguments)
	if err != nil {
		return nil, interrupted(ctx, err)
	}
	return json.Marshal(memo)
}

func (t typed[A, M, O]) Do(ctx context.Context, run *Run, arguments map[string]any, memo json.RawMessage) (map[string]any, error) {
	run.within(ctx)
	typedArguments, typedMemo, err := t.both(arguments, memo)
	if err != nil {
		return nil, err
	}
	outputs, err := t.action.Do(ctx, run, typedArguments, typedMemo)
	// A failed step may still have outputs worth a look: retry.when and until read them.
	values, unbindErr := value.FromStruct(outputs)
	if err == nil {
		err = unbindErr
	}
	return values, interrupted(ctx, err)
}

func (t typed[A, M, O]) Undo(ctx context.Context, run *Run, arguments map[string]any, memo json.RawMessage) error {
	run.within(ctx)
	typedArguments, typedMemo, err := t.both(arguments, memo)
	if err != nil {
		return err
	}
	return interrupted(ctx, t.action.Undo(ctx, run, typedArguments, typedMemo))
}

func (t typed[A, M, O]) Sync(ctx context.Context, run *Run, arguments map[string]any, memo json.RawMessage) (bool, error) {
	run.within(ctx)
	syncer, ok := t.action.(Syncer[A, M])
	if !ok {
		return false, nil
	}
	typedArguments, typedMemo, err := t.both(arguments, memo)
	if err != nil {
		return true, err
	}
	return true, syncer.Sync(ctx, run, typedArguments, typedMemo)
}

func (t typed[A, M, O]) Leases(arguments map[string]any, memo json.RawMessage) ([]string, error) {
	leaser, ok := t.action.(Leaser[A, M])
	if !ok {
		return nil, nil
	}
	typedArguments, typedMemo, err := t.both(arguments, memo)
	if err != nil {
		return nil, err
	}
	return leaser.Leases(typedArguments, typedMemo), nil
}

func (t typed[A, M, O]) Release(ctx context.Context, run *Run, arguments map[string]any, memo json.RawMessage) error {
	run.within(ctx)
	releaser, ok := t.action.(Releaser[A, M])
	if !ok {
		return nil
	}
	typedArguments, typedMemo, err := t.both(arguments, memo)
	if err != nil {
		return err
	}
	return interrupted(ctx, releaser.Release(ctx, run, typedArguments, typedMemo))
}

func (t typed[A, M, O]) Verify(ctx context.Context, run *Run, arguments map[string]any, memo json.RawMessage) error {
	run.within(ctx)
	verifier, ok := t.action.(Verifier[A, M])
	if !ok {
		return nil
	}
	typedArguments, typedMemo, err := t.both(arguments, memo)
	if err != nil {
		return err
	}
	return interrupted(ctx, verifier.Verify(ctx, run, typedArguments, typedMemo))
}

// Inspect implements InspectorType.
func (t typed[A, M, O]) Inspect(ctx context.Context, run *Run, arguments map[string]any, memo json.RawMessage) error {
	run.within(ctx)
	inspector, ok := t.action.(Inspector[A, M])
	if !ok {
		return nil
	}
	typedArguments, typedMemo, err := t.both(arguments, memo)
	if err != nil {
		return err
	}
	return interrupted(ctx, inspector.Inspect(ctx, run, typedArguments, typedMemo))
}

// Touches implements ToucherType.
func (t typed[A, M, O]) Touches(run *Run, arguments map[string]any, memo json.RawMessage) (paths []string, ok bool, err error) {
	toucher, ok := t.action.(Toucher[A, M])
	if !ok {
		return nil, false, nil
	}
	typedArguments, typedMemo, err := t.both(arguments, memo)
	if err != nil {
		return nil, false, err
	}
	paths, err = toucher.Touches(run, typedArguments, typedMemo)
	return paths, true, err
}

// Keeps implements KeeperType.
func (t typed[A, M, O]) Keeps(ctx context.Context, run *Run, arguments map[string]any, memo json.RawMessage) (Keeping, error) {
	run.within(ctx)
	keeper, ok := t.action.(Keeper[A, M])
	if !ok {
		return Keeping{}, nil
	}
	typedArguments, typedMemo, err := t.both(arguments, memo)
	if err != nil {
		return Keeping{}, err
	}
	return keeper.Keeps(ctx, run, typedArguments, typedMemo)
}

// NeedsServices implements EarlyType.
func (t typed[A, M, O]) NeedsServices(arguments map[string]any) (bool, error) {
	user, ok := t.action.(ServiceUser[A])
	if !ok {
		return false, nil
	}
	typedArguments, err := bind[A](arguments)
	return err == nil && user.NeedsServices(typedArguments), err
}

// UndoEarly implements EarlyType.
func (t typed[A, M, O]) UndoEarly(ctx context.Context, run *Run, arguments map[string]any, memo json.RawMessage) (rest bool, err error) {
	run.within(ctx)
	early, ok := t.action.(EarlyUndoer[A, M])
	if !ok {
		return false, t.Undo(ctx, run, arguments, memo)
	}
	typedArguments, typedMemo, err := t.both(arguments, memo)
	if err != nil {
		return false, err
	}
	rest, err = early.UndoEarly(ctx, run, typedArguments, typedMemo)
	return rest, interrupted(ctx, err)
}

// OwesLast implements Type.
func (t typed[A, M, O]) OwesLast(arguments map[string]any, memo json.RawMessage) (inPlace, last bool, err error) {
	later, ok := t.action.(LastUndoer[A, M])
	if !ok {
		refreshes := t.about.Refreshes()
		return !refreshes, refreshes, nil
	}
	typedArguments, typedMemo, err := t.both(arguments, memo)
	return true, err == nil && later.OwesLast(typedArguments, typedMemo), err
}

// UndoLast implements Type.
func (t typed[A, M, O]) UndoLast(ctx context.Context, run *Run, arguments map[string]any, memo json.RawMessage) error {
	run.within(ctx)
	later, ok := t.action.(LastUndoer[A, M])
	if !ok {
		return t.Undo(ctx, run, arguments, memo)
	}
	typedArguments, typedMemo, err := t.both(arguments, memo)
	if err != nil {
		return err
	}
	return interrupted(ctx, later.UndoLast(ctx, run, typedArguments, typedMemo))
}

// Releases tells whether the action is a Releaser, and Verifies whether it is a Verifier.
func (t typed[A, M, O]) Releases() bool {
	_, ok := t.action.(Releaser[A, M])
	return ok
}

func (t typed[A, M, O]) Verifies() bool {
	_, ok := t.action.(Verifier[A, M])
	return ok
}

func (t typed[A, M, O]) both(arguments map[string]any, memo json.RawMessage) (A, M, error) {
	var typedMemo M
	typedArguments, err := bind[A](arguments)
	if err != nil {
		return typedArguments, typedMemo, err
	}
	if err := json.Unmarshal(memo, &typedMemo); err != nil {
		return typedArguments, typedMemo, fault.New(fault.Errored, "memo-unreadable",
			"the memo of step type %s cannot be read", t.about.Name).WithCause(err)
	}
	return typedArguments, typedMemo, nil
}

// interrupted is the error of a call whose context was cancelled while it read the machine: that, and not what the step type took it for.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	for found := fault.As(err); found != nil; found = fault.As(found.Unwrap()) {
		if found.Class == fault.Interrupted {
			return found
		}
	}
	return err
}

// within lets what the step reads end with the context of the call.
func (r *Run) within(ctx context.Context) {
	if r != nil && r.Machine != nil {
		r.Machine = Within(ctx, r.Machine)
	}
}

func bind[A any](arguments map[string]any) (A, error) {
	var typedArguments A
	err := value.IntoStruct(arguments, &typedArguments)
	return typedArguments, err
}
