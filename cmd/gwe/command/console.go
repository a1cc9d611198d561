package command

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/plugin"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// console is what a command has around it: streams, environment and the global flags.
type console struct {
	line           Line
	stdin          io.Reader
	stdout, stderr io.Writer
	environment    func(name string) string
	// confine gives up the right to write and to execute, for the rest of the process, and tells what the
	// kernel keeps.
	confine func() (string, error)
	global  globalFlags
	// live lets plugins plan for themselves: only a run executes them.
	live bool
	// forgiving lets a command do without a directory of plugins that is missing: most runs need none of it.
	forgiving bool
	// acts is set where the recipe that is read will be run: then root reads none that a less trusted user
	// can change.
	acts bool
	// distrust is the refusal of such a recipe; where nothing is run, it is for the plan alone.
	distrust *fault.Fault
	// known is the catalog, once it was put together.
	known step.Catalog
	// unusable are the plugins that the catalog lacks, until a command that may need them has said so.
	unusable []plugin.Problem
	// disturb, where it is not nil, changes the catalog: on the scratch machine of a test.
	disturb func(step.Catalog) step.Catalog
	// screen knows what draws on the terminal; nil where nothing else writes there.
	screen *screen
	// pretend lets this process continue where a run is handed over: on the scratch machine of a test.
	pretend bool
}

// globalFlags are understood by every command.
type globalFlags struct {
	state   string
	output  string
	depth   levels
	color   string
	verbose bool
	plugins directories
}

// declare adds the flags with what is set already as defaults: they may stand before the command and after
// it.
func (g *globalFlags) declare(flags *pflag.FlagSet) {
	flags.StringVar(&g.state, "state-dir", g.state, "`directory` of runs and journals (default /var/lib/gwe for root, else $XDG_STATE_HOME/gwe)")
	flags.StringVar(&g.output, "output", g.output, "how the log is shown: `tree`, plain or json (default tree on a terminal, else plain)")
	accepts(flags, "output", "tree", "plain", "json")
	flags.Var(&g.depth, "log-depth", "how many `levels` of tasks to show while all is well; 0 shows all (default 3 for tree, 0 for plain)")
	flags.StringVar(&g.color, "color", g.color, "`when` to use colours: auto, always or never")
	accepts(flags, "color", "auto", "always", "never")
	flags.Var(&g.plugins, "plugin-dir", "`directory` of plugins, looked into before /usr/lib/gwe/steps and ~/.local/lib/gwe/steps; may be repeated")
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
	return nil
}

// levels is --log-depth: what is given holds for every output.
type levels struct {
	given bool
	count int
}

// treeLevels is how deep a tree is shown where --log-depth is not given. Plain output never shows later what
// it left out, so it leaves out nothing.
const treeLevels = 3

func (l *levels) String() string {
	if !l.given {
		return ""
	}
	return strconv.Itoa(l.count)
}

// Set takes what stands on the command line.
func (l *levels) Set(text string) error {
	count, err := strconv.Atoi(text)
	if err != nil || count < 0 {
		return errors.New("it is a number of levels, or 0 for all")
	}
	l.given, l.count = true, count
	return nil
}

// Type names the value in usage texts.
func (l *levels) Type() string { return "levels" }

// of gives the levels to show in an output.
func (l *levels) of(output string) int {
	switch {
	case l.given:
		return l.count
	case output == "plain":
		return 0
	}
	return treeLevels
}

// stateDirectory is --state-dir, GWE_STATE_DIR, or the default for this user.
func (c *console) stateDirectory() (string, error) {
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

// engine is an engine on this console's state and log.
func (c *console) engine() (*engine.Engine, *view, error) {
	if c.environment("GOGC") == "" {
		new(collected).pace()
	}
	directory, err := c.stateDirectory()
	if err != nil {
		return nil, nil, err
	}
	catalog, err := c.catalog()
	if err != nil {
		return nil, nil, err
	}
	c.warnOfPlugins()
	shown := c.view(c.stdout)
	return &engine.Engine{
		State:    engine.State{Directory: directory},
		Catalog:  catalog,
		Machine:  step.Local{},
		Sink:     shown,
		Version:  c.version(),
		Journals: c.line.Journals,
		Clock:    c.line.Clock,
		HandOver: c.handOver(),

		VolatileState: c.environment("GWE_VOLATILE_STATE") == "accept",
		Untrusted:     c.acceptsUntrusted(),
	}, shown, nil
}

// handOver lets another gwe show what it does as this one does, and where.
func (c *console) handOver() engine.HandOver {
	hands := engine.HandOver{Pretend: c.pretend, Flags: []string{"--color", c.global.color}}
	if c.global.depth.given {
		hands.Flags = append(hands.Flags, "--log-depth", c.global.depth.String())
	}
	if c.global.output != "" {
		hands.Flags = append(hands.Flags, "--output", c.global.output)
	}
	if c.global.verbose {
		hands.Flags = append(hands.Flags, "--verbose")
	}
	for _, directory := range c.global.plugins {
		hands.Flags = append(hands.Flags, "--plugin-dir", directory)
	}
	hands.Stdout, _ = c.stdout.(*os.File)
	hands.Stderr, _ = c.stderr.(*os.File)
	return hands
}

// reader is an engine for commands that only look: nothing shows what it does.
func (c *console) reader() (*engine.Engine, error) {
	directory, err := c.stateDirectory()
	if err != nil {
		return nil, err
	}
	catalog, err := c.catalog()
	if err != nil {
		return nil, err
	}
	return &engine.Engine{State: engine.State{Directory: directory}, Catalog: catalog, Machine: step.Local{}, Version: c.version()}, nil
}

// view is a renderer of the log.
type view struct {
	tasklog.Sink
	close func() error
}

// view chooses the renderer by the flags and by what out is, for what happens now.
func (c *console) view(out io.Writer) *view { return c.renderer(out, true) }

// replayed is view for what happened earlier: nothing runs, so no status is drawn.
func (c *console) replayed(out io.Writer) *view { return c.renderer(out, false) }

func (c *console) renderer(out io.Writer, live bool) *view {
	output, terminal := c.global.output, isTerminal(out)
	if output == "" {
		output = "plain"
		if terminal {
			output = "tree"
		}
	}
	depth := c.global.depth.of(output)
	if c.global.verbose {
		depth = 0
	}
	switch output {
	case "json":
		sink := tasklog.NewJSON(out)
		return &view{tasklog.NewThrottle(sink), sink.Close}
	case "plain":
		sink := tasklog.NewPlain(out, depth)
		return &view{sink, sink.Close}
	}
	sink := tasklog.NewTree(out, tasklog.TreeOptions{
		Depth: depth, Color: c.colored(terminal), Live: live && terminal && c.drawable(), Size: sizeOf(out),
	})
	if c.screen == nil || !live || !terminal {
		return &view{sink, sink.Close}
	}
	c.screen.tree.Store(sink)
	return &view{sink, func() error {
		c.screen.tree.Store(nil)
		return sink.Close()
	}}
}

// screen writes whole lines on standard error, also while a tree is drawn on the same terminal.
type screen struct {
	stderr io.Writer
	tree   atomic.Pointer[tasklog.Tree]
}

func (s *screen) Write(lines []byte) (count int, err error) {
	write := func() { count, err = s.stderr.Write(lines) }
	if tree := s.tree.Load(); tree != nil {
		tree.Beside(write)
	} else {
		write()
	}
	return count, err
}

// colored follows --color, and NO_COLOR (no-color.org) where it says auto.
func (c *console) colored(terminal bool) bool {
	switch c.global.color {
	case "always":
		return true
	case "never":
		return false
	}
	return terminal && c.environment("NO_COLOR") == "" && c.drawable()
}

func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// drawable reports whether the terminal can move its cursor, and knows colours.
func (c *console) drawable() bool {
	kind := c.environment("TERM")
	return kind != "" && kind != "dumb"
}

// width is the terminal's, in columns; 80 where it does not tell.
func width(stream any) int {
	if size := sizeOf(stream); size != nil {
		if columns, _ := size(); columns > 0 {
			return columns
		}
	}
	return 80
}

// fitted breaks a line at the width of the terminal that it goes to, if it goes to one. All but the first row
// begin with hang blanks.
func fitted(stream any, line string, hang int) string {
	if !isTerminal(stream) {
		return line
	}
	return strings.Join(tasklog.Fold(line, width(stream), hang), "\n")
}

// sizeOf asks a terminal for its columns and rows, 0 where it does not tell; nil is not a terminal.
func sizeOf(stream any) func() (columns, rows int) {
	if !isTerminal(stream) {
		return nil
	}
	return func() (int, int) {
		columns, rows, err := term.GetSize(int(stream.(*os.File).Fd()))
		if err != nil {
			return 0, 0
		}
		return columns, rows
	}
}

// unseen tells that what a run said could not all be shown. It is not a reason to end with another exit code:
// that is about the machine, not about who listens. A reader who has gone, as head does, misses nothing.
func (c *console) unseen(err error) {
	if err != nil && !errors.Is(err, syscall.EPIPE) {
		fmt.Fprintf(c.stderr, "gwe: not all could be shown: %v; `gwe log` and `gwe show` show it again\n", err)
	}
}

// errSilent is an error that was shown already; its code is all that is left to say.
type errSilent struct{ code int }

func (e errSilent) Error() string { return "shown already" }
