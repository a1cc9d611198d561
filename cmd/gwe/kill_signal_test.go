package main

import (
	"fmt"
	"slices"
	"testing"

	"github.com/gwe-project/gwe/engine/need"
	"github.com/gwe-project/gwe/scripts/gateway"
)

// TestStoppedAtEveryRecord sends SIGTERM to gwe after every record. It rolls everything back itself, unless
// the new version is in place already, and no recovery is needed.
func TestStoppedAtEveryRecord(t *testing.T) {
	need.Root(t, "a gateway has files of several owners")
	vendor := gateway.NewVendor(t)
	for _, d := range gateway.Changes[1:3] {
		t.Run(d.Name, func(t *testing.T) {
			t.Parallel()
			g, want := d.Arrange(t, vendor, self(t))
			stopped(g, d, func(first int) string { return fmt.Sprint(first) }, func(e gateway.Ended) bool {
				good := []int{143}
				if d.Fails {
					good = []int{143, 3} // 3 where it had failed, and was being rolled back, before the signal came
				}
				if g.WantOldOrNew(want) {
					good = []int{0, 7}
				}
				if !slices.Contains(good, e.Code) {
					t.Errorf("exit code %d, want one of %v", e.Code, good)
				}
				return e.Code == 143
			})
		})
	}
}

// TestStoppedTwice sends a second signal while things are rolled back: gwe ends at once, and recovery does
// the rest.
func TestStoppedTwice(t *testing.T) {
	need.Root(t, "a gateway has files of several owners")
	vendor := gateway.NewVendor(t)
	for _, between := range []int{1, 3} {
		t.Run(fmt.Sprint(between), func(t *testing.T) {
			t.Parallel()
			g, want := gateway.Changes[1].Arrange(t, vendor, self(t))
			pending := 0
			stopped(g, gateway.Changes[1], func(first int) string { return fmt.Sprintf("%d,%d", first, first+between) }, func(e gateway.Ended) bool {
				if g.Gwe(nil, "recover").Said != "" {
					pending++
				}
				stopped := e.Code == 143 || e.Code == 130
				if !g.Recovers(want) && !stopped {
					t.Errorf("exit code %d, want that of a signal", e.Code)
				}
				return stopped
			})
			if pending < 5 {
				t.Errorf("only %d times there was something to recover", pending)
			}
		})
	}
}

// stopped runs an update for each record after which a signal comes, until the run ends before it does.
// check reports whether the signal ended the run.
func stopped(g *gateway.Gateway, d gateway.Change, moments func(first int) string, check func(gateway.Ended) bool) {
	g.Helper()
	hits := 0
	for record := 1; record <= hits+12; record++ {
		g.Restore()
		g.Provide(d.To)
		at := stopAt + "=" + moments(record)
		e := g.Gwe([]string{at}, g.Arguments(d)...)
		if check(e) {
			hits++
		}
		if g.Failed() {
			g.Fatalf("%s:\n%s", at, e.Said)
		}
	}
	if hits < 8 {
		g.Errorf("only %d signals came in time", hits)
	}
}
