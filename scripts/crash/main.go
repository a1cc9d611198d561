//go:build amd64

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/pflag"

	"github.com/gwe-project/gwe/scripts/crash/trace"
)

func main() {
	if len(os.Args) > 2 && os.Args[1] == "launch" {
		fmt.Fprintln(os.Stderr, "crash:", trace.Launch(os.Args[2:]))
		os.Exit(127)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := command(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "crash:", err)
		os.Exit(1)
	}
}

const usage = `usage: crash points CHANGE
       crash try CHANGE DISTURBANCE...
       crash campaign [flags]
CHANGE is install, update, failing, "failing install", rollback, "way back", "way back to nothing", "way back of a used release", forget, self-update,
"failing self-update", restart, "failing restart", "failing first restart", "way back of restart" or "way back of self-update";
see go doc ./scripts/crash for the rest`

func command(ctx context.Context, arguments []string) (err error) {
	settings := settings{}
	flags := pflag.NewFlagSet("crash", pflag.ContinueOnError)
	flags.StringVar(&settings.program, "gwe", "", "the gwe to break (default: it is built)")
	flags.StringSliceVar(&settings.changes, "change", nil, "only these changes")
	flags.StringSliceVar(&settings.hows, "how", nil, "only these disturbances: kill-before, EIO, EROFS-on, recovery, ...")
	flags.StringVar(&settings.at, "at", "", "only at the points that have this in their name: journal, rename, ...")
	flags.IntVar(&settings.sample, "sample", 0, "that many trials only, drawn by the seed")
	flags.Uint64Var(&settings.seed, "seed", 1, "the order of the trials, and the way in which each is recovered")
	flags.StringVar(&settings.results, "results", filepath.Join(os.TempDir(), "gwe-crash.jsonl"), "where results are kept: a campaign that stopped continues")
	flags.IntVar(&settings.workers, "workers", 2, "trials at a time")
	flags.BoolVar(&settings.first, "until-violation", false, "stop at the first violation")
	if err := flags.Parse(arguments); errors.Is(err, pflag.ErrHelp) {
		fmt.Println(usage + "\n" + flags.FlagUsages())
		return nil
	} else if err != nil {
		return err
	}
	var tracers []*trace.Tracer
	for range settings.workers {
		tracer := trace.Start()
		defer tracer.Close()
		tracers = append(tracers, tracer)
	}
	base, err := os.MkdirTemp("", "gwe-crash-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(base)) }()
	if settings.program == "" {
		settings.program = filepath.Join(base, "gwe")
		if err := build(ctx, settings.program); err != nil {
			return err
		}
	}
	if settings.program, err = filepath.Abs(settings.program); err != nil {
		return err
	}
	words := flags.Args()
	switch {
	case len(words) == 2 && words[0] == "points":
		return points(tracers[0], base, settings, words[1])
	case len(words) >= 3 && words[0] == "try":
		return try(tracers[0], base, settings, words[1], words[2:])
	case len(words) == 1 && words[0] == "campaign":
		return campaign(ctx, tracers, base, settings)
	}
	return errors.New(usage)
}

// build makes a gwe at a fixed address, which the trace needs.
func build(ctx context.Context, path string) error {
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, "github.com/gwe-project/gwe/cmd/gwe")
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	command.Stderr = os.Stderr
	return command.Run()
}
