package trial

import (
	"context"
	"encoding/json"

	"github.com/gwe-project/gwe/engine/step"
)

// A disturbed type is all that the one in it is: what that may do besides is handed on.

// Inspect implements step.InspectorType.
func (t disturbedType) Inspect(ctx context.Context, run *step.Run, arguments map[string]any, memo json.RawMessage) error {
	if inspector, ok := t.Type.(step.InspectorType); ok {
		return inspector.Inspect(ctx, run, arguments, memo)
	}
	return nil
}

// Touches implements step.ToucherType.
func (t disturbedType) Touches(run *step.Run, arguments map[string]any, memo json.RawMessage) (paths []string, ok bool, err error) {
	if toucher, ok := t.Type.(step.ToucherType); ok {
		return toucher.Touches(run, arguments, memo)
	}
	return nil, false, nil
}

// Keeps implements step.KeeperType.
func (t disturbedType) Keeps(ctx context.Context, run *step.Run, arguments map[string]any, memo json.RawMessage) (step.Keeping, error) {
	if keeper, ok := t.Type.(step.KeeperType); ok {
		return keeper.Keeps(ctx, run, arguments, memo)
	}
	return step.Keeping{}, nil
}

// NeedsServices implements step.EarlyType.
func (t disturbedType) NeedsServices(arguments map[string]any) (bool, error) {
	if user, ok := t.Type.(step.EarlyType); ok {
		return user.NeedsServices(arguments)
	}
	return false, nil
}

// UndoEarly implements step.EarlyType.
func (t disturbedType) UndoEarly(ctx context.Context, run *step.Run, arguments map[string]any, memo json.RawMessage) (rest bool, err error) {
	if user, ok := t.Type.(step.EarlyType); ok {
		return user.UndoEarly(ctx, run, arguments, memo)
	}
	return false, t.Type.Undo(ctx, run, arguments, memo)
}

// Releases reports whether the type gives something up when a run ends.
func (t disturbedType) Releases() bool {
	releaser, ok := t.Type.(interface{ Releases() bool })
	return ok && releaser.Releases()
}

// Reports implements step.ReporterType.
func (t disturbedType) Reports() bool {
	reporter, ok := t.Type.(step.ReporterType)
	return ok && reporter.Reports()
}

// Report implements step.ReporterType.
func (t disturbedType) Report(ctx context.Context, machine step.Machine, arguments map[string]any) []step.Report {
	if reporter, ok := t.Type.(step.ReporterType); ok {
		return reporter.Report(ctx, machine, arguments)
	}
	return nil
}
