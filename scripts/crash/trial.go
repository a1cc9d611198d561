//go:build amd64

package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"strings"

	"github.com/gwe-project/gwe/scripts/crash/trace"
	"github.com/gwe-project/gwe/scripts/gateway"
)

// site is a machine on which the trials of one change are made, one after the other.
type site struct {
	*gateway.Gateway
	tracer *trace.Tracer
	change gateway.Change
	seed   uint64
	want   gateway.Ends
	// undisturbed is the exit code of the change where nothing disturbs it.
	undisturbed int
	// known is what a fingerprint has told of texts.
	known map[[sha256.Size]byte]string
}

// arrange makes a site; its reporter tells what went wrong.
func arrange(tracer *trace.Tracer, change gateway.Change, base string, settings settings, vendor gateway.Vendor) (*site, *gateway.Findings) {
	r := gateway.NewFindings(base)
	var made *site
	gateway.Within(func() {
		g, want := change.Arrange(r, vendor, settings.program)
		made = &site{
			Gateway: g, tracer: tracer, change: change, seed: settings.seed, want: want, known: map[[sha256.Size]byte]string{},
		}
		if change.Fails {
			made.undisturbed = 3
		}
	})
	return made, r
}

// traced runs a gwe on the site and asks decide at each point. It counts the programs that are followed, with
// those before.
func (s *site) traced(decide func(trace.Point) trace.Action, before int, arguments ...string) (e gateway.Ended, followed int) {
	self, err := os.Executable()
	s.Check(err)
	output := s.Output()
	status, err := s.tracer.Run(trace.Program{
		Arguments: s.Command(arguments...), Environment: os.Environ(), Output: output, Root: s.Root, Launcher: []string{self, "launch"},
		Before: before,
	}, decide)
	s.Check(err)
	if status.Outlived {
		s.Error("the gwe that the run was handed over to lives on after the one that began the run was killed")
	}
	return s.End(status.WaitStatus, output), status.Followed
}

// points lists the points of a gwe in their order.
func (s *site) points(arguments ...string) (list []string) {
	s.traced(func(point trace.Point) trace.Action {
		list = append(list, point.String())
		return trace.GoOn()
	}, 0, arguments...)
	return list
}

// verdict is how a trial ended.
type verdict struct {
	// End is "old", "new", or "person" where gwe said that the machine needs one; "" where the point never
	// came.
	End        string
	Code       int
	Violations []string
	said       string
}

// fresh puts the machine back to its start, for a trial with a reporter of its own.
func (s *site) fresh() *gateway.Findings {
	r := gateway.NewFindings("")
	s.Reporter = r
	gateway.Within(func() { s.change.Ready(s.Gateway) })
	return r
}

// try makes one trial. The first disturbance is one of the change, those after it are of the recoveries that
// follow.
func (s *site) try(disturbances []disturbance) verdict {
	r := s.fresh()
	var v verdict
	gateway.Within(func() {
		for n, d := range disturbances {
			happened := false
			e := s.disturbed(n, disturbances[0], d.decide(&happened))
			v.Code, v.said = e.Code, v.said+e.Said
			if !happened {
				v.End = ""
				return
			}
			s.judge(d, e, n == 0, &v)
			s.Withdraw()
		}
		s.settle(disturbances[0], &v)
	})
	v.Violations = r.Violations
	v.said += strings.Join(r.Notes, "\n")
	return v
}

// disturbed carries out the change, or what comes behind n disturbances: a recovery.
func (s *site) disturbed(n int, first disturbance, decide func(trace.Point) trace.Action) gateway.Ended {
	if n > 0 {
		return s.recoversTraced(s.wayOf(first), decide)
	}
	e, _ := s.traced(decide, 0, s.Arguments(s.change)...)
	return e
}

// settle lets gwe recover, and asks the oracle.
func (s *site) settle(first disturbance, v *verdict) {
	w := s.wayOf(first)
	e := s.recovers(w, s.recoversPart)
	v.said += fmt.Sprintf("\ncrash: it %s\n%s", w, e.Said)
	if v.End = "old"; s.NeedsPerson() {
		// It said so: then it must have had a reason, and the next update has to be possible nevertheless.
		v.End = "person"
		switch {
		case first.kills():
			s.Error("a kill is not a reason why something cannot be rolled back")
		case !trace.Failure(first.how).Lasts() && !first.syncs():
			s.Error("a call that failed once is made again; that is not a reason why something cannot be rolled back")
		}
		s.Service()
	} else if s.WantOldOrNew(s.want) {
		v.End = "new"
	}
	s.Withdraw()
	if v.End == "person" {
		return
	}
	s.UpdatesNext()
}

// judge looks at how the disturbed gwe itself ended.
func (s *site) judge(d disturbance, e gateway.Ended, isRun bool, v *verdict) {
	if d.killsFirst() {
		if !e.Killed {
			s.Errorf("it ended with %d instead of being killed", e.Code)
		}
		return
	}
	if !isRun || e.Killed && d.how == killEach {
		return
	}
	switch {
	case d.how == "EINTR" && e.Code != s.undisturbed:
		s.Errorf("an interrupted call is to be made again; it ended with %d instead of %d", e.Code, s.undisturbed)
	case e.Code == 1 && s.change.By != "": // the next recovery may find that it was asked for
		s.WantUntouched(s.want)
	case e.Code == 0 || e.Code == 7:
		s.wantEnd(true)
	case e.Code == 1 || e.Code == 3 || e.Code == 6:
		s.wantEnd(false)
	case (e.Code == 4 || e.Code == 5) && d.momentary():
		s.Errorf("the journal failed for a moment only; it ended with %d", e.Code)
	case e.Code == 4 || e.Code == 5:
	default:
		s.Errorf("it ended with %d", e.Code)
	}
}

// wantEnd asks the oracle before any recovery, which may still have crumbs to clear away: an exit code is a
// promise.
func (s *site) wantEnd(committed bool) {
	if s.WantMachine(s.want) != committed {
		s.Errorf("the exit code says otherwise than the journal")
	}
}

func describe(seed uint64, change gateway.Change, disturbances []disturbance) string {
	text := fmt.Sprintf("go run ./scripts/crash try --seed %d '%s'", seed, change.Name)
	for _, d := range disturbances {
		text += fmt.Sprintf(" '%s'", d)
	}
	return text
}
