package command

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"syscall"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// console is what a command has around it: streams, environment and the global flags.
type console struct {
	line           Line
	stdin          io.Reader
	stdout, stderr io.Writer
	environment    func(name string) string
	// confine gives up the right to write and to execute, for the rest of the process, and tells what the kernel keeps.
	confine func() (string, error)
	global  globalFlags
	// live lets plugins plan for themselves: only a run executes them.
	live bool
	// known is the catalog, once it was put together.
	known step.Catalog
	// disturb, where it is not nil, changes the catalog: on the scratch machine of a test.
	disturb func(step.Catalog) step.Catalog
	// pretend lets this process go on where a run is handed over: on the scratch machine of a test.
	pretend bool
}

// globalFlags are understood by every command.
type globalFlags struct {
	state   string
	output  string
	depth   int
	color   string
	verbose bool
	plugins folders
}

// declare adds the flags with what is set already as defaults: they may stand before the command and behind it.
func (g *globalFlags) declare(flags *pflag.FlagSet) {
	flags.StringVar(&g.state, "state-dir", g.state, "`folder` of runs and journals (default /var/lib/gwe for root, else $XDG_STATE_HOME/gwe)")
	flags.StringVar(&g.output, "output", g.output, "how the log is shown: `tree`, plain or json (default tree on a terminal, else plain)")
	flags.IntVar(&g.depth, "log-depth", g.depth, "how many `levels` of tasks to show while all is well; 0 shows all")
	flags.StringVar(&g.color, "color", g.color, "`when` to use colours: auto, always or never")
	flags.Var(&g.plugins, "plugin-dir", "`folder` of plugins, looked into before /usr/lib/gwe/steps and ~/.local/lib/gwe/steps; may be repeated")
	flags.BoolVarP(&g.verbose, "verbose", "v", g.verbose, "show everything, as --log-depth 0 does")
}

func (g *globalFlags) check() error {
	switch g.output {
	case "", "tree", "plain", "json":
	default:
		return usagef("--output is tree, plain or json, not %q", g.output)
	}
	switch g.color {
	case "auto", "always", "never":
	default:
		return usagef("--color is auto, always or never, not %q", g.color)
	}
	if g.depth < 0 {
		return usagef("--log-depth is a number of levels, or 0 for all")
	}
	return nil
}

// stateFolder is --state-dir, GWE_STATE_DIR, or the default for this user.
func (c *console) stateFolder() (string, error) {
	chosen := c.global.state
	if chosen == "" {
		chosen = c.environment("GWE_STATE_DIR")
	}
	switch {
	case chosen != "":
	case os.Geteuid() == 0:
		chosen = "/var/lib/gwe"
	case c.environment("XDG_STATE_HOME") != "":
		chosen = filepath.Join(c.environment("XDG_STATE_HOME"), "gwe")
	default:
		home := c.environment("HOME")
		if home == "" {
			return "", usagef("there is no HOME to keep the state in: give --state-dir")
		}
		chosen = filepath.Join(home, ".local", "state", "gwe")
	}
	return filepath.Abs(chosen)
}

// heapGrowth is by how many percent the heap may grow before it is collected. What gwe keeps is small, so collecting it often
// costs little, and a walk over 200,000 files stays within 32 MiB. There is no limit besides: a recipe that needs more than it,
// one of 10,000 steps, would be collected without end.
const heapGrowth = 30

// engine is an engine on this console's state and log.
func (c *console) engine() (*engine.Engine, *view, error) {
	if c.environment("GOGC") == "" {
		debug.SetGCPercent(heapGrowth)
	}
	folder, err := c.stateFolder()
	if err != nil {
		return nil, nil, err
	}
	catalog, err := c.catalog()
	if err != nil {
		return nil, nil, err
	}
	shown := c.view(c.stdout)
	return &engine.Engine{
		State:    engine.State{Folder: folder},
		Catalog:  catalog,
		Machine:  step.Local{},
		Sink:     shown,
		Version:  c.version(),
		Journals: c.line.Journals,
		Clock:    c.line.Clock,
		HandOver: c.handOver(),

		VolatileState: c.environment("GWE_VOLATILE_STATE") == "accept",
	}, shown, nil
}

// handOver lets another gwe show what it does as this one does, and where.
func (c *console) handOver() engine.HandOver {
	hands := engine.HandOver{Pretend: c.pretend, Flags: []string{"--log-depth", strconv.Itoa(c.global.depth), "--color", c.global.color}}
	if c.global.output != "" {
		hands.Flags = append(hands.Flags, "--output", c.global.output)
	}
	if c.global.verbose {
		hands.Flags = append(hands.Flags, "--verbose")
	}
	for _, folder := range c.global.plugins {
		hands.Flags = append(hands.Flags, "--plugin-dir", folder)
	}
	hands.Stdout, _ = c.stdout.(*os.File)
	hands.Stderr, _ = c.stderr.(*os.File)
	return hands
}

// reader is an engine for commands that only look: nothing shows what it does.
func (c *console) reader() (*engine.Engine, error) {
	folder, err := c.stateFolder()
	if err != nil {
		return nil, err
	}
	catalog, err := c.catalog()
	if err != nil {
		return nil, err
	}
	return &engine.Engine{State: engine.State{Folder: folder}, Catalog: catalog, Machine: step.Local{}, Version: c.version()}, nil
}

// view is a renderer of the log.
type view struct {
	tasklog.Sink
	close func() error
}

// view chooses the renderer by the flags and by what out is.
func (c *console) view(out io.Writer) *view {
	output, depth := c.global.output, c.global.depth
	if c.global.verbose {
		depth = 0
	}
	terminal := isTerminal(out)
	if output == "" {
		output = "plain"
		if terminal {
			output = "tree"
		}
	}
	switch output {
	case "json":
		sink := tasklog.NewJSON(out)
		return &view{sink, sink.Close}
	case "plain":
		sink := tasklog.NewPlain(out, depth)
		return &view{sink, sink.Close}
	}
	sink := tasklog.NewTree(out, tasklog.TreeOptions{
		Depth: depth, Color: c.colored(terminal), Live: terminal, Width: func() int { return width(out) },
	})
	return &view{sink, sink.Close}
}

// colored follows --color, and NO_COLOR (no-color.org) where it says auto.
func (c *console) colored(terminal bool) bool {
	switch c.global.color {
	case "always":
		return true
	case "never":
		return false
	}
	return terminal && c.environment("NO_COLOR") == "" && c.environment("TERM") != "dumb"
}

func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// width is the terminal's, in columns; 80 where it does not tell.
func width(stream any) int {
	if file, ok := stream.(*os.File); ok {
		if columns, _, err := term.GetSize(int(file.Fd())); err == nil && columns > 0 {
			return columns
		}
	}
	return 80
}

// unseen tells that what a run said could not all be shown. It is no reason to end with another exit code: that is about
// the machine, not about who listens. A reader who has gone, as head does, misses nothing.
func (c *console) unseen(err error) {
	if err != nil && !errors.Is(err, syscall.EPIPE) {
		fmt.Fprintf(c.stderr, "gwe: not all could be shown: %v; `gwe log` and `gwe show` show it again\n", err)
	}
}

// errSilent is an error that was shown already; its code is all that is left to say.
type errSilent struct{ code int }

func (e errSilent) Error() string { return "shown already" }
