package run

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
)

// unrecorded looks, before anybody is told that all was rolled back, for what this run left and its journal
// knows nothing of: then records were lost, and what they told was not undone. It costs the reading of a few
// directories.
func (x *Runner) unrecorded(result *runstate.Result) {
	switch result.Status {
	case runstate.StatusRestored, runstate.StatusRolledBack, runstate.StatusRefused:
	default:
		return
	}
	if x.State.anyFrame(func(f *Frame) bool { return f.Leftover || f.Broken }) {
		return // something of the run lies there, and is known
	}
	found := append(x.unknownSaved(), x.unknownHidden()...)
	if len(found) == 0 {
		return
	}
	more := ""
	if len(found) > mostNamed {
		more = ", and " + strconv.Itoa(len(found)-mostNamed) + " more"
		found = found[:mostNamed]
	}
	lost := fault.New(fault.Errored, "records-lost",
		"%s%s: run %s left this, and its journal knows nothing of it: records were lost, and what they told was not undone",
		strings.Join(found, ", "), more, x.Directory.ID()).
		WithHint("compare what lies there with what is in its place, put that right by hand, then close the run: `gwe resolve %s --reason TEXT`", x.Directory.ID())
	result.Status = runstate.StatusBroken
	result.Others = append(result.Others, lost)
	x.Task.Begin("undo", "Look for changes that the journal does not know").Fail(lost)
}

// mostNamed is how many paths an error names.
const mostNamed = 5

// unknownSaved lists the directories in which steps saved something for their undo and of which the journal
// has no intent. Each branch may have been about to write one when gwe died: nothing was done then.
func (x *Runner) unknownSaved() []string {
	entries, err := os.ReadDir(x.Directory.Frames())
	if err != nil {
		return nil
	}
	var unknown []string
	for _, entry := range entries {
		number, err := strconv.Atoi(entry.Name())
		if err == nil && x.State.Frame(number) == nil {
			unknown = append(unknown, x.Directory.Place(runstate.PlaceOf(number)))
		}
	}
	if len(unknown) <= max(1, x.Program.Strands) {
		return nil
	}
	return unknown
}

// unknownHidden lists the hidden names of this run beside what its steps change, recorded or not: once all is
// undone there are none.
func (x *Runner) unknownHidden() []string {
	var kept, found []string
	for _, f := range x.State.Frames {
		kept = append(kept, f.Kept...)
	}
	for _, directory := range x.worksIn() {
		for _, path := range runstate.HiddenNames(directory) {
			if runstate.RunInName.FindString(filepath.Base(path)) == x.Directory.ID() && !slices.Contains(kept, path) && !slices.Contains(found, path) {
				found = append(found, path)
			}
		}
	}
	return found
}

// worksIn lists the directories in which steps of the run may have made hidden names: the locks, the paths of
// the effects, and the directories that these are in.
func (x *Runner) worksIn() []string {
	paths := runstate.LockedPaths(x.State.Begin.Locks)
	for _, f := range x.State.Frames {
		if f.Part == "" {
			paths = append(append(paths, program.EffectPaths(f.Node.StepType(), f.Arguments)...), f.Leases...)
		}
	}
	for _, n := range x.Program.ByPath {
		if n.Leaf() != nil && n.Changes() && !n.InRounds() {
			paths = append(paths, x.foreseenPaths(n)...)
		}
	}
	var directories []string
	for _, path := range paths {
		directories = append(directories, filepath.Clean(path), filepath.Dir(path))
	}
	slices.Sort(directories)
	return slices.Compact(directories)
}

// foreseenPaths are the paths of a step's effects, as far as what the journal has tells them.
func (x *Runner) foreseenPaths(n *program.Node) []string {
	names := x.State.Names(n, nil, false)
	values := map[string]any{}
	for _, argument := range n.Arguments() {
		if v, err := argument.Value.Evaluate(names); err == nil {
			values[argument.Name] = v
		}
	}
	return program.EffectPaths(n.StepType(), values)
}
