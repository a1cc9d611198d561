package engine

import (
	"path/filepath"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
)

// Abandoned is something that a run kept for its undo, that no undo needs any more, and that gwe could not remove and does not try to remove
// again: the directory that it lay in is another one by now.
type Abandoned struct {
	// Run is the id of the run that kept it.
	Run string `json:"run"`
	// Path is where it lay.
	Path string `json:"path"`
	// Why is the error: it names the directory as it was.
	Why string `json:"why"`
}

// abandonedRecord is the same in a record of the run.
type abandonedRecord struct {
	Path string `json:"path"`
	Why  string `json:"why"`
}

// releasedRecord says that a run keeps nothing for its undo any more.
type releasedRecord struct {
	Abandoned []abandonedRecord `json:"abandoned,omitempty"`
}

// abandon says what stays of a frame because its directory really changed; nil where the error is another one, or the file system of the
// directory is only not mounted now, so that a later try may succeed.
func (x *runner) abandon(f *frame, err error) []abandonedRecord {
	if !step.IsParentChanged(err) || outOfReach(x.state.begin.Targets, fault.Errored) != nil || outOfReach(f.targets, fault.Errored) != nil {
		return nil
	}
	var paths []string
	for _, lease := range f.leases {
		if durable.IsOwn(filepath.Base(lease)) {
			paths = append(paths, lease)
		}
	}
	if len(paths) == 0 {
		paths = f.leases
	}
	if len(paths) == 0 {
		paths = effectPaths(f.node.stepType(), f.arguments)
	}
	var all []abandonedRecord
	for _, path := range paths {
		all = append(all, abandonedRecord{Path: path, Why: x.mask.Text(err.Error())})
	}
	return all
}

// warning says it once in a log.
func (a abandonedRecord) warning() string {
	return "not removed, and not tried again: " + a.Path + ", which no undo needs any more: " + a.Why + "; see where it is now, and remove it by hand"
}

// left lists what the run kept and could not remove.
func (p *storedRun) left() []Abandoned {
	var all []Abandoned
	for _, one := range p.abandoned {
		all = append(all, Abandoned{Run: p.folder.id(), Path: one.Path, Why: one.Why})
	}
	return all
}
