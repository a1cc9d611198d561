//go:build amd64

package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gwe-project/gwe/scripts/crash/trace"
)

// disturbance is what happens to a run: how, and where that is a system call, at which point. "17 of
// rollback" is the 17th of another call of gwe, which comes after the run.
type disturbance struct{ how, point string }

func (d disturbance) String() string { return strings.TrimSpace(d.how + " " + d.point) }

// atCalls are the disturbances at a system call; atMoments are the others.
var (
	atCalls   = append([]string{"kill-before", "kill-after"}, trace.Failures...)
	atMoments = []string{"kill", "signal", "cancel", "stop", "stranger", "space", "inodes", "read-only", "together", "recovery", "rollback"}
)

func parse(text string) (disturbance, error) {
	how, point, _ := strings.Cut(text, " ")
	if slices.Contains(atCalls, how) != (point != "") || !slices.Contains(append(slices.Clone(atCalls), atMoments...), how) {
		return disturbance{}, fmt.Errorf("%q is not one of %s with a point, nor one of %s", text, strings.Join(atCalls, ", "), strings.Join(atMoments, ", "))
	}
	return disturbance{how, point}, nil
}

// draw chooses a disturbance for a run of which this is known.
func draw(random *rand.Rand, e examined) disturbance {
	all := append(append([]string{"kill", "kill-before", "kill-after", "recovery"}, atCalls...), atMoments...)
	d := disturbance{how: all[random.IntN(len(all))]}
	if !slices.Contains(atCalls, d.how) {
		return d
	}
	if random.IntN(3) == 0 {
		commands := []string{"recover"}
		if e.want.isNew() {
			commands = append(commands, "rollback", "forget")
		}
		if e.waits {
			commands = append(commands, "confirm")
		}
		// Nobody knows how many calls it makes. That of a number beyond is never reached; most of the first
		// are the journal's.
		d.point = fmt.Sprintf("%d of %s", 1+random.IntN(1+random.IntN(120)), commands[random.IntN(len(commands))])
		return d
	}
	for range min(100, 100*len(e.points)) {
		if d.point = e.points[random.IntN(len(e.points))]; d.applies() {
			return d
		}
	}
	return disturbance{how: "kill"}
}

// behind gives the call of gwe that is disturbed where it is not the run, and at which of its system calls.
func (d disturbance) behind() (command string, number int) {
	text, command, ok := strings.Cut(d.point, " of ")
	number, err := strconv.Atoi(text)
	if !ok || err != nil {
		return "", 0
	}
	return command, number
}

// kills reports whether nothing but the end of a process happens: then everything can be rolled back always.
func (d disturbance) kills() bool {
	return strings.HasPrefix(d.how, "kill") || slices.Contains([]string{"signal", "cancel", "stop", "together", "recovery", "rollback"}, d.how)
}

// applies leaves out what no kernel does.
func (d disturbance) applies() bool {
	call, _, _ := strings.Cut(d.point, " ")
	return d.kills() || trace.Failure(d.how).Applies(call)
}

// decide makes the disturbance happen, and tells by *happened that it did.
func (d disturbance) decide(happened *bool) func(trace.Point) trace.Action {
	command, left := d.behind()
	return func(point trace.Point) trace.Action {
		here := point.String() == d.point
		if command != "" && !*happened {
			left--
			here = left <= 0 && (d.kills() || trace.Failure(d.how).Applies(point.Call))
		}
		if !*happened && !here {
			return trace.GoOn()
		}
		first := !*happened
		*happened = true
		switch d.how {
		case "kill-before":
			return trace.KillBefore()
		case "kill-after":
			return trace.KillAfter()
		}
		return trace.Failure(d.how).At(point, first)
	}
}

// moment is a random one of a run that takes so long.
func moment(random *rand.Rand, whole time.Duration) time.Duration {
	return time.Duration(random.Float64() * 1.1 * float64(whole))
}
