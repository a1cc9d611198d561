package engine

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/step"
)

// preflight checks the plan before anything is touched: the journal must outlive a power cut, the first step with effects must be able to
// act, and what all steps need must fit on each file system.
func (e *Engine) preflight(ctx context.Context, x *runner) error {
	rows := x.plan(ctx)
	if err := e.volatileState(changedBy(x.state.Begin, rows)); err != nil {
		return err
	}
	if found := append(x.refusals(rows), tooLittle(x.spaceFor(rows))...); len(found) > 0 {
		return found[0]
	}
	for _, warning := range x.warnings(rows) {
		x.task.Warn(warning.Text)
		x.task.Warn("hint: " + warning.Hint)
	}
	return nil
}

// tooLittle lists the file systems on which the steps need more than there is.
func tooLittle(spaces []PlannedSpace) (found []error) {
	for _, space := range spaces {
		if space.Free < space.Needs {
			found = append(found, fault.New(fault.Refused, "space", "%s has %d MiB free, and the run needs %d MiB", space.Folder, space.Free>>20, (space.Needs+1<<20-1)>>20).
				WithHint("make room on the file system of %s: gwe removes nothing to get it", space.Folder))
		}
	}
	return found
}

// declined makes a step's "it cannot be done" the run's refusal: nothing has been touched yet.
func declined(err error) error {
	f := fault.As(err)
	if f == nil || f.Class != fault.Failed {
		return err
	}
	refusal := *f
	refusal.Class = fault.Refused
	return &refusal
}

// PlannedSpace is what a run needs on one file system, in bytes.
type PlannedSpace struct {
	// Folder lies on it: one that a step writes to, or the nearest one above it that is there already.
	Folder string `json:"folder"`
	Needs  int64  `json:"needs"`
	// Free is what this user may still write.
	Free int64 `json:"free"`
}

// spaceFor adds up by file system what the steps need that will surely run, in the order of the steps.
func (x *runner) spaceFor(rows []PlannedStep) []PlannedSpace {
	var all []PlannedSpace
	place := map[uint64]int{}
	for _, row := range rows {
		if row.Section != "steps" || row.Guard != program.WillRun {
			continue
		}
		for _, path := range slices.Sorted(maps.Keys(row.Space)) {
			folder, info, err := nearest(x.config.Machine, path)
			if err != nil {
				continue // the step itself will say what is wrong with it
			}
			status, ok := info.Sys().(*syscall.Stat_t)
			if !ok {
				continue
			}
			device := uint64(status.Dev) // 32 bits wide on some machines
			at, known := place[device]
			if !known {
				free, err := x.config.Machine.Space(folder)
				if err != nil || free == step.SpaceUnknown {
					continue // nothing to compare with
				}
				at = len(all)
				place[device], all = at, append(all, PlannedSpace{Folder: folder, Free: free})
			}
			all[at].Needs += row.Space[path]
		}
	}
	return all
}

// nearest finds a path, or the nearest one above it that is there: what is made at the path will lie on its file system.
func nearest(machine step.Machine, path string) (string, fs.FileInfo, error) {
	info, err := machine.Stat(path)
	for errors.Is(err, fs.ErrNotExist) && path != filepath.Dir(path) {
		path = filepath.Dir(path)
		info, err = machine.Stat(path)
	}
	return path, info, err
}

// foreseeSize refuses a plan whose run would not fit into its first record, as far as the plan knows the values.
func (x *runner) foreseeSize(begin runstate.BeginRecord) error {
	var err error
	if begin.Inputs, err = program.ShownInputs(x.program, x.state.inputs); err != nil {
		return nil
	}
	begin.Facts, _ = program.EncodeObject(factsType(x.program), x.state.facts)
	begin.Vars, _ = x.variableRecord()
	return begin.Fits()
}
