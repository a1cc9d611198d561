package engine

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
)

// A manual rollback deletes nothing that the run did not make. A step type moves such entries to a directory beside their own
// where that one may not stay, and tells of it by Run.Kept. The journal names these directories in the record that closes the
// frame, and they stay until `gwe forget`.

// keep is told of such a directory. An undo that runs again tells of the same one again.
func (f *frame) noteKept(path string) {
	if !slices.Contains(f.kept, path) {
		f.kept = append(f.kept, path)
	}
}

// keptLater lists these directories of all frames, as far as they are there.
func (h *runState) keptLater() []string {
	h.guard.Lock()
	defer h.guard.Unlock()
	var paths []string
	for _, f := range h.frames {
		paths = append(paths, f.kept...)
	}
	return present(paths)
}

// present leaves out what is not there: the operator, or the undo of an older step, may have moved it.
func present(paths []string) []string {
	slices.Sort(paths)
	return slices.DeleteFunc(slices.Compact(paths), func(path string) bool {
		_, err := os.Lstat(path)
		return errors.Is(err, fs.ErrNotExist)
	})
}

// forgetLater removes what a manual rollback of the run moved aside.
func (e *Engine) forgetLater(p *storedRun, paths []string, mine *locks) error {
	own := &locks{around: mine}
	defer own.release()
	if err := e.claimPaths(own, p.folder.id(), p.begin.worksOn()); err != nil {
		return err
	}
	for _, path := range paths {
		if err := discard(path); err != nil {
			return fault.New(fault.Failed, "forget-incomplete", "cannot remove %s, which came after the commit of run %s", path, p.folder.id()).
				WithCause(err).WithHint("run `gwe forget %s` again", p.folder.id())
		}
	}
	return nil
}

// discard removes what is at a path, by the rule of links of package openat.
func discard(path string) error {
	dir, name, err := openat.OpenParent(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer dir.Close()
	return durable.DiscardAt(dir, name)
}

// foresee tells what a manual rollback of a run would leave because it came after the commit, and refuses one that would take it from a
// later run.
func (e *Engine) foresee(ctx context.Context, x *runner, p *storedRun, standing []*storedRun) ([]step.Later, error) {
	later, err := x.foresee(ctx)
	if err != nil {
		return nil, err
	}
	return later, e.apartFrom(p, standing, later)
}

// foresee asks the frames, newest first, what their undos would leave.
func (x *runner) foresee(ctx context.Context) ([]step.Later, error) {
	later := []step.Later{}
	var taken []string
	for _, f := range x.state.open() {
		if f.part != "" || f.owesLast {
			continue
		}
		run, err := x.environmentOf(f, true, nil)
		if err != nil {
			return nil, err
		}
		run.AfterCommit = true
		run.Covered = func(path string) bool {
			return slices.ContainsFunc(taken, func(made string) bool { return path == made || strings.HasPrefix(path, made+"/") })
		}
		stepType := f.node.stepType()
		keeper, ok := stepType.(step.KeeperType)
		if !ok {
			taken = append(taken, pathsOf(f)...)
			continue
		}
		found, err := keeper.Keeps(ctx, run.Run, f.arguments, f.memo)
		if step.IsParentChanged(err) {
			return nil, x.notAsLeft(ctx, f, err)
		}
		if err != nil {
			return nil, x.state.at(f.node, f.rounds, explain(ctx, err))
		}
		if found.Made == nil && found.Later == nil {
			found.Made = pathsOf(f)
		}
		taken, later = append(taken, found.Made...), append(later, found.Later...)
	}
	return later, nil
}

// apartFrom refuses a rollback that would move what a later run has changed, and could still put back: its undo would not find that
// again.
func (e *Engine) apartFrom(p *storedRun, standing []*storedRun, later []step.Later) error {
	moves := slices.DeleteFunc(slices.Clone(later), func(one step.Later) bool { return one.To == "" })
	if len(moves) == 0 {
		return nil
	}
	for _, other := range standing {
		if other.folder.id() <= p.folder.id() {
			continue
		}
		paths := other.leases()
		if program, err := e.program(other); err == nil { // what it says of itself is for its own rollback
			if h, err := replay(program, other.folder, other.records); err == nil {
				for _, f := range h.held() {
					paths = append(paths, pathsOf(f)...)
				}
			}
		}
		for _, one := range moves {
			for _, path := range paths {
				if path == one.Directory || strings.HasPrefix(path, one.Directory+"/") {
					return fault.New(fault.Refused, "rollback-covered", "run %s changed %s, which the rollback of run %s would move with %s",
						other.folder.id(), path, p.folder.id(), one.Directory).
						WithHint("roll that one back first, or run `gwe forget %s`", other.folder.id())
				}
			}
		}
	}
	return nil
}

// pathsOf lists what the frame's declared effects touch.
func pathsOf(f *frame) (paths []string) {
	for _, effect := range f.node.stepType().About().Effects {
		if path, ok := f.arguments[effect.Argument].(string); ok && effect.Kind == step.Writes && path != "/" {
			paths = append(paths, path)
		}
	}
	return paths
}
