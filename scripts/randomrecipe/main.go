//go:build amd64

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/pflag"

	"github.com/gwe-project/gwe/scripts/crash/trace"
	"github.com/gwe-project/gwe/scripts/gateway"
)

func main() {
	if len(os.Args) > 2 && os.Args[1] == "launch" {
		fmt.Fprintln(os.Stderr, "randomrecipe:", trace.Launch(os.Args[2:]))
		os.Exit(127)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := command(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "randomrecipe:", err)
		os.Exit(1)
	}
}

const usage = `usage: randomrecipe show SEED
       randomrecipe try SEED[/TRIAL] [DISTURBANCE]
       randomrecipe campaign [flags]
see go doc ./scripts/randomrecipe`

func command(ctx context.Context, arguments []string) (err error) {
	settings := settings{}
	flags := pflag.NewFlagSet("randomrecipe", pflag.ContinueOnError)
	flags.StringVar(&settings.program, "gwe", "", "the gwe to break (default: it is built)")
	flags.StringVar(&settings.results, "results", filepath.Join(os.TempDir(), "gwe-randomrecipe.jsonl"), "where results are kept: a campaign that stopped continues")
	flags.Uint64Var(&settings.from, "from", 1, "the first seed")
	flags.IntVar(&settings.seeds, "seeds", 1000, "how many seeds")
	flags.IntVar(&settings.trials, "trials", 12, "how many disturbed trials each")
	flags.IntVar(&settings.workers, "workers", 2, "seeds at a time")
	flags.DurationVar(&settings.limit, "limit", 0, "end well after this time, however many seeds are left")
	if err := flags.Parse(arguments); errors.Is(err, pflag.ErrHelp) {
		fmt.Println(usage + "\n" + flags.FlagUsages())
		return nil
	} else if err != nil {
		return err
	}
	words := flags.Args()
	if len(words) < 1 {
		return errors.New(usage)
	}
	var tracers []*trace.Tracer
	for range settings.workers {
		tracer := trace.Start()
		defer tracer.Close()
		tracers = append(tracers, tracer)
	}
	base, err := os.MkdirTemp("", "gwe-randomrecipe-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(base)) }()
	if settings.program == "" && words[0] != "show" {
		settings.program = filepath.Join(base, "gwe")
		if err := build(ctx, settings.program); err != nil {
			return err
		}
	}
	if settings.program, err = filepath.Abs(settings.program); err != nil {
		return err
	}
	if words[0] != "show" {
		if settings.supplies, err = newSupplies(base, settings.program); err != nil {
			return err
		}
	}
	switch {
	case len(words) == 2 && words[0] == "show":
		return show(words[1], base)
	case (len(words) == 2 || len(words) == 3) && words[0] == "try":
		return try(tracers[0], base, settings, words[1], words[2:])
	case len(words) == 1 && words[0] == "campaign":
		return campaign(ctx, tracers, base, settings)
	}
	return errors.New(usage)
}

// build makes a gwe at a fixed address, which the trace needs.
func build(ctx context.Context, path string) error {
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", path, "github.com/gwe-project/gwe/cmd/gwe")
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	command.Stderr = os.Stderr
	return command.Run()
}

// show prints a recipe and its tree.
func show(word string, base string) error {
	seed, err := strconv.ParseUint(word, 10, 64)
	if err != nil {
		return err
	}
	findings := gateway.NewFindings(base)
	defer findings.Clean()
	gateway.Within(func() {
		recipe, tree := generate(seed), findings.TempDir()
		fmt.Println(recipe.text)
		for name, text := range recipe.used {
			fmt.Printf("--- %s\n%s\n", name, text)
		}
		fmt.Println("---")
		grow(findings, seed, tree)
		list := exec.Command("find", tree, "-printf", "%M %u:%g %s %P -> %l\n")
		list.Stdout = os.Stdout
		if err := list.Run(); err != nil {
			findings.Fatal(err)
		}
	})
	return asError(findings)
}

func asError(findings *gateway.Findings) error {
	if !findings.Failed() {
		return nil
	}
	return errors.New(strings.Join(findings.Violations, "\n"))
}

// try makes the trials of a seed, or one of them, and shows all that gwe said.
func try(tracer *trace.Tracer, base string, settings settings, word string, own []string) error {
	name, number, one := strings.Cut(word, "/")
	seed, err := strconv.ParseUint(name, 10, 64)
	if err != nil {
		return err
	}
	chosen := -1
	if one {
		if chosen, err = strconv.Atoi(number); err != nil {
			return err
		}
	}
	findings := gateway.NewFindings(base)
	defer findings.Clean()
	var s *site
	var e examined
	gateway.Within(func() {
		s = newSite(findings, tracer, settings.program, settings.supplies, seed)
		e = s.examine()
	})
	if findings.Failed() || chosen == 0 || e.refused != "" {
		fmt.Println(strings.Join(findings.Notes, "\n"))
		return asError(findings)
	}
	failed := 0
	for n := range settings.trials {
		if chosen > 0 && n+1 != chosen {
			continue
		}
		random := rand.New(rand.NewPCG(seed, 100+uint64(n)))
		d := draw(random, e)
		if len(own) > 0 {
			if d, err = parse(own[0]); err != nil {
				return err
			}
		}
		findings.Forget()
		var v verdict
		gateway.Within(func() { v = s.try(e, d, random) })
		fmt.Printf("== %d/%d %s: gwe ended with %d; the tree is %s\n", seed, n+1, d, v.Code, v.End)
		if chosen > 0 || findings.Failed() {
			fmt.Println(strings.Join(findings.Notes, "\n"))
		}
		if findings.Failed() {
			failed++
			fmt.Println("VIOLATION " + strings.Join(findings.Violations, "\nVIOLATION "))
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d trials with violations", failed)
	}
	return nil
}
