//go:build amd64 || arm64

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/spf13/pflag"

	"github.com/gwe-project/gwe/scripts/gateway"
)

// settings are what the command line says.
type settings struct {
	cuts, writes, reorders, machines int
	workers                          int
	records                          bool
	files, changes                   []string
	seed                             uint64
	results, only, program, disk     string
	first                            bool
}

func main() {
	var s settings
	pflag.IntVar(&s.cuts, "cuts", 200, "cuts at random moments, in all")
	pflag.BoolVar(&s.records, "records", true, "cuts after every record of the journal, besides")
	pflag.IntVar(&s.writes, "writes", 60, "recorded moments that are looked at, of each change; -1 is every one")
	pflag.IntVar(&s.reorders, "reorders", 60, "moments with lost and reordered writes, in all")
	pflag.IntVar(&s.machines, "machine", 0, "cuts of a whole machine in QEMU, in all, instead of all others")
	pflag.IntVar(&s.workers, "workers", runtime.NumCPU(), "machines at a time, but for those in QEMU")
	pflag.StringVar(&s.disk, "disk", "", "boot the whole machine of a disk that was kept, a `file` named by its file system, and judge it")
	pflag.StringSliceVar(&s.files, "files", []string{"ext4", "xfs"}, "file systems")
	pflag.StringSliceVar(&s.changes, "change", nil, "only these changes: update, \"way back\", ... (default all)")
	pflag.Uint64Var(&s.seed, "seed", 1, "what the random choices begin with")
	pflag.StringVar(&s.results, "results", "", "`file` that results are added to; what it has already is not tried again")
	pflag.StringVar(&s.program, "gwe", "", "the `program` to cut the power under (default: it is built)")
	pflag.BoolVar(&s.first, "until-violation", false, "stop at the first violation")
	pflag.StringVar(&s.only, "only", "", "one trial, by its `name`")
	pflag.Usage = func() {
		fmt.Fprintf(os.Stderr, "powercut cuts the power under gwe, and asks whether the machine is old or new; see go doc ./scripts/powercut\n%s", pflag.CommandLine.FlagUsages())
	}
	pflag.Parse()
	if os.Getpid() == 1 && pflag.Arg(0) == "live" {
		live()
		return
	}
	if os.Getenv(inside) == "" {
		os.Exit(alone())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	violations, err := campaign(ctx, s)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "powercut:", err)
		os.Exit(1)
	}
	if violations > 0 {
		os.Exit(1)
	}
}

// inside is set in the process that does the work.
const inside = "GWE_POWERCUT_INSIDE"

// alone does all of it in a mount namespace of its own: a copy of a mount in another one would keep a file
// system alive that has lost its power.
func alone() (code int) {
	again := exec.Command("/proc/self/exe", os.Args[1:]...)
	again.Env = append(os.Environ(), inside+"=1")
	again.Stdout, again.Stderr = os.Stdout, os.Stderr
	again.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGTERM}
	stopped := make(chan os.Signal, 1)
	signal.Notify(stopped, os.Interrupt, syscall.SIGTERM) // the one inside acts on a Ctrl-C
	if err := again.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "powercut:", err, "(run it as root: it mounts file systems)")
		return 1
	}
	go func() {
		for one := range stopped {
			_ = again.Process.Signal(one)
		}
	}()
	_ = again.Wait()
	if again.ProcessState.Success() {
		return 0
	}
	return 1
}

func campaign(ctx context.Context, s settings) (violations int, err error) {
	base, err := os.MkdirTemp("", "gwe-powercut-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(base)) }()
	program := s.program
	if program == "" {
		program = filepath.Join(base, "gwe")
		if err := run("go", "build", "-ldflags=-s -w", "-o", program, "./cmd/gwe"); err != nil {
			return 0, err
		}
	}
	if s.machines > 0 || s.disk != "" || strings.HasPrefix(s.only, "machine/") {
		return machines(ctx, s, base, program)
	}
	setUp := gateway.NewFindings(base)
	var vendor gateway.Vendor
	gateway.Within(func() { vendor = gateway.NewVendor(setUp) })
	if setUp.Failed() {
		return 0, errors.New(strings.Join(setUp.Violations, "\n"))
	}
	results, err := openResults(s)
	if err != nil {
		return 0, err
	}
	defer results.close()
	changes := slices.DeleteFunc(slices.Clone(gateway.Changes), func(change gateway.Change) bool {
		return len(s.changes) > 0 && !slices.Contains(s.changes, change.Name)
	})
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	type machine struct {
		files  string
		change gateway.Change
	}
	queue := make(chan machine)
	var workers sync.WaitGroup
	for range s.workers {
		workers.Go(func() {
			for one := range queue {
				if ctx.Err() != nil {
					continue
				}
				b, err := newBench(base, vendor, program, one.files, one.change)
				if err == nil {
					err = b.try(ctx, base, s, len(changes), results)
				}
				if err != nil {
					end(err)
				}
			}
		})
	}
	for _, files := range s.files {
		for _, change := range changes {
			if s.only == "" || strings.Contains(s.only, "/"+files+"/"+change.Name+"/") {
				queue <- machine{files, change}
			}
		}
	}
	close(queue)
	workers.Wait()
	switch why := context.Cause(ctx); {
	case why == nil, errors.Is(why, errFound):
		return results.report(), nil
	case errors.Is(why, context.Canceled):
		return results.report(), errStopped
	default:
		return 0, why
	}
}

// try carries out a bench's share of all trials, where so many changes share them.
func (b *bench) try(ctx context.Context, base string, s settings, changes int, results *results) error {
	share := func(all int) int {
		return (all + len(s.files)*changes - 1) / (len(s.files) * changes)
	}
	for number := range share(s.cuts) {
		if err := b.one(ctx, s, results, "cut", number, func(name string) error {
			return b.cut(randomOf(s.seed, name))
		}); err != nil {
			return err
		}
	}
	for number := b.begun + 1; s.records && number <= b.records; number++ {
		if err := b.one(ctx, s, results, "record", number, func(string) error { return b.cutBehind(number) }); err != nil {
			return err
		}
	}
	if s.writes == 0 && s.reorders == 0 || b.files != "ext4" {
		return nil // a record of xfs is ten times as large, and shows nothing else
	}
	if err := b.record(base); err != nil {
		return err
	}
	fmt.Printf("%s %s: %d writes and flushes recorded, %d flushes\n", b.files, b.change.Name, len(b.recorded), flushes(b.recorded))
	step := 1
	if s.writes >= 0 {
		step = max(1, len(b.recorded)/max(1, s.writes))
	}
	for number := 0; number <= len(b.recorded) && s.writes != 0; number += step {
		if err := b.one(ctx, s, results, "writes", number, func(string) error { return b.replay(number) }); err != nil {
			return err
		}
	}
	for number := range (s.reorders + changes - 1) / changes {
		if err := b.one(ctx, s, results, "reorder", number, func(name string) error { return b.reorder(randomOf(s.seed, name)) }); err != nil {
			return err
		}
	}
	return nil
}

// one makes a broken disk, judges it, and keeps the result.
func (b *bench) one(ctx context.Context, s settings, results *results, kind string, number int, disturb func(name string) error) error {
	name := fmt.Sprintf("%s/%s/%s/%d", kind, b.files, b.change.Name, number)
	if s.only != "" && s.only != name || results.has(name) {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	b.findings.Forget()
	if err := disturb(name); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	b.findings.Forget() // what a dying gwe said is not the oracle's
	committed, err := b.judge(b.work, number)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	err = results.add(result{Name: name, Seed: s.seed, New: committed, Violations: b.findings.Violations, Said: b.findings.Notes})
	if err == nil && s.first && b.findings.Failed() {
		return errFound
	}
	return err
}

var (
	// errFound ends a campaign that looks for one violation.
	errFound   = errors.New("a violation was found")
	errStopped = errors.New("stopped; the same command continues where --results is given")
)

// output is what a command prints, without the line end.
func output(words ...string) (string, error) {
	text, err := exec.Command(words[0], words[1:]...).Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w", strings.Join(words, " "), err)
	}
	return strings.TrimSpace(string(text)), nil
}
