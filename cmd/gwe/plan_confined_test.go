package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	kernel "github.com/landlock-lsm/go-landlock/landlock/syscall"

	"github.com/gwe-project/gwe/cmd/gwe/command"
	"github.com/gwe-project/gwe/engine/need"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/steps"
)

// careless is a vendor's step type whose plan acts, in every way that it knows of.
type careless struct{}

type carelessArguments struct {
	Dir value.Path `name:"dir" required:"true" help:"where it acts"`
}

// mainOfCareless is a vendor's gwe with the careless type.
func mainOfCareless() {
	about := step.About{Name: "careless", Summary: "act in the plan", Effects: []step.Effect{{Kind: step.Writes, Argument: "dir"}}}
	command.Line{Catalog: append(steps.Catalog(), step.New(about, careless{}))}.Main()
}

func (careless) Plan(ctx context.Context, _ step.Machine, a carelessArguments) (step.Plan, error) {
	in := func(name string) string { return filepath.Join(string(a.Dir), name) }
	var plan step.Plan
	for name, act := range map[string]func() error{
		"make":     func() error { return os.WriteFile(in("made"), nil, 0o600) },
		"append":   func() error { return appendTo(in("file")) },
		"truncate": func() error { return os.Truncate(in("file"), 0) },
		"remove":   func() error { return os.Remove(in("file")) },
		"rename":   func() error { return os.Rename(in("file"), in("renamed")) },
		"link":     func() error { return os.Link(in("file"), in("linked")) },
		"symlink":  func() error { return os.Symlink("file", in("symlinked")) },
		"mkdir":    func() error { return os.Mkdir(in("folder"), 0o700) },
		"fifo":     func() error { return syscall.Mkfifo(in("fifo"), 0o600) },
		"socket": func() error {
			listener, err := net.Listen("unix", in("socket"))
			if err == nil {
				err = listener.Close()
			}
			return err
		},
		"execute": func() error { return exec.CommandContext(ctx, "true").Run() },
	} {
		// A thread of its own: the kernel forbids each thread by itself.
		done := make(chan error, 1)
		go func() { done <- act() }()
		if err := <-done; err == nil {
			plan.Do = append(plan.Do, name+" done")
		} else {
			plan.Do = append(plan.Do, name+" refused")
		}
	}
	content, err := os.ReadFile(in("file"))
	plan.Do = append(plan.Do, "read "+string(content))
	return plan, err
}

func appendTo(path string) error {
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return file.Close()
}

func (careless) Prepare(context.Context, *step.Run, carelessArguments) (step.Nothing, error) {
	return step.Nothing{}, nil
}

func (careless) Do(context.Context, *step.Run, carelessArguments, step.Nothing) (step.Nothing, error) {
	return step.Nothing{}, nil
}

func (careless) Undo(context.Context, *step.Run, carelessArguments, step.Nothing) error { return nil }

// TestAPlanIsConfined: where the kernel has Landlock, not even a step type that breaks its promise can act in
// a plan. Where it has none, gwe says so.
func TestAPlanIsConfined(t *testing.T) {
	for _, arguments := range [][]string{{"plan"}, {"run", "--dry-run"}} {
		directory := t.TempDir()
		recipe := filepath.Join(directory, "recipe.yaml")
		for path, content := range map[string]string{
			filepath.Join(directory, "file"): "content",
			recipe:                           fmt.Sprintf("gwe: 1\nname: one\nsteps:\n  - careless: { dir: %s }\n    undo: none\n", directory),
		} {
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		before := fingerprint(t, directory)
		said, err := exec.Command("careless-gwe", append(arguments, recipe, "-v", "--output", "json", "--state-dir", directory+"/state")...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, said)
		}
		if version, err := kernel.LandlockGetABIVersion(); err != nil || version < 1 {
			if !strings.Contains(string(said), "this kernel has no Landlock") {
				t.Errorf("gwe does not say that nothing keeps the plan from acting: %s", said)
			}
			need.Missing(t, need.Landlock, "only what gwe says where the kernel has none was tested")
		}
		if refused := strings.Count(string(said), " refused"); refused != 11 || !strings.Contains(string(said), "read content") {
			t.Errorf("%d acts were refused, want 11: %s", refused, said)
		}
		if !strings.Contains(string(said), "from here on the kernel lets gwe change and execute nothing") {
			t.Errorf("gwe does not say what the kernel keeps: %s", said)
		}
		if after := fingerprint(t, directory); after != before {
			t.Errorf("the tree was\n%s\nand is now\n%s", before, after)
		}
	}
}
