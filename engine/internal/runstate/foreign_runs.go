package runstate

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

// ForeignRun is another state directory of this user whose runs work on the same directories, on some below
// them, or above.
type ForeignRun struct {
	Known claim.Known
	State State
	// Runs are those of its runs that do.
	Runs []*StoredRun
	// damaged are those whose journals cannot be read, and that may owe an undo there.
	damaged []DamagedRun
	// away is true where its file system is not mounted, or cannot be read: what its runs did is not known.
	away bool
	// Gone is true where the state directory was removed.
	Gone bool
}

// WorksOn are the paths of the directories that the run locked, and where these led when it began.
func (b BeginRecord) WorksOn() []string {
	paths := LockedPaths(b.Locks)
	for _, place := range b.Places {
		if !slices.Contains(paths, place) {
			paths = append(paths, place)
		}
	}
	return paths
}

// Names are the names of the run's locks, and the paths to which these led when it began.
func (b BeginRecord) Names() []string { return append(slices.Clone(b.Locks), b.Places...) }

// Extents are the directories that the run works on, as they are found now.
func (b BeginRecord) Extents() []claim.Extent { return claim.Resolve(b.WorksOn()...) }

func sameDirectory(a, b string) bool {
	one, err := os.Stat(a)
	other, failure := os.Stat(b)
	return err == nil && failure == nil && os.SameFile(one, other)
}

// Elsewhere finds the other state directories of this user whose runs work on the extents. It changes
// nothing.
func Elsewhere(s State, place claim.Place, extents []claim.Extent) []ForeignRun {
	if len(extents) == 0 || BundledState(s) != nil {
		return nil
	}
	return Among(s, place.States(), extents)
}

// Among finds the same among known ones.
func Among(s State, states []claim.Known, extents []claim.Extent) (found []ForeignRun) {
	own, resolver := Real(s.Directory), claim.NewResolver()
	for _, known := range states {
		if known.State == own || !claim.AnyOverlaps(resolver.Resolve(known.Targets...), extents) || sameDirectory(known.State, own) {
			continue
		}
		found = append(found, look(known, extents))
	}
	return found
}

// look reads the journals of another state directory.
func look(known claim.Known, extents []claim.Extent) ForeignRun {
	n := ForeignRun{Known: known, State: State{known.State}}
	switch known.Look() {
	case claim.Away:
		n.away = true
		return n
	case claim.Gone:
		n.Gone = true
		return n
	}
	ids, err := n.State.Runs()
	n.away = err != nil
	for _, id := range ids {
		p, err := Peek(n.State, id)
		switch {
		case err != nil:
			w := DamagedRunOf(n.State, id, err)
			if targets := claim.Resolve(w.targets()...); w.Blocks() && (len(targets) == 0 || claim.AnyOverlaps(targets, extents)) {
				n.damaged = append(n.damaged, w)
			}
		case p != nil && claim.AnyOverlaps(p.Begin.Extents(), extents):
			n.Runs = append(n.Runs, p)
		}
	}
	return n
}

// owed refuses to work where a run of the other state directory has not ended: what its undo would restore
// would be changed, or what is done now would be taken away by it. A run whose step started this gwe is none
// of that.
func (n ForeignRun) RefuseUnfinished() error {
	for _, p := range n.Runs {
		if id := p.Directory.ID(); p.Ended == nil && !p.ClosedByOperator() && id != os.Getenv("GWE_RUN_ID") {
			return n.unfinished(p)
		}
	}
	for _, w := range n.damaged {
		return fault.New(fault.Refused, "target-owed", "run %s in the state directory %s may owe an undo on %s, and its journal is damaged", w.Directory.ID(), n.State.Directory, Listed(w.targets())).
			WithHint("`gwe status --state-dir %s` says what it may owe; put that right, then `gwe resolve %s --state-dir %[1]s --reason TEXT`", n.State.Directory, w.Directory.ID())
	}
	if n.away && len(n.Known.Unfinished) > 0 {
		return fault.New(fault.Refused, "target-owed", "run %s in the state directory %s has not ended, and its file system is not mounted on %s, or cannot be read: what it owes on %s is not known",
			n.Known.Unfinished[0], n.State.Directory, cmp.Or(n.Known.Mount, "/"), Listed(n.Known.Targets)).
			WithHint("mount it, then `gwe recover --state-dir %s`; if it is lost for good, put right by hand what the run left, then remove its record: rm %s*",
				n.State.Directory, strings.TrimSuffix(n.Known.File, "json"))
	}
	return nil
}

// unfinished says what to do about a run that has not ended.
func (n ForeignRun) unfinished(p *StoredRun) error {
	run, on := p.Directory.ID()+" of "+p.Begin.Recipe, Listed(p.Begin.Locks)
	held, _ := n.State.Holder()
	switch waits := p.Suspension; {
	case held != nil && held.Run == p.Directory.ID():
		return fault.New(fault.Refused, "target-owed", "process %d works on run %s in the state directory %s, which locks %s", held.PID, run, n.State.Directory, on).
			WithHint("wait until it has ended: `gwe status --state-dir %s` says what it does", n.State.Directory)
	case waits != nil:
		return fault.New(fault.Refused, "target-owed", "run %s in the state directory %s has not ended, and may owe an undo on %s: it waits for %s", run, n.State.Directory, on, waits.Awaited()).
			WithHint("end it first: `gwe confirm --state-dir %s`, or `gwe cancel --state-dir %[1]s`", n.State.Directory)
	}
	return fault.New(fault.Refused, "target-owed", "run %s in the state directory %s has not ended, and may owe an undo on %s", run, n.State.Directory, on).
		WithHint("finish it first: `gwe recover --state-dir %s`", n.State.Directory)
}

// LeasedElsewhere are what the undos of other state directories' runs need.
func LeasedElsewhere(s State, place claim.Place, extents []claim.Extent) (paths []string) {
	for _, n := range Elsewhere(s, place, extents) {
		for _, p := range n.Runs {
			if p.CanRollBack() {
				paths = append(paths, p.Leases()...)
			}
		}
	}
	return paths
}

// Announce notes for other state directories that a run of this one has not ended. Without locks that are
// paths, nobody can meet it.
func Announce(s State, place claim.Place, begin BeginRecord) error {
	if len(LockedPaths(begin.Locks)) == 0 {
		return nil
	}
	if err := place.Record(s.Directory, begin.WorksOn()); err != nil {
		return err
	}
	return place.Begin(s.Directory, begin.Run)
}

// IsBefore reports whether a run of another state directory began after this one. Its order says so; the
// clock only where an older gwe noted none.
func (p *StoredRun) IsBefore(other *StoredRun) bool {
	if p.Begin.Order > 0 && other.Begin.Order > 0 {
		return other.Begin.Order > p.Begin.Order
	}
	return other.Directory.ID() > p.Directory.ID()
}

// IsInPlace reports whether what the run committed is in place, for all that its journal tells.
func (p *StoredRun) IsInPlace() bool { return p.Changed() && !p.Rollback }

func CoveredForGood(id, later string) error {
	return fault.New(fault.Refused, "rollback-covered", "run %s was committed on top of run %s, and what its own rollback needed was released", later, id).
		WithHint("install a version on top, with `gwe run`")
}

// OwesNothing reports whether a run is known to have ended, or to have been closed by an operator, or was
// removed after that.
func OwesNothing(s State, id string) bool {
	if !runNames.MatchString(id) {
		return false
	}
	if _, err := os.Lstat(string(DirectoryOf(s, id))); errors.Is(err, fs.ErrNotExist) {
		return !slices.ContainsFunc(ReadUnfinished(s), func(one UnfinishedRecord) bool { return one.Run == id })
	}
	p, err := Peek(s, id)
	return DirectoryOf(s, id).resolution() != nil || err == nil && p != nil && p.Ended != nil
}

// stateOf is the state directory that a run's directory lies in; "" for none.
func stateOf(runDirectory string) string {
	if runDirectory == "" {
		return ""
	}
	return filepath.Dir(filepath.Dir(runDirectory))
}
