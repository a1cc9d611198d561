package migration

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/openat"
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
		Choices: []step.Choice{{Names: []string{"folder", "folders"}}},
	}, rollback{})
}

const rollbackDoc = `A release that is older than the database cannot undo what it does not know. So before the older one comes, and while the running
release, which holds the newer migrations, is still in place, this step runs the running release's own command down to the last
migration that both have.

The migrations of a release are the files in directory that match pattern, in the order of the numbers they begin with, then of
their names. A migration's name is that of its file up to the first dot. Where the new release has all that the running one has,
there is nothing to do: going up is its own affair. Else the migrations that both begin with are counted, and the command is run
once, in running, with {migration} replaced by the name of the last of these, and {number} by the digits that it begins with. They
are replaced inside the elements of the list, and each element reaches the program as it is: no shell looks at it.

A project of several applications gives directories in the place of directory: the directory of each one's migrations. Then the command is
run once for each application that has to go back, with {app} replaced by its key. Give all of them to one step: where migrations
of one application depend on another's, the way down of the one takes the other's along, and only all the ways up together bring
them back. Names are sorted within an application; the order between them is the tool's affair.

A migration of Django that says replaces stands for those that it names, whether these are still there or not. Going back never
ends inside it: that is refused, since Django knows no name for that place.

Refused before anything runs: no migration in common; a renamed one, which is another name for a number; two with one number, of
which only one is in the new release; a directory that neither release has. So are new releases from which no way would lead back,
should the update fail later: one that comes with a second migration for a number (merge branches by giving the later one a
higher number), or with one before the last that has been run. Where a new release without any migration may come, zero says
what takes the place of a name then: all of them are undone, with all that they hold.

The program gets the variables and the time-out of the step type hook, and the elements of env. Any exit code but 0 fails the step.

A tool that is stopped in the middle of a migration, or whose migration fails there, may refuse to continue either way until a person
has looked: golang-migrate calls the database dirty then. Such a tool fails at the undo too, and the run says so. Where the database
can do it, write each migration as one transaction: then it is as it was, and "force" to the version before is all that is left to
do; up may be a script that does both.

A tool that changes the tables in one transaction and its own record of that in another, as Django does when it undoes a migration, may
die between the two, and then takes the tables for others than they are. The shipped recipe ota-django makes one transaction of both:
take its command over.

Undo runs up, or the command itself where up is not given, to the newest migration of the running release, and in it. What the
way down deleted, such as the content of a column, it cannot bring back. As long as the undo may be asked for, prune keeps the
running release.

The same step, with the two releases changed over, undoes a migration that a new release made.`

type rollbackArguments struct {
	Running     value.Path        `name:"running" required:"true" help:"the release that has the newer migrations, and knows how to undo them"`
	New         value.Path        `name:"new" required:"true" help:"the release that comes"`
	Directory   string            `name:"folder" help:"the directory of the migrations, relative to a release"`
	Directories map[string]string `name:"folders" help:"the directories of several applications' migrations, each by what stands for {app}"`
	Pattern     string            `name:"pattern" default:"[0-9][0-9][0-9][0-9]_*.py" help:"which files there are migrations: *, ? and [] as in a shell"`
	Command     []string          `name:"command" required:"true" help:"program and arguments that take the database to {migration} or {number}"`
	Up          []string          `name:"up" help:"the same for the way forward, where it is another command"`
	Zero        string            `name:"zero" help:"what stands for none of them, where a release without any migration may come: zero for Django"`
	Env         map[string]string `name:"env" pattern:"[^=]+" secrets:"true" help:"environment variables of the command"`
}

// rollbackMemo is empty where there is nothing to do.
type rollbackMemo struct {
	// Running is the release that ran, without links: a link to it may lead elsewhere later.
	Running string `json:"running,omitempty"`
	// Ways are those of all applications that have to go back.
	Ways []way `json:"ways,omitempty"`
}

type rollbackOutputs struct {
	RolledBack bool     `name:"rolled_back" help:"whether the database was beyond what the new release knows, and was rolled back"`
	From       []string `name:"from" help:"the newest migration of the running release, of each application that was rolled back"`
	To         []string `name:"to" help:"the last migration that both have, of each of these"`
	Undone     []string `name:"undone" help:"the migrations that were undone, newest first in each application; with directories as APP.NAME"`
}

type rollback struct{}

func (rollback) Plan(_ context.Context, machine step.Machine, arguments rollbackArguments) (step.Plan, error) {
	if err := arguments.check(); err != nil {
		return step.Plan{}, err
	}
	if _, err := machine.Stat(string(arguments.New)); err != nil {
		return step.Plan{
			Do:   []string{fmt.Sprintf("undo the migrations of %s that %s does not have, once that is there", arguments.Running, arguments.New)},
			Undo: []string{"run them again"},
		}, nil
	}
	memo, err := arguments.memo(machine)
	if err != nil {
		return step.Plan{}, err
	}
	if len(memo.Ways) == 0 {
		return step.Plan{Do: []string{"leave the database: " + string(arguments.New) + " has all the migrations"}, Nothing: true}, nil
	}
	var plan step.Plan
	for _, one := range memo.Ways {
		plan.Do = append(plan.Do, fmt.Sprintf("undo %d migrations, from %s back to %s", len(one.Undone), one.named(one.From), one.named(one.To)),
			fmt.Sprintf("run in %s: %s", memo.Running, shown(arguments.down(one))))
		plan.Undo = append(plan.Undo, fmt.Sprintf("run in %s: %s", memo.Running, shown(arguments.forward(one))))
	}
	return plan, nil
}

func (rollback) Prepare(_ context.Context, run *step.Run, arguments rollbackArguments) (rollbackMemo, error) {
	if err := arguments.check(); err != nil {
		return rollbackMemo{}, err
	}
	memo, err := arguments.memo(run.Machine)
	if err == nil && len(memo.Ways) > 0 {
		var dir *openat.Dir
		dir, err = memo.open(run)
		dir.Close()
	}
	for _, one := range memo.Ways {
		if err == nil {
			err = arguments.examine(run, memo, one)
		}
	}
	return memo, err
}

// Leases is the release that ran: undo runs its command.
func (rollback) Leases(_ rollbackArguments, memo rollbackMemo) []string {
	if len(memo.Ways) == 0 {
		return nil
	}
	return []string{memo.Running}
}

// directories gives the directory of each application; that of directory has the key "".
func (a rollbackArguments) directories() map[string]string {
	if len(a.Directories) > 0 {
		return a.Directories
	}
	return map[string]string{"": a.Directory}
}

// check refuses what no release could satisfy.
func (a rollbackArguments) check() error {
	if (a.Directory == "") == (len(a.Directories) == 0) {
		return fault.New(fault.Refused, "migration-directory", "just one of `folder` and `folders` says where the migrations are").
			WithHint("give the directory relative to a release: gateway/migrations")
	}
	for app, directory := range a.directories() {
		if !filepath.IsLocal(directory) {
			return fault.New(fault.Refused, "migration-directory", "the directory %q is not below a release", directory).
				WithHint("give it relative to a release: gateway/migrations")
		}
		if strings.HasPrefix(app, "-") || app == "" && len(a.Directories) > 0 {
			return fault.New(fault.Refused, "migration-name", "%q would be taken for an option, not for an application", app).
				WithHint("directories has the label of each application, and the directory of its migrations")
		}
	}
	if _, err := filepath.Match(a.Pattern, ""); err != nil || a.Pattern == "" || strings.Contains(a.Pattern, "/") {
		return fault.New(fault.Refused, "migration-pattern", "%q is not a pattern for the names of files", a.Pattern).
			WithHint("such as [0-9][0-9][0-9][0-9]_*.py: see directory for where they are")
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
		if len(a.Directories) > 1 && !slices.ContainsFunc(command[1:], func(element string) bool { return strings.Contains(element, "{app}") }) {
			return fault.New(fault.Refused, "migration-command", "%s does not say where the application goes", name).
				WithHint("put \"{app}\" in the place of its label")
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
	var memo rollbackMemo
	directories := a.directories()
	for _, app := range slices.Sorted(maps.Keys(directories)) {
		found, err := a.way(machine, directories[app])
		if err != nil && app != "" {
			err = about(app, err)
		}
		if err != nil {
			return rollbackMemo{}, err
		}
		if found.App = app; found.To != "" {
			memo.Ways = append(memo.Ways, found)
		}
	}
	if len(memo.Ways) == 0 {
		return rollbackMemo{}, nil
	}
	dir, err := openat.Open(string(a.Running))
	if err != nil {
		return memo, durable.Explain(err, "cannot open the release %s", a.Running)
	}
	defer dir.Close()
	memo.Running, err = dir.Real()
	return memo, err
}

// way compares the two releases' migrations in one directory.
func (a rollbackArguments) way(machine step.Machine, directory string) (way, error) {
	running, ranThere, err := migrations(machine, filepath.Join(string(a.Running), directory), a.Pattern)
	if err != nil {
		return way{}, err
	}
	coming, comesThere, err := migrations(machine, filepath.Join(string(a.New), directory), a.Pattern)
	if err != nil {
		return way{}, err
	}
	if !ranThere && !comesThere {
		return way{}, fault.New(fault.Refused, "migration-directory", "neither %s nor %s has the directory %s", a.Running, a.New, directory).
			WithHint("give the directory of the migrations relative to a release: gateway/migrations")
	}
	found, err := compare(running, coming, a.Zero)
	if err == nil {
		err = returns(running, coming)
	}
	return found, err
}

// named is a migration of the way as people know it.
func (w way) named(name string) string {
	if w.App == "" {
		return name
	}
	return w.App + "." + name
}

func (a rollbackArguments) down(one way) []string { return filled(a.Command, one.App, one.To) }

func (a rollbackArguments) forward(one way) []string {
	if len(a.Up) > 0 {
		return filled(a.Up, one.App, one.From)
	}
	return filled(a.Command, one.App, one.From)
}

// filled puts an application and its migration in their places.
func filled(command []string, app, name string) []string {
	digits := name[:len(name)-len(strings.TrimLeft(name, "0123456789"))]
	places := strings.NewReplacer("{migration}", name, "{number}", digits)
	if app != "" {
		places = strings.NewReplacer("{migration}", name, "{number}", digits, "{app}", app)
	}
	result := []string{command[0]}
	for _, element := range command[1:] {
		result = append(result, places.Replace(element))
	}
	return result
}
