//go:build amd64

package main

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/scripts/crash/trace"
	"github.com/gwe-project/gwe/scripts/gateway"
)

// way is how a machine is recovered: two coins, which the seed and the trial's first disturbance toss.
type way struct {
	// early is in the two parts of a boot, in front of the services and after them.
	early bool
	// before is by the gwe that a self-update keeps for a boot at which the new one does not start, where
	// there is one.
	before bool
}

func (w way) String() string {
	text := "recovers at once"
	if w.early {
		text = "recovers in two parts"
	}
	if w.before {
		text += ", by the previous gwe"
	}
	return text
}

func (s *site) wayOf(first disturbance) way {
	sum := fnv.New32a()
	fmt.Fprintf(sum, "%d %s: %s", s.seed, s.change.Name, first)
	coins := sum.Sum32() >> 16
	return way{early: coins&1 == 0, before: coins&2 == 0 && s.change.ReplacesGwe()}
}

// parts are the command lines of a recovery.
func (w way) parts() [][]string {
	if w.early {
		return [][]string{{"recover", "--early"}, {"recover"}}
	}
	return [][]string{{"recover"}}
}

// recovers lets gwe recover, part by part, as one runs a part; it ends at a part that is killed.
func (s *site) recovers(w way, runs func(part ...string) gateway.Ended) (e gateway.Ended) {
	own := s.Program
	defer func() { s.Program = own }()
	said := ""
	for _, part := range w.parts() {
		if s.Program = own; w.before {
			s.Program = s.GweBefore()
		}
		e = runs(part...)
		said += e.Said
		if e.Killed {
			break
		}
	}
	e.Said = said
	return e
}

// recoversPart runs a part that must end well. Early, an undo by hooks may be put off, for who knows whether
// they need a service.
func (s *site) recoversPart(part ...string) gateway.Ended {
	e := s.Gwe(nil, part...)
	waits := e.Code == 75 && slices.Contains(part, "--early") && !s.change.ReplacesGwe()
	told := e.Code == 5 && s.NeedsPerson() // until somebody resolves that
	if e.Code != 0 && !waits && !told {
		s.Errorf("gwe %s ended with %d", strings.Join(part, " "), e.Code)
	}
	return e
}

// recoversTraced asks decide at each point of all parts. The programs that are followed are counted through.
func (s *site) recoversTraced(w way, decide func(trace.Point) trace.Action) gateway.Ended {
	followed := 0
	return s.recovers(w, func(part ...string) (e gateway.Ended) {
		e, followed = s.traced(decide, followed, part...)
		return e
	})
}
