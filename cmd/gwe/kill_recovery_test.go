package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
)

// TestKilledInRecovery kills gwe in an update, kills the recovery before and behind every record that it writes, and
// recovers again.
func TestKilledInRecovery(t *testing.T) {
	vendor := newVendor(t)
	for _, c := range []struct {
		name string
		disturbed
		// The first kill is before or behind the nth record of a kind.
		moment, kind string
		nth          int
	}{
		{"all done but the commit", disturbances[1], dieBefore, "committed", 1},
		{"committed", disturbances[1], dieAt, "committed", 1},
		{"half put back", disturbances[2], dieAt, "undone", 2},
		{"in the first post-install", disturbances[0], dieAt, "process", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g, want := c.arrange(t, vendor)
			first := fmt.Sprintf("%s=%d", c.moment, g.numberOf(c.disturbed, c.kind, c.nth))
			kills := 0
			for record, died := 1, true; died; record++ {
				for _, moment := range []string{dieBefore, dieAt} {
					g.restore()
					g.provide(c.to)
					if e := g.gwe([]string{first}, g.updating()...); !e.killed {
						t.Fatalf("%s did not kill gwe: %d\n%s", first, e.code, e.said)
					}
					g.withdraw()
					e := g.gwe([]string{fmt.Sprintf("%s=%d", moment, record)}, "recover")
					if died = e.killed; !died {
						break
					}
					kills++
					if g.recovers(want) != (c.kind == "committed" && c.moment == dieAt) {
						t.Error("it went the wrong way")
					}
					if t.Failed() {
						t.Fatalf("%s, then recovery with %s=%d; before the second kill:\n%s", first, moment, record, e.said)
					}
				}
			}
			g.updatesNext()
			t.Logf("%d kills in recovery", kills)
			if kills < 4 {
				t.Errorf("%d kills are too few to prove anything", kills)
			}
		})
	}
}

// numberOf finds the nth record of a kind in an undisturbed run, as a process counts its records: without the header.
func (g *gateway) numberOf(d disturbed, kind string, nth int) int {
	g.Helper()
	g.restore()
	g.provide(d.to)
	g.gwe(nil, g.updating()...)
	runs, err := filepath.Glob(g.path("state/runs/*"))
	g.check(err)
	kinds := g.journal(runs[len(runs)-1])
	for number := range kinds {
		if kinds[number] == kind {
			if nth--; nth == 0 {
				return number
			}
		}
	}
	g.Fatalf("an undisturbed run has fewer records of kind %s: %v", kind, slices.Compact(kinds))
	return 0
}
