package main

import (
	"math/rand/v2"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/gwe-project/gwe/engine/need"
	"github.com/gwe-project/gwe/scripts/gateway"
)

// TestKilledAtAnyMoment kills gwe after random times, in the middle of whatever it does, and its recovery in
// half of the cases. GWE_KILLS says how often; `just kills` does it for long.
func TestKilledAtAnyMoment(t *testing.T) {
	kills := 30
	if text := os.Getenv("GWE_KILLS"); text != "" {
		var err error
		if kills, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	need.Root(t, "a gateway has files of several owners")
	vendor := gateway.NewVendor(t)
	for seed, d := range gateway.Changes {
		t.Run(d.Name, func(t *testing.T) {
			t.Parallel()
			g, want := d.Arrange(t, vendor, self(t))
			// The machine decides how long things take, so a seed does not bring the same moments back; that
			// it is fixed spreads them in the same way each time.
			random := rand.New(rand.NewPCG(uint64(seed), 0))
			moment := func(longest time.Duration) time.Duration { return time.Duration(random.Float64() * float64(longest)) }
			d.Ready(g)
			begun := time.Now()
			g.Gwe(nil, g.Arguments(d)...)
			longest := time.Since(begun) * 5 / 4 // some kills come too late
			olds, news := 0, 0
			for range (kills + 3) / len(gateway.Changes) {
				d.Ready(g)
				delay := moment(longest)
				e := killAfter(g, delay, g.Arguments(d)...)
				g.Withdraw()
				again := time.Duration(0)
				if random.IntN(2) == 0 {
					again = moment(longest)
					killAfter(g, again, "recover")
				}
				if g.Recovers(want) {
					news++
				} else {
					olds++
				}
				if t.Failed() {
					t.Fatalf("killed after %s, and in recovery after %s (0 is not); before the kill:\n%s", delay, again, e.Said)
				}
			}
			g.UpdatesNext()
			t.Logf("%d kills within %s ended in the old state, %d in the new one", olds, longest, news)
		})
	}
}

// killAfter ends a gwe with SIGKILL some time after its start, where it has not ended before.
func killAfter(g *gateway.Gateway, delay time.Duration, arguments ...string) gateway.Ended {
	g.Helper()
	command, wait := g.Start(nil, arguments...)
	time.Sleep(delay)
	_ = command.Process.Signal(syscall.SIGKILL)
	return wait()
}
