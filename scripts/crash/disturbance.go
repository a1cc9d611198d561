//go:build amd64

package main

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/scripts/crash/trace"
)

// disturbance is what happens to one gwe.
type disturbance struct {
	how   string
	point string
}

func (d disturbance) String() string { return d.how + " " + d.point }

func parse(text string) (disturbance, error) {
	how, point, ok := strings.Cut(text, " ")
	if !ok || !slices.Contains(hows, how) {
		return disturbance{}, fmt.Errorf("%q is not one of %s with a point", text, strings.Join(hows, ", "))
	}
	return disturbance{how, point}, nil
}

// hows are all ways to disturb.
var hows = append([]string{"kill-before", "kill-after", "kill-first-before", "kill-first-after", killEach}, trace.Failures...)

func (d disturbance) kills() bool { return strings.HasPrefix(d.how, "kill-") }

// ofAnother reports whether the point is one of a gwe that another one has started.
func (d disturbance) ofAnother() bool { return strings.Contains(d.point, " by program ") }

// killsFirst reports whether the gwe is killed that was started first.
func (d disturbance) killsFirst() bool {
	return d.kills() && (!d.ofAnother() || strings.HasPrefix(d.how, "kill-first-"))
}

// syncs reports whether it strikes a sync, which is never made again: nobody knows what the disk has.
func (d disturbance) syncs() bool {
	call, _, _ := strings.Cut(d.point, " ")
	return call == "fsync" || call == "fdatasync" || call == "syncfs"
}

// momentary reports whether it is one write or sync of a journal that fails. Then the journal is taken up
// again.
func (d disturbance) momentary() bool {
	return !d.kills() && !trace.Failure(d.how).Lasts() && !strings.HasPrefix(d.point, "open ") && strings.Contains(d.point, "/journal#")
}

// applies leaves out what no kernel does.
func (d disturbance) applies() bool {
	call, _, _ := strings.Cut(d.point, " ")
	switch {
	case strings.HasPrefix(d.how, "kill-first-"), d.how == killEach:
		return d.ofAnother()
	case d.kills():
		return true
	}
	return trace.Failure(d.how).Applies(call)
}

// killEach kills the gwe that a run was handed over to, and then the one that began the run, while that puts
// all back.
const killEach = "kill-each"

// later says which of the calls that the one that began the run makes then is its last; it may have ended
// before.
func (d disturbance) later() int {
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(d.point))
	return 1 + int(sum.Sum32()>>16)%40
}

// decide makes the disturbance happen, and tells by *happened that it did.
func (d disturbance) decide(happened *bool) func(trace.Point) trace.Action {
	later := d.later()
	return func(point trace.Point) trace.Action {
		if !*happened && point.String() != d.point {
			return trace.GoOn()
		}
		already := *happened
		*happened = true
		switch {
		case already && d.how == killEach:
			if later--; later == 0 {
				return trace.KillBefore()
			}
			return trace.GoOn()
		case already && d.kills(): // the other gwe continues
			return trace.GoOn()
		case d.how == "kill-before", d.how == killEach:
			return trace.KillBefore()
		case d.how == "kill-after":
			return trace.KillAfter()
		case d.how == "kill-first-before":
			return trace.KillBefore().First()
		case d.how == "kill-first-after":
			return trace.KillAfter().First()
		}
		return trace.Failure(d.how).At(point, !already)
	}
}
