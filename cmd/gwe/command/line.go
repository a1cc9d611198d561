package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/pflag"

	"github.com/gwe-project/gwe/cmd/gwe/trial"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/host"
	"github.com/gwe-project/gwe/engine/journal"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
)

// Line is a command line of gwe with its step types.
type Line struct {
	// Catalog is what recipes may use.
	Catalog step.Catalog
	// Release is the version that `gwe version` shows and journals keep; "" is what the build knows of
	// itself.
	Release string
	// Journals, where it is not nil, stands between the engine and every journal that it writes.
	Journals func(journal.Writer) journal.Writer
	// Clock, where it is not nil, tells the boot and the time since then in the kernel's stead.
	Clock func() host.Moment
}

// Main carries out what the process was started with, and ends the process with gwe's exit code. Where Go
// itself cannot continue, for want of memory or threads say, or gwe panics, SIGABRT ends the process: Go's
// own exit code for that is 2, which would tell a script that nothing ran.
func (l Line) Main() {
	debug.SetTraceback("crash")
	if len(os.Args) < 2 || os.Args[1] != trial.InsideCommand { // which makes a machine of its own, and its network
		dropPrivileges()
	}
	shared := &screen{stderr: os.Stderr}
	ctx, stop := untilSignal(context.Background(), shared)
	code := execute(ctx, &console{
		line: l, stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, screen: shared, environment: os.Getenv, confine: giveUpWriting,
	}, os.Args[1:])
	stop()
	os.Exit(code)
}

// execute carries one command line out and gives the exit code.
func execute(ctx context.Context, console *console, arguments []string) int {
	err := dispatch(ctx, console, arguments)
	report(console, err)
	return exitCode(err)
}

func dispatch(ctx context.Context, console *console, arguments []string) error {
	console.global = globalFlags{color: "auto"}
	leading := flagSet("gwe")
	console.global.declare(leading)
	leading.SetInterspersed(false)
	help := leading.BoolP("help", "h", false, "")
	asked := leading.Bool("version", false, "")
	if err := leading.Parse(arguments); err != nil {
		return parseError(err, leading, "gwe --help")
	}
	if *asked {
		return dispatch(ctx, console, []string{"version"})
	}
	rest := leading.Args()
	if len(rest) > 0 && rest[0] == "help" {
		rest = append(slices.Clone(rest[1:]), "--help")
	}
	if *help || len(rest) == 0 || rest[0] == "--help" {
		overview(console.stdout)
		if *help || len(rest) > 0 {
			return nil
		}
		return usagef("a command is missing")
	}
	chosen, rest, err := find(commands(), rest)
	if err != nil {
		return err
	}
	return chosen.perform(ctx, console, rest)
}

// perform parses the flags of one command and carries it out.
func (c command) perform(ctx context.Context, console *console, arguments []string) error {
	flags := flagSet("gwe " + c.name)
	act := c.setUp(flags)
	own := flags.FlagUsages()
	console.global.declare(flags)
	help := flags.BoolP("help", "h", false, "teach this command")
	if err := flags.Parse(arguments); err != nil {
		return parseError(err, flags, "gwe "+c.name+" --help")
	}
	if *help {
		c.teach(console.stdout, own)
		if c.teachMore != nil && len(flags.Args()) > 0 {
			c.teachMore(console, flags.Args())
		}
		return nil
	}
	if err := console.global.check(); err != nil {
		return err
	}
	return act(ctx, console, flags.Args())
}

func flagSet(name string) *pflag.FlagSet {
	flags := pflag.NewFlagSet(name, pflag.ContinueOnError)
	flags.SortFlags = false
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	return flags
}

func parseError(err error, flags *pflag.FlagSet, help string) error {
	return usagef("%v%s\nsee `%s`", err, suggestFlag(err, flags), help)
}

// find takes the command's name, of one word or two, from the arguments.
func find(all []command, arguments []string) (command, []string, error) {
	name, rest := arguments[0], arguments[1:]
	var names []string
	var found *command
	for _, one := range all {
		first, second, two := strings.Cut(one.name, " ")
		if two && first == name && len(rest) > 0 && rest[0] == second {
			return one, rest[1:], nil
		}
		if !two && first == name {
			found = &one
		}
		if !one.hidden {
			names = append(names, first)
		}
	}
	if found != nil {
		return *found, rest, nil
	}
	if below := belowOf(all, name); len(below) > 0 {
		if len(rest) > 0 {
			if close := value.Closest(rest[0], secondWords(below)); close != "" {
				return command{}, nil, usagef("gwe has no command %q: did you mean %q?", name+" "+rest[0], name+" "+close)
			}
		}
		return command{}, nil, usagef("gwe %s is one of: %s", name, strings.Join(below, ", "))
	}
	if close := value.Closest(name, names); close != "" {
		return command{}, nil, usagef("gwe has no command %q: did you mean %q?", name, close)
	}
	return command{}, nil, usagef("gwe has no command %q; `gwe --help` lists them", name)
}

// belowOf lists the commands of two words that begin with this one.
func belowOf(all []command, first string) []string {
	var below []string
	for _, one := range all {
		if strings.HasPrefix(one.name, first+" ") {
			below = append(below, one.name)
		}
	}
	return below
}

func secondWords(names []string) []string {
	var words []string
	for _, name := range names {
		_, second, _ := strings.Cut(name, " ")
		words = append(words, second)
	}
	return words
}

// suggestFlag finds the flag that was meant.
func suggestFlag(err error, flags *pflag.FlagSet) string {
	_, given, found := strings.Cut(err.Error(), "unknown flag: --")
	if !found {
		return ""
	}
	var names []string
	flags.VisitAll(func(flag *pflag.Flag) { names = append(names, flag.Name) })
	if close := value.Closest(given, names); close != "" {
		return fmt.Sprintf(": did you mean --%s?", close)
	}
	return ""
}

// report shows an error that no renderer has shown.
func report(console *console, err error) {
	var silent errSilent
	if err == nil || errors.As(err, &silent) || errors.Is(err, syscall.EPIPE) {
		return
	}
	for line := range strings.Lines("gwe: " + err.Error()) {
		fmt.Fprintln(console.stderr, fitted(console.stderr, strings.TrimSuffix(line, "\n"), len("gwe: ")))
	}
	if f := fault.As(err); f != nil && f.Hint != "" {
		fmt.Fprintln(console.stderr, fitted(console.stderr, "  = "+f.Hint, len("  = ")))
	}
}
