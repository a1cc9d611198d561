package step

import (
	"context"
	"encoding/json"
)

// Sync implements Type.
func (t typed) Sync(ctx context.Context, run *Run, arguments map[string]any, memo json.RawMessage) (bool, error) {
	if !t.has[methodSync] {
		return t.durable, nil
	}
	return true, t.call(ctx, methodSync, run, arguments, memo)
}

// Leases implements Type.
func (t typed) Leases(arguments map[string]any, memo json.RawMessage) ([]string, error) {
	return ask[[]string](context.Background(), t, methodLeases, nil, given{arguments: arguments, memo: memo})
}

// Release implements Type, and Releases reports whether the action is a Releaser.
func (t typed) Release(ctx context.Context, run *Run, arguments map[string]any, memo json.RawMessage) error {
	return t.call(ctx, methodRelease, run, arguments, memo)
}

func (t typed) Releases() bool { return t.has[methodRelease] }

// Verify implements Type, and Verifies reports whether the action is a Verifier.
func (t typed) Verify(ctx context.Context, run *Run, arguments map[string]any, memo json.RawMessage) error {
	return t.call(ctx, methodVerify, run, arguments, memo)
}

func (t typed) Verifies() bool { return t.has[methodVerify] }

// Inspect implements InspectorType.
func (t typed) Inspect(ctx context.Context, run *Run, arguments map[string]any, memo json.RawMessage) error {
	return t.call(ctx, methodInspect, run, arguments, memo)
}

// Touches implements ToucherType. The run's machine keeps the context that it has.
func (t typed) Touches(run *Run, arguments map[string]any, memo json.RawMessage) (paths []string, ok bool, err error) {
	if !t.has[methodTouches] {
		return nil, false, nil
	}
	answer, err := t.invoke(context.Background(), methodTouches, run, given{arguments: arguments, memo: memo})
	paths, _ = answer.([]string)
	return paths, true, err
}

// Keeps implements KeeperType.
func (t typed) Keeps(ctx context.Context, run *Run, arguments map[string]any, memo json.RawMessage) (Keeping, error) {
	return ask[Keeping](ctx, t, methodKeeps, run, given{arguments: arguments, memo: memo})
}

// NeedsServices implements EarlyType.
func (t typed) NeedsServices(arguments map[string]any) (bool, error) {
	return ask[bool](context.Background(), t, methodNeedsServices, nil, given{arguments: arguments})
}

// UndoEarly implements EarlyType.
func (t typed) UndoEarly(ctx context.Context, run *Run, arguments map[string]any, memo json.RawMessage) (rest bool, err error) {
	if !t.has[methodUndoEarly] {
		return false, t.Undo(ctx, run, arguments, memo)
	}
	rest, err = ask[bool](ctx, t, methodUndoEarly, run, given{arguments: arguments, memo: memo})
	return rest, interrupted(ctx, err)
}

// OwesLast implements Type.
func (t typed) OwesLast(arguments map[string]any, memo json.RawMessage) (inPlace, last bool, err error) {
	if !t.has[methodOwesLast] {
		refreshes := t.about.Refreshes()
		return !refreshes, refreshes, nil
	}
	last, err = ask[bool](context.Background(), t, methodOwesLast, nil, given{arguments: arguments, memo: memo})
	return true, last, err
}

// UndoLast implements Type.
func (t typed) UndoLast(ctx context.Context, run *Run, arguments map[string]any, memo json.RawMessage) error {
	if !t.has[methodUndoLast] {
		return t.Undo(ctx, run, arguments, memo)
	}
	return t.call(ctx, methodUndoLast, run, arguments, memo)
}

// Reports implements ReporterType.
func (t typed) Reports() bool { return t.has[methodReport] }

// Checks implements ReporterType.
func (t typed) Checks() bool { return t.has[methodCheck] }

// Report implements ReporterType.
func (t typed) Report(ctx context.Context, machine Machine, arguments map[string]any) []Report {
	reports, _ := ask[[]Report](ctx, t, methodReport, nil, given{machine: Within(ctx, machine), arguments: arguments})
	return reports
}

// Check implements ReporterType.
func (t typed) Check(ctx context.Context, run *Run, arguments map[string]any) []Report {
	reports, _ := ask[[]Report](ctx, t, methodCheck, run, given{arguments: arguments})
	return reports
}
