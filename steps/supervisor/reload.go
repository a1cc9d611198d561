package supervisor

import (
	"context"
	"fmt"
	"slices"

	"github.com/gwe-project/gwe/engine/tasklog"
)

// report is how the configuration files differ from the groups that supervisord has.
type report struct {
	Added   []string `json:"added,omitempty"`
	Changed []string `json:"changed,omitempty"`
	Removed []string `json:"removed,omitempty"`
}

// reread lets supervisord read its files again, which changes nothing that runs, and gives the differences.
func (d *daemon) reread(ctx context.Context) (report, error) {
	const what = "read the configuration again"
	answer, err := d.call(ctx, what, "reloadConfig")
	if err != nil {
		return report{}, err
	}
	// [[added, changed, removed]]
	outer, _ := answer.([]any)
	if len(outer) != 1 {
		return report{}, d.garbled(what, fmt.Errorf("no list of one"))
	}
	lists, _ := outer[0].([]any)
	if len(lists) != 3 {
		return report{}, d.garbled(what, fmt.Errorf("no list of three"))
	}
	var found report
	for i, names := range []*[]string{&found.Added, &found.Changed, &found.Removed} {
		list, _ := lists[i].([]any)
		for _, one := range list {
			name, ok := one.(string)
			if !ok {
				return report{}, d.garbled(what, fmt.Errorf("a group without a name"))
			}
			*names = append(*names, name)
		}
	}
	return found, nil
}

// only keeps what concerns some groups; none given are all.
func (r report) only(groups []string) report {
	if len(groups) == 0 {
		return r
	}
	other := func(name string) bool { return !slices.Contains(groups, name) }
	return report{
		Added:   slices.DeleteFunc(slices.Clone(r.Added), other),
		Changed: slices.DeleteFunc(slices.Clone(r.Changed), other),
		Removed: slices.DeleteFunc(slices.Clone(r.Removed), other),
	}
}

// groups lists all that differ.
func (r report) groups() []string { return slices.Concat(r.Added, r.Changed, r.Removed) }

// apply acts on the differences as supervisorctl update does.
func (d *daemon) apply(ctx context.Context, log *tasklog.Task, differences report) error {
	for _, group := range slices.Concat(differences.Removed, differences.Changed) {
		if err := d.remove(ctx, log, group); err != nil {
			return err
		}
	}
	for _, group := range slices.Concat(differences.Changed, differences.Added) {
		if err := d.add(ctx, log, group); err != nil {
			return err
		}
	}
	return nil
}

// remove stops a group and takes it away. It is not an error if it is not there.
func (d *daemon) remove(ctx context.Context, log *tasklog.Task, group string) error {
	all, err := d.programs(ctx)
	if err != nil {
		return err
	}
	if err := d.stop(ctx, log, inGroups(all, []string{group})); err != nil {
		return err
	}
	_, err = d.call(ctx, "remove the group "+group, "removeProcessGroup", group)
	if isFault(err, faultBadName) {
		return nil
	}
	if err == nil {
		log.Info("removed the group " + group)
	}
	return err
}

// add makes a group of what was read last. Its programs start if they are to start by themselves.
func (d *daemon) add(ctx context.Context, log *tasklog.Task, group string) error {
	_, err := d.call(ctx, "add the group "+group, "addProcessGroup", group)
	if isFault(err, faultAlreadyAdded) {
		return nil
	}
	if err == nil {
		log.Info("added the group " + group)
	}
	return err
}

// autostarts gives those programs of some groups that supervisord starts by itself.
func (d *daemon) autostarts(ctx context.Context, groups []string) ([]program, error) {
	answer, err := d.call(ctx, "ask for the configuration", "getAllConfigInfo")
	if err != nil {
		return nil, err
	}
	list, _ := answer.([]any)
	var found []program
	for _, one := range list {
		info, _ := one.(map[string]any)
		group, _ := info["group"].(string)
		name, _ := info["name"].(string)
		if automatic, _ := info["autostart"].(bool); automatic && slices.Contains(groups, group) {
			found = append(found, program{Group: group, Name: name})
		}
	}
	return found, nil
}
