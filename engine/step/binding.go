package step

import (
	"context"
	"encoding/json"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/value"
)

// method is a method of an Action or of the interfaces that it may implement too.
type method int

// The methods before methodDo take no memo.
const (
	methodPlan method = iota
	methodPrepare
	methodNeedsServices
	methodReport
	methodCheck
	methodDo
	methodUndo
	methodUndoEarly
	methodOwesLast
	methodUndoLast
	methodSync
	methodLeases
	methodRelease
	methodVerify
	methodInspect
	methodTouches
	methodKeeps
	methods
)

// caller is an action, called with dynamic values.
type caller interface {
	// has reports whether the action has the method.
	has(m method) bool
	// call calls a method that the action has. What it returns besides an error is nil if the values do not
	// fit.
	call(ctx context.Context, m method, run *Run, from given) (any, error)
}

// given are the dynamic values of a call.
type given struct {
	about     string
	object    value.Type // of the arguments
	machine   Machine
	arguments map[string]any
	memo      json.RawMessage
}

// into fills the structs of the arguments and, if the method takes one, of the memo.
func (g given) into(m method, arguments, memo any) error {
	if m == methodReport {
		return value.PartlyIntoStruct(g.arguments, arguments)
	}
	if err := g.object.IntoStruct(g.arguments, arguments); err != nil || m < methodDo {
		return err
	}
	if err := json.Unmarshal(g.memo, memo); err != nil {
		return fault.New(fault.Errored, "memo-unreadable", "the memo of step type %s cannot be read", g.about).WithCause(err)
	}
	return nil
}

// binding is the one place where dynamic values become typed structs. Every method of a generic type is
// compiled for each step type anew, and takes its room in the program as often: so these are two.
type binding[A, M, O any] struct{ action Action[A, M, O] }

func (b binding[A, M, O]) has(m method) (ok bool) {
	switch action := any(b.action); m {
	case methodPlan, methodPrepare, methodDo, methodUndo:
		ok = true
	case methodNeedsServices:
		_, ok = action.(ServiceUser[A])
	case methodReport:
		_, ok = action.(Reporter[A])
	case methodCheck:
		_, ok = action.(Checker[A])
	case methodUndoEarly:
		_, ok = action.(EarlyUndoer[A, M])
	case methodOwesLast, methodUndoLast:
		_, ok = action.(LastUndoer[A, M])
	case methodSync:
		_, ok = action.(Syncer[A, M])
	case methodLeases:
		_, ok = action.(Leaser[A, M])
	case methodRelease:
		_, ok = action.(Releaser[A, M])
	case methodVerify:
		_, ok = action.(Verifier[A, M])
	case methodInspect:
		_, ok = action.(Inspector[A, M])
	case methodTouches:
		_, ok = action.(Toucher[A, M])
	case methodKeeps:
		_, ok = action.(Keeper[A, M])
	}
	return ok
}

func (b binding[A, M, O]) call(ctx context.Context, m method, run *Run, from given) (any, error) {
	var arguments A
	var memo M
	if err := from.into(m, &arguments, &memo); err != nil {
		return nil, err
	}
	switch action := any(b.action); m {
	case methodPlan:
		return b.action.Plan(ctx, from.machine, arguments)
	case methodPrepare:
		return b.action.Prepare(ctx, run, arguments)
	case methodDo:
		return b.action.Do(ctx, run, arguments, memo)
	case methodUndo:
		return nil, b.action.Undo(ctx, run, arguments, memo)
	case methodNeedsServices:
		return action.(ServiceUser[A]).NeedsServices(arguments), nil
	case methodReport:
		return action.(Reporter[A]).Report(ctx, from.machine, arguments), nil
	case methodCheck:
		return action.(Checker[A]).Check(ctx, run, arguments), nil
	case methodUndoEarly:
		return action.(EarlyUndoer[A, M]).UndoEarly(ctx, run, arguments, memo)
	case methodOwesLast:
		return action.(LastUndoer[A, M]).OwesLast(arguments, memo), nil
	case methodUndoLast:
		return nil, action.(LastUndoer[A, M]).UndoLast(ctx, run, arguments, memo)
	case methodSync:
		return nil, action.(Syncer[A, M]).Sync(ctx, run, arguments, memo)
	case methodLeases:
		return action.(Leaser[A, M]).Leases(arguments, memo), nil
	case methodRelease:
		return nil, action.(Releaser[A, M]).Release(ctx, run, arguments, memo)
	case methodVerify:
		return nil, action.(Verifier[A, M]).Verify(ctx, run, arguments, memo)
	case methodInspect:
		return nil, action.(Inspector[A, M]).Inspect(ctx, run, arguments, memo)
	case methodTouches:
		return action.(Toucher[A, M]).Touches(run, arguments, memo)
	case methodKeeps:
		return action.(Keeper[A, M]).Keeps(ctx, run, arguments, memo)
	}
	return nil, nil
}
