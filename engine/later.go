package engine

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/run"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
)

// forgetLater removes what a manual rollback of the run moved aside.
func (e *Engine) forgetLater(p *runstate.StoredRun, paths []string, mine *locks) error {
	own := &locks{around: mine}
	defer own.release()
	if err := e.claimPaths(own, p.Directory.ID(), p.Begin.WorksOn()); err != nil {
		return err
	}
	for _, path := range paths {
		if err := discard(path); err != nil {
			return fault.New(fault.Failed, "forget-incomplete", "cannot remove %s, which came after the commit of run %s", path, p.Directory.ID()).
				WithCause(err).WithHint("run `gwe forget %s` again", p.Directory.ID())
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

// foresee tells what a manual rollback of a run would leave because it came after the commit, and refuses one
// that would take it from a later run.
func (e *Engine) foresee(ctx context.Context, x *run.Runner, p *runstate.StoredRun, standing []*runstate.StoredRun) ([]step.Later, error) {
	later, err := foreseeLater(ctx, x)
	if err != nil {
		return nil, err
	}
	return later, e.apartFrom(p, standing, later)
}

// foreseeLater asks the frames, newest first, what their undos would leave.
func foreseeLater(ctx context.Context, x *run.Runner) ([]step.Later, error) {
	later := []step.Later{}
	var taken []string
	for _, f := range x.State.Open() {
		if f.Part != "" || f.OwesLast {
			continue
		}
		run, err := x.EnvironmentOf(f, true, nil)
		if err != nil {
			return nil, err
		}
		run.AfterCommit = true
		run.Covered = func(path string) bool {
			return slices.ContainsFunc(taken, func(made string) bool { return path == made || strings.HasPrefix(path, made+"/") })
		}
		stepType := f.Node.StepType()
		keeper, ok := stepType.(step.KeeperType)
		if !ok {
			taken = append(taken, pathsOf(f)...)
			continue
		}
		found, err := keeper.Keeps(ctx, run.Run, f.Arguments, f.Memo)
		if step.IsParentChanged(err) {
			return nil, notAsLeft(ctx, x, f, err)
		}
		if err != nil {
			return nil, x.State.At(f.Node, f.Rounds, program.Explain(ctx, err))
		}
		if found.Made == nil && found.Later == nil {
			found.Made = pathsOf(f)
		}
		taken, later = append(taken, found.Made...), append(later, found.Later...)
	}
	return later, nil
}

// apartFrom refuses a rollback that would move what a later run has changed, and could still roll back: its
// undo would not find that again.
func (e *Engine) apartFrom(p *runstate.StoredRun, standing []*runstate.StoredRun, later []step.Later) error {
	moves := slices.DeleteFunc(slices.Clone(later), func(one step.Later) bool { return one.To == "" })
	if len(moves) == 0 {
		return nil
	}
	for _, other := range standing {
		if other.Directory.ID() <= p.Directory.ID() {
			continue
		}
		paths := other.Leases()
		if compiled, err := e.program(other); err == nil { // what it says of itself is for its own rollback
			if h, err := run.Replay(compiled, other.Directory, other.Records); err == nil {
				for _, f := range h.Held() {
					paths = append(paths, pathsOf(f)...)
				}
			}
		}
		for _, one := range moves {
			for _, path := range paths {
				if path == one.Directory || strings.HasPrefix(path, one.Directory+"/") {
					return fault.New(fault.Refused, "rollback-covered", "run %s changed %s, which the rollback of run %s would move with %s",
						other.Directory.ID(), path, p.Directory.ID(), one.Directory).
						WithHint("roll that one back first, or run `gwe forget %s`", other.Directory.ID())
				}
			}
		}
	}
	return nil
}

// pathsOf lists what the frame's declared effects touch.
func pathsOf(f *run.Frame) (paths []string) {
	for _, effect := range f.Node.StepType().About().Effects {
		if path, ok := f.Arguments[effect.Argument].(string); ok && effect.Kind == step.Writes && path != "/" {
			paths = append(paths, path)
		}
	}
	return paths
}
