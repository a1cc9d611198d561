package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/testdata/crash/trace"
)

// disturbance is what happens to a run: how, and where that is a system call, at which point.
type disturbance struct{ how, point string }

func (d disturbance) String() string { return strings.TrimSpace(d.how + " " + d.point) }

// atCalls are the disturbances at a system call; atMoments are the others.
var (
	atCalls   = []string{"kill-before", "kill-after", "ENOSPC", "EIO", "EROFS", "EINTR", "ENOSPC-on", "EIO-on", "EROFS-on"}
	atMoments = []string{"kill", "signal", "cancel", "space", "inodes", "read-only", "together", "recovery", "rollback"}
)

func parse(text string) (disturbance, error) {
	how, point, _ := strings.Cut(text, " ")
	if slices.Contains(atCalls, how) != (point != "") || !slices.Contains(append(slices.Clone(atCalls), atMoments...), how) {
		return disturbance{}, fmt.Errorf("%q is not one of %s with a point, nor one of %s", text, strings.Join(atCalls, ", "), strings.Join(atMoments, ", "))
	}
	return disturbance{how, point}, nil
}

// draw chooses a disturbance for a run that has these points.
func draw(random *rand.Rand, points []string) disturbance {
	all := append(append([]string{"kill", "kill-before", "kill-after", "recovery"}, atCalls...), atMoments...)
	d := disturbance{how: all[random.IntN(len(all))]}
	if slices.Contains(atCalls, d.how) && len(points) > 0 {
		for range 100 {
			if d.point = points[random.IntN(len(points))]; d.applies() {
				return d
			}
		}
	}
	if slices.Contains(atCalls, d.how) {
		return disturbance{how: "kill"}
	}
	return d
}

// kills tells whether nothing but the end of a process happens: then everything can be put back always.
func (d disturbance) kills() bool {
	return strings.HasPrefix(d.how, "kill") || slices.Contains([]string{"signal", "cancel", "together", "recovery", "rollback"}, d.how)
}

var errnos = map[string]unix.Errno{"ENOSPC": unix.ENOSPC, "EIO": unix.EIO, "EROFS": unix.EROFS, "EINTR": unix.EINTR}

// lasts tells whether the error stays.
func (d disturbance) lasts() bool { return strings.HasSuffix(d.how, "-on") }

// applies leaves out what no kernel does.
func (d disturbance) applies() bool {
	call, _, _ := strings.Cut(d.point, " ")
	switch {
	case d.kills():
		return true
	case call == "execve": // of these, it can fail by a bad disk only
		return d.how == "EIO"
	case d.how == "ENOSPC-on":
		return takesSpace(call)
	}
	return true
}

// takesSpace tells whether a full disk refuses the call.
func takesSpace(call string) bool {
	return !slices.Contains([]string{"unlink", "chmod", "chown", "utimens", "execve", "truncate", "fsync", "fdatasync", "syncfs", "removexattr"}, call)
}

// decide makes the disturbance happen, and tells by *happened that it did.
func (d disturbance) decide(happened *bool) func(trace.Point) trace.Action {
	errno := errnos[strings.TrimSuffix(d.how, "-on")]
	return func(point trace.Point) trace.Action {
		if !*happened && point.String() != d.point {
			return trace.GoOn()
		}
		already := *happened
		*happened = true
		switch {
		case d.how == "kill-before":
			return trace.KillBefore()
		case d.how == "kill-after":
			return trace.KillAfter()
		case already && (!d.lasts() || point.Call == "execve" || d.how == "ENOSPC-on" && !takesSpace(point.Call)):
			return trace.GoOn()
		}
		return trace.Fail(errno)
	}
}

// moment is a random one of a run that takes so long.
func moment(random *rand.Rand, whole time.Duration) time.Duration {
	return time.Duration(random.Float64() * 1.1 * float64(whole))
}
