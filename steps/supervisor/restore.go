package supervisor

import (
	"context"
	"errors"
	"slices"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// restoration gives groups and programs back what a picture shows. What must not run is stopped in the place
// of the undo, before older changes are undone; what must run is started last, from files that are back by
// then.
type restoration struct {
	*daemon
	log    *tasklog.Task
	before picture
	groups []string
}

// halt removes the groups that were not there, and stops the programs that did not run.
func (r restoration) halt(ctx context.Context) error {
	now, err := r.programs(ctx)
	if err != nil {
		return err
	}
	var failures []error
	for _, group := range r.groups {
		if !slices.Contains(groupNames(r.before.Programs), group) && slices.Contains(groupNames(now), group) {
			failures = append(failures, r.remove(ctx, r.log, group))
		}
	}
	if now, err = r.programs(ctx); err != nil {
		return errors.Join(append(failures, err)...)
	}
	return errors.Join(append(failures, r.stop(ctx, r.log, r.idle(now)))...)
}

// idle are the programs that did not run before.
func (r restoration) idle(now []program) []program {
	return slices.DeleteFunc(inGroups(now, r.groups), func(is program) bool {
		was, known := find(r.before.Programs, is.full())
		return known && was.State.up()
	})
}

// restore brings back what halt leaves to the end.
func (r restoration) restore(ctx context.Context) error {
	now, err := r.programs(ctx)
	if err != nil {
		return err
	}
	differences, err := r.reread(ctx)
	if isFault(err, faultCantReread) {
		r.log.Warn("the configuration files cannot be read, so the groups stay as they are: " + err.Error())
	} else if err != nil {
		return err
	}
	var failures []error
	for _, group := range r.groups {
		if err := r.group(ctx, group, now, differences); err != nil {
			failures = append(failures, err)
		}
	}
	if err == nil {
		failures = append(failures, r.others(ctx, now, differences))
	}
	if err := r.states(ctx, now); err != nil {
		failures = append(failures, err)
	}
	return errors.Join(failures...)
}

// others sees to groups that the step did not touch, where supervisord was started anew since: it has read
// the files of the run then, and started programs of which the files are undone by now. A group that was not
// there before, and that no file names any more, goes; one of which the file is another one now gets that;
// one that was there and is named again comes back.
func (r restoration) others(ctx context.Context, now []program, differences report) error {
	pid, err := r.pid(ctx)
	if err != nil || r.before.Daemon == 0 || pid == r.before.Daemon {
		return err
	}
	mine := func(group string) bool { return slices.Contains(r.groups, group) || r.kept(group) }
	was := func(group string) bool { return slices.Contains(r.before.Known, group) }
	var wanted report
	for _, group := range differences.Removed {
		if !mine(group) && !was(group) && slices.Contains(groupNames(now), group) {
			wanted.Removed = append(wanted.Removed, group)
		}
	}
	for _, group := range differences.Changed {
		if !mine(group) && was(group) {
			wanted.Changed = append(wanted.Changed, group)
		}
	}
	for _, group := range differences.Added {
		if !mine(group) && was(group) {
			wanted.Added = append(wanted.Added, group)
		}
	}
	return r.apply(ctx, r.log, wanted)
}

// givenBack lists the groups that an earlier frame of the run restores in the same undo. One that still
// leases a group is not undone now.
func (r restoration) givenBack(run *step.Run) []string {
	return slices.DeleteFunc(slices.Clone(r.before.Kept), func(group string) bool { return run.Leased(r.mark(run, group)) })
}

// kept reports whether an earlier frame of the run puts the group back.
func (r restoration) kept(group string) bool { return slices.Contains(r.before.Kept, group) }

// group sees to it that the group is there or not, with the configuration that the files now give it.
func (r restoration) group(ctx context.Context, group string, now []program, differences report) error {
	was, is := slices.Contains(groupNames(r.before.Programs), group), slices.Contains(groupNames(now), group)
	pending, differs := slices.Contains(r.before.Pending.Changed, group), slices.Contains(differences.Changed, group)
	switch {
	case !was && is:
		return r.remove(ctx, r.log, group)
	case !was || r.kept(group):
		return nil
	case !is && !slices.Contains(differences.Added, group):
		return notRestored("the group %s is gone, and no configuration file names it", group)
	case !is:
		return r.add(ctx, r.log, group)
	case differs && (!pending || r.replaced(group, now)):
		return r.apply(ctx, r.log, report{Changed: []string{group}})
	case !differs && pending && r.replaced(group, now):
		return notRestored("the group %s has its new configuration: its file is not as it was before the run", group)
	}
	return nil // it was never touched, or has its old configuration again
}

// replaced reports whether a program of the group that ran before runs by another process now, or not at all.
func (r restoration) replaced(group string, now []program) bool {
	return slices.ContainsFunc(inGroups(r.before.Programs, []string{group}), func(was program) bool {
		is, known := find(now, was.full())
		return was.State.up() && (!known || is.PID != was.PID)
	})
}

func notRestored(format string, arguments ...any) error {
	return fault.New(fault.Failed, "supervisor-not-restored", format, arguments...).
		WithHint("the file must be back when the undo runs: change it in a step of the same run, which undoes that; "+
			"for now write the old file again, and run supervisorctl update %s", arguments...)
}

// states lets run what ran, and nothing else. found is what there was before the groups were seen to.
// Programs that run by another process than in the picture are restarted: what they run may have been undone.
func (r restoration) states(ctx context.Context, found []program) error {
	now, err := r.programs(ctx)
	if err != nil {
		return err
	}
	var launch, settle []program
	halt := slices.DeleteFunc(r.idle(now), func(is program) bool { return r.kept(is.Group) })
	for _, is := range inGroups(now, r.groups) {
		was, known := find(r.before.Programs, is.full())
		if !known || !was.State.up() || r.kept(is.Group) {
			continue
		}
		// The process that was found, not the one that the new group has just started.
		if old, _ := find(found, is.full()); is.State.up() && is.PID == old.PID && is.PID != was.PID {
			halt = append(halt, is)
			is.State = stopped
		}
		launch = append(launch, is)
		if was.State != backoff {
			settle = append(settle, is)
		}
	}
	if err := r.stop(ctx, r.log, halt); err != nil {
		return err
	}
	for _, p := range launch {
		if err := r.launch(ctx, r.log, p); err != nil {
			return err
		}
	}
	return r.awaitRunning(ctx, settle)
}
