package plan

import (
	"maps"
	"slices"
	"syscall"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/step"
)

// PlannedSpace is what a run needs on one file system, in bytes.
type PlannedSpace struct {
	// Directory lies on it: one that a step writes to, or the nearest one above it that is there already.
	Directory string `json:"folder"`
	Needs     int64  `json:"needs"`
	// Free is what this user may still write.
	Free int64 `json:"free"`
}

// Space adds up by file system what the steps need that will surely run, in the order of the steps.
func (k Known) Space(rows []program.PlannedStep) []PlannedSpace {
	var all []PlannedSpace
	place := map[uint64]int{}
	for _, row := range rows {
		if row.Section != "steps" || row.Guard != program.WillRun {
			continue
		}
		for _, path := range slices.Sorted(maps.Keys(row.Space)) {
			directory, info, err := nearest(k.Machine, path)
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
				free, err := k.Machine.Space(directory)
				if err != nil || free == step.SpaceUnknown {
					continue // nothing to compare with
				}
				at = len(all)
				place[device], all = at, append(all, PlannedSpace{Directory: directory, Free: free})
			}
			all[at].Needs += row.Space[path]
		}
	}
	return all
}

// TooLittle lists the file systems on which the steps need more than there is.
func TooLittle(spaces []PlannedSpace) (found []error) {
	for _, space := range spaces {
		if space.Free < space.Needs {
			found = append(found, fault.New(fault.Refused, "space", "%s has %d MiB free, and the run needs %d MiB", space.Directory, space.Free>>20, (space.Needs+1<<20-1)>>20).
				WithHint("make room on the file system of %s: gwe removes nothing to get it", space.Directory))
		}
	}
	return found
}
