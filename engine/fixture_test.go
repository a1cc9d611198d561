package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/journal"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/tasklog"
	"github.com/gwe-project/gwe/engine/value"
)

// put is a step type that writes a file and takes it back: small enough to see through in every test of the
// engine.
type put struct{}

type putArguments struct {
	Path value.Path `name:"path" required:"true" help:"file to write"`
	Text string     `name:"text" default:"x" help:"its content"`
	// Fail makes do, undo or verify fail, by name: "do", "undo", "leftover", "both", "verify", "refuse",
	// "hang". "save" keeps the old content in the run's directory, where undo must find it.
	Fail []string `name:"fail" help:"what goes wrong"`
	// Token is a secret; its length goes into the file PATH.token, and undo takes that away only if it still
	// knows the token.
	Token string `name:"token" secrets:"true" help:"a secret"`
	Space int    `name:"space" default:"0" help:"bytes that it says it needs"`
}

type putMemo struct {
	Before *string `json:"before"`
	Saved  bool    `json:"saved"`
}

type putOutputs struct {
	Text string `name:"text" help:"what was written"`
}

func (a putArguments) fails(when string) bool {
	for _, one := range a.Fail {
		if one == when {
			return true
		}
	}
	return false
}

func (put) Plan(_ context.Context, machine step.Machine, a putArguments) (step.Plan, error) {
	if a.fails("plan") {
		return step.Plan{}, fault.New(fault.Refused, "put-refused", "it must not be")
	}
	return step.Plan{
		Do: []string{"put " + string(a.Path) + a.Token}, Undo: []string{"take " + string(a.Path) + " back"},
		Space: map[string]int64{filepath.Dir(string(a.Path)): int64(a.Space)},
	}, nil
}

func (put) Prepare(_ context.Context, run *step.Run, a putArguments) (putMemo, error) {
	saved := a.fails("save")
	if saved {
		if err := os.WriteFile(filepath.Join(run.Directory, "saved"), []byte("x"), 0o600); err != nil {
			return putMemo{}, err
		}
	}
	if a.fails("count") {
		if err := addLine(string(a.Path)+".calls", "prepare"); err != nil {
			return putMemo{}, err
		}
	}
	before, err := os.ReadFile(string(a.Path))
	if errors.Is(err, os.ErrNotExist) {
		return putMemo{Saved: saved}, nil
	}
	text := string(before)
	return putMemo{Before: &text, Saved: saved}, err
}

func (put) Do(ctx context.Context, run *step.Run, a putArguments, _ putMemo) (putOutputs, error) {
	if a.fails("refuse") {
		return putOutputs{}, fault.New(fault.Refused, "put-refused", "it must not be")
	}
	if err := durable.WriteFile(string(a.Path), []byte(a.Text), 0o644); err != nil {
		return putOutputs{}, err
	}
	if a.Token != "" {
		if err := durable.WriteFile(string(a.Path)+".token", []byte(strconv.Itoa(len(a.Token))), 0o644); err != nil {
			return putOutputs{}, err
		}
	}
	if a.fails("count") {
		if err := addLine(string(a.Path)+".calls", "do"); err != nil {
			return putOutputs{}, err
		}
	}
	if a.fails("shout") {
		return putOutputs{}, fault.New(fault.Failed, "put-shouted", "%s%s", a.Text, a.Text)
	}
	if a.fails("tell") {
		return putOutputs{a.Text}, fault.New(fault.Failed, "put-told", "the world said %s", a.Token).WithHint("not %s", a.Token)
	}
	if a.fails("never") {
		return putOutputs{a.Text}, fault.New(fault.Failed, "put-failed", "there is no such program").AsPermanent()
	}
	if a.fails("do") {
		return putOutputs{a.Text}, fault.New(fault.Failed, "put-failed", "the world said no")
	}
	if a.fails("hang") {
		<-ctx.Done()
		return putOutputs{}, ctx.Err()
	}
	return putOutputs{a.Text}, nil
}

func (put) Undo(ctx context.Context, run *step.Run, a putArguments, memo putMemo) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if a.fails("count") {
		if err := addLine(string(a.Path)+".calls", "undo"); err != nil {
			return err
		}
	}
	if err := lacks(string(a.Path)); err != nil {
		return err
	}
	if _, err := os.Stat(string(a.Path) + ".released"); err == nil {
		return fault.New(fault.Failed, "put-released", "what undo needs was given up")
	}
	if _, err := os.Stat(filepath.Join(run.Directory, "saved")); memo.Saved && err != nil {
		return fault.New(fault.Failed, "put-saved-gone", "what prepare saved is gone").WithCause(err)
	}
	if length, err := os.ReadFile(string(a.Path) + ".token"); err == nil && string(length) == strconv.Itoa(len(a.Token)) {
		if err := os.Remove(string(a.Path) + ".token"); err != nil {
			return err
		}
	}
	if a.fails("both") {
		crumb := &step.Leftover{Err: fault.New(fault.Failed, "put-leftover", "a crumb is left")}
		return errors.Join(crumb, fault.New(fault.Failed, "put-undo-failed", "it cannot be taken back"))
	}
	if stumbled := filepath.Join(run.Directory, "stumbled"); a.fails("stumble") || a.fails("lose") {
		if _, err := os.Stat(stumbled); err != nil {
			operation := "rename"
			if a.fails("lose") {
				operation = "syncfs"
			}
			err := &fs.PathError{Op: operation, Path: string(a.Path), Err: syscall.EIO}
			return errors.Join(durable.Explain(err, "cannot do it"), os.WriteFile(stumbled, nil, 0o600))
		}
	}
	if a.fails("undo") {
		return fault.New(fault.Failed, "put-undo-failed", "it cannot be taken back")
	}
	if memo.Before == nil {
		if err := os.Remove(string(a.Path)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	} else if err := durable.WriteFile(string(a.Path), []byte(*memo.Before), 0o644); err != nil {
		return err
	}
	if a.fails("leftover") {
		if err := startOne(run); err != nil {
			return err
		}
		if _, err := os.Stat(string(a.Path) + ".heal"); err != nil {
			return &step.Leftover{Err: fault.New(fault.Failed, "put-leftover", "a crumb is left")}
		}
	}
	return nil
}

func (put) Leases(a putArguments, _ putMemo) []string { return []string{string(a.Path) + ".lease"} }

func (put) Release(_ context.Context, run *step.Run, a putArguments, _ putMemo) error {
	if _, err := os.Stat(string(a.Path) + ".deadly"); err == nil {
		panic(death{})
	}
	if err := startOne(run); err != nil {
		return err
	}
	return os.WriteFile(string(a.Path)+".released", nil, 0o644)
}

// startOne starts a program and waits for it, as plugins and hooks do in an undo and a release.
func startOne(run *step.Run) error {
	program := exec.Command("true")
	if err := program.Start(); err != nil {
		return err
	}
	run.Started(program.Process.Pid)
	return program.Wait()
}

func (put) Verify(_ context.Context, run *step.Run, a putArguments, _ putMemo) error {
	if a.fails("verify") {
		return fault.New(fault.Failed, "put-changed", "somebody wrote over it")
	}
	return nil
}

// Inspect refuses a rollback where somebody wrote to the file, for who asked for that by "verify-late".
func (put) Inspect(_ context.Context, run *step.Run, a putArguments, _ putMemo) error {
	content, err := os.ReadFile(string(a.Path))
	if a.fails("verify-late") && (err != nil || string(content) != a.Text) {
		return fault.New(fault.Failed, "put-changed", "somebody wrote over it")
	}
	return nil
}

// note is a step type that appends a line to a file and cannot take it back: recipes undo it.
type note struct{}

type noteArguments struct {
	File value.Path `name:"file" required:"true" help:"file to append to"`
	Line string     `name:"line" required:"true" help:"what to append"`
	Fail bool       `name:"fail" help:"fail afterwards"`
	Hang bool       `name:"hang" help:"wait for the time-out afterwards"`
}

func (note) Plan(context.Context, step.Machine, noteArguments) (step.Plan, error) {
	return step.Plan{Do: []string{"note"}}, nil
}

func (note) Prepare(context.Context, *step.Run, noteArguments) (step.Nothing, error) {
	return step.Nothing{}, nil
}

func (note) Do(ctx context.Context, _ *step.Run, a noteArguments, _ step.Nothing) (step.Nothing, error) {
	if err := lacks(string(a.File)); err != nil {
		return step.Nothing{}, err
	}
	if err := addLine(string(a.File), a.Line); err != nil {
		return step.Nothing{}, err
	}
	if a.Hang {
		<-ctx.Done()
		return step.Nothing{}, ctx.Err()
	}
	if a.Fail {
		return step.Nothing{}, fault.New(fault.Failed, "note-failed", "no more ink")
	}
	return step.Nothing{}, nil
}

// lacks is the lack of the resource that a file beside the path names.
func lacks(path string) error {
	name, err := os.ReadFile(path + ".lacks")
	if err != nil {
		return nil
	}
	return durable.Explain(&fs.PathError{Op: "open", Path: path, Err: lacking[string(name)]}, "cannot do it")
}

func addLine(path, line string) error {
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = file.WriteString(line + "\n")
	return err
}

func (note) Undo(context.Context, *step.Run, noteArguments, step.Nothing) error { return nil }

// look is a step type that only reads.
type look struct{}

type lookArguments struct {
	Path value.Path `name:"path" required:"true" help:"file to read"`
}

type lookOutputs struct {
	Found bool    `name:"found" help:"whether it is there"`
	Text  *string `name:"text" present:"found" help:"what is in it"`
}

func (look) Plan(_ context.Context, machine step.Machine, a lookArguments) (step.Plan, error) {
	return step.Plan{Do: []string{"look at " + string(a.Path)}}, nil
}

func (look) Prepare(context.Context, *step.Run, lookArguments) (step.Nothing, error) {
	return step.Nothing{}, nil
}

func (look) Do(_ context.Context, _ *step.Run, a lookArguments, _ step.Nothing) (lookOutputs, error) {
	content, err := os.ReadFile(string(a.Path))
	if errors.Is(err, os.ErrNotExist) {
		return lookOutputs{}, nil
	}
	text := string(content)
	return lookOutputs{Found: true, Text: &text}, err
}

func (look) Undo(context.Context, *step.Run, lookArguments, step.Nothing) error { return nil }

// ask is a step type that only reads: whether an undo needs a path.
type ask struct{}

type askOutputs struct {
	Leased bool `name:"leased" help:"whether an undo needs it"`
}

func (ask) Plan(context.Context, step.Machine, lookArguments) (step.Plan, error) {
	return step.Plan{Do: []string{"ask"}}, nil
}

func (ask) Prepare(context.Context, *step.Run, lookArguments) (step.Nothing, error) {
	return step.Nothing{}, nil
}

func (ask) Do(_ context.Context, run *step.Run, a lookArguments, _ step.Nothing) (askOutputs, error) {
	return askOutputs{run.Leased(string(a.Path))}, nil
}

func (ask) Undo(context.Context, *step.Run, lookArguments, step.Nothing) error { return nil }

func catalog() step.Catalog {
	return step.Catalog{
		step.New(step.About{Name: "put", Effects: []step.Effect{{Kind: step.Writes, Argument: "path"}}, Undo: "takes it back"}, put{}),
		step.New(step.About{Name: "note", Effects: []step.Effect{{Kind: step.Writes, Argument: "file"}}, Repeatable: true}, note{}),
		step.New(step.About{Name: "look"}, look{}),
		step.New(step.About{Name: "ask"}, ask{}),
		step.New(step.About{Name: "serve", Effects: []step.Effect{{Kind: step.Runs}}, Undo: "takes it back"}, serve{}),
	}
}

// bench is a directory to work in, an engine on it, and all that its log said.
type bench struct {
	*testing.T
	directory string
	engine    *engine.Engine
	events    *recorder
}

func newBench(t *testing.T) *bench {
	t.Helper()
	// The name of the test may hold commas, which mean something in YAML.
	directory, err := os.MkdirTemp("", "bench")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(directory) })
	events := &recorder{}
	return &bench{t, directory, &engine.Engine{
		State: engine.State{Directory: filepath.Join(directory, "state")}, Catalog: catalog(), Machine: step.Local{},
		Sink: events, Version: "test",
	}, events}
}

// load compiles steps; D/ stands for the bench's directory.
func (b *bench) load(recipe string) *engine.Program {
	b.Helper()
	source := "gwe: 1\nname: bench\n" + strings.ReplaceAll(recipe, "D/", b.directory+"/")
	program, diagnostics := engine.LoadUnproven(directory(b.directory), "bench.yaml", []byte(source), b.engine.Catalog)
	if program == nil {
		var text strings.Builder
		_ = diagnostics.Render(&text, func(string) []byte { return []byte(source) })
		b.Fatalf("the recipe is invalid:\n%s", text.String())
	}
	return program
}

// directory is a library of the files in one.
type directory string

func (f directory) Find(_, name string) (string, []byte, error) {
	return engine.Files{}.Find(filepath.Join(string(f), "bench.yaml"), name)
}

func (b *bench) run(recipe string) engine.Result {
	b.Helper()
	return b.runWith(context.Background(), recipe, nil)
}

func (b *bench) runWith(ctx context.Context, recipe string, inputs engine.Inputs) engine.Result {
	b.Helper()
	result, err := b.engine.Run(ctx, b.load(recipe), inputs)
	if err != nil {
		b.Fatalf("the run did not begin: %v", err)
	}
	return result
}

// wantStatus checks how a run ended.
func (b *bench) wantStatus(result engine.Result, status engine.Status, exit int) {
	b.Helper()
	if result.Status != status || result.ExitCode() != exit {
		b.Errorf("the run ended as %q (exit %d), want %q (exit %d); error: %v, others: %v\n%s",
			result.Status, result.ExitCode(), status, exit, result.Err, result.Others, b.events.text())
	}
}

// wantFile checks a file's content; "-" means that it is not there.
func (b *bench) wantFile(name, content string) {
	b.Helper()
	got, err := os.ReadFile(filepath.Join(b.directory, name))
	switch {
	case errors.Is(err, os.ErrNotExist):
		got = []byte("-")
	case err != nil:
		b.Fatal(err)
	}
	if string(got) != content {
		b.Errorf("%s holds %q, want %q", name, got, content)
	}
}

func (b *bench) write(name, content string) {
	b.Helper()
	if err := os.WriteFile(filepath.Join(b.directory, name), []byte(content), 0o644); err != nil {
		b.Fatal(err)
	}
}

// recorder keeps events.
type recorder struct {
	mutex  sync.Mutex
	events []tasklog.Event
	// on is called with each event, in the middle of what the engine does.
	on func(tasklog.Event)
}

func (r *recorder) Handle(event tasklog.Event) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.events = append(r.events, event)
	if r.on != nil {
		r.on(event)
	}
}

func (r *recorder) text() string {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	var text strings.Builder
	for _, event := range r.events {
		line, _ := json.Marshal(event)
		text.Write(line)
		text.WriteByte('\n')
	}
	return text.String()
}

// dying is a journal whose process dies right after, or instead of, record number at.
type dying struct {
	journal.Writer
	count  *int
	at     int
	before bool
}

// death is thrown through the engine, as a kill goes through a process: nothing of the engine runs after it.
type death struct{}

func (d *dying) Append(kind string, data any) error { return d.write(kind, data, d.Writer.Append) }
func (d *dying) Note(kind string, data any) error   { return d.write(kind, data, d.Writer.Note) }

func (d *dying) write(kind string, data any, write func(string, any) error) error {
	*d.count++
	if *d.count > d.at || *d.count == d.at && d.before {
		panic(death{}) // also for the branches that had not noticed yet
	}
	err := write(kind, data)
	if *d.count == d.at {
		panic(death{})
	}
	return err
}

// lossy is a journal on a machine whose power fails: what was not made durable is lost.
type lossy struct {
	journal.Writer
	notes []func() error
}

func (l *lossy) Note(kind string, data any) error {
	l.notes = append(l.notes, func() error { return l.Writer.Note(kind, data) })
	return nil
}

func (l *lossy) Append(kind string, data any) error {
	for _, note := range l.notes {
		if err := note(); err != nil {
			return err
		}
	}
	l.notes = nil
	return l.Writer.Append(kind, data)
}

// spoiled is a journal that cannot take some records: those from one number up to another, counted from 1.
type spoiled struct {
	journal.Writer
	count    *int
	from, to int
}

var errSpoiled = fault.New(fault.Errored, "journal-unwritable", "the disk is broken")

func (s *spoiled) Append(kind string, data any) error { return s.write(kind, data, s.Writer.Append) }
func (s *spoiled) Note(kind string, data any) error   { return s.write(kind, data, s.Writer.Note) }

func (s *spoiled) write(kind string, data any, write func(string, any) error) error {
	if *s.count++; *s.count >= s.from && *s.count < s.to {
		return errSpoiled
	}
	return write(kind, data)
}

// glob finds files of the state directory.
func (b *bench) glob(pattern string) []string {
	b.Helper()
	found, err := filepath.Glob(filepath.Join(b.engine.State.Directory, pattern))
	if err != nil {
		b.Fatal(err)
	}
	return found
}
