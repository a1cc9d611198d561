package step

import (
	"context"
	"encoding/json"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/value"
)

// New makes a Type of an Action. It panics where the structs A or O carry a field or tag that value.ObjectOf
// refuses: a defect of the program that no input can cause, found by the first test that touches the catalog.
func New[A, M, O any](about About, action Action[A, M, O]) Type {
	t := typed{about: about, arguments: value.MustObjectOf[A](), outputs: value.MustObjectOf[O](), action: binding[A, M, O]{action}}
	for m := range methods {
		t.has[m] = t.action.has(m)
	}
	_, t.durable = any(action).(Durable)
	return t
}

// typed is the Type of an action. It is not generic, so that one copy of it serves all step types.
type typed struct {
	about              About
	arguments, outputs value.Type
	action             caller
	// has are the methods that the action has.
	has [methods]bool
	// durable means that it is a Durable.
	durable bool
}

func (t typed) About() About          { return t.about }
func (t typed) Arguments() value.Type { return t.arguments }
func (t typed) Outputs() value.Type   { return t.outputs }

func (t typed) Plan(ctx context.Context, machine Machine, arguments map[string]any) (Plan, error) {
	plan, err := ask[Plan](ctx, t, methodPlan, nil, given{machine: Within(ctx, machine), arguments: arguments})
	return plan, interrupted(ctx, err)
}

func (t typed) Prepare(ctx context.Context, run *Run, arguments map[string]any) (json.RawMessage, error) {
	memo, err := ask[any](ctx, t, methodPrepare, run, given{arguments: arguments})
	if err != nil {
		return nil, interrupted(ctx, err)
	}
	return json.Marshal(memo)
}

func (t typed) Do(ctx context.Context, run *Run, arguments map[string]any, memo json.RawMessage) (map[string]any, error) {
	outputs, err := ask[any](ctx, t, methodDo, run, given{arguments: arguments, memo: memo})
	if outputs == nil {
		return nil, interrupted(ctx, err)
	}
	// A failed step may still have outputs worth a look: retry.when and until read them.
	values, unbindErr := t.outputs.FromStruct(outputs)
	if err == nil {
		err = unbindErr
	}
	return values, interrupted(ctx, err)
}

func (t typed) Undo(ctx context.Context, run *Run, arguments map[string]any, memo json.RawMessage) error {
	return t.call(ctx, methodUndo, run, arguments, memo)
}

// call calls a method that has no result but an error. It does nothing if the action does not have it.
func (t typed) call(ctx context.Context, m method, run *Run, arguments map[string]any, memo json.RawMessage) error {
	_, err := ask[any](ctx, t, m, run, given{arguments: arguments, memo: memo})
	return interrupted(ctx, err)
}

// ask calls a method. Its result is zero if the action does not have it.
func ask[R any](ctx context.Context, t typed, m method, run *Run, from given) (result R, err error) {
	run.within(ctx)
	if !t.has[m] {
		return result, nil
	}
	answer, err := t.invoke(ctx, m, run, from)
	if answer != nil {
		result = answer.(R)
	}
	return result, err
}

// invoke calls a method that the action has.
func (t typed) invoke(ctx context.Context, m method, run *Run, from given) (any, error) {
	from.about, from.object = t.about.Name, t.arguments
	return t.action.call(ctx, m, run, from)
}

// interrupted is the error of a call whose context was cancelled while it read the machine: that, and not
// what the step type took it for.
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
