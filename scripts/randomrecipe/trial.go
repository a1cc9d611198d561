//go:build amd64

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"syscall"
	"time"

	"github.com/gwe-project/gwe/scripts/crash/trace"
)

// examined is what is known of a seed's recipe from undisturbed runs.
type examined struct {
	want   ends
	whole  time.Duration
	points []string
	// waits tells that it waited to be confirmed.
	waits bool
	// refused is what gwe validate said, where it refused the recipe.
	refused string
}

// examine validates the recipe and runs it undisturbed.
func (s *site) examine() (e examined) {
	s.restore()
	if v := s.gwe("validate", s.path("recipe/random.yaml")); v.code != 0 {
		e.refused = v.said
		return e
	}
	e.want.old = s.picture()
	begun := time.Now()
	run := s.gwe(s.run()...)
	e.whole = time.Since(begun)
	if e.waits = run.code == suspended; e.waits {
		run = s.gwe("confirm")
	}
	e.want.code = run.code
	switch run.code {
	case 0, 7:
		e.want.new = s.picture()
		e.want.atCommit = e.want.new
	case 3, 6:
	default:
		s.Errorf("undisturbed, it ended with %d", run.code)
		return e
	}
	s.withdraw()
	s.wantTree(e.want, "undisturbed,", true)
	s.settled()
	if e.want.isNew() {
		e.want.back = s.rolledBack()
		if e.want.back != nil && s.recipe.upToCommit == "" {
			s.wantTree(e.want, "after a rollback", true)
		}
	}
	if s.recipe.upToCommit != "" && e.want.isNew() {
		s.restore()
		s.check(os.WriteFile(s.path("recipe/random.yaml"), []byte(s.recipe.upToCommit), 0o644))
		if run := s.complete(); run.code != 0 {
			s.Errorf("without what is after its commit, it ended with %d", run.code)
		}
		e.want.atCommit = s.picture()
		if e.want.code == 7 && differences(e.want.atCommit, e.want.new) != "" {
			s.Errorf("a step after the commit failed, and not all that is after it was rolled back:%s", differences(e.want.atCommit, e.want.new))
		}
		if back := s.rolledBack(); back != nil && differences(e.want.old, back) != "" {
			s.Errorf("without what is after its commit, it was rolled back, and the tree is not old:%s", differences(e.want.old, back))
		}
	}
	s.restore()
	s.traced(func(point trace.Point) trace.Action {
		e.points = append(e.points, point.String())
		return trace.GoOn()
	}, s.run()...)
	return e
}

// rolledBack rolls back what was just done, and gives what came of it; nil where that is refused.
func (s *site) rolledBack() picture {
	switch r := s.gwe("rollback"); r.code {
	case 0:
	case 6:
		return nil
	default:
		s.Errorf("gwe rollback ended with %d", r.code)
		return nil
	}
	s.settled()
	return s.picture()
}

// verdict is how a trial ended.
type verdict struct {
	// End is "old", "new", "person", or "not reached" where the point never came; Rollback is the exit code
	// of the rollback.
	End        string
	Code       int
	Rollback   string `json:",omitempty"`
	Violations []string
}

// try makes one trial.
func (s *site) try(e examined, d disturbance, random *rand.Rand) (v verdict) {
	s.restore()
	run, reached := s.disturb(e, d, random)
	v.Code = run.code
	if !reached {
		v.End = "not reached"
		return v
	}
	s.withdraw()
	if d.how == "stranger" {
		v.End = s.story().outcome()
		return v // it is judged already
	}
	s.judge(e, d, run)
	s.recovers(random)
	if v.End = s.story().outcome(); v.End == "person" {
		if d.kills() || d.how == "space" || d.how == "inodes" {
			s.Errorf("%s is not a reason why something cannot be rolled back", d.how)
		}
		return v
	}
	s.settled()
	s.wantTree(e.want, "after recovery", d.kills())
	if !s.Failed() && random.IntN(2) == 0 {
		v.Rollback = s.aftermath(e)
	}
	return v
}

// judge looks at how the disturbed gwe itself ended: an exit code is a promise, before any recovery.
func (s *site) judge(e examined, d disturbance, run ended) {
	if command, _ := d.behind(); command != "" {
		s.judgeBehind(e, d, run)
		return
	}
	if run.killed || d.how == "rollback" || d.how == "together" || d.how == "recovery" {
		return
	}
	told := s.story()
	switch code := run.code; {
	case code == suspended && e.waits && (told.waits || d.how == "cancel"): // which may come after it
	case (d.how == "EINTR" || d.how == "stop") && code != e.want.code:
		s.Errorf("%s changes nothing; it ended with %d instead of %d", d.how, code, e.want.code)
	case code == 0 || code == 7:
		if !told.committed {
			s.Errorf("it ended with %d, and has not committed", code)
		}
		s.wantTree(e.want, fmt.Sprintf("behind exit code %d", code), d.kills())
	case told.ended && (code == 3 || code == 6 || code > 128), code == 6:
		if told.committed {
			s.Errorf("it ended with %d, and has committed", code)
		}
		if told.leftovers == nil {
			s.wantTree(e.want, fmt.Sprintf("behind exit code %d", code), d.kills())
		}
	case code == 1, code == 4, code == 5:
		if d.kills() {
			s.Errorf("it ended with %d", code)
		}
	case code == 128+int(syscall.SIGHUP), code == 128+int(syscall.SIGTERM), code == 128+int(syscall.SIGINT):
		// A second signal leaves the rest to the recovery; or the first one came before gwe listened.
	default:
		s.Errorf("it ended with %d", code)
	}
}

// aftermath rolls the run back where it can be, runs the recipe once more, and forgets it. It gives the exit
// code of the rollback.
func (s *site) aftermath(e examined) (rollback string) {
	told := s.story()
	again := e.want
	if told.back && s.recipe.upToCommit != "" { // what came after the commit is there still
		again = ends{old: s.picture()}
	}
	if told.committed && !told.back {
		before := s.picture()
		r := s.gwe("rollback")
		rollback = fmt.Sprint(r.code)
		switch told = s.story(); {
		case r.code == 0 && s.recipe.upToCommit == "":
			s.wantTree(e.want, "after a rollback", true)
			s.settled()
		case r.code == 6:
			if text := differences(before, s.picture()); text != "" {
				s.Errorf("a rollback that is refused changed something:%s", text)
			}
			again = ends{old: before}
		case r.code == 0:
			s.wantTree(e.want, "after a rollback", true)
			again = ends{old: s.picture()}
			s.settled()
		default:
			s.Errorf("gwe rollback ended with %d", r.code)
			return rollback
		}
	}
	s.check(os.RemoveAll(s.path("marks/log")))
	s.forgetTold()
	s.provide()
	run := s.complete()
	s.withdraw()
	switch told = s.story(); {
	case again.code != 0 && run.code != again.code, again.code == 0 && again.new != nil && run.code != 0:
		s.Errorf("run again, it ended with %d instead of %d", run.code, again.code)
	case run.code == 0 || run.code == 7:
		if again.new != nil {
			s.wantTree(again, "run again,", true)
		}
	case run.code == 3 || run.code == 6:
		if rollback == "" || rollback == "0" { // a program's mark that was there before is gone: its undo does not ask
			s.wantTree(ends{old: again.old}, "run again, and failed,", true)
		}
	default:
		s.Errorf("run again, it ended with %d", run.code)
	}
	before := s.picture()
	if told.committed {
		if f := s.gwe("forget", told.id); f.code != 0 && f.code != 6 {
			s.Errorf("gwe forget ended with %d", f.code)
		}
	}
	s.settled()
	if text := differences(before, s.picture()); text != "" {
		s.Errorf("gwe forget changed something:%s", text)
	}
	return rollback
}
