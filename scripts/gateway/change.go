package gateway

import (
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Change is something that gwe does to a machine and that a test disturbs: From is what is installed before,
// oldest first; To is the package that is installed, or RollBack; Fails tells that its post-install does. By
// is what is done by hand, once To is installed undisturbed, to the run that did that: the machine before the
// change has To then.
type Change struct {
	Name  string
	From  []string
	To    string
	Fails bool
	By    string
	// Used says that data came into the release, and a file of it was edited, before what is done by hand.
	Used bool
}

// RollBack is a change by recipes/rollback.yaml.
const RollBack = ""

// What is done to a run by hand, as gwe's commands are named.
const (
	Undo   = "rollback"
	Forget = "forget"
)

// Changes are what an update system does all its life.
var Changes = []Change{
	{Name: "install", To: "app-1"},
	{Name: "update", From: []string{"app-1", "app-2"}, To: "app-3"},
	{Name: "failing", From: []string{"app-1", "app-2"}, To: "app-bad", Fails: true},
	{Name: "failing install", To: "app-bad", Fails: true},
	{Name: "rollback", From: []string{"app-1", "app-2"}, To: RollBack},
	{Name: "way back", From: []string{"app-1", "app-2"}, To: "app-3", By: Undo},
	{Name: "way back to nothing", To: "app-1", By: Undo},
	{Name: "way back of a used release", From: []string{"app-1", "app-2"}, To: "app-3", By: Undo, Used: true},
	{Name: "forget", From: []string{"app-1", "app-2"}, To: "app-3", By: Forget},
	{Name: "restart", From: []string{"restart app-1", "restart app-2"}, To: "restart app-3"},
	{Name: "failing restart", From: []string{"restart app-1", "restart app-2"}, To: "restart app-bad", Fails: true},
	{Name: "failing first restart", To: "restart app-bad", Fails: true},
	{Name: "way back of restart", From: []string{"restart app-1", "restart app-2"}, To: "restart app-3", By: Undo},
}

// SelfUpdates replace the gwe that does them by gwe-2, by recipes/self-update.yaml: the run is handed over.
// gwe-bad is the same gwe, found unfit by a step after the hand-over. Vendor.PackGwe makes what they need.
var SelfUpdates = []Change{
	{Name: "self-update", To: "gwe-2"},
	{Name: "failing self-update", To: "gwe-bad", Fails: true},
	{Name: "way back of self-update", To: "gwe-2", By: Undo},
}

// ReplacesGwe reports whether the machine has a gwe of its own, which is replaced.
func (c Change) ReplacesGwe() bool { return isGwe(c.To) }

func isGwe(release string) bool { return strings.HasPrefix(release, "gwe-") }

// Arrange makes a gateway as it is before the change, saved, and the pictures of how it may end.
func (c Change) Arrange(t Reporter, vendor Vendor, program string) (*Gateway, Ends) {
	t.Helper()
	g := New(t, vendor, program)
	return g, c.ArrangeOn(g)
}

// ArrangeOn does the same on an empty machine that is there already.
func (c Change) ArrangeOn(g *Gateway) Ends {
	g.Helper()
	if c.ReplacesGwe() {
		g.installGwe()
	}
	if isRestart(c.To) {
		g.installPlugin()
	}
	for _, release := range c.From {
		g.Update(release)
	}
	g.Save()
	g.Restore()
	want := Ends{Old: g.Picture(), Decides: "committed"}
	want.Kept.Old, want.Kept.New = len(g.standing()), 1
	if c.Fails {
		return want
	}
	for picture, keep := range map[*Picture]int{&want.New: 1, &want.Unpruned: 9} {
		g.Restore()
		g.install(c.To, keep)
		*picture = g.Picture().WithoutTimeOfLink()
	}
	if c.By == "" {
		return want
	}
	want.Kept.Old, want.Kept.New = 1, 0
	if c.Used {
		c.Ready(g)
		want.Old = g.Picture().WithoutTimeOfLink()
		if e := g.Gwe(nil, Undo); e.Code != 0 {
			g.Fatalf("undisturbed, the rollback ended with %d:\n%s", e.Code, e.Said)
		}
		kept := g.Picture()
		for _, path := range used {
			if name := filepath.Join("opt", ".app-3.kept", path); kept[name] == "" {
				kept[name] = "kept, also by an undisturbed rollback"
			}
		}
		want.New, want.Unpruned, want.Decides = kept, kept, "rollback"
		return want
	}
	switch before := want.Old; c.By {
	case Undo:
		want.Old, want.New, want.Unpruned, want.Decides = want.Unpruned, before, before, "rollback"
	case Forget:
		want.Old, want.New, want.Decides = want.Unpruned, want.Unpruned, "released"
	}
	return want
}

// Ready restores the saved machine, and brings it to where the change can begin. A run that something is done
// to by hand is made anew each time, because a copy of a release is not the one that its undo knows; it
// leaves all old releases.
func (c Change) Ready(g *Gateway) {
	g.Helper()
	g.Restore()
	if c.By == "" {
		g.Provide(c.To)
		return
	}
	g.install(c.To, 9)
	if c.Used {
		g.use(c.To)
	}
}

// used are the files of a release that came or were edited after its commit.
var used = []string{"data/readings", "version"}

func (g *Gateway) use(release string) {
	g.Helper()
	g.Check(os.Mkdir(g.Path("opt", release, "data"), 0o755))
	at := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	for _, path := range used {
		path = g.Path("opt", release, path)
		g.Check(os.WriteFile(path, []byte("weeks of readings"), 0o644))
		g.Check(os.Chtimes(path, at, at))
	}
	for _, directory := range []string{"data", ""} {
		g.Check(os.Chtimes(g.Path("opt", release, directory), at, at))
	}
}

// install makes a change by a recipe undisturbed, and withdraws what it needed.
func (g *Gateway) install(to string, keep int) {
	g.Helper()
	g.Provide(to)
	if e := g.Gwe(nil, g.arguments(to, keep)...); e.Code != 0 {
		g.Fatalf("undisturbed, the change to %q ended with %d:\n%s", to, e.Code, e.Said)
	}
	g.Withdraw()
}

// Arguments are those of the change. One old release stays, so that prune has something to do.
func (g *Gateway) Arguments(c Change) []string {
	g.Helper()
	if c.By == "" {
		return g.arguments(c.To, 1)
	}
	runs := g.runs()
	return []string{c.By, filepath.Base(runs[len(runs)-1])}
}

// Recovers withdraws the recipe and the package, recovers, and asks the oracle.
func (g *Gateway) Recovers(want Ends) (committed bool) {
	g.Helper()
	g.Withdraw()
	e := g.Gwe(nil, "recover")
	if e.Code != 0 {
		g.Errorf("recovery ended with %d", e.Code)
	}
	committed = g.WantOldOrNew(want)
	if g.Failed() {
		g.Logf("recovery said:\n%s", e.Said)
	}
	return committed
}

// UpdatesNext checks that the machine takes the next update at once.
func (g *Gateway) UpdatesNext() {
	g.Helper()
	g.Update("app-2")
	g.WantSettled()
	if runs := g.Mark(); runs != "app-2" && runs != "app-2-1" || g.Service() != runs+"/version" {
		g.Errorf("after the next update the hooks say that %q runs, and it is %q", runs, g.Service())
	}
}
