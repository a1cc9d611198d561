package plugin

import (
	"cmp"
	"context"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
)

const (
	// quickTimeout bounds describe and plan, which only look.
	quickTimeout = time.Minute
	// defaultTimeout bounds every other operation, where the recipe sets no time-out.
	defaultTimeout = 10 * time.Minute
)

// Type is a plugin as a step type.
type Type struct {
	description Description
	executable  file
	live        bool
}

// New makes a step type of a description and the executable that it speaks of. A live one asks the plugin for
// its plan; any other plans by the description alone, and executes nothing until it is told to act.
func New(description Description, path string, live bool) *Type {
	return &Type{description: description, executable: file{path: path}, live: live}
}

// Path is where the executable lies, and Description what is known of it; Digest is the executable's, in
// hexadecimal.
func (t *Type) Path() string             { return t.executable.path }
func (t *Type) Digest() string           { return t.description.digest }
func (t *Type) Description() Description { return t.description }

// Ready is nil where the executable is the one that is described, and may be executed by this user. Its
// faults, all of class refused, are plugin-missing, plugin-changed, plugin-unsafe and plugin-not-executable.
func (t *Type) Ready() error {
	if err := t.unchanged(); err != nil {
		return err
	}
	if err := trusted(t.executable.path); err != nil {
		return err
	}
	return mayExecute(t.executable.path)
}

func (t *Type) unchanged() error {
	digest, err := t.executable.sum()
	if err != nil {
		return err
	}
	if digest != t.description.digest {
		return fault.New(fault.Refused, "plugin-changed", "the plugin %s is not the one that was described: its SHA-256 is %.12s..., not %.12s...",
			t.executable.path, digest, t.description.digest).
			WithHint("if that is meant, run `gwe steps describe %s`; a run that began with the old one needs the old one back", t.executable.path)
	}
	return nil
}

// About, Arguments and Outputs are the description's.
func (t *Type) About() step.About     { return t.description.about }
func (t *Type) Arguments() value.Type { return t.description.arguments }
func (t *Type) Outputs() value.Type   { return t.description.outputs }

// Plan asks the plugin where it is live.
func (t *Type) Plan(ctx context.Context, _ step.Machine, arguments map[string]any) (step.Plan, error) {
	complete, err := t.complete(arguments)
	if err != nil {
		return step.Plan{}, err
	}
	if !t.live {
		return t.foreseen(complete), nil
	}
	answer, err := t.call(ctx, nil, Plan, arguments, nil)
	if err != nil {
		return step.Plan{}, err
	}
	return t.planned(answer.Plan)
}

// foreseen is what the description knows of a plan.
func (t *Type) foreseen(arguments map[string]any) step.Plan {
	const most = 60
	parts := []string{t.About().Name}
	for _, field := range t.Arguments().Fields {
		if v := arguments[field.Name]; v != nil {
			text, _, more := strings.Cut(value.Text(v), "\n")
			if runes := []rune(text); len(runes) > most {
				text, more = string(runes[:most]), true
			}
			if more {
				text += "..."
			}
			parts = append(parts, field.Name+"="+text)
		}
	}
	plan := step.Plan{Do: []string{strings.Join(parts, " ")}}
	if undo := t.About().Undo; undo != "" {
		plan.Undo = []string{undo}
	}
	return plan
}

func (t *Type) planned(from *planned) (step.Plan, error) {
	if from == nil {
		return step.Plan{}, t.lie("plugin-garbage", "its result of plan has no plan")
	}
	for _, line := range slices.Concat(from.Do, from.Undo) {
		if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return step.Plan{}, t.lie("plugin-garbage", "a line of its plan is not a line of plain text")
		}
	}
	plan := step.Plan{Do: from.Do, Undo: from.Undo, Nothing: from.Nothing, Space: from.Space, Reads: from.Reads, Writes: from.Writes}
	if from.Outputs == nil {
		return plan, nil
	}
	members, err := t.members(from.Outputs)
	if err != nil {
		return step.Plan{}, err
	}
	plan.Outputs = members
	return plan, nil
}

// kept is the memo of a plugin's frame in the journal.
type kept struct {
	Memo   json.RawMessage `json:"memo,omitempty"`
	Leases []string        `json:"leases,omitempty"`
}

// Prepare asks the plugin for its memo, and which paths its undo needs to stay.
func (t *Type) Prepare(ctx context.Context, run *step.Run, arguments map[string]any) (json.RawMessage, error) {
	answer, err := t.call(ctx, run, Prepare, arguments, nil)
	if err != nil {
		return nil, err
	}
	if len(answer.Memo) > maximumValues {
		return nil, t.lie("plugin-memo-invalid", "its memo has %d KiB, and %d KiB is the most", len(answer.Memo)>>10, maximumValues>>10)
	}
	if betrays(answer.Memo, arguments) {
		return nil, t.lie("plugin-memo-invalid", "its memo holds a secret, and the memo is journaled")
	}
	for _, path := range answer.Leases {
		if !strings.HasPrefix(path, "/") {
			return nil, t.lie("plugin-memo-invalid", "it leases a path that is not absolute: %s", path)
		}
	}
	return json.Marshal(kept{answer.Memo, answer.Leases})
}

// Do asks the plugin to act.
func (t *Type) Do(ctx context.Context, run *step.Run, arguments map[string]any, memo json.RawMessage) (map[string]any, error) {
	answer, err := t.withMemo(ctx, run, Do, arguments, memo)
	if err != nil && answer.Outputs == nil {
		return nil, err
	}
	outputs, invalid := t.given(answer.Outputs)
	return outputs, cmp.Or(err, invalid)
}

// Undo asks the plugin to put things back.
func (t *Type) Undo(ctx context.Context, run *step.Run, arguments map[string]any, memo json.RawMessage) error {
	answer, err := t.withMemo(ctx, run, Undo, arguments, memo)
	for _, path := range answer.Kept {
		if !filepath.IsAbs(path) || filepath.Clean(path) != path {
			return t.lie("plugin-garbage", "it keeps what is not a clean absolute path: %q", path)
		}
		run.Kept(path)
	}
	if err != nil && answer.Leftover {
		return &step.Leftover{Err: err}
	}
	return err
}

// Sync leaves durability to the engine, which knows the effects.
func (t *Type) Sync(context.Context, *step.Run, map[string]any, json.RawMessage) (bool, error) {
	return false, nil
}

// Leases gives what prepare named.
func (t *Type) Leases(_ map[string]any, memo json.RawMessage) ([]string, error) {
	frame, err := t.frame(memo)
	return frame.Leases, err
}

// Release asks the plugin to give up what it kept, where it says that it does so.
func (t *Type) Release(ctx context.Context, run *step.Run, arguments map[string]any, memo json.RawMessage) error {
	if !t.Releases() {
		return nil
	}
	_, err := t.withMemo(ctx, run, Release, arguments, memo)
	return err
}

// Verify asks the plugin whether what it did still stands, where it says that it can tell.
func (t *Type) Verify(ctx context.Context, run *step.Run, arguments map[string]any, memo json.RawMessage) error {
	if !t.Verifies() {
		return nil
	}
	_, err := t.withMemo(ctx, run, Verify, arguments, memo)
	return err
}

// OwesLast and UndoLast: the undo of a plugin that refreshes runs last, as a whole.
func (t *Type) OwesLast(map[string]any, json.RawMessage) (inPlace, last bool, err error) {
	refreshes := t.About().Refreshes()
	return !refreshes, refreshes, nil
}

func (t *Type) UndoLast(ctx context.Context, run *step.Run, arguments map[string]any, memo json.RawMessage) error {
	return t.Undo(ctx, run, arguments, memo)
}

// Releases and Verifies tell whether the plugin serves these operations.
func (t *Type) Releases() bool { return slices.Contains(t.description.also, Release) }
func (t *Type) Verifies() bool { return slices.Contains(t.description.also, Verify) }

func (t *Type) withMemo(ctx context.Context, run *step.Run, operation Operation, arguments map[string]any, memo json.RawMessage) (event, error) {
	frame, err := t.frame(memo)
	if err != nil {
		return event{}, err
	}
	return t.call(ctx, run, operation, arguments, frame.Memo)
}

func (t *Type) frame(memo json.RawMessage) (kept, error) {
	var frame kept
	if err := json.Unmarshal(memo, &frame); err != nil {
		return kept{}, fault.New(fault.Errored, "memo-unreadable", "the memo of step type %s cannot be read", t.About().Name).WithCause(err)
	}
	return frame, nil
}

// complete fills the defaults in.
func (t *Type) complete(arguments map[string]any) (map[string]any, error) {
	converted, err := value.Convert(t.Arguments(), arguments)
	if err != nil {
		return nil, err
	}
	return converted.(map[string]any), nil
}

// lie is the fault of a plugin that does not keep to the protocol.
func (t *Type) lie(code, format string, arguments ...any) error {
	return lie(t.executable.path, code, format, arguments...)
}
