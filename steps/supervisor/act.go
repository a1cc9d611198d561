package supervisor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
)

// act carries the action out. Before the first group is touched, its name is written down.
func (d *daemon) act(ctx context.Context, run *step.Run, arguments supervisorArguments, memo picture) (supervisorOutputs, error) {
	var outputs supervisorOutputs
	switch arguments.Action {
	case "status":
		return outputs, nil
	case "update":
		return d.update(ctx, run, arguments.Programs)
	case "restart-daemon":
		return outputs, d.restartDaemon(ctx, run, memo)
	}
	all, err := d.programs(ctx)
	if err != nil {
		return outputs, err
	}
	chosen, err := arguments.choose(all)
	if err != nil {
		return outputs, err
	}
	if arguments.Action == "start" && !slices.ContainsFunc(chosen, func(p program) bool { return p.State != running }) {
		return outputs, nil
	}
	if err := d.spare(arguments.ending(picture{Programs: all})); err != nil {
		return outputs, err
	}
	if err := touchAtOnce(run, arguments.groups(chosen)); err != nil {
		return outputs, err
	}
	switch arguments.Action {
	case "start":
		return outputs, d.start(ctx, run.Log, chosen)
	case "stop":
		return outputs, d.stop(ctx, run.Log, chosen)
	case "signal":
		return outputs, d.signal(ctx, run, chosen, arguments.Signal)
	}
	if err := d.stop(ctx, run.Log, chosen); err != nil {
		return outputs, err
	}
	for i := range chosen {
		chosen[i].State = stopped
	}
	return outputs, d.start(ctx, run.Log, chosen)
}

func (d *daemon) signal(ctx context.Context, run *step.Run, chosen []program, name string) error {
	for _, p := range chosen {
		if _, err := d.callOnce(ctx, fmt.Sprintf("send %s to %s", name, p.spec()), "signalProcess", p.full(), name); err != nil {
			return err
		}
		run.Log.Info("sent " + name + " to " + p.spec())
	}
	return nil
}

// signalAgain sends a signal once more by which programs take up what is on disk.
func (r restoration) signalAgain(ctx context.Context, run *step.Run, arguments supervisorArguments) error {
	if !retold(arguments.Signal) {
		return nil
	}
	all, err := r.programs(ctx)
	if err != nil {
		return err
	}
	chosen, err := arguments.choose(all)
	if err != nil {
		return err
	}
	chosen = slices.DeleteFunc(chosen, func(p program) bool { return p.State != running })
	return r.daemon.signal(ctx, run, chosen, arguments.Signal)
}

func (d *daemon) update(ctx context.Context, run *step.Run, names []string) (supervisorOutputs, error) {
	all, err := d.programs(ctx)
	if err != nil {
		return supervisorOutputs{}, err
	}
	differences, err := d.reread(ctx)
	if err != nil {
		return supervisorOutputs{}, err
	}
	named := groupsOf(names)
	differences = differences.only(named)
	outputs := supervisorOutputs{Added: differences.Added, Changed: differences.Changed, Removed: differences.Removed}
	for _, group := range named {
		if slices.Contains(differences.Removed, group) || !slices.Contains(slices.Concat(groupNames(all), differences.Added), group) {
			return outputs, fault.New(fault.Failed, "supervisor-bad-name", "no configuration file of supervisord's names the group %s", group).
				WithHint("write its file in a step before, into the directory that supervisord's [include] names; see supervisorctl avail")
		}
	}
	if err := d.spare(inGroups(all, slices.Concat(differences.Changed, differences.Removed))); err != nil {
		return outputs, err
	}
	affected := slices.Concat(differences.groups(), named)
	if len(affected) == 0 {
		return outputs, nil
	}
	if err := touchAtOnce(run, affected); err != nil {
		return outputs, err
	}
	if err := d.apply(ctx, run.Log, differences); err != nil {
		return outputs, err
	}
	if all, err = d.programs(ctx); err != nil {
		return outputs, err
	}
	wanted, err := choose(all, names)
	if err != nil {
		return outputs, err
	}
	automatic, err := d.autostarts(ctx, slices.Concat(differences.Changed, differences.Added))
	if err != nil {
		return outputs, err
	}
	if err := d.start(ctx, run.Log, wanted); err != nil {
		return outputs, err
	}
	d.sayPatience(run.Log)
	return outputs, d.awaitRunning(ctx, automatic)
}

// restartDaemon restarts supervisord, and then lets run again what ran. From the call on until it is back it
// answers with a fault, or not at all, so the first good answer is the new one's.
func (d *daemon) restartDaemon(ctx context.Context, run *step.Run, memo picture) error {
	if err := d.spareDaemon(ctx); err != nil {
		return err
	}
	// supervisord without any program can be restarted too.
	if err := touchAtOnce(run, slices.Concat(groupNames(memo.Programs), memo.Pending.Added, []string{""})); err != nil {
		return err
	}
	_, err := d.callOnce(ctx, "restart supervisord", "restart")
	var found *fault.Fault
	if err != nil && !(errors.As(err, &found) && found.Code == codeInterrupted) {
		return err
	}
	run.Log.Info("restarting supervisord")
	d.sayPatience(run.Log)
	for begun := time.Now(); ; {
		_, err := d.once(ctx, "wait for supervisord", "getState")
		if err == nil {
			break
		}
		if ctx.Err() != nil || time.Since(begun) > d.patience {
			return err
		}
		if err := pause(ctx, pollInterval); err != nil {
			return err
		}
	}
	all, err := d.programs(ctx)
	if err != nil {
		return err
	}
	var wanted []program
	for _, now := range all {
		if was, known := find(memo.Programs, now.full()); known && (was.State == running || was.State == starting) {
			wanted = append(wanted, now)
		}
	}
	return d.start(ctx, run.Log, wanted)
}

// retold reports whether the undo sends a signal once more: it makes a program take up what is on disk, and
// ends none.
func retold(signal string) bool {
	return slices.Contains([]string{"HUP", "USR1", "USR2"}, strings.TrimPrefix(strings.ToUpper(signal), "SIG"))
}
