package supervisor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
)

// Supervisor is the step type supervisor.
func Supervisor() step.Type {
	return step.New(step.About{
		Name:     "supervisor",
		Summary:  "Control the programs that supervisord runs",
		Doc:      supervisorDoc,
		Example:  "supervisor: { action: update, programs: [counter, \"workers:*\"] }\n",
		Effects:  []step.Effect{{Kind: step.Runs}, {Kind: step.Refreshes, If: "action", Is: []string{"update", "restart", "restart-daemon", "signal"}}},
		Undo:     "puts groups and programs back to the states they had",
		UndoData: 2, // its notes have their digests in them
		Choices: []step.Choice{
			{Names: []string{"programs"}, If: "action", Is: []string{"start", "stop", "restart", "signal"}},
			{Names: []string{"signal"}, If: "action", Is: []string{"signal"}},
		},
	}, supervisor{})
}

const supervisorDoc = `Speaks XML-RPC with a running supervisord, on its socket or by http, and waits until each program is in the state that the
action is for.

- update: reads the configuration files again and acts on what has changed, as supervisorctl update does: groups that are gone
  are stopped and removed, changed ones stopped, removed and added, new ones added. programs limits this to their
  groups; without it, it is for all. In the end the programs that start by themselves, and those that are named, are RUNNING.
- start, stop, restart: programs that are already as wanted are left alone. start and restart end when all are RUNNING,
  stop when all are STOPPED, EXITED or FATAL. With missing: ok a stop passes over what supervisord does not know, as it
  is before a first installation.
- signal: sends it to running programs.
- status: only reads.
- restart-daemon: restarts supervisord, and waits until what ran runs again.

A program is named NAME, GROUP:NAME or GROUP:*. supervisord calls a program RUNNING when it has lived for its startsecs; with
startsecs=0 that says nothing. While supervisord tries again by itself (BACKOFF) it is awaited; a program that is FATAL or
EXITED, or not RUNNING when wait is over, fails the step, and the error holds the last lines of its log. A
call that cannot be made, or is cut in the middle, is tried again after a second, attempts times in all; a signal is
never sent twice.

A program under which gwe itself runs is never stopped or signalled, and the supervisord under which it runs is not restarted:
the step is refused before anything is done.

Undo has two parts. In its place, before older steps are undone, it removes the groups that were added and stops what did not run.
Last, when everything older was undone, it adds the groups that were removed, gives changed groups the configuration that the files
have again, and restarts or starts what ran: from the old release, with the old configuration. So a restart or an update after a
change needs no undo in the recipe. Where several steps of a run touch one group, the first of them starts it again. HUP, USR1 and
USR2 are sent once more, last; another signal cannot be taken back, and what it ended is started again. restart-daemon restarts
supervisord once more. Stop a program before a change that it must not see half made, and start it after the change.

Only undo-timeout bounds an undo, whatever wait says: a program that was too slow for the step is as slow in its undo, and supervisord sees
to it that it stops (stopwaitsecs) or runs (startsecs, startretries). A supervisord that died or restarts is waited for, two minutes at least.

The plan and the step before it acts let supervisord read its files again (supervisorctl reread), which changes nothing that
runs.`

type supervisorArguments struct {
	Action     string          `name:"action" required:"true" enum:"update,start,stop,restart,signal,status,restart-daemon" help:"what to do"`
	Programs   []string        `name:"programs" help:"NAME, GROUP:NAME or GROUP:*; for update and status, none are all"`
	Signal     string          `name:"signal" help:"the signal to send, by name, for action: signal"`
	Missing    string          `name:"missing" enum:"error,ok" default:"error" help:"whether a program that is to be stopped may be unknown to supervisord"`
	Server     value.URL       `name:"server" default:"unix:///var/run/supervisor.sock" pattern:"(unix:///|https?://).+" help:"unix:///SOCKET or http://HOST:PORT/RPC2"`
	Username   string          `name:"username" help:"as supervisord's [unix_http_server] or [inet_http_server] has it"`
	Password   value.Secret    `name:"password" help:"the password that goes with it"`
	Wait       *value.Duration `name:"wait" help:"how long programs may take to reach the wanted state: 60s where it is not given, and as long as undo-timeout allows where the step stands in an undo"`
	RPCTimeout value.Duration  `name:"rpc-timeout" default:"60s" help:"how long one call may take"`
	Attempts   int             `name:"attempts" default:"3" min:"1" max:"100" help:"how often a call is tried while supervisord cannot be reached, 1 to 100"`
}

type supervisorOutputs struct {
	Programs map[string]string `name:"programs" help:"the states of the programs by name: RUNNING, STOPPED, FATAL, ..."`
	Added    []string          `name:"added" help:"the groups that an update added"`
	Changed  []string          `name:"changed" help:"the groups that an update removed and added again"`
	Removed  []string          `name:"removed" help:"the groups that an update removed"`
}

type supervisor struct{}

func (a supervisorArguments) connection() connection {
	return connection{server: a.Server, username: a.Username, password: a.Password, limit: a.RPCTimeout, attempts: a.Attempts, patience: a.Wait}
}

// open checks the arguments and gives the daemon.
func (a supervisorArguments) open() (*daemon, error) {
	named := a.Action == "start" || a.Action == "stop" || a.Action == "restart" || a.Action == "signal"
	switch {
	case named && len(a.Programs) == 0:
		return nil, fault.New(fault.Refused, "supervisor-no-programs", "there are no programs to %s", a.Action).
			WithHint("name them in programs; GROUP:* is a whole group")
	case a.Action == "restart-daemon" && len(a.Programs) > 0:
		return nil, fault.New(fault.Refused, "supervisor-programs-given", "restart-daemon restarts supervisord with all of its programs").
			WithHint("for some programs write action: restart")
	case a.Missing == "ok" && a.Action != "stop":
		return nil, fault.New(fault.Refused, "supervisor-missing-misplaced", "missing: ok is for action: stop alone").
			WithHint("leave missing out: %s needs programs that are there", a.Action)
	case (a.Action == "signal") != (a.Signal != ""):
		return nil, fault.New(fault.Refused, "supervisor-signal-misplaced", "action: signal and the argument signal go together").
			WithHint("write action: signal, signal: HUP")
	}
	for _, name := range a.Programs {
		if name == "" || strings.HasPrefix(name, ":") || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return nil, fault.New(fault.Refused, "supervisor-bad-name", "%q is not the name of a program", name).
				WithHint("write NAME, GROUP:NAME or GROUP:*")
		}
	}
	return a.connection().open()
}

// openIn is open for a step that stands in an undo, perhaps: there it waits as an undo does, unless the
// recipe says how long.
func (a supervisorArguments) openIn(run *step.Run) (*daemon, error) {
	d, err := a.open()
	if err != nil || !run.Recovering {
		return d, err
	}
	patient := d.forUndo()
	if a.Wait != nil {
		patient.patience = d.patience
	}
	return patient, nil
}

func (supervisor) Plan(ctx context.Context, _ step.Machine, arguments supervisorArguments) (step.Plan, error) {
	if arguments.Action != "status" {
		d, err := arguments.open()
		if err != nil {
			return step.Plan{}, err
		}
		return d.plan(ctx, arguments)
	}
	what := "all programs"
	if len(arguments.Programs) > 0 {
		what = strings.Join(arguments.Programs, ", ")
	}
	_, err := arguments.open()
	return step.Plan{Do: []string{"read the states of " + what}, Nothing: true}, err
}

func (supervisor) Prepare(ctx context.Context, run *step.Run, arguments supervisorArguments) (picture, error) {
	d, err := arguments.openIn(run)
	if err != nil || arguments.Action == "status" {
		return picture{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var groups []string
	switch arguments.Action {
	case "update":
		groups = groupsOf(arguments.Programs)
	case "restart-daemon":
		if err := d.spareDaemon(ctx); err != nil {
			return picture{}, err
		}
	default:
		all, err := d.programs(ctx)
		if err != nil {
			return picture{}, err
		}
		chosen, err := arguments.choose(all)
		if err != nil {
			return picture{}, err
		}
		groups = arguments.groups(chosen)
	}
	taken, err := d.take(ctx, run, groups)
	if err != nil {
		return picture{}, err
	}
	if err := d.spare(arguments.ending(taken)); err != nil {
		return picture{}, err
	}
	taken.keep(d, run, arguments.touching(taken, groups))
	return taken, nil
}

// touching gives the groups that the action will touch: their first frame in the run is the one that starts
// them again.
func (a supervisorArguments) touching(taken picture, groups []string) []string {
	switch a.Action {
	case "update":
		return slices.Compact(slices.Sorted(slices.Values(slices.Concat(groups, taken.Pending.groups()))))
	case "start":
		if chosen, _ := a.choose(taken.Programs); !slices.ContainsFunc(chosen, func(p program) bool { return p.State != running }) {
			return nil
		}
	case "restart-daemon":
		return groupNames(taken.Programs)
	case "signal":
		return nil
	}
	return groups
}

// choose finds the programs that the action is for.
func (a supervisorArguments) choose(all []program) ([]program, error) {
	if a.Missing != "ok" {
		return choose(all, a.Programs)
	}
	return choose(all, slices.DeleteFunc(slices.Clone(a.Programs), func(name string) bool { return len(matching(all, name)) == 0 }))
}

// groups gives the groups that the action touches. Those that a stop finds missing are among them: what comes
// after it may add them.
func (a supervisorArguments) groups(chosen []program) []string {
	groups := groupNames(chosen)
	if a.Missing == "ok" {
		for _, group := range groupsOf(a.Programs) {
			if !slices.Contains(groups, group) {
				groups = append(groups, group)
			}
		}
	}
	return groups
}

// ending gives the programs that the action ends or signals.
func (a supervisorArguments) ending(taken picture) []program {
	switch a.Action {
	case "update":
		return inGroups(taken.Programs, slices.Concat(taken.Pending.Changed, taken.Pending.Removed))
	case "stop", "restart", "signal":
		// The names were found a moment ago.
		chosen, _ := a.choose(taken.Programs)
		return chosen
	}
	return nil
}

func (supervisor) Do(ctx context.Context, run *step.Run, arguments supervisorArguments, memo picture) (supervisorOutputs, error) {
	d, err := arguments.openIn(run)
	if err != nil {
		return supervisorOutputs{}, err
	}
	if err := ctx.Err(); err != nil {
		return supervisorOutputs{}, err
	}
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	outputs, err := d.act(inner, run, arguments, memo)
	if err != nil {
		return outputs, err
	}
	if outputs.Programs, err = d.states(inner, arguments); err != nil {
		return outputs, err
	}
	return outputs, ctx.Err()
}

// states gives the states of the programs that are named, or of all.
func (d *daemon) states(ctx context.Context, arguments supervisorArguments) (map[string]string, error) {
	all, err := d.programs(ctx)
	if err == nil && len(arguments.Programs) > 0 {
		all, err = arguments.choose(all)
	}
	states := map[string]string{}
	for _, p := range all {
		states[p.spec()] = p.stateName
	}
	return states, err
}

func (supervisor) Undo(ctx context.Context, run *step.Run, arguments supervisorArguments, memo picture) error {
	return undoing(ctx, run, arguments.open, memo, arguments.Action == "status", restoration.halt)
}

// OwesLast implements step.LastUndoer. Where an earlier step of the run starts the groups again, UndoLast
// finds nothing to do: if that one is undone with this one.
func (supervisor) OwesLast(arguments supervisorArguments, _ picture) bool {
	return arguments.Action != "status"
}

// UndoLast implements step.LastUndoer.
func (supervisor) UndoLast(ctx context.Context, run *step.Run, arguments supervisorArguments, memo picture) error {
	return undoing(ctx, run, arguments.open, memo, true, func(r restoration, ctx context.Context) error {
		r.before.Kept = r.givenBack(run)
		if arguments.Action == "restart-daemon" {
			now, err := r.programs(ctx)
			if err != nil {
				return err
			}
			if err := r.restartDaemon(ctx, run, picture{Programs: now, Pending: memo.Pending}); err != nil {
				return err
			}
			r.before.Pending = report{} // it has read all files
		}
		if err := r.restore(ctx); err != nil || arguments.Action != "signal" {
			return err
		}
		return r.signalAgain(ctx, run, arguments)
	})
}

// undoing carries out one part of an undo for the groups that were touched; the last part forgets them,
// unless it comes again.
func undoing(ctx context.Context, run *step.Run, open func() (*daemon, error), memo picture, final bool, part func(restoration, context.Context) error) error {
	groups, err := touched(run)
	if err != nil || len(groups) == 0 {
		return err
	}
	d, err := open()
	if err != nil {
		return err
	}
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := part(restoration{daemon: d.forUndo(), log: run.Log, before: memo, groups: groups}, inner); err != nil || !final || run.Again {
		return err
	}
	return untouch(run)
}

// NeedsServices implements step.ServiceUser: there is nothing that it does without supervisord.
func (supervisor) NeedsServices(supervisorArguments) bool { return true }

// UndoEarly leaves all to Undo. Where no group was touched there is nothing to do.
func (supervisor) UndoEarly(_ context.Context, run *step.Run, _ supervisorArguments, _ picture) (rest bool, err error) {
	groups, err := touched(run)
	return len(groups) > 0, err
}

// Sync has nothing to do: what supervisord does is in no file of ours.
func (supervisor) Sync(context.Context, *step.Run, supervisorArguments, picture) error { return nil }

func (supervisor) Leases(_ supervisorArguments, memo picture) []string { return memo.Keeps }

// plan says what an action would do as things stand.
func (d *daemon) plan(ctx context.Context, arguments supervisorArguments) (step.Plan, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	all, err := d.programs(ctx)
	if err != nil {
		return step.Plan{}, err
	}
	switch arguments.Action {
	case "update":
		return d.planUpdate(ctx, arguments, all)
	case "restart-daemon":
		return step.Plan{
			Do:   []string{"restart supervisord at " + d.shown},
			Undo: []string{"put every program back to its state"},
		}, d.spareDaemon(ctx)
	}
	chosen, err := arguments.choose(all)
	if err != nil {
		return step.Plan{}, err
	}
	plan := step.Plan{}
	if len(chosen) == 0 {
		plan.Do = []string{"leave it: supervisord has none of " + strings.Join(arguments.Programs, ", ")}
	}
	for _, p := range chosen {
		now := fmt.Sprintf("%s (now %s)", p.spec(), p.stateName)
		if arguments.Action == "start" && p.State == running || arguments.Action == "stop" && p.State.down() {
			plan.Do = append(plan.Do, "leave "+now)
			continue
		}
		plan.Do = append(plan.Do, strings.TrimSpace(arguments.Action+" "+arguments.Signal)+" "+now)
		plan.Undo = append(plan.Undo, arguments.undoOf(p))
	}
	plan.Nothing = len(plan.Undo) == 0
	return plan, d.spare(arguments.ending(picture{Programs: all}))
}

// undoOf says what the undo of the action does to a program.
func (a supervisorArguments) undoOf(p program) string {
	switch {
	case a.Action == "restart" && p.State == running:
		return "restart " + p.spec()
	case a.Action == "signal" && p.State == running && retold(a.Signal):
		return "signal " + a.Signal + " " + p.spec() + " again"
	}
	return "put " + p.spec() + " back to " + p.stateName
}

func (d *daemon) planUpdate(ctx context.Context, arguments supervisorArguments, all []program) (step.Plan, error) {
	differences, err := d.reread(ctx)
	if err != nil {
		return step.Plan{}, err
	}
	differences = differences.only(groupsOf(arguments.Programs))
	plan := step.Plan{}
	for _, kind := range []struct {
		groups   []string
		do, undo string
	}{
		{differences.Removed, "stop and remove", "add again"},
		{differences.Changed, "stop, and start with its new configuration,", "restore, where its file is,"},
		{differences.Added, "add", "stop and remove"},
	} {
		for _, group := range kind.groups {
			plan.Do = append(plan.Do, kind.do+" the group "+group)
			plan.Undo = append(plan.Undo, kind.undo+" the group "+group)
		}
	}
	for _, p := range all {
		if !slices.Contains(differences.groups(), p.Group) && p.State != running && len(matchingAny(p, arguments.Programs)) > 0 {
			plan.Do = append(plan.Do, fmt.Sprintf("start %s (now %s)", p.spec(), p.stateName))
			plan.Undo = append(plan.Undo, "put "+p.spec()+" back to "+p.stateName)
		}
	}
	if len(plan.Do) == 0 {
		plan.Do, plan.Nothing = []string{"read the configuration again: nothing differs now"}, true
	}
	return plan, d.spare(inGroups(all, slices.Concat(differences.Changed, differences.Removed)))
}

// matchingAny gives the names that stand for the program.
func matchingAny(p program, names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return len(matching([]program{p}, name)) == 0 })
}
