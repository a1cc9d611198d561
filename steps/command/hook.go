package command

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/process"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
)

// Hook is the step type hook.
func Hook() step.Type {
	return step.New(step.About{
		Name:    "hook",
		Summary: "Run a script that a release brings with it",
		Doc:     hookDoc,
		Example: "hook:\n  script: .post-install\n  dir: /opt/firmware/firmware-2\n  args: [/opt/firmware/firmware-2]\ntimeout: 10m\n" +
			"undo:\n  - hook: { script: .pre-install, dir: /opt/firmware/firmware-1 }\n",
		Effects: []step.Effect{{Kind: step.Runs, Argument: "script"}},

		MakesDirectory: true,
	}, hook{})
}

const hookDoc = `The script runs in dir, with an empty standard input, and its lines go to the log, which has the first MiB of each stream and the
last 64 KiB, counted as the log writes them. It needs its execute bit and a first line
such as #!/bin/sh; it may be a program too. It lies in dir: a name or a link that leads out of dir is refused. A release
without the script is passed over, and the step is done, unless optional is false. A release that is not there at all is an
error, unless missing is ok: say so in an undo that runs the new release's own script, for a crash may let it run
again when that release is gone already.

Beside the variables of env it sees PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin, HOME, LANG=C.UTF-8, TERM=dumb,
TZ where gwe has one, and GWE_RUN_ID, GWE_STEP, GWE_RECOVERING, GWE_AFTER_COMMIT and GWE_EARLY. GWE_AFTER_COMMIT is 1 while an operator rolls a
committed run back (gwe rollback), else 0. GWE_RECOVERING is 1 while the machine is being rolled back, else 0. A recipe that goes back to an older release says so by recovering: true; then it is 1 too. Nothing
else of gwe's environment reaches it. Its umask is 022, and it has no terminal.

GWE_EARLY is 1, else 0, where a recovery puts the machine back before its services start (gwe recover --early). They wait for it, so a
script must not wait for them. There SYSTEMD_OFFLINE=1 is set too: systemctl then passes over start, stop, restart, reload and
daemon-reload, and systemd starts the services after the recovery. An undo step that is of no use then says
needs-services: true; it is left to the recovery after the services. So is one that failed without them.

Any exit code but 0 fails the step. A script that does not end within the step's timeout is ended with all that it started,
wherever that went: SIGTERM, five seconds later SIGKILL. After a good end the daemons that it left behind live on, and only
their pipe to the log is closed; after any other end they are ended too.

gwe cannot know what a script did, so this step has no undo of its own: write one with undo. A script that was interrupted
may be run again, and so may its undo, so both must bear that.` + rightsDoc

// hookArguments are what a recipe gives.
type hookArguments struct {
	Script     string            `name:"script" required:"true" pattern:"[.]?[^/.][^/]*(/[.]?[^/.][^/]*)*" help:"the script's name below dir: .post-install, for example"`
	Dir        value.Path        `name:"dir" required:"true" help:"directory of the release; the script runs there"`
	Args       []string          `name:"args" help:"arguments, handed over as they are"`
	Env        map[string]string `name:"env" pattern:"[^=]+" secrets:"true" help:"environment variables"`
	Missing    string            `name:"missing" enum:"error,ok" default:"error" help:"whether dir itself may be missing; then the script is passed over"`
	Optional   bool              `name:"optional" default:"true" help:"a release without the script is passed over"`
	Recovering bool              `name:"recovering" help:"the script is told that the machine is being rolled back, also where this run goes forward"`
	User       string            `name:"user" help:"user that it runs as, by name or number; gwe's own where not given"`
	Group      string            `name:"group" help:"group that it runs as, by name or number; the user's own where not given"`
	NoNew      bool              `name:"no-new-privileges" help:"it and what it starts gain no rights by setuid programs"`
	Confine    bool              `name:"confine" help:"the kernel lets it change only what the recipe's locks cover, what earlier steps changed, and its TMPDIR"`
	Services   bool              `name:"needs-services" help:"in an undo, failsafe or finally: it needs services, so a recovery at boot does it after them"`
}

// hookOutputs are what later steps may read.
type hookOutputs struct {
	Ran      bool `name:"ran" help:"whether there was a script"`
	ExitCode int  `name:"exit_code" help:"the script's exit code; -1 where a signal ended it, 0 where there was none"`
}

type hook struct{}

// Plan cannot see into a release that is not unpacked yet.
func (hook) Plan(_ context.Context, machine step.Machine, arguments hookArguments) (step.Plan, error) {
	path, err := arguments.path()
	if err != nil {
		return step.Plan{}, err
	}
	rights, err := arguments.rights().plan(machine)
	if err != nil {
		return step.Plan{}, err
	}
	line := "run " + quoted(append([]string{path}, arguments.Args...)) + rights
	info, err := machine.Stat(path)
	switch {
	case err == nil && info.Mode().IsRegular() && info.Mode()&0o111 == 0:
		return step.Plan{}, step.Stands(fault.New(fault.Refused, "process-not-executable", "cannot run %s: it has no execute bit", path).
			WithHint("set it where the package is made: chmod +x %s", arguments.Script).AsPermanent(), path)
	case err == nil:
		return step.Plan{Do: []string{line}}, cannotStart(machine, path, path)
	case !errors.Is(err, fs.ErrNotExist):
		return step.Plan{}, fault.New(fault.Refused, "hook-unreadable", "cannot look at %s", path).WithCause(err)
	}
	if _, err := machine.Stat(string(arguments.Dir)); err != nil {
		never := cannotStart(machine, string(arguments.Dir), path)
		switch {
		case never == nil:
			return step.Plan{Do: []string{line + ", if the release has it"}}, nil
		case arguments.Optional: // the release may come without it
			return step.Plan{Do: []string{line + ", if the release has it; " + never.Error()}}, nil
		}
		return step.Plan{Do: []string{line}}, never
	}
	if !arguments.Optional {
		return step.Plan{}, missing(path)
	}
	return step.Plan{
		Do:      []string{fmt.Sprintf("nothing: %s is not there", path)},
		Nothing: true,
		Outputs: map[string]any{"ran": false, "exit_code": 0},
	}, nil
}

// cannotStart reports that no program can be started from a path, or from the nearest directory above it that
// exists: its file system is mounted noexec. Only a program changes that.
func cannotStart(machine step.Machine, path, script string) error {
	for {
		_, err := machine.Stat(path)
		if err == nil || path == filepath.Dir(path) {
			break
		}
		path = filepath.Dir(path)
	}
	if !step.MountOf(machine, path).NoExec {
		return nil
	}
	return step.Stands(fault.New(fault.Refused, "process-no-exec", "cannot run %s: the file system of %s is mounted noexec", script, path).
		WithHint("mount it without noexec, or give the release another directory").AsPermanent())
}

// Prepare refuses early what could not run.
func (hook) Prepare(_ context.Context, run *step.Run, arguments hookArguments) (step.Nothing, error) {
	if err := arguments.rights().check(); err != nil {
		return step.Nothing{}, err
	}
	command, _, err := arguments.command(run)
	command.In.Close()
	return step.Nothing{}, err
}

// Do runs the script to its end.
func (hook) Do(ctx context.Context, run *step.Run, arguments hookArguments, _ step.Nothing) (hookOutputs, error) {
	if ctx.Err() != nil {
		return hookOutputs{}, fault.New(fault.Interrupted, "interrupted", "%s was not begun", arguments.Script).WithCause(context.Cause(ctx))
	}
	command, there, err := arguments.command(run)
	if err != nil {
		return hookOutputs{}, err
	}
	defer command.In.Close()
	if !there {
		run.Log.Info(fmt.Sprintf("there is no %s in %s", arguments.Script, arguments.Dir))
		return hookOutputs{}, nil
	}
	done, err := arguments.rights().apply(run, &command)
	if err != nil {
		return hookOutputs{}, err
	}
	defer done()
	result, err := process.Run(ctx, command)
	if err == nil {
		err = result.Check(command.Arguments[0])
	}
	return hookOutputs{Ran: true, ExitCode: result.ExitCode}, err
}

// Undo removes what a dead gwe left of its own: what a script did, only its author can undo.
func (hook) Undo(_ context.Context, run *step.Run, arguments hookArguments, _ step.Nothing) error {
	return arguments.rights().clear(run)
}

// NeedsServices implements step.ServiceUser.
func (hook) NeedsServices(arguments hookArguments) bool { return arguments.Services }

// path is where the script should be.
func (a hookArguments) path() (string, error) {
	if !filepath.IsLocal(a.Script) || filepath.Clean(a.Script) == "." {
		return "", fault.New(fault.Refused, "hook-outside", "the script %q is not the name of a file below %s", a.Script, a.Dir).
			WithHint("give its name relative to dir, such as .post-install")
	}
	directory, err := filepath.Abs(string(a.Dir))
	if err != nil {
		return "", fault.New(fault.Errored, "hook-unreadable", "cannot look at %s", a.Dir).WithCause(err)
	}
	return filepath.Join(directory, a.Script), nil
}

// command is the script ready to run, in its open directory, which the caller closes; there is false for an
// optional one that is missing.
func (a hookArguments) command(run *step.Run) (command process.Command, there bool, err error) {
	path, err := a.path()
	if err != nil {
		return process.Command{}, false, err
	}
	dir, err := within(run, strings.TrimSuffix(path, filepath.Clean(a.Script)))
	if errors.Is(err, fs.ErrNotExist) && a.Missing == "ok" {
		return process.Command{}, false, nil
	}
	if err != nil && fault.As(err) == nil {
		err = fault.New(fault.Failed, "hook-directory-missing", "there is no directory %s to run %s in", a.Dir, a.Script).WithCause(err)
	}
	if err != nil {
		return process.Command{}, false, err
	}
	defer func() {
		if command.In == nil {
			dir.Close()
		}
	}()
	if there, err = a.isThere(dir, path); err != nil || !there {
		return process.Command{}, false, err
	}
	account, user, err := a.rights().account()
	if err != nil {
		return process.Command{}, false, err
	}
	variables, err := environment(a.Env, user, run.Environment)
	if err != nil {
		return process.Command{}, false, err
	}
	if a.Recovering {
		variables = append(variables, "GWE_RECOVERING=1") // of two the later counts
	}
	if err := process.Examine(path, variables); err != nil {
		return process.Command{}, false, err
	}
	return process.Command{
		Arguments:   append([]string{path}, a.Args...),
		Directory:   string(a.Dir),
		In:          dir,
		Environment: variables,
		As:          account,
		KeepDaemons: true,
		Output:      func(_, line string) { run.Log.Output(line) },
		Filter:      run.Log.Filter,
		Started:     run.Started,
	}, true, nil
}

// isThere looks for the script without leaving dir, links included.
func (a hookArguments) isThere(dir *openat.Dir, path string) (bool, error) {
	root, err := os.OpenRoot(fmt.Sprintf("/proc/self/fd/%d", dir.Descriptor()))
	if err != nil {
		return false, fault.New(fault.Failed, "hook-directory-missing", "there is no directory %s to run %s in", a.Dir, a.Script).WithCause(err)
	}
	defer root.Close()
	_, err = root.Stat(a.Script)
	if err == nil {
		return true, nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := root.Lstat(a.Script); err == nil {
			return false, fault.New(fault.Failed, "hook-missing", "%s is a link to nothing", path).AsPermanent()
		}
		if a.Optional {
			return false, nil
		}
		return false, missing(path)
	}
	if _, outside := os.Stat(path); outside == nil {
		return false, fault.New(fault.Refused, "hook-outside", "%s leads out of %s", path, a.Dir).
			WithHint("a release brings its own scripts: put the file itself there").WithCause(err)
	}
	return false, fault.New(fault.Failed, "hook-unreadable", "cannot look at %s", path).WithCause(err)
}

func missing(path string) error {
	return fault.New(fault.Failed, "hook-missing", "there is no script %s", path).
		WithHint("make sure that the release brings it, or leave optional at true").AsPermanent()
}

func (a hookArguments) rights() rights {
	return rights{user: a.User, group: a.Group, noPrivileges: a.NoNew, bounded: a.Confine}
}
