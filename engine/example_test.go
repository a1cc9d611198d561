package engine_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/tasklog"
	"github.com/gwe-project/gwe/steps"
)

// A recipe is loaded and checked whole, without a device: no file is looked at, nothing runs.
func ExampleLoad() {
	source := []byte(`gwe: 1
name: greet
steps:
  - wriet: { path: /etc/motd, content: hello }
`)
	program, diagnostics := engine.Load("greet.yaml", source, steps.Catalog())
	fmt.Println("fit to run:", program != nil)
	_ = diagnostics.Render(os.Stdout, func(string) []byte { return source })
	// Output:
	// fit to run: false
	// greet.yaml:4:5: a step has no key "wriet"
	//   |
	// 4 |   - wriet: { path: /etc/motd, content: hello }
	//   |     ^~~~~
	//   = did you mean "write"?
}

// greeting is a recipe that writes two files; the second one fails where fail is true.
const greeting = `gwe: 1
name: greet
inputs:
  dir: { type: path, required: true }
  fail: { type: bool, default: false }
steps:
  - id: motd
    write: { path: "${{ inputs.dir }}/motd", content: hello }
  - assert: { that: "${{ not inputs.fail }}", message: told to fail }
outputs:
  changed: ${{ steps.motd.changed }}
`

// newEngine is an engine for programs that bring their own state directory, and their own place for the log.
func newEngine(state string, log tasklog.Sink) *engine.Engine {
	return &engine.Engine{
		State:   engine.State{Directory: state},
		Catalog: steps.Catalog(),
		Machine: step.Local{},
		Sink:    log,
		Version: "1.0.0",
	}
}

// Run carries a recipe out, or rolls everything back. The result is a value; errors before the run exists
// come apart.
func ExampleEngine_Run() {
	directory, _ := os.MkdirTemp("", "greet")
	defer os.RemoveAll(directory)
	machine := newEngine(filepath.Join(directory, "state"), tasklog.Fanout{})
	program, _ := engine.Load("greet.yaml", []byte(greeting), steps.Catalog())

	for _, fail := range []string{"true", "false"} {
		result, err := machine.Run(context.Background(), program, engine.Inputs{
			"dir": {Value: directory}, "fail": {Value: fail},
		})
		if err != nil {
			fmt.Println("nothing ran:", err)
			return
		}
		_, missing := os.Stat(filepath.Join(directory, "motd"))
		fmt.Printf("%s, exit code %d, there: %v, %v\n", result.Status, result.ExitCode(), missing == nil, result.Err)
	}
	// Output:
	// rolled back, exit code 3, there: false, assert step (greet.yaml:9:5): told to fail
	// done, exit code 0, there: true, <nil>
}

// Plan says what a run would do, and how that would be undone. It writes nothing and runs nothing.
func ExampleEngine_Plan() {
	directory, _ := os.MkdirTemp("", "greet")
	defer os.RemoveAll(directory)
	machine := newEngine(filepath.Join(directory, "state"), tasklog.Fanout{})
	program, _ := engine.Load("greet.yaml", []byte(greeting), steps.Catalog())

	plan, err := machine.Plan(context.Background(), program, engine.Inputs{"dir": {Value: directory}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, planned := range plan.Steps {
		fmt.Println(planned.Path, planned.Type, planned.Guard, len(planned.Do), len(planned.Undo))
	}
	// Output:
	// steps[0] write runs 1 1
	// steps[1] assert runs 1 0
}

// Recover finishes what a crash left. A program that embeds the engine calls it when it starts.
func ExampleEngine_Recover() {
	directory, _ := os.MkdirTemp("", "greet")
	defer os.RemoveAll(directory)
	machine := newEngine(filepath.Join(directory, "state"), tasklog.Fanout{})

	finished, err := machine.Recover(context.Background())
	fmt.Println(len(finished), "runs were left to finish;", err)
	// Output:
	// 0 runs were left to finish; <nil>
}

// steplog prints the end of each step: what a user interface would show.
type steplog struct{ names map[int]string }

func (s steplog) Handle(event tasklog.Event) {
	switch {
	case event.Kind == tasklog.Started && event.Type == "step":
		s.names[event.Task] = event.Name
	case event.Kind == tasklog.Ended && s.names[event.Task] != "":
		fmt.Println(s.names[event.Task]+":", event.Status)
	}
}

// A Sink takes the events of all tasks, in order, from one goroutine at a time.
func ExampleEngine_events() {
	directory, _ := os.MkdirTemp("", "greet")
	defer os.RemoveAll(directory)
	machine := newEngine(filepath.Join(directory, "state"), steplog{map[int]string{}})
	program, _ := engine.Load("greet.yaml", []byte(greeting), steps.Catalog())

	if _, err := machine.Run(context.Background(), program, engine.Inputs{"dir": {Value: directory}}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// motd (write): done
	// assert: done
}
