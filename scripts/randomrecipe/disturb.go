//go:build amd64

package main

import (
	"fmt"
	"math/rand/v2"
	"time"

	"golang.org/x/sys/unix"
)

// disturb runs the recipe once, disturbed; reached is false where nothing happened.
//
//nolint:gocyclo // one case for each kind of disturbance
func (s *site) disturb(e examined, d disturbance, random *rand.Rand) (run ended, reached bool) {
	if command, _ := d.behind(); command != "" {
		return s.disturbBehind(e, d, random)
	}
	if d.point != "" {
		run = s.traced(d.decide(&reached), s.run()...)
		return run, reached
	}
	switch d.how {
	case "space", "inodes":
		s.fill(d.how, random)
		run = s.gwe(s.run()...)
		if r := s.gwe("recover"); r.code != 0 && r.code != suspended && !(r.code == 5 && s.story().needsPerson()) && random.IntN(2) == 0 {
			s.Errorf("recovery on a full disk ended with %d", r.code)
		}
		s.remount(room)
		return run, true
	case "rollback":
		if !e.want.isNew() {
			return run, false
		}
		s.complete()
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
				if r.code != 0 && r.code != 6 && r.code != suspended {
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
	directories := s.directories()
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
	case "stop":
		if random.IntN(2) == 0 {
			pid = -pid
		}
		_ = unix.Kill(pid, unix.SIGSTOP)
		if r := s.gwe("recover"); r.code != 0 && r.code != 6 && r.code != suspended {
			s.Errorf("while the run was stopped, gwe recover ended with %d", r.code)
		}
		_ = unix.Kill(pid, unix.SIGCONT)
	case "stranger":
		written := s.stranger(random, e.whole, directories)
		run = wait()
		s.withdraw()
		s.judgeWithStranger(e, run, written)
		return run, true
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

// fill leaves only a little room on the file system of the tree, and where it is another one, sometimes on
// that of the state.
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
