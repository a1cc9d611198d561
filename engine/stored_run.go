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

// storedRun is a run that another process began, as its journal says it.
type storedRun struct {
	*recorded
	folder  runFolder
	records []journal.Record
}

// peek reads a run's journal without touching it. It is nil for a run that never began: gwe died between making the
// directory and the first record, and nothing was done.
func (s State) peek(id string) (*storedRun, error) { return s.peekWith(id, newRecorded()) }

// peekWith is peek into a fold of the caller's.
func (s State) peekWith(id string, into *recorded) (*storedRun, error) {
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
	p := &storedRun{recorded: into, folder: folder, records: records}
	for _, record := range records {
		if !slices.Contains(recordKinds, record.Kind) {
			return nil, fault.New(fault.Refused, "journal-newer-record", "the journal %s has a record of the kind %q, which this gwe does not know",
				folder.journal(), record.Kind).WithHint("use the gwe that wrote it (%s), or a newer one", p.writer())
		}
		if err := p.apply(record.Kind, record.Data); err != nil {
			return nil, notUnderstood(folder, record, err)
		}
	}
	if p.began {
		return p, nil
	}
	if frames, _ := os.ReadDir(folder.frames()); len(frames) > 0 || folder.resolution() != nil {
		// Steps saved something there, so this run did begin, and what its journal knew is lost.
		return nil, fault.New(fault.Errored, "journal-damaged", "the journal %s is gone, but its run has acted", folder.journal()).
			WithHint("read the run's log, put the machine right by hand, and move the run's folder away")
	}
	return nil, nil
}

// canRollBack reports whether the run's undo may still be asked for by hand: it committed something, and no later commit ended
// its retention.
func (p *storedRun) canRollBack() bool {
	return p.changed() && !p.releasing && !p.released && !p.rollback
}

// halfReleased reports whether a process died, or failed, while what its undo needs was given up.
func (p *storedRun) halfReleased() bool { return p.releasing && !p.released }

// changed reports whether the run committed something.
func (p *storedRun) changed() bool { return len(p.kept) > 0 }

// needed reports whether what an ended run kept is needed on, as runState.needed does of a live one.
func (p *storedRun) needed() bool {
	return p.canRollBack() || p.halfReleased() || len(p.notCleaned()) > 0 || p.undoFailed
}

// closedByOperator reports whether an operator closed the run before it ended.
func (p *storedRun) closedByOperator() bool { return p.ended == nil && p.folder.resolution() != nil }

// leases are the paths that the run's undo needs.
func (p *storedRun) leases() []string {
	var paths []string
	for _, f := range p.kept {
		paths = append(paths, f.leases...)
	}
	return paths
}

// later lists the directories to which a manual rollback of the run moved what came after the commit, as far as they are there.
// One that cannot be looked at now counts: its file system may not be mounted.
func (p *storedRun) later() []string {
	if !p.rollback {
		return nil
	}
	return present(p.aside)
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
	history, err := replay(program, p.folder, records)
	if err != nil {
		_ = written.Close()
		return nil, err
	}
	x := e.execution(history, written, kind, title)
	x.recovers = kind == "recover"
	x.number = history.lastFrame()
	return x, nil
}
