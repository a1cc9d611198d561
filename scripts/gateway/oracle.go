package gateway

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/journal"
)

// Picture is all that an update may change on a gateway, one line a thing: each name below opt and bin with
// its kind, mode, owner, time, content, and which other names are the same file; the link; the marks; and the
// service that runs.
type Picture map[string]string

// Ends are the only two ways in which a disturbed change may end. There are two pictures of the new: prune
// comes after the commit, and where it was cut short it is rolled back, so the oldest release is still there.
type Ends struct {
	Old, New, Unpruned Picture
	// Decides is the kind of the record that is in the journal exactly if the machine must be the new one.
	Decides string
	// Kept is how many runs can be rolled back then.
	Kept struct{ Old, New int }
}

// WantOldOrNew is the oracle, asked when gwe has recovered. The journal says which of the two it must be: the
// new one exactly if what decides is in it.
func (g *Gateway) WantOldOrNew(want Ends) (isNew bool) {
	g.Helper()
	g.WantSettled()
	isNew = g.WantMachine(want)
	kept := want.Kept.Old
	if isNew {
		kept = want.Kept.New
	}
	if standing := g.standing(); len(standing) != kept {
		g.Errorf("%d runs keep what their undo needs, and %d must: %v", len(standing), kept, standing)
	}
	code := 0
	if kept == 0 {
		code = 6
	}
	if e := g.Gwe(nil, "rollback", "--dry-run"); e.Code != code {
		g.Errorf("whether there is a way back is told with %d, not with %d:\n%s", e.Code, code, e.Said)
	}
	return isNew
}

// WantMachine is the part of the oracle that must hold already when gwe has ended by itself: the machine is
// old or new.
func (g *Gateway) WantMachine(want Ends) (isNew bool) {
	g.Helper()
	now, wanted, name := g.Picture(), want.Old, "old"
	if isNew = g.decided(want.Decides); isNew {
		wanted, name = want.New, "new"
	}
	// The step that refreshes may fail, and then the cache is still the old one; where it acted, it was told
	// of its undo.
	if want.Decides == "committed" && isNew && now["cache"] == want.Old["cache"] && !g.acted("cache") {
		now["cache"] = wanted["cache"]
	}
	if wasPutBack := isNew == (want.Decides == Undo); wasPutBack && g.lastEnd().Leftovers != nil { // it said so, and a recovery will clear that away
		maps.DeleteFunc(now, func(name, _ string) bool { return wanted[name] == "" })
	}
	if !isNew || !now.is(want.Unpruned) {
		g.wantPicture(name, now, wanted)
	}
	return isNew
}

// WantUntouched is what must hold when gwe has ended without knowing whether its journal tells the next
// recovery to continue.
func (g *Gateway) WantUntouched(want Ends) {
	g.Helper()
	g.wantPicture("old", g.Picture(), want.Old)
}

// decided reports whether a run that is not among the saved ones has a record of the kind.
func (g *Gateway) decided(kind string) bool {
	g.Helper()
	for _, run := range g.runs() {
		// A run that never began has no journal until the next recovery clears its directory away;
		// WantSettled tells.
		records, _ := journal.Read(filepath.Join(run, "journal"))
		has := slices.ContainsFunc(records, func(r journal.Record) bool { return r.Kind == kind })
		if _, err := os.Lstat(g.Path("saved/state/runs", filepath.Base(run))); err != nil && has {
			return true
		}
	}
	return false
}

// acted reports whether a step of the type came as far as its frame, in the newest run.
func (g *Gateway) acted(stepType string) bool {
	g.Helper()
	runs := g.runs()
	records, _ := journal.Read(filepath.Join(runs[len(runs)-1], "journal"))
	return slices.ContainsFunc(records, func(r journal.Record) bool {
		var intent struct{ Type string }
		return r.Kind == "intent" && json.Unmarshal(r.Data, &intent) == nil && intent.Type == stepType
	})
}

// runs are the directories of all runs, oldest first.
func (g *Gateway) runs() []string {
	g.Helper()
	runs, err := filepath.Glob(g.Path("state/runs/*"))
	g.Check(err)
	return runs
}

// WantSettled checks what must hold after every recovery: all journals can be read and have an end, nothing
// is kept for a run that cannot be undone any more, no lock is held, and no temporary name and no control
// group is left. The old file that an undo needs has a hidden name with that of its run.
func (g *Gateway) WantSettled() {
	g.Helper()
	standing := g.standing()
	for _, run := range g.runs() {
		kinds := g.Kinds(run)
		if last := max(slices.Index(kinds, "rollback"), 0); !slices.Contains(kinds[min(last, len(kinds)):], "end") {
			g.Errorf("run %s has no end: %v", filepath.Base(run), kinds)
		}
		if _, err := os.Lstat(filepath.Join(run, "frames")); err == nil && !slices.Contains(standing, filepath.Base(run)) {
			g.Errorf("run %s still keeps what its undo needed: %v", filepath.Base(run), kinds)
		}
	}
	if len(standing) > 1 {
		g.Errorf("the undo of %d runs may be asked for; a later commit takes over from the one before", len(standing))
	}
	for _, lock := range []string{"state/lock", "opt", "bin", "bin/gwe", "bin/gwe.before"} {
		if file, err := os.Open(g.Path(lock)); err == nil {
			if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
				g.Errorf("%s is still locked: %v", lock, err)
			}
			file.Close()
		}
	}
	for _, directory := range []string{"opt", "bin", "state"} {
		g.Check(filepath.WalkDir(g.Path(directory), func(path string, _ fs.DirEntry, err error) error {
			name := filepath.Base(path)
			needed := func(run string) bool { return strings.HasPrefix(name, ".gwe-old-"+run+"-") }
			if strings.HasPrefix(name, ".gwe-") && name != durable.Releases && !slices.ContainsFunc(standing, needed) {
				g.Errorf("left behind: %s", path)
			}
			return err
		}))
	}
	for _, run := range g.runs() {
		for _, group := range Groups(MarkOf(run)) {
			g.Errorf("left behind: %s", group)
		}
	}
}

// MarkOf is what the run in a directory marks its processes with. The id alone does not tell it from a run of
// another machine.
func MarkOf(run string) string {
	text, _ := os.ReadFile(filepath.Join(run, "mark")) // it has not begun yet
	mark, _, _ := strings.Cut(strings.TrimPrefix(string(text), "GWE_PROCESS="), "/")
	records, _ := journal.Read(filepath.Join(run, "journal"))
	for _, record := range records {
		var begin struct{ Mark string }
		if record.Kind == "begin" && json.Unmarshal(record.Data, &begin) == nil {
			mark = filepath.Base(run) + "-" + begin.Mark
		}
	}
	return mark
}

// Groups are the control groups of the run with that mark.
func Groups(mark string) (found []string) {
	_ = filepath.WalkDir("/sys/fs/cgroup", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && strings.HasPrefix(entry.Name(), "gwe-"+mark+":") {
			found = append(found, path)
		}
		return nil // groups of others come and go
	})
	return found
}

// standing are the runs that have committed, and of which nobody gave up what their undo needs.
func (g *Gateway) standing() (standing []string) {
	g.Helper()
	for _, run := range g.runs() {
		kinds := g.Kinds(run)
		if slices.Contains(kinds, "committed") && !slices.Contains(kinds, "released") && !slices.Contains(kinds, "rollback") {
			standing = append(standing, filepath.Base(run))
		}
	}
	return standing
}

// Kinds gives the kinds of a run's records.
func (g *Gateway) Kinds(run string) []string {
	g.Helper()
	records, err := journal.Read(filepath.Join(run, "journal"))
	if err != nil {
		g.Errorf("run %s: %v", filepath.Base(run), err)
	}
	var kinds []string
	for _, record := range records {
		kinds = append(kinds, record.Kind)
	}
	return kinds
}

func (g *Gateway) wantPicture(name string, now, want Picture) {
	g.Helper()
	now = now.as(want)
	for _, at := range slices.Sorted(maps.Keys(union(now, want))) {
		if now[at] != want[at] {
			g.Errorf("not as in the %s state: %s\n  is     %q\n  wanted %q", name, at, now[at], want[at])
		}
	}
}

func union(a, b Picture) Picture {
	both := maps.Clone(a)
	maps.Copy(both, b)
	return both
}

// Picture is what there is now.
func (g *Gateway) Picture() Picture {
	g.Helper()
	made := Picture{"mark": g.Mark(), "cache": g.cache()}
	if !g.Unplugged {
		made["service"] = g.Service()
	}
	first := map[uint64]string{} // the first name of each file
	for _, directory := range []string{"opt", "bin"} {
		g.Check(filepath.WalkDir(g.Path(directory), func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if strings.HasPrefix(entry.Name(), ".gwe-") { // WantSettled speaks of them
				if entry.IsDir() {
					return fs.SkipDir
				}
				return nil
			}
			name, err := filepath.Rel(g.Root, path)
			g.Check(err)
			made[KeptName.ReplaceAllString(name, ".kept")] = g.describe(path, name, first)
			return nil
		}))
	}
	return made
}

// KeptName is the end of the name of a directory to which a rollback moved what came later; it is of one run
// alone.
var KeptName = regexp.MustCompile(`\.kept-[0-9]{8}-[0-9]{6}\.[0-9]{3}`)

func (g *Gateway) describe(path, name string, first map[uint64]string) string {
	g.Helper()
	info, err := os.Lstat(path)
	g.Check(err)
	stat := info.Sys().(*syscall.Stat_t)
	line := fmt.Sprintf("%v %d:%d", info.Mode(), stat.Uid, stat.Gid)
	if name != "opt" && name != "bin" && !(info.IsDir() && KeptName.MatchString(name)) { // where names come and go
		line += info.ModTime().UTC().Format(" 2006-01-02T15:04:05.000000000")
	}
	switch {
	case info.Mode().IsRegular():
		content, err := os.ReadFile(path)
		g.Check(err)
		if first[stat.Ino] == "" {
			first[stat.Ino] = KeptName.ReplaceAllString(name, ".kept")
		}
		line += fmt.Sprintf(" %.6x, the same file as %s", sha256.Sum256(content), first[stat.Ino])
	case info.Mode()&fs.ModeSymlink != 0:
		text, err := os.Readlink(path)
		g.Check(err)
		line += " -> " + text
	}
	return line
}

// WithoutTimeOfLink is for comparing the new state with that of another run: each run makes a link of its
// own.
func (p Picture) WithoutTimeOfLink() Picture {
	without := maps.Clone(p)
	if fields := strings.Fields(p[link]); len(fields) == timed {
		without[link] = strings.Join(append(fields[:2:2], fields[3:]...), " ")
	}
	return without
}

// A link with its time is told in so many words.
const (
	link  = "opt/current"
	timed = 5
)

// as leaves out the time of the link where the other picture does.
func (p Picture) as(other Picture) Picture {
	if len(strings.Fields(other[link])) == timed {
		return p
	}
	return p.WithoutTimeOfLink()
}

// is reports whether two pictures show the same machine.
func (p Picture) is(other Picture) bool { return maps.Equal(p.as(other), other) }

// Mark is what the hooks wrote down.
func (g *Gateway) Mark() string {
	text, err := os.ReadFile(g.Path("marks/runs"))
	if err != nil {
		return "no service"
	}
	return strings.TrimSpace(string(text))
}

// cache is what the step that refreshes wrote.
func (g *Gateway) cache() string {
	text, err := os.ReadFile(g.Path("marks/cache"))
	if err != nil {
		return "no cache"
	}
	return string(text)
}

// Service tells which release's service runs, and complains about every process besides it.
func (g *Gateway) Service() string {
	g.Helper()
	running := g.Processes()
	text, _ := os.ReadFile(g.Path("marks/pid"))
	var pid int
	_, _ = fmt.Sscan(string(text), &pid)
	service := "no service"
	if line, ok := running[pid]; ok {
		service = strings.TrimPrefix(line, "tail -f "+g.Path("opt")+"/")
		delete(running, pid)
	}
	for pid, line := range running {
		g.Errorf("process %d is left: %s", pid, line)
	}
	return service
}

// NeedsPerson reports whether the last run ended by saying that it could not roll everything back.
func (g *Gateway) NeedsPerson() bool {
	g.Helper()
	status := g.lastEnd().Status
	return status == "manual intervention required" || status == "failsafe"
}

// ending is what the last record of a run tells.
type ending struct {
	Status    string
	Leftovers []int
}

// lastEnd is how the last run ended; empty where it has not.
func (g *Gateway) lastEnd() (end ending) {
	g.Helper()
	runs := g.runs()
	if len(runs) == 0 {
		return end
	}
	records, _ := journal.Read(filepath.Join(runs[len(runs)-1], "journal")) // WantSettled tells where it cannot be read
	for _, record := range records {
		if record.Kind == "rollback" {
			end = ending{} // it ends once more
		}
		if record.Kind == "end" {
			end = ending{}
			g.Check(json.Unmarshal(record.Data, &end))
		}
	}
	return end
}
