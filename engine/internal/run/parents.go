package run

import (
	"path/filepath"
	"slices"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/proof"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/tasklog"
	"github.com/gwe-project/gwe/schema"
)

// The directories that hold what a step changes are known by what they are, not by their names: a link above
// may lead elsewhere by the time of the undo. Prepare notes them, the intent has them, and step.Run.Dir hands
// out no others. See step.Parents.

// EnvironmentOf is what the step type of a frame gets to work with after its Do.
func (x *Runner) EnvironmentOf(f *Frame, recovering bool, task *tasklog.Task) (*stepRun, error) {
	run, err := x.environment(f.Node, f.Rounds, runstate.PlaceOf(f.Number), recovering, task)
	if err == nil {
		run.Parents = f.parentsAfter()
	}
	return run, err
}

// parentsAfter are the directories of the frame; nil in a journal of an older gwe, which noted none.
func (f *Frame) parentsAfter() *step.Parents {
	if f.Parents == nil {
		return nil
	}
	return step.KnownParents(f.Parents)
}

// lostParent tells which directory of a frame is another one by now, where the step type would not notice.
func (f *Frame) lostParent() error {
	parents := f.parentsAfter()
	if parents == nil {
		return nil
	}
	return parents.Changed()
}

// Unreachable is for a look before a rollback: it reports a directory of the frame in which the undo could
// not work.
func (f *Frame) Unreachable() error {
	if err := f.lostParent(); err != nil || f.Parents == nil {
		return err
	}
	return f.parentsAfter().Unreachable()
}

// foreseeParents notes the directories of paths for step types that do not do so themselves.
func foreseeParents(run *step.Run, paths []string) error {
	for _, path := range paths {
		if filepath.Clean(path) == "/" || !filepath.IsAbs(path) {
			continue
		}
		if err := run.Parents.Foresee(path); err != nil {
			return err
		}
	}
	return nil
}

// parentChanged finds an error that says that a directory is not the one that it was: nothing was done there,
// and all of it can be done when it is back.
func parentChanged(errs []error) error {
	if at := slices.IndexFunc(errs, step.IsParentChanged); at >= 0 {
		return errs[at]
	}
	return nil
}

// site is where a step acts.
type site struct {
	frame *Frame
	paths []sitePath
	// links are the symbolic links that its paths lead through.
	links []string
}

// sitePath is one path: as the recipe has it, without links, and as a name in a directory.
type sitePath struct {
	given, real   string
	device, inode uint64
	name          string
}

// siteOf finds out where a step is about to act, whatever its paths look like.
func siteOf(f *Frame, paths []string, parents []step.Parent) site {
	found := site{frame: f}
	for _, path := range paths {
		path = filepath.Clean(path)
		at := slices.IndexFunc(parents, func(one step.Parent) bool { return one.Path == filepath.Dir(path) })
		if at < 0 {
			continue
		}
		parent := parents[at]
		found.paths = append(found.paths, sitePath{path, filepath.Join(parent.Real, filepath.Base(path)), parent.Device, parent.Inode, filepath.Base(path)})
	}
	for _, one := range parents {
		found.links = append(found.links, one.Links...)
	}
	return found
}

// meets refuses a step that would change what a step of another branch of the same parallel changes, by
// whatever path, or a link that the other's path leads through: the undo of one would undo the other's work.
// It takes the step's place, too.
func (x *Runner) meets(own site) error {
	if len(own.paths) == 0 || !own.frame.Node.InParallel() || slices.ContainsFunc(own.frame.Node.Step.Allow, func(one schema.Allowance) bool { return one.Rule.Text == proof.ParallelConflict }) {
		return nil
	}
	x.writing.Lock()
	defer x.writing.Unlock()
	for _, other := range x.sites {
		if !sideBySide(own.frame, other.frame) {
			continue
		}
		if mine, theirs, meet := own.meets(other); meet {
			return fault.New(fault.Refused, "paths-meet", "cannot change %s: %s, which another branch of the same parallel changes as %s, is the same or lies in its way",
				mine, x.Named(other.frame.Node, other.frame.Rounds), theirs).
				WithHint("put both steps into one branch, one after the other")
		}
	}
	x.sites = append(x.sites, own)
	return nil
}

func (s site) meets(other site) (mine, theirs string, meet bool) {
	for _, a := range s.paths {
		for _, b := range other.paths {
			if a.device == b.device && a.inode == b.inode && a.name == b.name || runstate.Overlaps(a.real, b.real) {
				return a.given, b.given, true
			}
		}
		if slices.Contains(other.links, a.real) {
			return a.given, other.paths[0].given, true
		}
	}
	for _, b := range other.paths {
		if slices.Contains(s.links, b.real) {
			return s.paths[0].given, b.given, true
		}
	}
	return "", "", false
}

// sideBySide reports whether two frames are of two branches of one parallel.
func sideBySide(a, b *Frame) bool {
	left, right := a.Node, b.Node
	for left.Depth > right.Depth {
		left = left.Parent
	}
	for right.Depth > left.Depth {
		right = right.Parent
	}
	for left != right && left.Parent != right.Parent {
		left, right = left.Parent, right.Parent
	}
	around := left.Parent
	return left != right && around != nil && program.As[*program.Parallel](around) != nil && left.Branch != right.Branch && sameRound(a, b, around)
}
