package command

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"path/filepath"
	"strings"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/process"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
)

// Run is the step type run.
func Run() step.Type {
	return step.New(step.About{
		Name:    "run",
		Summary: "Run a program, or a few lines of shell",
		Doc:     runDoc,
		Example: "run:\n  argv: [sqlite3, /var/lib/app/app.db, PRAGMA integrity_check]\n  ok-codes: [0, 1]\n",
		Effects: []step.Effect{{Kind: step.Runs, Argument: "argv"}},
		Choices: []step.Choice{{Names: []string{"argv", "script"}}},

		MakesDirectory: true,
	}, run{})
}

const runDoc = `argv is a program and its arguments. Each is handed over as it is, whatever it contains: no shell looks at it. The program is
looked for in PATH unless it contains a slash.

script is text for /bin/sh, run with -e (the first command that fails ends it) and -u (so does a variable that is not set). It
may not contain ${{ }}: values reach it through env, as "$NAME", and so are never executed.

Exactly one of the two is given. The program runs in dir, else in /, with the variables, umask and time-out of the step type
hook, and with stdin to read. Its lines go to the log. What it leaves behind after a good end lives on; after any other
end it is ended too.

stdout and stderr are what it wrote, each without one final newline; bytes that are not UTF-8 become U+FFFD. Of each, the first
max-output bytes are kept, or fewer where they would take more than 448 KiB in the journal, which writes six bytes for a control
character. truncated tells whether that was not all.

The log has the first MiB of each stream and its last 64 KiB, counted as the log writes them; what is between is counted in a line of its own.

gwe cannot know what a program did, so this step has no undo of its own: write one with undo.` + rightsDoc

// maximumOutput bounds max-output: outputs are journaled, and a record of the journal is bounded.
const maximumOutput = 256 << 10

// runArguments are what a recipe gives.
type runArguments struct {
	Argv      []string          `name:"argv" help:"program and arguments, handed over as they are"`
	Script    string            `name:"script" literal:"true" help:"text for /bin/sh -eu, without ${{ }}"`
	Env       map[string]string `name:"env" pattern:"[^=]+" secrets:"true" help:"environment variables"`
	Dir       value.Path        `name:"dir" help:"directory to run in; / where it is not given"`
	Stdin     string            `name:"stdin" secrets:"true" help:"what the program reads from its standard input"`
	OKCodes   []int             `name:"ok-codes" help:"exit codes of success; 0 alone where not given"`
	MaxOutput value.Size        `name:"max-output" default:"64KiB" help:"how much of stdout and of stderr is kept as output, 256KiB at most"`
	User      string            `name:"user" help:"user that it runs as, by name or number; gwe's own where not given"`
	Group     string            `name:"group" help:"group that it runs as, by name or number; the user's own where not given"`
	NoNew     bool              `name:"no-new-privileges" help:"it and what it starts gain no rights by setuid programs"`
	Confine   bool              `name:"confine" help:"the kernel lets it change only what the recipe's locks cover, what earlier steps changed, and its TMPDIR"`
	Services  bool              `name:"needs-services" help:"in an undo, failsafe or finally: it needs services, so a recovery at boot does it after them"`
}

// runOutputs are what later steps may read.
type runOutputs struct {
	Stdout    string `name:"stdout" help:"what the program wrote to standard output, without one final newline"`
	Stderr    string `name:"stderr" help:"what the program wrote to standard error, without one final newline"`
	ExitCode  int    `name:"exit_code" help:"the program's exit code; -1 where a signal ended it"`
	Truncated bool   `name:"truncated" help:"whether stdout or stderr was longer than max-output"`
}

type run struct{}

// Plan shows what would be run.
func (run) Plan(_ context.Context, machine step.Machine, arguments runArguments) (step.Plan, error) {
	if err := arguments.check(); err != nil {
		return step.Plan{}, err
	}
	rights, err := arguments.rights().plan(machine)
	if err != nil {
		return step.Plan{}, err
	}
	if len(arguments.Argv) > 0 {
		planned, program := step.Plan{Do: []string{"run " + quoted(arguments.Argv) + rights}}, arguments.Argv[0]
		if filepath.IsAbs(program) {
			if err := cannotStart(machine, program, program); err != nil {
				return planned, err
			}
		}
		variables, err := environment(arguments.Env, nil, nil)
		if err != nil {
			return step.Plan{}, err
		}
		err = step.MissingProgram(machine, program, cmp.Or(string(arguments.Dir), "/"), process.SearchPath(variables))
		if filepath.IsAbs(program) && err == nil {
			err = unusable(machine, program, variables)
		}
		return planned, err
	}
	lines := strings.Split(strings.TrimSpace(arguments.Script), "\n")
	shown := "run the script " + quoted(lines[:1])
	if more := len(lines) - 1; more > 0 {
		shown += fmt.Sprintf(" and %d more lines", more)
	}
	return step.Plan{Do: []string{shown + rights}}, nil
}

// Prepare refuses early what could not run.
func (run) Prepare(_ context.Context, run *step.Run, arguments runArguments) (step.Nothing, error) {
	if err := cmp.Or(arguments.check(), arguments.rights().check()); err != nil {
		return step.Nothing{}, err
	}
	dir, err := within(run, arguments.directory())
	dir.Close()
	if fault.As(err) == nil {
		err = nil // Do says it
	}
	return step.Nothing{}, err
}

func (a runArguments) directory() string { return cmp.Or(string(a.Dir), "/") }

// within opens the directory in which a program is to run: in Prepare by its path, and then the same one.
func within(run *step.Run, path string) (*openat.Dir, error) {
	whole, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	dir, _, err := run.Dir(filepath.Join(whole, "x"))
	return dir, err
}

// Do runs the program to its end.
func (run) Do(ctx context.Context, run *step.Run, arguments runArguments, _ step.Nothing) (runOutputs, error) {
	return arguments.carryOut(ctx, run, func(*process.Command) {})
}

// carryOut runs the program to its end, as adapt changes it.
func (a runArguments) carryOut(ctx context.Context, run *step.Run, adapt func(*process.Command)) (runOutputs, error) {
	if err := a.check(); err != nil {
		return runOutputs{}, err
	}
	account, user, err := a.rights().account()
	if err != nil {
		return runOutputs{}, err
	}
	variables, err := environment(a.Env, user, run.Environment)
	if err != nil {
		return runOutputs{}, err
	}
	dir, err := within(run, a.directory())
	if fault.As(err) != nil {
		return runOutputs{}, err
	}
	defer dir.Close() // if there is none, the program cannot be started, which says why
	stdout, stderr := capture{limit: a.kept()}, capture{limit: a.kept()}
	// What is kept is cut too, so secrets go before.
	out, said := run.Log.Filter(&stdout), run.Log.Filter(&stderr)
	command := process.Command{
		Arguments:   a.Argv,
		Directory:   a.directory(),
		In:          dir,
		Environment: variables,
		As:          account,
		Accept:      a.OKCodes,
		KeepDaemons: true,
		Output:      func(_, line string) { run.Log.Output(line) },
		Filter:      run.Log.Filter,
		Stdout:      out,
		Stderr:      said,
		Started:     run.Started,
	}
	if a.Script != "" {
		// The script is an argument and no file: on a full disk an undo must still be able to run one. The
		// step's id is $0, so the shell's own messages start with it.
		command.Name = "the script"
		command.Arguments = []string{"/bin/sh", "-eu", "-c", a.Script, run.Step}
	}
	if a.Stdin != "" {
		command.Input = strings.NewReader(a.Stdin)
	}
	name := cmp.Or(command.Name, command.Arguments[0])
	adapt(&command)
	done, err := a.rights().apply(run, &command)
	if err != nil {
		return runOutputs{}, err
	}
	defer done()
	result, err := process.Run(ctx, command)
	_, _ = out.Close(), said.Close()
	if err == nil {
		err = result.Check(name, a.OKCodes...)
	}
	outText, errText := stdout.text(), stderr.text() // before truncated is known
	return runOutputs{
		Stdout:    outText,
		Stderr:    errText,
		ExitCode:  result.ExitCode,
		Truncated: stdout.truncated || stderr.truncated,
	}, err
}

// Undo removes what a dead gwe left of its own: what a program did, only the recipe's author can undo.
func (run) Undo(_ context.Context, run *step.Run, arguments runArguments, _ step.Nothing) error {
	return arguments.rights().clear(run)
}

// NeedsServices implements step.ServiceUser.
func (run) NeedsServices(arguments runArguments) bool { return arguments.Services }

func (a runArguments) kept() int { return int(min(a.MaxOutput.Bytes(), math.MaxInt)) }

func (a runArguments) check() error {
	switch {
	case len(a.Argv) > 0 && a.Script != "":
		return fault.New(fault.Refused, "run-ambiguous", "run has argv and script").WithHint("keep one of the two")
	case a.Script != "" && strings.TrimSpace(a.Script) == "", len(a.Argv) == 0 && a.Script == "":
		return fault.New(fault.Refused, "run-nothing", "run has neither argv nor script").
			WithHint("write argv: [PROGRAM, ARGUMENT, ...], or script: with lines for /bin/sh")
	case len(a.Argv) > 0 && a.Argv[0] == "":
		return fault.New(fault.Refused, "run-nothing", "the first element of argv, the program, is empty")
	case a.MaxOutput.Bytes() > maximumOutput:
		return fault.New(fault.Refused, "run-output-too-large", "max-output is %s, and 256KiB is the most", a.MaxOutput).
			WithHint("let the program write to a file, and pass on its path")
	}
	for _, code := range a.OKCodes {
		if code < 0 || code > 255 {
			return fault.New(fault.Refused, "run-code-invalid", "%d in ok-codes is not an exit code: these are 0 to 255", code)
		}
	}
	return nil
}

func (a runArguments) rights() rights {
	return rights{user: a.User, group: a.Group, noPrivileges: a.NoNew, bounded: a.Confine}
}
