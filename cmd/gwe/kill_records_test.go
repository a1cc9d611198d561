package main

import (
	"fmt"
	"testing"
)

// disturbed is an update that a test disturbs: from is what is installed before, oldest first, to what the update
// tries, and fails tells that its post-install does.
type disturbed struct {
	name  string
	from  []string
	to    string
	fails bool
}

var disturbances = []disturbed{
	{name: "install", to: "app-1"},
	{name: "update", from: []string{"app-1", "app-2"}, to: "app-3"},
	{name: "failing", from: []string{"app-1", "app-2"}, to: "app-bad", fails: true},
	{name: "failing install", to: "app-bad", fails: true},
}

// arrange makes a gateway as it is before the update, saved, and the pictures of how it may end.
func (d disturbed) arrange(t testing.TB, vendor vendorFolder) (*gateway, ends) {
	t.Helper()
	g := newGateway(t, vendor)
	for _, release := range d.from {
		g.update(release)
	}
	g.save()
	g.restore()
	want := ends{old: g.picture()}
	if !d.fails {
		g.update(d.to)
		want.new = g.picture().withoutTimeOfLink()
		g.restore()
		g.updateKeeping(d.to, 9)
		want.unpruned = g.picture().withoutTimeOfLink()
	}
	return g, want
}

// recovers withdraws the recipe and the package, recovers, and asks the oracle.
func (g *gateway) recovers(want ends) (committed bool) {
	g.Helper()
	g.withdraw()
	e := g.gwe(nil, "recover")
	if e.code != 0 {
		g.Errorf("recovery ended with %d", e.code)
	}
	committed = g.wantOldOrNew(want)
	if g.Failed() {
		g.Logf("recovery said:\n%s", e.said)
	}
	return committed
}

// updatesNext checks that the machine takes the next update at once.
func (g *gateway) updatesNext() {
	g.Helper()
	g.update("app-2")
	g.wantSettled()
	if runs := g.mark(); runs != "app-2" && runs != "app-2-1" || g.service() != runs+"/version" {
		g.Errorf("after the next update the hooks say that %q runs, and it is %q", runs, g.service())
	}
}

// TestKilledAtEveryRecord kills gwe before and behind every record of the journal. Before a record, what it tells of is
// done; behind it, nothing that follows was begun.
func TestKilledAtEveryRecord(t *testing.T) {
	vendor := newVendor(t)
	for _, d := range disturbances {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			g, want := d.arrange(t, vendor)
			olds, news := 0, 0
			for record, died := 1, true; died; record++ {
				for _, moment := range []string{dieBefore, dieAt} {
					g.restore()
					g.provide(d.to)
					e := g.gwe([]string{fmt.Sprintf("%s=%d", moment, record)}, g.updating()...)
					if died = e.killed; !died {
						break
					}
					if g.recovers(want) {
						news++
					} else {
						olds++
					}
					if moment == dieAt {
						g.updatesNext()
					}
					if t.Failed() {
						t.Fatalf("%s=%d; before the kill:\n%s", moment, record, e.said)
					}
				}
			}
			t.Logf("%d kills ended in the old state, %d in the new one", olds, news)
			if olds < 20 || !d.fails && news < 4 {
				t.Errorf("%d kills that ended in the old state and %d that ended in the new one are too few to prove anything", olds, news)
			}
		})
	}
}
