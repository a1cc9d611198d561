package main

import (
	"math/rand/v2"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// TestKilledAtAnyMoment kills gwe after random times, in the middle of whatever it does, and its recovery in half of the cases.
// GWE_KILLS says how often; `just kills` does it for long.
func TestKilledAtAnyMoment(t *testing.T) {
	kills := 30
	if text := os.Getenv("GWE_KILLS"); text != "" {
		var err error
		if kills, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	vendor := newVendor(t)
	for seed, d := range disturbances {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			g, want := d.arrange(t, vendor)
			// The machine decides how long things take, so a seed does not bring the same moments back; that it is fixed
			// spreads them in the same way each time.
			random := rand.New(rand.NewPCG(uint64(seed), 0))
			moment := func(longest time.Duration) time.Duration { return time.Duration(random.Float64() * float64(longest)) }
			g.restore()
			g.provide(d.to)
			begun := time.Now()
			g.gwe(nil, g.updating()...)
			longest := time.Since(begun) * 5 / 4 // some kills come too late
			olds, news := 0, 0
			for range (kills + 3) / len(disturbances) {
				g.restore()
				g.provide(d.to)
				delay := moment(longest)
				e := g.killAfter(delay, g.updating()...)
				g.withdraw()
				again := time.Duration(0)
				if random.IntN(2) == 0 {
					again = moment(longest)
					g.killAfter(again, "recover")
				}
				if g.recovers(want) {
					news++
				} else {
					olds++
				}
				if t.Failed() {
					t.Fatalf("killed after %s, and in recovery after %s (0 is not); before the kill:\n%s", delay, again, e.said)
				}
			}
			g.updatesNext()
			t.Logf("%d kills within %s ended in the old state, %d in the new one", olds, longest, news)
		})
	}
}

// killAfter ends a gwe with SIGKILL some time after its start, where it has not ended before.
func (g *gateway) killAfter(delay time.Duration, arguments ...string) ended {
	g.Helper()
	command, wait := g.start(nil, arguments...)
	time.Sleep(delay)
	_ = command.Process.Signal(syscall.SIGKILL)
	return wait()
}
