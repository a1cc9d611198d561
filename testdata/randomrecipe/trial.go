package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/testdata/crash/trace"
)

// examined is what is known of a seed's recipe from undisturbed runs.
type examined struct {
	want   ends
	whole  time.Duration
	points []string
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
	if s.recipe.upToCommit != "" && e.want.isNew() {
		s.restore()
		s.check(os.WriteFile(s.path("recipe/random.yaml"), []byte(s.recipe.upToCommit), 0o644))
		if run := s.gwe(s.run()...); run.code != 0 {
			s.Errorf("without what is behind its commit, it ended with %d", run.code)
		}
		e.want.atCommit = s.picture()
		if e.want.code == 7 && differences(e.want.atCommit, e.want.new) != "" {
			s.Errorf("a step behind the commit failed, and not all that is behind it was put back:%s", differences(e.want.atCommit, e.want.new))
		}
	}
	s.restore()
	s.traced(func(point trace.Point) trace.Action {
		e.points = append(e.points, point.String())
		return trace.GoOn()
	}, s.run()...)
	return e
}

// verdict is how a trial ended.
type verdict struct {
	// End is "old", "new", "person", or "not reached" where the point never came; Rollback is the exit code of the rollback.
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
	s.judge(e, d, run)
	if r := s.gwe("recover"); r.code != 0 {
		s.Errorf("recovery ended with %d", r.code)
	}
	told := s.story()
	if told.needsPerson() {
		v.End = "person"
		if d.kills() || d.how == "space" || d.how == "inodes" {
			s.Errorf("%s is no reason why something cannot be put back", d.how)
		}
		return v
	}
	s.settled()
	s.wantTree(e.want, "after recovery", d.kills())
	if v.End = "old"; told.committed && !told.back {
		v.End = "new"
	}
	if !s.Failed() && random.IntN(2) == 0 {
		v.Rollback = s.aftermath(e)
	}
	return v
}

// disturb runs the recipe once, disturbed; reached is false where nothing happened.
func (s *site) disturb(e examined, d disturbance, random *rand.Rand) (run ended, reached bool) {
	if d.point != "" {
		run = s.traced(d.decide(&reached), s.run()...)
		return run, reached
	}
	switch d.how {
	case "space", "inodes":
		s.fill(d.how, random)
		run = s.gwe(s.run()...)
		if r := s.gwe("recover"); r.code != 0 && random.IntN(2) == 0 {
			s.Errorf("recovery on a full disk ended with %d", r.code)
		}
		s.remount(room)
		return run, true
	case "rollback":
		if !e.want.isNew() {
			return run, false
		}
		s.gwe(s.run()...)
		s.withdraw()
		return s.killed(moment(random, e.whole/2), random, "rollback"), true
	}
	if d.how == "kill" || d.how == "together" || d.how == "recovery" {
		run = s.killed(moment(random, e.whole), random, s.run()...)
		s.withdraw()
		switch d.how {
		case "together":
			_, one := s.start("recover")
			_, other := s.start("recover")
			for _, r := range []ended{one(), other()} {
				if r.code != 0 && r.code != 6 {
					s.Errorf("one of two recoveries ended with %d", r.code)
				}
			}
		case "recovery":
			for range 1 + random.IntN(3) {
				s.killed(moment(random, e.whole/2), random, "recover")
			}
		}
		return run, true
	}
	pid, wait := s.start(s.run()...)
	time.Sleep(moment(random, e.whole))
	switch d.how {
	case "signal":
		signal := []unix.Signal{unix.SIGTERM, unix.SIGINT, unix.SIGHUP}[random.IntN(3)]
		if random.IntN(2) == 0 {
			pid = -pid
		}
		_ = unix.Kill(pid, signal)
		if random.IntN(3) == 0 {
			time.Sleep(moment(random, e.whole/4))
			_ = unix.Kill(pid, signal)
		}
	case "cancel":
		if c := s.gwe("cancel"); c.code != 0 && c.code != 6 && c.code != 7 {
			s.Errorf("gwe cancel ended with %d", c.code)
		}
	case "read-only":
		path := s.root
		if s.apart() {
			path = s.path("tree")
		}
		for range 200 {
			if unix.Mount("", path, "", unix.MS_REMOUNT|unix.MS_RDONLY, "") == nil {
				break
			}
			time.Sleep(time.Millisecond / 2)
		}
		run = wait()
		s.check(unix.Mount("", path, "", unix.MS_REMOUNT, room))
		return run, true
	}
	return wait(), true
}

// killed starts a gwe and kills it after a while, or all of its process group.
func (s *site) killed(after time.Duration, random *rand.Rand, arguments ...string) ended {
	pid, wait := s.start(arguments...)
	if random.IntN(2) == 0 {
		pid = -pid
	}
	time.Sleep(after)
	_ = unix.Kill(pid, unix.SIGKILL)
	return wait()
}

// fill leaves only a little room on the file system of the tree, and where it is another one, sometimes on that of the state.
func (s *site) fill(what string, random *rand.Rand) {
	for _, path := range s.mounts() {
		var now unix.Statfs_t
		s.check(unix.Statfs(path, &now))
		more := uint64(random.IntN(60))
		if random.IntN(3) == 0 {
			more *= 10
		}
		options := fmt.Sprintf("size=%d", (now.Blocks-now.Bfree+more)*uint64(now.Bsize))
		if what == "inodes" {
			options = fmt.Sprintf("nr_inodes=%d", now.Files-now.Ffree+more)
		}
		s.Logf("%s: %s", path, options)
		s.check(unix.Mount("", path, "", unix.MS_REMOUNT, options))
		if random.IntN(2) == 0 {
			return
		}
	}
}

func (s *site) remount(options string) {
	for _, path := range s.mounts() {
		s.check(unix.Mount("", path, "", unix.MS_REMOUNT, options))
	}
}

// mounts are the machine's file systems, that of the tree first.
func (s *site) mounts() []string {
	if s.apart() {
		return []string{s.path("tree"), s.root}
	}
	return []string{s.root}
}

// judge looks at how the disturbed gwe itself ended: an exit code is a promise, before any recovery.
func (s *site) judge(e examined, d disturbance, run ended) {
	if run.killed || d.how == "rollback" || d.how == "together" || d.how == "recovery" {
		return
	}
	told := s.story()
	switch code := run.code; {
	case d.how == "EINTR" && code != e.want.code:
		s.Errorf("an interrupted call is to be made again; it ended with %d instead of %d", code, e.want.code)
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

// aftermath rolls the run back where it can be, runs the recipe once more, and forgets it. It gives the exit code of the rollback.
func (s *site) aftermath(e examined) (rollback string) {
	told := s.story()
	again := e.want
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
			again = ends{old: s.picture()}
			s.settled()
		default:
			s.Errorf("gwe rollback ended with %d", r.code)
			return rollback
		}
	}
	s.check(os.RemoveAll(s.path("marks/log")))
	s.provide()
	run := s.gwe(s.run()...)
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
