//go:build amd64

package main

import (
	"math/rand/v2"
	"slices"
)

// complete runs the recipe to its end. Where it waits to be confirmed, it is.
func (s *site) complete() ended {
	run := s.gwe(s.run()...)
	if run.code == suspended {
		run = s.gwe("confirm")
	}
	return run
}

// suspended is the exit code of a run that waits.
const suspended = 75

// recovers lets gwe recover, half of the time in the two parts of a boot. A run that waits to be confirmed is
// confirmed then, or cancelled.
func (s *site) recovers(random *rand.Rand) {
	if random.IntN(2) == 0 {
		if r := s.gwe("recover", "--early"); r.code != 0 && r.code != suspended {
			s.Errorf("the early recovery ended with %d", r.code)
		}
	}
	r := s.gwe("recover")
	if r.code == suspended && s.story().waits {
		r = s.gwe([]string{"confirm", "cancel"}[random.IntN(2)])
		if slices.Contains([]int{3, 6, 7}, r.code) { // a step after it fails, as it does undisturbed
			r.code = 0
		}
	}
	if r.code != 0 && !(r.code == 5 && s.story().needsPerson()) { // until somebody resolves that
		s.Errorf("recovery ended with %d", r.code)
	}
}

// disturbBehind disturbs another call of gwe than the run: what comes before it is undisturbed, but for a
// recovery, which wants a run that was killed. reached is false where it does not come to that call.
func (s *site) disturbBehind(e examined, d disturbance, random *rand.Rand) (run ended, reached bool) {
	command, _ := d.behind()
	arguments := []string{command}
	switch command {
	case "recover":
		s.killed(moment(random, e.whole), random, s.run()...)
	case "confirm":
		if s.gwe(s.run()...).code != suspended {
			return run, false
		}
	default:
		s.complete()
		if !s.story().committed {
			return run, false
		}
		if command == "forget" {
			arguments = append(arguments, s.story().id)
		}
	}
	s.withdraw()
	run = s.traced(d.decide(&reached), arguments...)
	return run, reached || command == "recover"
}

// judgeBehind looks at how that call ended, before any recovery.
func (s *site) judgeBehind(e examined, d disturbance, run ended) {
	if run.killed {
		return
	}
	command, _ := d.behind()
	told := s.story()
	good := run.code == 0 || command == "confirm" && run.code == e.want.code || command == "recover" && run.code == suspended
	switch {
	case d.how == "EINTR" && !good:
		s.Errorf("an interrupted call is to be made again; gwe %s ended with %d", command, run.code)
	case run.code == 0 && command == "rollback":
		if !told.back {
			s.Errorf("gwe rollback ended with 0, and did not roll back")
		}
		s.wantTree(e.want, "behind gwe rollback", true)
	case run.code == 0 && command == "confirm" && !told.committed:
		s.Errorf("gwe confirm ended with 0, and did not commit")
	case !good && !slices.Contains([]int{1, 3, 4, 5, 6, 7}, run.code):
		s.Errorf("gwe %s ended with %d", command, run.code)
	}
}
