package engine

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/claim"
	"github.com/gwe-project/gwe/engine/fault"
)

// foreignRun is another state directory of this user whose runs work on the same directories, on some below them, or above.
type foreignRun struct {
	known claim.Known
	state State
	// runs are those of its runs that do.
	runs []*storedRun
	// damaged are those whose journals cannot be read, and that may owe an undo there.
	damaged []damagedRun
	// away is true where its file system is not mounted, or cannot be read: what its runs did is not known.
	away bool
	// gone is true where the state directory was removed.
	gone bool
}

// worksOn are the paths of the directories that the run locked, and where these led when it began.
func (b beginRecord) worksOn() []string {
	paths := lockedPaths(b.Locks)
	for _, place := range b.Places {
		if !slices.Contains(paths, place) {
			paths = append(paths, place)
		}
	}
	return paths
}

// names are the names of the run's locks, and the paths to which these led when it began.
func (b beginRecord) names() []string { return append(slices.Clone(b.Locks), b.Places...) }

// extents are the directories that the run works on, as they are found now.
func (b beginRecord) extents() []claim.Extent { return claim.Resolve(b.worksOn()...) }

// elsewhere finds the other state directories whose runs work on the extents. It changes nothing.
func (e *Engine) elsewhere(extents []claim.Extent) (found []foreignRun) {
	if len(extents) == 0 || e.State.bundled() != nil {
		return nil
	}
	return e.among(e.place().States(), extents)
}

func (e *Engine) among(states []claim.Known, extents []claim.Extent) (found []foreignRun) {
	own, resolver := real(e.State.Folder), claim.NewResolver()
	for _, known := range states {
		if known.State == own || !claim.AnyOverlaps(resolver.Resolve(known.Targets...), extents) || sameDirectory(known.State, own) {
			continue
		}
		found = append(found, look(known, extents))
	}
	return found
}

func sameDirectory(a, b string) bool {
	one, err := os.Stat(a)
	other, failure := os.Stat(b)
	return err == nil && failure == nil && os.SameFile(one, other)
}

// look reads the journals of another state directory.
func look(known claim.Known, extents []claim.Extent) foreignRun {
	n := foreignRun{known: known, state: State{known.State}}
	switch known.Look() {
	case claim.Away:
		n.away = true
		return n
	case claim.Gone:
		n.gone = true
		return n
	}
	ids, err := n.state.Runs()
	n.away = err != nil
	for _, id := range ids {
		p, err := n.state.peek(id)
		switch {
		case err != nil:
			w := n.state.wreckOf(id, err)
			if targets := claim.Resolve(w.targets()...); w.blocks() && (len(targets) == 0 || claim.AnyOverlaps(targets, extents)) {
				n.damaged = append(n.damaged, w)
			}
		case p != nil && claim.AnyOverlaps(p.begin.extents(), extents):
			n.runs = append(n.runs, p)
		}
	}
	return n
}

// owed refuses to work where a run of the other state directory has not ended: what its undo would restore would be changed, or what is
// done now would be taken away by it. A run whose step started this gwe is none of that.
func (n foreignRun) refuseUnfinished() error {
	for _, p := range n.runs {
		if id := p.folder.id(); p.ended == nil && !p.closedByOperator() && id != os.Getenv("GWE_RUN_ID") {
			return n.unfinished(p)
		}
	}
	for _, w := range n.damaged {
		return fault.New(fault.Refused, "target-owed", "run %s in the state directory %s may owe an undo on %s, and its journal is damaged", w.folder.id(), n.state.Folder, listed(w.targets())).
			WithHint("`gwe status --state-dir %s` says what it may owe; put that right, then `gwe resolve %s --state-dir %[1]s --reason TEXT`", n.state.Folder, w.folder.id())
	}
	if n.away && len(n.known.Unfinished) > 0 {
		return fault.New(fault.Refused, "target-owed", "run %s in the state directory %s has not ended, and its file system is not mounted on %s, or cannot be read: what it owes on %s is not known",
			n.known.Unfinished[0], n.state.Folder, cmp.Or(n.known.Mount, "/"), listed(n.known.Targets)).
			WithHint("mount it, then `gwe recover --state-dir %s`; if it is lost for good, put right by hand what the run left, then remove its record: rm %s*",
				n.state.Folder, strings.TrimSuffix(n.known.File, "json"))
	}
	return nil
}

// unfinished says what to do about a run that has not ended.
func (n foreignRun) unfinished(p *storedRun) error {
	run, on := p.folder.id()+" of "+p.begin.Recipe, listed(p.begin.Locks)
	held, _ := n.state.Holder()
	switch waits := p.suspension; {
	case held != nil && held.Run == p.folder.id():
		return fault.New(fault.Refused, "target-owed", "process %d works on run %s in the state directory %s, which locks %s", held.PID, run, n.state.Folder, on).
			WithHint("wait until it has ended: `gwe status --state-dir %s` says what it does", n.state.Folder)
	case waits != nil:
		return fault.New(fault.Refused, "target-owed", "run %s in the state directory %s has not ended, and may owe an undo on %s: it waits for %s", run, n.state.Folder, on, waits.awaited()).
			WithHint("end it first: `gwe confirm --state-dir %s`, or `gwe cancel --state-dir %[1]s`", n.state.Folder)
	}
	return fault.New(fault.Refused, "target-owed", "run %s in the state directory %s has not ended, and may owe an undo on %s", run, n.state.Folder, on).
		WithHint("finish it first: `gwe recover --state-dir %s`", n.state.Folder)
}

// settledElsewhere refuses a run while one of another state directory has not ended on the directories that this one has claimed. It records
// that the runs of this state directory work there, and puts the run in order with those of the others.
func (e *Engine) settledElsewhere(held *locks, begin *beginRecord, earlier []*storedRun) error {
	if held.claim == nil {
		return nil
	}
	extents := held.claim.Extents()
	for _, extent := range extents {
		if extent.Real != extent.Name && !slices.Contains(begin.Places, extent.Real) {
			begin.Places = append(begin.Places, extent.Real)
		}
	}
	for _, p := range earlier {
		begin.Order = max(begin.Order, p.begin.Order)
	}
	states := e.place().States()
	for _, n := range e.among(states, extents) {
		if err := n.refuseUnfinished(); err != nil {
			return err
		}
		for _, p := range n.runs {
			begin.Order = max(begin.Order, p.begin.Order)
		}
		if n.gone {
			if len(n.known.Unfinished) > 0 {
				begin.forgotten = append(begin.forgotten, n.known)
			}
			e.place().Drop(n.known)
		}
	}
	e.place().Tidy(states)
	begin.Order++
	return e.place().Record(e.State.Folder, begin.worksOn())
}

// warnOfForgotten names the runs that had begun on the targets and whose state directory was removed.
func (x *runner) warnOfForgotten(forgotten []claim.Known) {
	for _, known := range forgotten {
		x.task.Warn("run " + strings.Join(known.Unfinished, ", ") + " of the state directory " + known.State + " had begun on " + listed(known.Targets) +
			", and that directory was removed: what the run changed cannot be undone by gwe")
	}
}

// isBefore reports whether a run of another state directory began after this one. Its order says so; the clock only where an older gwe
// noted none.
func (p *storedRun) isBefore(other *storedRun) bool {
	if p.begin.Order > 0 && other.begin.Order > 0 {
		return other.begin.Order > p.begin.Order
	}
	return other.folder.id() > p.folder.id()
}

// isInPlace reports whether what the run committed is in place, for all that its journal tells.
func (p *storedRun) isInPlace() bool { return p.changed() && !p.rollback }

// covered refuses the rollback of a run on whose directories, below or above them, a later run has committed changes: the undo would take
// those along.
func (e *Engine) covered(p *storedRun, standing []*storedRun) error {
	id, extents := p.folder.id(), p.begin.extents()
	for _, later := range standing {
		if later.folder.id() > id && (sharesLock(later.begin.names(), p.begin.names()) || claim.AnyOverlaps(later.begin.extents(), extents)) {
			return fault.New(fault.Refused, "rollback-covered", "run %s was committed on top of run %s", later.folder.id(), id).
				WithHint("roll that one back first")
		}
	}
	if len(extents) == 0 {
		return nil
	}
	ids, _ := e.State.Runs()
	for _, other := range ids[min(len(ids), slices.Index(ids, id)+1):] {
		later, err := e.State.peek(other)
		if err == nil && later != nil && later.isInPlace() && claim.AnyOverlaps(later.begin.extents(), extents) {
			return coveredForGood(id, other)
		}
	}
	for _, n := range e.elsewhere(extents) {
		for _, later := range n.runs {
			switch {
			case !later.isInPlace() || !p.isBefore(later):
			case later.canRollBack():
				return fault.New(fault.Refused, "rollback-covered", "run %s of the state directory %s was committed on top of run %s", later.folder.id(), n.state.Folder, id).
					WithHint("roll that one back first: `gwe rollback %s --state-dir %s`", later.folder.id(), n.state.Folder)
			default:
				return coveredForGood(id, later.folder.id()+" of the state directory "+n.state.Folder)
			}
		}
	}
	return nil
}

func coveredForGood(id, later string) error {
	return fault.New(fault.Refused, "rollback-covered", "run %s was committed on top of run %s, and what its own rollback needed was given up", later, id).
		WithHint("install a version on top, with `gwe run`")
}

// keepsFromRollback reports whether a run committed changes where an older one did that stands: it keeps that from being rolled back.
func (e *Engine) keepsFromRollback(id string, standing []*storedRun) bool {
	p, err := e.State.peek(id)
	return err == nil && p != nil && p.isInPlace() && slices.ContainsFunc(standing, func(older *storedRun) bool {
		return older.folder.id() < id && claim.AnyOverlaps(older.begin.extents(), p.begin.extents())
	})
}

// leasedElsewhere are what the undos of other state directories' runs need.
func (e *Engine) leasedElsewhere(extents []claim.Extent) (paths []string) {
	for _, n := range e.elsewhere(extents) {
		for _, p := range n.runs {
			if p.canRollBack() {
				paths = append(paths, p.leases()...)
			}
		}
	}
	return paths
}

// elsewhere are the same for this run, found out once: another state directory begins nothing here while it works.
func (x *runner) elsewhere() []string {
	x.lookElsewhere.Do(func() { x.leasesElsewhere = x.engine.leasedElsewhere(x.state.begin.extents()) })
	return x.leasesElsewhere
}

// owedElsewhere refuses to work on the extents while a run of another state directory has not ended there.
func (e *Engine) owedElsewhere(extents []claim.Extent) error {
	for _, n := range e.elsewhere(extents) {
		if err := n.refuseUnfinished(); err != nil {
			return err
		}
	}
	return nil
}

// recordRun notes for other state directories that a run of this one has not ended. Without locks that are paths, nobody can meet it.
func (e *Engine) recordRun(begin beginRecord) error {
	if len(lockedPaths(begin.Locks)) == 0 {
		return nil
	}
	if err := e.place().Record(e.State.Folder, begin.worksOn()); err != nil {
		return err
	}
	return e.place().Begin(e.State.Folder, begin.Run)
}

// removeEndedNotes takes away the notes that runs of this state directory had begun which have ended since: gwe may have died before it did so. One
// stays while the run may owe anything.
func (e *Engine) removeEndedNotes() {
	for _, run := range e.place().Unfinished(e.State.Folder) {
		if e.State.owesNothing(run) {
			e.place().End(e.State.Folder, run)
		}
	}
}

// owesNothing reports whether a run is known to have ended, or to have been closed by an operator, or was removed after that.
func (s State) owesNothing(id string) bool {
	if !runNames.MatchString(id) {
		return false
	}
	if _, err := os.Lstat(string(s.run(id))); errors.Is(err, fs.ErrNotExist) {
		return !slices.ContainsFunc(s.readUnfinished(), func(one unfinishedRecord) bool { return one.Run == id })
	}
	p, err := s.peek(id)
	return s.run(id).resolution() != nil || err == nil && p != nil && p.ended != nil
}

// stateOf is the state directory that a run's directory lies in; "" for none.
func stateOf(runFolder string) string {
	if runFolder == "" {
		return ""
	}
	return filepath.Dir(filepath.Dir(runFolder))
}
