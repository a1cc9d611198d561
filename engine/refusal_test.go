package engine_test

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/need"
	"github.com/gwe-project/gwe/engine/step"
)

// planned is the machine with mount options that a test chooses by the end of a path.
type planned struct {
	step.Local
	mounts map[string]step.Mount
}

func (p planned) Mount(path string) (step.Mount, error) {
	for name, mount := range p.mounts {
		if filepath.Base(path) == name {
			return mount, nil
		}
	}
	return step.Mount{}, nil
}

// refusals plans a recipe, and gives the codes of what stands in its way, those of steps that would begin
// with a plus.
func (b *bench) refusals(recipe string) []string {
	b.Helper()
	plan, err := b.engine.Plan(context.Background(), b.load(recipe), nil)
	if err != nil {
		b.Fatal(err)
	}
	var codes []string
	for _, one := range plan.Refusals {
		code := one.Code
		if one.Begins {
			code += "+"
		}
		codes = append(codes, code)
	}
	if (plan.ExitCode() == engine.ExitRefused) != (len(codes) > 0) {
		b.Errorf("exit code %d with %v", plan.ExitCode(), codes)
	}
	return codes
}

// TestThePlanSaysNo: what is known to stand in the way of a run, and what is not known.
func TestThePlanSaysNo(t *testing.T) {
	tests := []struct {
		name, recipe, want string
	}{
		{"nothing", "steps: [{put: {path: D/a}}]\n", ""},
		{"a step that refuses", "steps: [{put: {path: D/a, fail: [plan]}}]\n", "put-refused"},
		{"a step after a change, which may have made it right", "steps: [{put: {path: D/a}}, {put: {path: D/b, fail: [plan]}}]\n", ""},
		{"a step that may fail", "steps: [{put: {path: D/a, fail: [plan]}, allow-failure: true}]\n", ""},
		{"a step that is attempted again", "steps: [{put: {path: D/a, fail: [plan]}, retry: {attempts: 2}}]\n", ""},
		{"a group with a rescue", "steps: [{steps: [{put: {path: D/a, fail: [plan]}}], rescue: [{put: {path: D/b}}]}]\n", ""},
		{"a step that is skipped", "steps: [{put: {path: D/a, fail: [plan]}, when: run.recovering}]\n", ""},
		{"a step after a stop", "steps: [{stop: enough, when: len(host.name) > 0}, {put: {path: D/a, fail: [plan]}}]\n", ""},
		{"a branch", "steps: [{parallel: [{put: {path: D/a, fail: [plan]}}, {put: {path: D/b}}]}]\n", "put-refused"},
		{"a round", "steps: [{for-each: [a, b], put: {path: \"D/${{ item }}\", fail: \"${{ item == 'a' ? ['plan'] : [] }}\"}}]\n", "put-refused"},
		{"a step of a used recipe", "steps: [{use: ./inner.yaml}]\n", "put-refused"},
		{"a read-only file system", "steps: [{put: {path: D/ro/a}}]\n", "target-not-writable"},
		{"a read-only file system after a change", "steps: [{put: {path: D/a}}, {put: {path: D/ro/a}}]\n", "target-not-writable"},
		{"a read-only file system after a program, which may remount it", "steps: [{serve: {up: D/a, line: x}}, {put: {path: D/ro/a}}]\n", ""},
		{"a read-only file system where nothing is written", "steps: [{look: {path: D/ro/a}}]\n", ""},
		{"a condition", "steps: [{hold: {that: false}}]\n", "not-held"},
		{"a condition after a change", "steps: [{put: {path: D/a}}, {hold: {that: \"${{ len(host.name) == 0 }}\"}}]\n", "not-held+"},
		{"a condition on what a step gives, before a change", "steps: [{id: l, look: {path: D/a}}, {hold: {that: \"${{ steps.l.found }}\"}}]\n", ""},
		{"a condition that holds", "steps: [{put: {path: D/a}}, {hold: {that: true}}]\n", ""},
		{"a condition after a guard on what is not known", "steps: [{id: l, look: {path: D/a}}, {hold: {that: false}, when: steps.l.found}]\n", ""},
		{"too little space", "steps: [{put: {path: D/a, space: 4611686018427387904}}]\n", "space"},
		{"a fact", "facts: {board: {file: D/none, type: string}}\nsteps: [{put: {path: D/a}}]\n", "fact-unavailable"},
		{"a busy target", "lock: [D/busy/deep/er]\nsteps: [{put: {path: D/a}}]\n", "lock-busy"},
		{"two reasons", "lock: [D/busy]\nsteps: [{put: {path: D/ro/a}}]\n", "lock-busy target-not-writable"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t)
			b.engine.Catalog = append(b.engine.Catalog, step.New(step.About{Name: "hold"}, hold{}))
			b.engine.Machine = planned{mounts: map[string]step.Mount{"ro": {ReadOnly: true}}}
			b.write("inner.yaml", "gwe: 1\nname: inner\nsteps: [{put: {path: "+b.directory+"/inner, fail: [plan]}}]\n")
			for _, name := range []string{"ro", "busy"} {
				if err := os.Mkdir(filepath.Join(b.directory, name), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			busy := claimed(t, filepath.Join(b.directory, "busy"))
			defer busy.Release()
			if got := strings.Join(b.refusals(test.recipe), " "); got != test.want {
				t.Errorf("it says %q, want %q", got, test.want)
			}
			if _, err := os.Stat(b.engine.State.Directory); err == nil {
				t.Error("the plan made the state directory")
			}
		})
	}
}

// TestThePlanSeesTheState: a run in progress, a suspended one, a damaged journal, and a state directory that
// cannot be used.
func TestThePlanSeesTheState(t *testing.T) {
	const recipe = "steps: [{put: {path: D/a}}]\n"
	want := func(b *bench, codes ...string) {
		b.Helper()
		if got := b.refusals(recipe); !slices.Equal(got, codes) {
			b.Errorf("it says %v, want %v", got, codes)
		}
	}
	b := newBench(t)
	b.wantStatus(b.run("steps: [{put: {path: D/b}}, {confirm: {within: 1h}}]\n"), engine.StatusSuspended, 75)
	want(b, "run-suspended")

	b = newBench(t)
	b.wantStatus(b.run(recipe), engine.StatusDone, 0)
	held, err := durable.Acquire(filepath.Join(b.engine.State.Directory, "lock"), "{}")
	if err != nil {
		t.Fatal(err)
	}
	want(b, "lock-busy")
	held.Release()
	want(b)

	b = newBench(t)
	b.write("file", "")
	b.engine.State.Directory = filepath.Join(b.directory, "file", "state")
	want(b, "state-unusable")
	need.Root(t, "it mounts a state directory in memory")
	b = newBench(t)
	b.engine.State.Directory = filepath.Join(b.mount("tmpfs", "small", ""), "state")
	want(b, "state-volatile")
	b.wantStatus(b.run(recipe), engine.StatusRefused, 6)
	b.engine.VolatileState = true
	want(b)
	b.wantStatus(b.run(recipe), engine.StatusDone, 0)
}

// TestVolatileBelowAnOverlay: what is written to an overlay lies in its upper directory. Where the targets
// are as volatile as the state, a power cut takes both.
func TestVolatileBelowAnOverlay(t *testing.T) {
	need.Root(t, "it mounts")
	b := newBench(t)
	memory := b.mount("tmpfs", "memory", "")
	for _, name := range []string{"memory/upper", "memory/work", "lower"} {
		if err := os.Mkdir(filepath.Join(b.directory, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	over := b.mount("overlay", "over dir", "lowerdir="+b.directory+"/lower,upperdir="+memory+"/upper,workdir="+memory+"/work")
	b.engine.State.Directory = filepath.Join(over, "state")
	if got := b.refusals("steps: [{put: {path: D/a}}]\n"); !slices.Equal(got, []string{"state-volatile"}) {
		t.Errorf("a state on an overlay in memory: %v", got)
	}
	if got := b.refusals("steps: [{put: {path: \"D/over dir/a\"}}]\n"); len(got) > 0 {
		t.Errorf("state and target on the overlay: %v", got)
	}
}

// mount mounts a file system in the bench's directory.
func (b *bench) mount(kind, name, options string) string {
	b.Helper()
	path := filepath.Join(b.directory, name)
	if err := os.Mkdir(path, 0o755); err != nil && !os.IsExist(err) {
		b.Fatal(err)
	}
	if err := unix.Mount(kind, path, kind, 0, options); err != nil {
		b.Fatalf("mount %s: %v", kind, &fs.PathError{Op: "mount", Path: path, Err: err})
	}
	b.Cleanup(func() { _ = exec.Command("umount", "-l", path).Run() })
	return path
}

// hold is a step type whose plan knows that it will fail.
type hold struct{}

type holdArguments struct {
	That bool `name:"that" required:"true" help:"whether it holds"`
}

func (a holdArguments) failed() error {
	if a.That {
		return nil
	}
	return fault.New(fault.Refused, "not-held", "it does not hold")
}

func (hold) Plan(_ context.Context, _ step.Machine, a holdArguments) (step.Plan, error) {
	return step.Plan{Do: []string{"hold"}, Fails: a.failed()}, nil
}

func (hold) Prepare(context.Context, *step.Run, holdArguments) (step.Nothing, error) {
	return step.Nothing{}, nil
}

func (hold) Do(_ context.Context, _ *step.Run, a holdArguments, _ step.Nothing) (step.Nothing, error) {
	return step.Nothing{}, a.failed()
}

func (hold) Undo(context.Context, *step.Run, holdArguments, step.Nothing) error { return nil }
