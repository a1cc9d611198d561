package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gwe-project/gwe/engine/need"
	"github.com/gwe-project/gwe/scripts/gateway"
)

// TestKilledInRecovery kills gwe in an update, kills the recovery before and after every record that it
// writes, and recovers again.
func TestKilledInRecovery(t *testing.T) {
	need.Root(t, "a gateway has files of several owners")
	vendor := gateway.NewVendor(t)
	for _, c := range []struct {
		name string
		gateway.Change
		// The first kill is before or after the nth record of a kind.
		moment, kind string
		nth          int
	}{
		{"all done but the commit", gateway.Changes[1], dieBefore, "committed", 1},
		{"committed", gateway.Changes[1], dieAt, "committed", 1},
		{"half rolled back", gateway.Changes[2], dieAt, "undone", 2},
		{"in the first post-install", gateway.Changes[0], dieAt, "process", 2},
	} {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			g, want := c.Arrange(t, vendor, self(t))
			first := fmt.Sprintf("%s=%d", c.moment, numberOf(g, c.Change, c.kind, c.nth))
			kills := 0
			for record, died := 1, true; died; record++ {
				for _, moment := range []string{dieBefore, dieAt} {
					g.Restore()
					g.Provide(c.To)
					if e := g.Gwe([]string{first}, g.Arguments(c.Change)...); !e.Killed {
						t.Fatalf("%s did not kill gwe: %d\n%s", first, e.Code, e.Said)
					}
					g.Withdraw()
					e := g.Gwe([]string{fmt.Sprintf("%s=%d", moment, record)}, "recover")
					if died = e.Killed; !died {
						break
					}
					kills++
					if g.Recovers(want) != (c.kind == "committed" && c.moment == dieAt) {
						t.Error("it went the wrong way")
					}
					if t.Failed() {
						t.Fatalf("%s, then recovery with %s=%d; before the second kill:\n%s", first, moment, record, e.Said)
					}
				}
			}
			g.UpdatesNext()
			t.Logf("%d kills in recovery", kills)
			if kills < 4 {
				t.Errorf("%d kills are too few to prove anything", kills)
			}
		})
	}
}

// numberOf finds the nth record of a kind in an undisturbed run, as a process counts its records: without the
// header.
func numberOf(g *gateway.Gateway, d gateway.Change, kind string, nth int) int {
	g.Helper()
	g.Restore()
	g.Provide(d.To)
	g.Gwe(nil, g.Arguments(d)...)
	runs, err := filepath.Glob(g.Path("state/runs/*"))
	g.Check(err)
	kinds := g.Kinds(runs[len(runs)-1])
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
