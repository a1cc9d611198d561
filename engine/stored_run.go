package engine

import (
	"errors"
	"io/fs"
	"os"
	"slices"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/journal"
	"github.com/gwe-project/gwe/engine/regular"
)

// storedRun is a run that another process began.
type storedRun struct {
	folder  runFolder
	begin   beginRecord
	records []journal.Record
	// kinds are those of its records, and kept are the frames that held lists: each run is asked again for each later one.
	kinds map[string]bool
	kept  []intentRecord
}

// peek reads a run's journal without touching it. It is nil for a run that never began: gwe died between making the
// folder and the first record, and nothing was done.
func (s State) peek(id string) (*storedRun, error) {
	folder := s.run(id)
	if err := folder.check(); err != nil {
		return nil, err
	}
	records, err := journal.Read(folder.journal())
	if f := fault.As(err); errors.Is(err, fs.ErrNotExist) || f != nil && f.Code == "journal-empty" {
		records, err = nil, nil
	}
	if err != nil {
		return nil, err
	}
	p := &storedRun{folder: folder, records: records, kinds: map[string]bool{}}
	began := false
	for _, record := range records {
		if !slices.Contains(recordKinds, record.Kind) {
			return nil, fault.New(fault.Refused, "journal-newer-record", "the journal %s has a record of the kind %q, which this gwe does not know",
				folder.journal(), record.Kind).WithHint("use the gwe that wrote it (%s), or a newer one", p.version())
		}
		p.kinds[record.Kind] = true
		if record.Kind == recordBegin {
			began = true
			if err := into(record.Data, func(r beginRecord) error { p.begin = r; return nil }); err != nil {
				return nil, fault.New(fault.Errored, "journal-unreadable", "the journal %s cannot be understood", folder.journal()).WithCause(err)
			}
		}
	}
	if began {
		p.kept = p.heldBefore()
		return p, nil
	}
	if frames, _ := os.ReadDir(folder.frames()); len(frames) > 0 || folder.resolution() != nil {
		// Steps saved something there, so this run did begin, and what its journal knew is lost.
		return nil, fault.New(fault.Errored, "journal-damaged", "the journal %s is gone, but its run has acted", folder.journal()).
			WithHint("read the run's log, put the machine right by hand, and move the run's folder away")
	}
	return nil, nil
}

// version is that of the newest gwe that is known to have worked on the run.
func (p *storedRun) version() string {
	version := p.begin.Version
	for _, record := range p.records {
		if record.Kind == recordRecovery || record.Kind == recordTakenOver {
			_ = into(record.Data, func(r recoveryRecord) error { version = r.Version; return nil })
		}
	}
	return version
}

// has tells whether the journal holds a record of the kind.
func (p *storedRun) has(kind string) bool { return p.kinds[kind] }

// appendMarker adds a record that this process has just written.
func (p *storedRun) appendMarker(kind string) {
	p.records = append(p.records, journal.Record{Kind: kind})
	p.kinds[kind] = true
}

// canRollBack tells whether the run's undo may still be asked for by hand: it committed something, and no later commit took
// its lease.
func (p *storedRun) canRollBack() bool {
	return p.changed() && !p.has(recordReleasing) && !p.has(recordReleased) && !p.has(recordRollback)
}

// releasing tells whether somebody died, or failed, while what its undo needs was given up.
func (p *storedRun) releasing() bool { return p.has(recordReleasing) && !p.has(recordReleased) }

// changed tells whether the run committed something.
func (p *storedRun) changed() bool { return len(p.held()) > 0 }

// held lists the frames before the commit that were not undone. What comes behind the commit does not change them.
func (p *storedRun) held() []intentRecord { return p.kept }

func (p *storedRun) heldBefore() []intentRecord {
	if !p.has(recordCommitted) {
		return nil
	}
	var held []intentRecord
	for _, record := range p.records {
		switch record.Kind {
		case recordIntent:
			_ = into(record.Data, func(r intentRecord) error { held = append(held, r); return nil })
		case recordUndone, recordButLast:
			_ = into(record.Data, func(r undoneRecord) error {
				held = slices.DeleteFunc(held, func(intent intentRecord) bool { return intent.Frame == r.Frame })
				return nil
			})
		case recordCommitted:
			return held
		}
	}
	return held
}

// needed tells whether what an ended run kept is needed on, as runState.needed does of a live one.
func (p *storedRun) needed() bool {
	return p.canRollBack() || p.releasing() || len(p.leftovers()) > 0 || p.undoFailed()
}

// undoFailed tells whether an undo failed, and a person may need what it could not put back.
func (p *storedRun) undoFailed() bool {
	end := p.end()
	scarred := end != nil && end.Status == StatusBroken
	for _, record := range p.records {
		if record.Kind == recordUndone || record.Kind == recordButLast {
			_ = into(record.Data, func(r undoneRecord) error { scarred = scarred || r.Broken; return nil })
		}
	}
	return scarred
}

// end is the run's last word; nil where it has none.
func (p *storedRun) end() *endRecord {
	var end *endRecord
	for _, record := range p.records {
		if record.Kind == recordRollback {
			end = nil // it ends once more
		}
		if record.Kind == recordEnd {
			_ = into(record.Data, func(r endRecord) error { end = &r; return nil })
		}
	}
	return end
}

// closedByOperator reports whether an operator closed the run before it ended.
func (p *storedRun) closedByOperator() bool { return p.end() == nil && p.folder.resolution() != nil }

// awaitsServices tells whether an early recovery has done what needs no service, and the rest waits for them.
func (p *storedRun) awaitsServices() bool {
	awaits := false
	for _, record := range p.records {
		switch record.Kind {
		case recordServices:
			awaits = true
		case recordEnd, recordRollback:
			awaits = false
		}
	}
	return awaits
}

// leftovers lists the frames that an earlier undo could not clean up, and that no recovery has cleaned since.
func (p *storedRun) leftovers() []int {
	end := p.end()
	if end == nil {
		return nil
	}
	cleaned := map[int]bool{}
	for _, record := range p.records {
		if record.Kind == recordCleaned {
			_ = into(record.Data, func(r undoneRecord) error { cleaned[r.Frame] = true; return nil })
		}
	}
	var left []int
	for _, frame := range end.Leftovers {
		if !cleaned[frame] {
			left = append(left, frame)
		}
	}
	return left
}

// leases are the paths that the run's undo needs.
func (p *storedRun) leases() []string {
	var paths []string
	for _, intent := range p.held() {
		paths = append(paths, intent.Leases...)
	}
	return paths
}

// later lists the directories to which a manual rollback of the run moved what came after the commit, as far as they are there.
// One that cannot be looked at now counts: its file system may not be mounted.
func (p *storedRun) later() []string {
	if !p.has(recordRollback) {
		return nil
	}
	var paths []string
	for _, record := range p.records {
		switch record.Kind {
		case recordUndone, recordButLast, recordPutOff, recordCleaned:
			_ = into(record.Data, func(r undoneRecord) error { paths = append(paths, r.Kept...); return nil })
		}
	}
	return present(paths)
}

// program compiles the frozen copy: recovery never looks at the recipe that the run was started with.
func (e *Engine) program(p *storedRun) (*Program, error) {
	source, err := regular.Read(p.folder.recipe())
	if err != nil {
		return nil, fault.New(fault.Errored, "frozen-recipe-missing", "the frozen recipe of run %s cannot be read", p.folder.id()).WithCause(err).
			WithHint("put %s back: the recipe of SHA-256 %s that the run began with", p.folder.recipe(), p.begin.Digest)
	}
	if digest(source) != p.begin.Digest {
		return nil, fault.New(fault.Errored, "frozen-recipe-changed", "the frozen recipe of run %s is not the one that it began with", p.folder.id()).
			WithHint("put the right %s back: its SHA-256 is %s", p.folder.recipe(), p.begin.Digest)
	}
	catalog, err := e.catalogOf(p)
	if err != nil {
		return nil, err
	}
	program, diagnostics := load(frozen{p.folder, p.begin.Uses}, p.begin.File, source, catalog)
	if program == nil {
		return nil, fault.New(fault.Errored, "frozen-recipe-invalid", "this gwe does not understand the frozen recipe of run %s: %s",
			p.folder.id(), diagnostics[0].Message).WithHint("recover with gwe %s, which began the run", p.begin.Version)
	}
	return program, nil
}

// open takes a past run over: its journal opened for writing, its history rebuilt, its log a file of its own.
func (e *Engine) open(p *storedRun, kind, title string) (*runner, error) {
	program, err := e.program(p)
	if err != nil {
		return nil, err
	}
	written, records, err := journal.Open(p.folder.journal())
	if err != nil {
		return nil, err
	}
	history, err := readHistory(program, p.folder, records)
	if err != nil {
		_ = written.Close()
		return nil, err
	}
	x := e.execution(history, written, kind, title)
	x.recovers = kind == "recover"
	x.number = history.last()
	return x, nil
}
