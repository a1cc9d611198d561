package plugin

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/process"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/tasklog"
	"github.com/gwe-project/gwe/engine/value"
)

// Main is the whole main function of a plugin that is written in Go:
//
//	func main() { plugin.Main(MyType()) }
//
// It carries out the one operation that gwe asks for, and ends the process. With several types, the one
// executable is installed, or linked, under the name of each. A SIGTERM ends the context of the operation.
//
// In Run, Leased answers true for every path: a plugin is not told of the leases of others, so it keeps what
// they might need.
func Main(types ...step.Type) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	code := serve(ctx, types, os.Stdin, os.Stdout, os.Stderr, os.Environ())
	stop()
	os.Exit(code)
}

// serve reads one request, carries it out, and gives the exit code.
func serve(ctx context.Context, types step.Catalog, in io.Reader, out, complaints io.Writer, environment []string) int {
	line, err := bufio.NewReader(in).ReadBytes('\n')
	line = bytes.TrimSpace(line)
	if err != nil && !errors.Is(err, io.EOF) || len(line) == 0 {
		fmt.Fprintf(complaints, "this is a plugin of gwe, with the step types %s; gwe starts it\n", strings.Join(types.Names(), ", "))
		return 2
	}
	s := &server{out: json.NewEncoder(out), environment: environment}
	s.out.SetEscapeHTML(false)
	if err := strictly(line, &s.asked); err != nil {
		fmt.Fprintf(complaints, "the request cannot be read: %v\n", err)
		return 2
	}
	answer, err := s.answer(ctx, types)
	answer.Event, answer.Protocol, answer.Type, answer.Operation = eventResult, Protocol, s.asked.Type, s.asked.Operation
	if err != nil {
		answer.failed(err)
	}
	if err := s.out.Encode(answer); err != nil {
		fmt.Fprintf(complaints, "the answer cannot be written: %v\n", err)
		return 1
	}
	return 0
}

// server is one operation as the plugin sees it.
type server struct {
	asked       request
	out         *json.Encoder
	environment []string
}

func (s *server) answer(ctx context.Context, types step.Catalog) (answer event, err error) {
	if s.asked.Protocol != Protocol {
		return answer, otherProtocol(Protocol)
	}
	stepType, ok := types.Find(s.asked.Type)
	if !ok {
		return answer, fault.New(fault.Refused, "type-unknown", "this plugin has no step type %s, only %s", s.asked.Type, strings.Join(types.Names(), ", "))
	}
	if s.asked.Operation == Describe {
		description, err := Of(stepType)
		answer.Description = description.text
		return answer, err
	}
	arguments, err := decode(stepType.Arguments(), s.asked.Arguments)
	if err != nil {
		return answer, err
	}
	run := s.run()
	switch s.asked.Operation {
	case Plan:
		plan, err := stepType.Plan(ctx, step.Local{}, arguments)
		if err != nil {
			return answer, err
		}
		answer.Plan = &planned{
			Do: plan.Do, Undo: plan.Undo, Nothing: plan.Nothing, Space: plan.Space, Reads: plan.Reads, Writes: plan.Writes,
		}
		if plan.Outputs != nil {
			answer.Plan.Outputs, err = value.ToJSON(stepType.Outputs(), plan.Outputs)
		}
		return answer, err
	case Prepare:
		if answer.Memo, err = stepType.Prepare(ctx, run, arguments); err == nil {
			answer.Leases, err = stepType.Leases(arguments, answer.Memo)
		}
		return answer, err
	case Do:
		outputs, err := stepType.Do(ctx, run, arguments, s.asked.Memo)
		return answer, firstOf(err, answer.give(stepType.Outputs(), outputs))
	case Undo:
		run.Kept = func(path string) { answer.Kept = append(answer.Kept, path) }
		err := stepType.Undo(ctx, run, arguments, s.asked.Memo)
		return answer, err
	case Release:
		return answer, stepType.Release(ctx, run, arguments, s.asked.Memo)
	case Verify:
		return answer, stepType.Verify(ctx, run, arguments, s.asked.Memo)
	}
	return answer, fault.New(fault.Refused, "operation-unknown", "this plugin does not know the operation %s", s.asked.Operation)
}

func (e *event) give(t value.Type, outputs map[string]any) (err error) {
	if outputs != nil {
		e.Outputs, err = encode(t, outputs)
	}
	return err
}

// failed makes the answer an error.
func (e *event) failed(err error) {
	e.Event, e.Class, e.Code, e.Message = eventError, string(fault.ClassOf(err)), "internal", err.Error()
	if f := fault.As(err); f != nil {
		e.Code, e.Hint = f.Code, f.Hint
	}
	e.Leftover = step.IsLeftover(err)
}

func (s *server) run() *step.Run {
	run := &step.Run{
		ID: s.asked.Run, Step: s.asked.Step, Recovering: s.asked.Recovering, Directory: s.asked.Directory, Machine: step.Local{},
		Log:         tasklog.Begin(s, "step", s.asked.Step),
		Leased:      func(string) bool { return true },
		AfterCommit: slices.Contains(s.environment, afterCommit+"=1"),
		Kept:        func(string) {},
		Covered:     func(string) bool { return false },
		// gwe knows the plugin's own process, and the others by their environment.
		Started: func(int) {},
	}
	for _, entry := range s.environment {
		if strings.HasPrefix(entry, "GWE_") && !strings.HasPrefix(entry, process.MarkVariable+"=") {
			run.Environment = append(run.Environment, entry)
		}
	}
	return run
}

// Handle makes it a sink: what the step type logs goes to gwe.
func (s *server) Handle(told tasklog.Event) {
	var line event
	switch {
	case told.Kind == tasklog.Line:
		line = event{Event: eventLog, Level: string(told.Level), Text: told.Text}
	case told.Kind == tasklog.Progress:
		line = event{Event: eventProgress, Current: told.Current, Total: told.Total, Unit: told.Unit}
	case told.Kind == tasklog.Started && told.Parent != 0:
		line = event{Event: eventLog, Level: string(tasklog.Info), Text: told.Name}
	default:
		return
	}
	// If gwe no longer listens, the answer cannot be written either, and that is told.
	_ = s.out.Encode(line)
}

// decode reads what encode wrote.
func decode(t value.Type, raw json.RawMessage) (map[string]any, error) {
	if raw == nil {
		raw = json.RawMessage("{}")
	}
	opened, err := value.FromJSON(value.Opened(t), raw)
	if err != nil {
		return nil, err
	}
	converted, err := value.Convert(t, opened)
	if err != nil {
		return nil, err
	}
	return converted.(map[string]any), nil
}
