//go:build amd64

// Keep makes the runs of package kept that are missing. See there.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/gwe-project/gwe/engine/journal"
	"github.com/gwe-project/gwe/scripts/crash/trace"
	"github.com/gwe-project/gwe/scripts/kept"
	"github.com/gwe-project/gwe/steps"
)

const usage = `usage: keep [TYPE...]       makes the runs that are missing, of all step types or of these
       keep show TYPE...   prints the journals and trees that are kept
in the top directory of the project, as root`

// runs is where they are kept.
const runs = "testdata/kept"

func main() {
	if len(os.Args) > 2 && os.Args[1] == "launch" {
		fmt.Fprintln(os.Stderr, "keep:", trace.Launch(os.Args[2:]))
		os.Exit(127)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := dispatch(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "keep:", err)
		os.Exit(1)
	}
}

func dispatch(ctx context.Context, words []string) error {
	if _, err := os.Stat(runs); err != nil || os.Getuid() != 0 {
		return errors.New(usage)
	}
	if len(words) == 0 || words[0] != "apart" {
		return apart(ctx, words)
	}
	if words = words[1:]; len(words) > 0 && words[0] == "show" {
		return show(words[1:])
	}
	return keep(ctx, words)
}

// apart is this program once more, with mounts of its own.
func apart(ctx context.Context, words []string) error {
	again := exec.CommandContext(ctx, "/proc/self/exe", append([]string{"apart"}, words...)...)
	again.Stdout, again.Stderr = os.Stdout, os.Stderr
	again.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	err := again.Run()
	if ended := (*exec.ExitError)(nil); errors.As(err, &ended) {
		os.Exit(max(1, ended.ExitCode())) // it has said why
	}
	return err
}

// keep makes what is missing of these step types, or of all.
func keep(ctx context.Context, types []string) (err error) {
	scratch, err := os.MkdirTemp("", "gwe-keep-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	m := maker{scratch: scratch, gwe: filepath.Join(scratch, "gwe"), tracer: trace.Start()}
	defer m.tracer.Close()
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w -X main.release=kept", "-o", m.gwe, "github.com/gwe-project/gwe/cmd/gwe")
	build.Env, build.Stderr = append(os.Environ(), "CGO_ENABLED=0"), os.Stderr // the trace needs a program at a fixed address
	if err := build.Run(); err != nil {
		return err
	}
	wanted := []kept.Run{{Type: kept.Constructs, Version: journal.Format}}
	for _, one := range steps.Catalog() {
		wanted = append(wanted, kept.Run{Type: one.About().Name, Version: one.About().UndoVersion()})
	}
	for _, run := range wanted {
		if _, err := os.Stat(filepath.Join(runs, run.Name()+".txtar")); err == nil || len(types) > 0 && !slices.Contains(types, run.Type) {
			continue
		}
		if err := m.make(ctx, run); err != nil {
			return fmt.Errorf("%s: %w", run.Type, err)
		}
		fmt.Println(run.Name())
	}
	return nil
}
