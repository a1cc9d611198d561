package plugin

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/process"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// conversation is one operation of a plugin: a request, and what comes back.
type conversation struct {
	path  string
	asked request
	// log takes what the plugin tells.
	log         *tasklog.Task
	environment []string
	started     func(pid int)
	timeout     time.Duration
}

// call carries out one operation. With an error that the plugin gave, its answer comes too.
func (t *Type) call(ctx context.Context, run *step.Run, operation Operation, arguments map[string]any, memo json.RawMessage) (event, error) {
	if err := t.Ready(); err != nil {
		return event{}, err
	}
	complete, err := t.complete(arguments)
	if err != nil {
		return event{}, err
	}
	encoded, err := encode(t.Arguments(), complete)
	if err != nil {
		return event{}, fault.New(fault.Errored, "plugin-arguments", "the arguments of %s cannot be handed over", t.About().Name).WithCause(err)
	}
	c := conversation{
		path: t.executable.path, timeout: defaultTimeout,
		asked: request{Protocol: Protocol, Operation: operation, Type: t.About().Name, Arguments: encoded, Memo: memo},
	}
	if run != nil {
		c.asked.Run, c.asked.Step, c.asked.Recovering, c.asked.Directory = run.ID, run.Step, run.Recovering, run.Directory
		c.log, c.environment, c.started = run.Log, run.Environment, run.Started
	}
	if operation == Plan {
		c.timeout = quickTimeout
	}
	return c.hold(ctx)
}

// Ask executes a plugin to have it describe itself. The description is of that executable.
func Ask(ctx context.Context, path string) (Description, error) {
	if err := trusted(path); err != nil {
		return Description{}, err
	}
	executable := file{path: path}
	digest, err := executable.sum()
	if err != nil {
		return Description{}, err
	}
	c := conversation{
		path: path, timeout: quickTimeout,
		asked: request{Protocol: Protocol, Operation: Describe, Type: TypeName(path)},
	}
	answer, err := c.hold(ctx)
	if err != nil {
		return Description{}, err
	}
	description, err := ReadDescription(TypeName(path), answer.Description)
	if err != nil {
		return Description{}, err
	}
	return description.With(digest)
}

// hold starts the plugin, hands it the request, and reads until it has ended.
func (c conversation) hold(ctx context.Context) (event, error) {
	line, err := json.Marshal(c.asked)
	if err != nil {
		return event{}, err
	}
	inner, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	heard := &answers{conversation: c, stop: stop}
	said := &counter{conversation: c, stop: stop}
	command := process.Command{
		Name:        filepath.Base(c.path),
		Arguments:   []string{c.path},
		Directory:   "/",
		Environment: slices.Concat(process.BaseEnvironment(), c.environment),
		Input:       bytes.NewReader(append(line, '\n')),
		KeepDaemons: c.asked.Operation == Do || c.asked.Operation == Undo,
		Stdout:      heard,
		Stderr:      said,
		Output: func(stream, line string) {
			if stream == "stderr" {
				said.last = line
				c.log.Output(line)
			}
		},
		Filter:  c.log.Filter,
		Started: c.started,
	}
	if _, bounded := ctx.Deadline(); !bounded || c.timeout == quickTimeout {
		command.Timeout = c.timeout
	}
	result, err := process.Run(inner, command)
	heard.end()
	switch lied := firstOf(heard.lie, said.lie); {
	case err != nil && (ctx.Err() != nil || lied == nil):
		return event{}, err
	case lied != nil:
		return event{}, lied
	}
	return heard.concluded(result, said.last)
}

// concluded is the answer of a plugin that has ended by itself.
func (a *answers) concluded(result process.Result, lastLine string) (event, error) {
	ended := result.Check(filepath.Base(a.path))
	switch {
	case a.answer == nil && ended != nil:
		text := ended.Error() + " and gave no result"
		if lastLine != "" {
			text += "; its last line was: " + lastLine
		}
		return event{}, fault.New(fault.Failed, "plugin-exit", "%s", text).WithHint("see its lines in the log")
	case a.answer == nil:
		return event{}, lie(a.path, "plugin-silent", "it ended without a result")
	case a.answer.Event == eventError:
		return *a.answer, a.answer.fault()
	case ended != nil:
		return event{}, lie(a.path, "plugin-exit", "it gave a result, and then: %v", ended)
	}
	return *a.answer, nil
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// lie is the fault of a plugin that does not keep to the protocol.
func lie(path, code, format string, arguments ...any) error {
	return fault.New(fault.Failed, code, "the plugin %s does not keep to the protocol: %s", filepath.Base(path), fmt.Sprintf(format, arguments...)).
		WithHint("this is a defect of %s; `gwe steps check` finds such", path)
}
