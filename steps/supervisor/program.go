package supervisor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/fault"
)

// state is a program's, by supervisord's numbers.
type state int

const (
	stopped  state = 0
	starting state = 10
	running  state = 20
	backoff  state = 30
	stopping state = 40
	exited   state = 100
	fatal    state = 200
)

// up reports whether supervisord runs the program, or tries to.
func (s state) up() bool { return s == starting || s == running || s == backoff }

// down reports whether there is no process and none will come by itself.
func (s state) down() bool { return s == stopped || s == exited || s == fatal }

// program is one process that supervisord knows.
type program struct {
	Group string `json:"group"`
	Name  string `json:"name"`
	State state  `json:"state"`
	PID   int    `json:"pid"`

	stateName, spawnError string
	exitStatus            int
}

// spec is the name that people use: the group is left out where it is the same.
func (p program) spec() string {
	if p.Group == p.Name {
		return p.Name
	}
	return p.full()
}

// full is the name that is never taken for a group.
func (p program) full() string { return p.Group + ":" + p.Name }

// programs asks for all programs, in supervisord's order.
func (d *daemon) programs(ctx context.Context) ([]program, error) {
	answer, err := d.call(ctx, "ask for the programs", "getAllProcessInfo")
	if err != nil {
		return nil, err
	}
	list, ok := answer.([]any)
	if !ok {
		return nil, d.garbled("ask for the programs", fmt.Errorf("no list"))
	}
	all := make([]program, 0, len(list))
	for _, one := range list {
		info, ok := one.(map[string]any)
		if !ok {
			return nil, d.garbled("ask for the programs", fmt.Errorf("no struct"))
		}
		number, ok := info["state"].(int)
		p := program{State: state(number)}
		p.Group, _ = info["group"].(string)
		p.Name, _ = info["name"].(string)
		p.stateName, _ = info["statename"].(string)
		p.spawnError, _ = info["spawnerr"].(string)
		p.PID, _ = info["pid"].(int)
		p.exitStatus, _ = info["exitstatus"].(int)
		if !ok || p.Group == "" || p.Name == "" {
			return nil, d.garbled("ask for the programs", fmt.Errorf("a program without a name or a state"))
		}
		all = append(all, p)
	}
	return all, nil
}

// choose finds the programs that names stand for: NAME, GROUP:NAME, GROUP:*, or the bare name of a group.
func choose(all []program, names []string) ([]program, error) {
	var chosen []program
	for _, name := range names {
		found := matching(all, name)
		if len(found) == 0 {
			var known []string
			for _, p := range all {
				known = append(known, p.spec())
			}
			hint := "supervisord has no programs: write its configuration and update in a step before"
			if len(known) > 0 {
				hint = "it has " + strings.Join(known[:min(len(known), 20)], ", ")
			}
			return nil, fault.New(fault.Failed, "supervisor-bad-name", "supervisord has no program %q", name).WithHint("%s", hint)
		}
		for _, p := range found {
			if !slices.ContainsFunc(chosen, func(other program) bool { return other.full() == p.full() }) {
				chosen = append(chosen, p)
			}
		}
	}
	return chosen, nil
}

func matching(all []program, name string) []program {
	group, member, qualified := strings.Cut(name, ":")
	var found []program
	for _, p := range all {
		switch {
		case !qualified && p.Group == name && p.Name == name:
			return []program{p}
		case p.Group == group && (!qualified || member == "*" || member == "" || member == p.Name):
			found = append(found, p)
		}
	}
	return found
}

// groupsOf gives the groups of names as update takes them.
func groupsOf(names []string) []string {
	var groups []string
	for _, name := range names {
		group, _, _ := strings.Cut(name, ":")
		if !slices.Contains(groups, group) {
			groups = append(groups, group)
		}
	}
	return groups
}

// inGroups gives the programs of some groups.
func inGroups(all []program, groups []string) []program {
	var found []program
	for _, p := range all {
		if slices.Contains(groups, p.Group) {
			found = append(found, p)
		}
	}
	return found
}

// groupNames lists the groups of programs, each once.
func groupNames(all []program) []string {
	var groups []string
	for _, p := range all {
		if !slices.Contains(groups, p.Group) {
			groups = append(groups, p.Group)
		}
	}
	return groups
}

// find gives the program of that full name.
func find(all []program, full string) (program, bool) {
	i := slices.IndexFunc(all, func(p program) bool { return p.full() == full })
	if i < 0 {
		return program{}, false
	}
	return all[i], true
}
