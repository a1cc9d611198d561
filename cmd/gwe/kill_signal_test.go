package main

import (
	"fmt"
	"slices"
	"testing"
)

// TestStoppedAtEveryRecord sends SIGTERM to gwe behind every record. It puts everything back itself, unless the new
// version is in place already, and no recovery is needed.
func TestStoppedAtEveryRecord(t *testing.T) {
	vendor := newVendor(t)
	for _, d := range disturbances[1:3] {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			g, want := d.arrange(t, vendor)
			g.stopped(d, func(first int) string { return fmt.Sprint(first) }, func(e ended) bool {
				good := []int{143}
				if d.fails {
					good = []int{143, 3} // 3 where it had failed, and was being put back, before the signal came
				}
				if g.wantOldOrNew(want) {
					good = []int{0, 7}
				}
				if !slices.Contains(good, e.code) {
					t.Errorf("exit code %d, want one of %v", e.code, good)
				}
				return e.code == 143
			})
		})
	}
}

// TestStoppedTwice sends a second SIGTERM while things are put back: gwe ends at once, and recovery does the rest.
func TestStoppedTwice(t *testing.T) {
	vendor := newVendor(t)
	for _, between := range []int{1, 3} {
		t.Run(fmt.Sprint(between), func(t *testing.T) {
			t.Parallel()
			g, want := disturbances[1].arrange(t, vendor)
			pending := 0
			g.stopped(disturbances[1], func(first int) string { return fmt.Sprintf("%d,%d", first, first+between) }, func(e ended) bool {
				if g.gwe(nil, "recover").said != "" {
					pending++
				}
				if !g.recovers(want) && e.code != 143 {
					t.Errorf("exit code %d, want 143", e.code)
				}
				return e.code == 143
			})
			if pending < 5 {
				t.Errorf("only %d times there was something to recover", pending)
			}
		})
	}
}

// stopped runs an update for each record behind which a signal comes, until the run ends before it does. check tells
// whether the signal ended the run.
func (g *gateway) stopped(d disturbed, moments func(first int) string, check func(ended) bool) {
	g.Helper()
	hits := 0
	for record := 1; record <= hits+12; record++ {
		g.restore()
		g.provide(d.to)
		at := stopAt + "=" + moments(record)
		e := g.gwe([]string{at}, g.updating()...)
		if check(e) {
			hits++
		}
		if g.Failed() {
			g.Fatalf("%s:\n%s", at, e.said)
		}
	}
	if hits < 8 {
		g.Errorf("only %d signals came in time", hits)
	}
}
