package recipetest

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// Bench is a machine's gwe: a state directory and a catalog.
type Bench struct {
	testing.TB
	// State is the state directory.
	State   string
	catalog step.Catalog
	// said is the log of all runs.
	said lines
	// scratch is for files that make no part of the machine, binary the gwe that is killed.
	scratch, binary string
	once            sync.Once
}

// New makes a bench with a state directory of its own.
func New(t testing.TB, catalog step.Catalog) *Bench {
	t.Helper()
	return &Bench{TB: t, State: filepath.Join(t.TempDir(), "state"), catalog: catalog, scratch: t.TempDir()}
}

// Run runs the recipe in a file, undisturbed.
func (b *Bench) Run(file string, inputs map[string]string) engine.Result {
	b.Helper()
	result, err := b.engine().Run(context.Background(), b.load(file), given(inputs))
	if err != nil {
		b.Fatalf("the run did not begin: %v", err)
	}
	return result
}

// WantExit runs the recipe, which must end with that exit code.
func (b *Bench) WantExit(code int, file string, inputs map[string]string) engine.Result {
	b.Helper()
	result := b.Run(file, inputs)
	if result.ExitCode() != code {
		b.Fatalf("%s ended as %q with exit code %d, want %d: %v; %v\n%s", filepath.Base(file), result.Status, result.ExitCode(), code, result.Err, result.Others, b.said.text())
	}
	return result
}

// Recover finishes what earlier runs left, which must succeed.
func (b *Bench) Recover() {
	b.Helper()
	if _, err := b.engine().Recover(context.Background()); err != nil {
		b.Fatalf("recovery: %v", err)
	}
}

// WantRolledBack rolls the newest run back by hand, which must end with that exit code; 6 is a refusal.
func (b *Bench) WantRolledBack(code int) engine.Result {
	b.Helper()
	result, err := b.engine().Rollback(context.Background(), "")
	if ended := result.ExitCode(); err != nil && code != 6 || err == nil && ended != code {
		b.Fatalf("the rollback ended as %q with exit code %d, want %d: %v; %v\n%s", result.Status, ended, code, err, result.Others, b.said.text())
	}
	return result
}

func (b *Bench) engine() *engine.Engine {
	return &engine.Engine{State: engine.State{Directory: b.State}, Catalog: b.catalog, Machine: step.Local{}, Sink: &b.said, Version: "test"}
}

func (b *Bench) load(file string) *engine.Program {
	b.Helper()
	source, err := os.ReadFile(file)
	if err != nil {
		b.Fatal(err)
	}
	program, diagnostics := engine.Load(file, source, b.catalog)
	if program == nil {
		var text strings.Builder
		_ = diagnostics.Render(&text, func(string) []byte { return source })
		b.Fatalf("the recipe is invalid:\n%s", text.String())
	}
	return program
}

func given(inputs map[string]string) engine.Inputs {
	all := engine.Inputs{}
	for name, text := range inputs {
		all[name] = engine.Given{Value: text} // as from a file: secrets may come so
	}
	return all
}

// lines keep what the log says, for the report of a failed test.
type lines struct {
	mutex sync.Mutex
	said  []string
}

// Handle takes an event.
func (l *lines) Handle(event tasklog.Event) {
	if event.Text != "" {
		l.add(event.Text)
	}
}

func (l *lines) add(more ...string) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.said = append(l.said, more...)
}

// Said gives the log of all runs.
func (b *Bench) Said() string {
	b.said.mutex.Lock()
	defer b.said.mutex.Unlock()
	return strings.Join(b.said.said, "\n")
}

// text gives the last lines.
func (l *lines) text() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return strings.Join(l.said[max(0, len(l.said)-40):], "\n")
}
