// Embed is a vendor's own update agent with gwe inside: it finishes at its start what a crash left, carries
// one recipe out, and reports each step in its own words. Nothing of gwe's command line is in it.
//
//	go run ./examples/embed STATE RECIPE NAME=VALUE...
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/tasklog"
	"github.com/gwe-project/gwe/steps"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: embed STATE RECIPE NAME=VALUE...")
		os.Exit(engine.ExitUsage)
	}
	// A cancelled context rolls the run back before Run returns. `gwe cancel` sends engine.CancelSignal.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, engine.CancelSignal)
	defer stop()
	code, err := update(ctx, os.Args[1], os.Args[2], os.Args[3:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "embed:", err)
	}
	stop()
	os.Exit(code)
}

func update(ctx context.Context, state, recipe string, given []string) (code int, err error) {
	agent := &engine.Engine{
		State:   engine.State{Directory: state},
		Catalog: steps.Catalog(),
		Machine: step.Local{},
		Sink:    report{names: map[int]string{}},
		Version: "embed 1.0",
	}
	finished, err := agent.Recover(ctx)
	if err != nil {
		return engine.ExitCode(err), err
	}
	for _, result := range finished {
		fmt.Printf("an earlier run was finished: %s\n", result.Status)
	}

	source, err := os.ReadFile(recipe)
	if err != nil {
		return engine.ExitUsage, err
	}
	program, diagnostics := engine.Load(recipe, source, agent.Catalog)
	if err := diagnostics.Render(os.Stderr, func(string) []byte { return source }); err != nil {
		return engine.ExitErrored, err
	}
	if program == nil {
		return engine.ExitUsage, fmt.Errorf("%s is not a valid recipe", recipe)
	}

	inputs := engine.Inputs{}
	for _, one := range given {
		name, value, _ := strings.Cut(one, "=")
		inputs[name] = engine.Given{Value: value, Open: true}
	}
	result, err := agent.Run(ctx, program, inputs)
	if err != nil { // the run never began
		return engine.ExitCode(err), err
	}
	fmt.Printf("the machine is %s\n", result.Status)
	return result.ExitCode(), result.Err
}

// report tells of each step when it ends.
type report struct{ names map[int]string }

// Handle takes the events of all tasks, in order, from one goroutine at a time.
func (r report) Handle(event tasklog.Event) {
	switch {
	case event.Kind == tasklog.Started && event.Type == "step":
		r.names[event.Task] = event.Name
	case event.Kind == tasklog.Ended && r.names[event.Task] != "":
		fmt.Printf("%s: %s %s\n", r.names[event.Task], event.Status, event.Error)
	}
}
