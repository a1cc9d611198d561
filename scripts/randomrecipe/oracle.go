//go:build amd64

package main

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/journal"
)

// ends are the only ways in which a disturbed run may end.
type ends struct {
	old, new picture
	// atCommit is the new tree where the steps after the commit were rolled back.
	atCommit picture
	// back is the new tree where the run was rolled back; nil where that is refused. What is after the
	// commit may stay.
	back picture
	// code is the exit code of the undisturbed run.
	code int
}

// isNew reports whether the undisturbed run commits.
func (e ends) isNew() bool { return e.code == 0 || e.code == 7 }

// story is what the journals say of the last run.
type story struct {
	id              string
	committed, back bool
	ended           bool
	status          string
	leftovers       []int
	behind          bool
	// waits tells that the run waits to be confirmed.
	waits bool
	kinds []string
}

// story reads the journal of the newest run; it is empty where none ever began.
func (s *site) story() (told story) {
	runs, err := filepath.Glob(s.path("state/runs/*"))
	s.check(err)
	if len(runs) == 0 {
		return told
	}
	slices.Sort(runs)
	records, err := journal.Read(filepath.Join(runs[len(runs)-1], "journal"))
	if err != nil {
		return told // settled tells of it
	}
	told.id = filepath.Base(runs[len(runs)-1])
	for _, record := range records {
		told.kinds = append(told.kinds, record.Kind)
		switch record.Kind {
		case "suspended":
			told.waits = true
		case "resumed", "cancelled":
			told.waits = false
		case "committed":
			told.committed = true
		case "rollback":
			told.back, told.ended = true, false
		case "unwind":
			told.behind = told.committed
		case "end":
			var end struct {
				Status    string
				Leftovers []int
			}
			s.check(json.Unmarshal(record.Data, &end))
			told.ended, told.status, told.leftovers = true, end.Status, end.Leftovers
		}
	}
	return told
}

func (t story) needsPerson() bool {
	return t.status == "manual intervention required" || t.status == "failsafe"
}

// outcome says it in a word.
func (t story) outcome() string {
	switch {
	case t.needsPerson():
		return "person"
	case t.committed && !t.back:
		return "new"
	}
	return "old"
}

// settled checks what must hold after every recovery.
func (s *site) settled() {
	runs, err := filepath.Glob(s.path("state/runs/*"))
	s.check(err)
	var held []string
	for _, run := range runs {
		records, err := journal.Read(filepath.Join(run, "journal"))
		if err != nil {
			s.Errorf("run %s: %v", filepath.Base(run), err)
		}
		has := func(kind string) bool {
			return slices.ContainsFunc(records, func(r journal.Record) bool { return r.Kind == kind })
		}
		if !has("end") {
			s.Errorf("run %s has no end", filepath.Base(run))
		}
		if has("committed") && !has("released") && !has("rollback") {
			held = append(held, s.leases(filepath.Base(run))...)
		} else if _, err := os.Lstat(filepath.Join(run, "frames")); err == nil {
			s.Errorf("run %s still keeps what its undo needed", filepath.Base(run))
		}
	}
	for _, lock := range []string{"state/lock", "tree"} {
		if file, err := os.Open(s.path(lock)); err == nil {
			if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
				s.Errorf("%s is still locked: %v", lock, err)
			}
			_ = unix.Flock(int(file.Fd()), unix.LOCK_UN) // a program that is just started may have the file for a moment
			file.Close()
		}
	}
	for pid, line := range s.processes() {
		s.Errorf("process %d is left: %s", pid, line)
	}
	for _, top := range []string{"tree", "state", "marks"} {
		s.check(filepath.WalkDir(s.path(top), func(path string, _ fs.DirEntry, err error) error {
			if strings.HasPrefix(filepath.Base(path), ".gwe-") && filepath.Base(path) != durable.Releases && !slices.Contains(held, path) {
				s.Errorf("left behind: %q", path)
			}
			if os.IsNotExist(err) && path == s.path("state") {
				return nil // it was killed before anything
			}
			return err
		}))
	}
	if log, _ := os.ReadFile(s.path("marks/log")); strings.Contains(string(log), "failsafe-") {
		s.Errorf("the failsafe ran, and all could be rolled back")
	}
	if e := s.gwe("status"); e.code != 0 {
		s.Errorf("gwe status ends with %d", e.code)
	}
}

// leases are what gwe says that a run keeps for its undo, and the links that a link-tree replaced: these may
// be too many to be told.
func (s *site) leases(run string) (paths []string) {
	shown := s.gwe("show", run, "--output", "json")
	var told struct{ Leases []struct{ Path string } }
	if err := json.Unmarshal([]byte(shown.said), &told); err != nil {
		s.Errorf("gwe show %s: %v", run, err)
	}
	for _, lease := range told.Leases {
		paths = append(paths, lease.Path)
	}
	s.check(filepath.WalkDir(s.path("tree"), func(path string, _ fs.DirEntry, err error) error {
		if strings.HasPrefix(filepath.Base(path), ".gwe-link-"+run+"-") {
			paths = append(paths, path)
		}
		return err
	}))
	return paths
}

// wantTree is the heart of the oracle: the tree is old or new, as the journal says.
func (s *site) wantTree(want ends, when string, inOrder bool) {
	told := s.story()
	now := s.picture()
	if !told.committed || told.back {
		s.wantTold(when)
	}
	if told.back && s.recipe.upToCommit != "" && !told.behind { // what was done after the commit stays where its undo was given up
		if want.back == nil {
			return
		}
		if text := differences(want.back, s.picture()); text != "" {
			s.Errorf("%s the run was rolled back, and the tree is not as after an undisturbed rollback:%s", when, text)
		}
		return
	}
	if told.committed && !told.back {
		as, wanted := "new", want.new
		if told.behind {
			as, wanted = "new without what is after the commit", want.atCommit
		}
		if text := differences(wanted, now); text != "" {
			s.Errorf("%s the journal says %s, and the tree is not:%s", when, as, text)
		}
		return
	}
	if text := differences(want.old, now); text != "" {
		s.Errorf("%s the journal says old, and the tree is not:%s", when, text)
	}
	s.wantUndone(when, inOrder)
}

// wantUndone asks the log of marks: each step that acted was undone since, and what acted later was undone
// earlier. Where the journal could not be written, a recovery undoes all of it once more, so there is no such
// order.
func (s *site) wantUndone(when string, inOrder bool) {
	log, _ := os.ReadFile(s.path("marks/log"))
	open := map[string]event{}
	for _, e := range s.recipe.read(string(log)) {
		if !e.undo {
			open[e.id] = e
			continue
		}
		if _, isOpen := open[e.id]; !isOpen {
			continue // it was undone already, or was killed before it could say what it does
		}
		delete(open, e.id)
		for _, other := range open {
			if inOrder && slices.Compare(other.order, e.order) > 0 && comparable(e.mark, other.mark) {
				s.Errorf("%s step %s was undone before step %s:\n%s", when, e.id, other.id, log)
				return
			}
		}
	}
	for id := range open {
		s.Errorf("%s step %s was not undone:\n%s", when, id, log)
	}
}

// comparable leaves out branches of which one may be rolled back while others still act.
func comparable(a, b mark) bool {
	return a.parallel == b.parallel && a.branch == b.branch || a.parallel >= 0 && b.parallel >= 0
}
