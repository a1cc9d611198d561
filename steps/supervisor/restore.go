package supervisor

import (
	"context"
	"errors"
	"slices"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// restoration gives groups and programs back what a picture shows, as far as the configuration files are back already.
type restoration struct {
	*daemon
	log    *tasklog.Task
	before picture
	groups []string
	// renew restarts the programs that run by another process than in the picture: what they run may have been taken back.
	renew bool
}

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
		if err := r.group(ctx, group, slices.Contains(groupNames(now), group), differences); err != nil {
			failures = append(failures, err)
		}
	}
	if err := r.states(ctx, now); err != nil {
		failures = append(failures, err)
	}
	return errors.Join(failures...)
}

// kept tells whether an earlier frame of the run puts the group back.
func (r restoration) kept(group string) bool { return slices.Contains(r.before.Kept, group) }

// group sees to it that the group is there or not, with the configuration that the files now give it.
func (r restoration) group(ctx context.Context, group string, is bool, differences report) error {
	was := slices.Contains(groupNames(r.before.Programs), group)
	pending, differs := slices.Contains(r.before.Pending.Changed, group), slices.Contains(differences.Changed, group)
	switch {
	case !was && is:
		return r.remove(ctx, r.log, group)
	case !was || r.kept(group):
		return nil
	case !is && !slices.Contains(differences.Added, group):
		return notRestored("the group %s is gone, and no configuration file names it", group)
	case !is:
		if err := r.add(ctx, r.log, group); err != nil {
			return err
		}
	case differs && !pending:
		return r.apply(ctx, r.log, report{Changed: []string{group}})
	case differs || !pending:
		return nil // it was never touched
	}
	if pending {
		return notRestored("the group %s has its new configuration: its file is not as it was before the run", group)
	}
	return nil
}

func notRestored(format string, arguments ...any) error {
	return fault.New(fault.Failed, "supervisor-not-restored", format, arguments...).
		WithHint("stop the program in a step before its file changes, or write the file by supervisor-conf: " +
			"the undo of such a step, which comes last, puts the old configuration to work")
}

// states lets run what ran, and nothing else. Groups that an earlier frame puts back are only stopped here. found is what
// there was before the groups were seen to.
func (r restoration) states(ctx context.Context, found []program) error {
	now, err := r.programs(ctx)
	if err != nil {
		return err
	}
	var halt, launch, settle []program
	for _, is := range inGroups(now, r.groups) {
		was, known := find(r.before.Programs, is.full())
		if !known || !was.State.up() {
			halt = append(halt, is)
			continue
		}
		if r.kept(is.Group) {
			continue
		}
		// The process that was found, not the one that the new group has just started.
		if old, _ := find(found, is.full()); r.renew && is.State.up() && is.PID == old.PID && is.PID != was.PID {
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
