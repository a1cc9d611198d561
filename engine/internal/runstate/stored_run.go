package runstate

import (
	"errors"
	"io/fs"
	"os"
	"slices"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/journal"
)

// StoredRun is a run that another process began, as its journal says it.
type StoredRun struct {
	*Recorded
	Directory RunDirectory
	Records   []journal.Record
}

// Peek reads a run's journal without touching it. It is nil for a run that never began: gwe died between
// making the directory and the first record, and nothing was done.
func Peek(s State, id string) (*StoredRun, error) { return s.peekWith(id, NewRecorded()) }

// peekWith is peek into a fold of the caller's.
func (s State) peekWith(id string, into *Recorded) (*StoredRun, error) {
	directory := DirectoryOf(s, id)
	if err := directory.Check(); err != nil {
		return nil, err
	}
	records, err := journal.Read(directory.Journal())
	if f := fault.As(err); errors.Is(err, fs.ErrNotExist) || f != nil && f.Code == "journal-empty" {
		records, err = nil, nil
	}
	if err != nil {
		return nil, err
	}
	p := &StoredRun{Recorded: into, Directory: directory, Records: records}
	for _, record := range records {
		if !slices.Contains(recordKinds, record.Kind) {
			return nil, fault.New(fault.Refused, "journal-newer-record", "the journal %s has a record of the kind %q, which this gwe does not know",
				directory.Journal(), record.Kind).WithHint("use the gwe that wrote it (%s), or a newer one", p.writer())
		}
		if err := p.apply(record.Kind, record.Data); err != nil {
			return nil, NotUnderstood(directory, record, err)
		}
	}
	if p.began {
		return p, nil
	}
	if frames, _ := os.ReadDir(directory.Frames()); len(frames) > 0 || directory.resolution() != nil {
		// Steps saved something there, so this run did begin, and what its journal knew is lost.
		return nil, fault.New(fault.Errored, "journal-damaged", "the journal %s is gone, but its run has acted", directory.Journal()).
			WithHint("read the run's log, put the machine right by hand, and move the run's directory away")
	}
	return nil, nil
}

// CanRollBack reports whether the run's undo may still be asked for by hand: it committed something, and no
// later commit ended its retention.
func (p *StoredRun) CanRollBack() bool {
	return p.Changed() && !p.Releasing && !p.Released && !p.Rollback
}

// HalfReleased reports whether a process died, or failed, while what its undo needs was given up.
func (p *StoredRun) HalfReleased() bool { return p.Releasing && !p.Released }

// Changed reports whether the run committed something.
func (p *StoredRun) Changed() bool { return len(p.kept) > 0 }

// Needed reports whether what an ended run kept is needed on, as runState.needed does of a live one.
func (p *StoredRun) Needed() bool {
	return p.CanRollBack() || p.HalfReleased() || len(p.NotCleaned()) > 0 || p.UndoFailed
}

// ClosedByOperator reports whether an operator closed the run before it ended.
func (p *StoredRun) ClosedByOperator() bool { return p.Ended == nil && p.Directory.resolution() != nil }

// Leases are the paths that the run's undo needs.
func (p *StoredRun) Leases() []string {
	var paths []string
	for _, f := range p.kept {
		paths = append(paths, f.Leases...)
	}
	return paths
}

// Later lists the directories to which a manual rollback of the run moved what came after the commit, as far
// as they are there. One that cannot be looked at now counts: its file system may not be mounted.
func (p *StoredRun) Later() []string {
	if !p.Rollback {
		return nil
	}
	return Present(p.aside)
}

// KeptRuns is how many ended runs stay for gwe runs, show and log, besides those that are still needed.
const KeptRuns = 20

// AddSpare adds the run to those that nobody needs: it ended, left nothing, and nobody can ask for its undo.
func (p *StoredRun) AddSpare(spare []string) []string {
	if p.ClosedByOperator() {
		return append(spare, p.Directory.ID())
	}
	if p.Ended == nil || p.CanRollBack() || p.HalfReleased() || len(p.NotCleaned()) > 0 || len(p.Later()) > 0 {
		return spare
	}
	return append(spare, p.Directory.ID())
}
