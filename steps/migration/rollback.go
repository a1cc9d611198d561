package migration

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
)

// Rollback is the step type migration-rollback.
func Rollback() step.Type {
	return step.New(step.About{
		Name:    "migration-rollback",
		Summary: "Take the database back to what an older release knows",
		Doc:     rollbackDoc,
		Example: "migration-rollback:\n  running: /opt/firmware/firmware-2\n  new: /opt/firmware/firmware-1\n  folder: gateway/migrations\n" +
			"  command: [python3, manage.py, migrate, --noinput, gateway, \"{migration}\"]\n",
		Effects: []step.Effect{{Kind: step.Runs, Argument: "command"}},
		Undo:    "takes the database forward again, with the release that ran",
	}, rollback{})
}

const rollbackDoc = `A release that is older than the database cannot undo what it does not know. So before the older one comes, and while the running
release, which holds the newer migrations, is still in place, this step runs the running release's own command down to the last
migration that both have.

The migrations of a release are the files in folder that match pattern, in the order of the numbers they begin with, then of
their names. A migration's name is that of its file up to the first dot. Where the new release has all that the running one has,
there is nothing to do: going up is its own affair. Else the migrations that both begin with are counted, and the command is run
once, in running, with {migration} replaced by the name of the last of these, and {number} by the digits that it begins with. They
are replaced inside the elements of the list, and each element reaches the program as it is: no shell looks at it.

Refused before anything runs: no migration in common; a renamed one, which is another name for a number; two with one number, of
which only one is in the new release; a folder that neither release has. Where a new release without any migration may come, zero says
what takes the place of a name then: all of them are undone, with all that they hold.

The program gets the variables and the time-out of the step type hook, and the elements of env. Any exit code but 0 fails the step.

Undo runs up, or the command itself where up is not given, to the newest migration of the running release, and in it. What the
way down deleted, such as the content of a column, it cannot bring back. As long as the undo may be asked for, prune keeps the
running release.

The same step, with the two releases changed over, undoes a migration that a new release made.`

type rollbackArguments struct {
	Running value.Path        `name:"running" required:"true" help:"the release that has the newer migrations, and knows how to undo them"`
	New     value.Path        `name:"new" required:"true" help:"the release that comes"`
	Folder  string            `name:"folder" required:"true" help:"the folder of the migrations, relative to a release"`
	Pattern string            `name:"pattern" default:"[0-9][0-9][0-9][0-9]_*.py" help:"which files there are migrations: *, ? and [] as in a shell"`
	Command []string          `name:"command" required:"true" help:"program and arguments that take the database to {migration} or {number}"`
	Up      []string          `name:"up" help:"the same for the way forward, where it is another command"`
	Zero    string            `name:"zero" help:"what stands for none of them, where a release without any migration may come: zero for Django"`
	Env     map[string]string `name:"env" pattern:"[^=]+" secrets:"true" help:"environment variables of the command"`
}

// rollbackMemo is empty where there is nothing to do.
type rollbackMemo struct {
	// Running is the release that ran, without links: a link to it may lead elsewhere later.
	Running string `json:"running,omitempty"`
	// From is the migration to which undo goes forward, and To the one to which do goes back; Undone are those between.
	From   string   `json:"from,omitempty"`
	To     string   `json:"to,omitempty"`
	Undone []string `json:"undone,omitempty"`
}

type rollbackOutputs struct {
	RolledBack bool     `name:"rolled_back" help:"whether the database was behind what the new release knows, and was taken back"`
	From       *string  `name:"from" present:"rolled_back" help:"the newest migration of the running release"`
	To         *string  `name:"to" present:"rolled_back" help:"the last migration that both have"`
	Undone     []string `name:"undone" help:"the migrations that were undone, newest first"`
}

type rollback struct{}

func (rollback) Plan(_ context.Context, machine step.Machine, arguments rollbackArguments) (step.Plan, error) {
	if err := arguments.check(); err != nil {
		return step.Plan{}, err
	}
	if _, err := machine.Stat(string(arguments.New)); err != nil {
		return step.Plan{
			Do:   []string{fmt.Sprintf("undo the migrations in %s that %s does not have, once that is there", arguments.folderOf(arguments.Running), arguments.New)},
			Undo: []string{"run them again"},
		}, nil
	}
	memo, err := arguments.memo(machine)
	if err != nil {
		return step.Plan{}, err
	}
	if memo.To == "" {
		return step.Plan{Do: []string{"leave the database: " + string(arguments.New) + " has all the migrations"}, Nothing: true}, nil
	}
	return step.Plan{
		Do: []string{
			fmt.Sprintf("undo %d migrations, from %s back to %s", len(memo.Undone), memo.From, memo.To),
			fmt.Sprintf("run in %s: %s", memo.Running, shown(arguments.down(memo))),
		},
		Undo: []string{fmt.Sprintf("run in %s: %s", memo.Running, shown(arguments.forward(memo)))},
	}, nil
}

func (rollback) Prepare(_ context.Context, run *step.Run, arguments rollbackArguments) (rollbackMemo, error) {
	if err := arguments.check(); err != nil {
		return rollbackMemo{}, err
	}
	memo, err := arguments.memo(run.Machine)
	if err == nil && memo.To != "" {
		err = arguments.examine(run, memo)
	}
	return memo, err
}

// Leases is the release that ran: undo runs its command.
func (rollback) Leases(_ rollbackArguments, memo rollbackMemo) []string {
	if memo.To == "" {
		return nil
	}
	return []string{memo.Running}
}

func (a rollbackArguments) folderOf(release value.Path) string {
	return filepath.Join(string(release), a.Folder)
}

// check refuses what no release could satisfy.
func (a rollbackArguments) check() error {
	if !filepath.IsLocal(a.Folder) {
		return fault.New(fault.Refused, "migration-folder", "folder is %q, which is not below a release", a.Folder).
			WithHint("give it relative to a release: gateway/migrations")
	}
	if _, err := filepath.Match(a.Pattern, ""); err != nil || a.Pattern == "" || strings.Contains(a.Pattern, "/") {
		return fault.New(fault.Refused, "migration-pattern", "%q is no pattern for the names of files", a.Pattern).
			WithHint("such as [0-9][0-9][0-9][0-9]_*.py: see folder for where they are")
	}
	commands := map[string][]string{"command": a.Command}
	if len(a.Up) > 0 {
		commands["up"] = a.Up
	}
	for name, command := range commands {
		if len(command) == 0 || command[0] == "" {
			return fault.New(fault.Refused, "migration-command", "%s has no program", name).
				WithHint("a list: [PROGRAM, ARGUMENT, ..., \"{migration}\"]")
		}
		if !slices.ContainsFunc(command[1:], placeholder) {
			return fault.New(fault.Refused, "migration-command", "%s does not say where the migration goes", name).
				WithHint("put \"{migration}\" or \"{number}\" in the place of its name or number")
		}
	}
	return nil
}

func placeholder(element string) bool {
	return strings.Contains(element, "{migration}") || strings.Contains(element, "{number}")
}

// memo compares the two releases.
func (a rollbackArguments) memo(machine step.Machine) (rollbackMemo, error) {
	for _, release := range []value.Path{a.Running, a.New} {
		if info, err := machine.Stat(string(release)); err != nil || !info.IsDir() {
			return rollbackMemo{}, fault.New(fault.Failed, "migration-no-release", "there is no release %s", release).
				WithHint("the step that makes it comes before this one").WithCause(err)
		}
	}
	running, ranThere, err := migrations(machine, a.folderOf(a.Running), a.Pattern)
	if err != nil {
		return rollbackMemo{}, err
	}
	coming, comesThere, err := migrations(machine, a.folderOf(a.New), a.Pattern)
	if err != nil {
		return rollbackMemo{}, err
	}
	if !ranThere && !comesThere {
		return rollbackMemo{}, fault.New(fault.Refused, "migration-folder", "neither %s nor %s has the folder %s", a.Running, a.New, a.Folder).
			WithHint("give the folder of the migrations relative to a release: gateway/migrations")
	}
	found, err := compare(running, coming, a.Zero)
	if err != nil || found.To == "" {
		return rollbackMemo{}, err
	}
	resolved, err := filepath.EvalSymlinks(string(a.Running))
	return rollbackMemo{Running: resolved, From: found.From, To: found.To, Undone: found.Undone}, err
}

func (a rollbackArguments) down(memo rollbackMemo) []string { return filled(a.Command, memo.To) }

func (a rollbackArguments) forward(memo rollbackMemo) []string {
	if len(a.Up) > 0 {
		return filled(a.Up, memo.From)
	}
	return filled(a.Command, memo.From)
}

// filled puts a migration in its places.
func filled(command []string, name string) []string {
	digits := name[:len(name)-len(strings.TrimLeft(name, "0123456789"))]
	places := strings.NewReplacer("{migration}", name, "{number}", digits)
	result := []string{command[0]}
	for _, element := range command[1:] {
		result = append(result, places.Replace(element))
	}
	return result
}
