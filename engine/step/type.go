package step

import (
	"context"
	"encoding/json"

	"github.com/gwe-project/gwe/engine/value"
)

// Type is a step type as the engine sees it: dynamic values in, dynamic values out. Arguments are canonical
// values (see value.Type) of the declared types, defaults filled in.
type Type interface {
	About() About
	// Arguments and Outputs are object types.
	Arguments() value.Type
	Outputs() value.Type

	Plan(ctx context.Context, machine Machine, arguments map[string]any) (Plan, error)
	Prepare(ctx context.Context, run *Run, arguments map[string]any) (memo json.RawMessage, err error)
	Do(ctx context.Context, run *Run, arguments map[string]any, memo json.RawMessage) (outputs map[string]any, err error)
	Undo(ctx context.Context, run *Run, arguments map[string]any, memo json.RawMessage) error

	// OwesLast reports which parts the undo of a step has: one in its place, and one that belongs after
	// everything older; see LastUndoer.
	OwesLast(arguments map[string]any, memo json.RawMessage) (inPlace, last bool, err error)
	UndoLast(ctx context.Context, run *Run, arguments map[string]any, memo json.RawMessage) error

	// Sync reports handled = false where the type leaves durability to the engine.
	Sync(ctx context.Context, run *Run, arguments map[string]any, memo json.RawMessage) (handled bool, err error)
	Leases(arguments map[string]any, memo json.RawMessage) ([]string, error)
	Release(ctx context.Context, run *Run, arguments map[string]any, memo json.RawMessage) error
	Verify(ctx context.Context, run *Run, arguments map[string]any, memo json.RawMessage) error
}

// InspectorType is a Type that may look before a rollback; see Inspector.
type InspectorType interface {
	Inspect(ctx context.Context, run *Run, arguments map[string]any, memo json.RawMessage) error
}

// ToucherType is a Type that may tell what it changes in the directories of its effects; see Toucher. ok is
// false where it does not.
type ToucherType interface {
	Touches(run *Run, arguments map[string]any, memo json.RawMessage) (paths []string, ok bool, err error)
}

// KeeperType is a Type that may foresee what a manual rollback leaves; see Keeper.
type KeeperType interface {
	Keeps(ctx context.Context, run *Run, arguments map[string]any, memo json.RawMessage) (Keeping, error)
}

// EarlyType is a Type that tells what it needs services for; see ServiceUser and EarlyUndoer.
type EarlyType interface {
	NeedsServices(arguments map[string]any) (bool, error)
	UndoEarly(ctx context.Context, run *Run, arguments map[string]any, memo json.RawMessage) (rest bool, err error)
}

// UndoWhole calls both parts of a step's undo, one after the other, where nothing older is to be undone in
// between.
func UndoWhole(ctx context.Context, of Type, run *Run, arguments map[string]any, memo json.RawMessage) error {
	inPlace, last, err := of.OwesLast(arguments, memo)
	if err != nil {
		return err
	}
	if inPlace {
		if err := of.Undo(ctx, run, arguments, memo); err != nil {
			return err
		}
	}
	if !last {
		return nil
	}
	return of.UndoLast(ctx, run, arguments, memo)
}

// Catalog is the list of the step types that a recipe may use. It is a value: a vendor appends to it.
type Catalog []Type

// Find gives the type of that name.
func (c Catalog) Find(name string) (Type, bool) {
	for _, candidate := range c {
		if candidate.About().Name == name {
			return candidate, true
		}
	}
	return nil, false
}

// Names lists the types, in the catalog's order.
func (c Catalog) Names() []string {
	names := make([]string, 0, len(c))
	for _, candidate := range c {
		names = append(names, candidate.About().Name)
	}
	return names
}
