package gateway

// Change is something that gwe does to a machine and that a test disturbs: From is what is installed before, oldest
// first; To is the package that is installed, or RollBack; Fails tells that its post-install does.
type Change struct {
	Name  string
	From  []string
	To    string
	Fails bool
}

// RollBack is a change by recipes/rollback.yaml.
const RollBack = ""

// Changes are what an update system does all its life.
var Changes = []Change{
	{Name: "install", To: "app-1"},
	{Name: "update", From: []string{"app-1", "app-2"}, To: "app-3"},
	{Name: "failing", From: []string{"app-1", "app-2"}, To: "app-bad", Fails: true},
	{Name: "failing install", To: "app-bad", Fails: true},
	{Name: "rollback", From: []string{"app-1", "app-2"}, To: RollBack},
}

// Arrange makes a gateway as it is before the change, saved, and the pictures of how it may end.
func (c Change) Arrange(t Reporter, vendor Vendor, program string) (*Gateway, Ends) {
	t.Helper()
	g := New(t, vendor, program)
	return g, c.ArrangeOn(g)
}

// ArrangeOn does the same on an empty machine that is there already.
func (c Change) ArrangeOn(g *Gateway) Ends {
	g.Helper()
	for _, release := range c.From {
		g.Update(release)
	}
	g.Save()
	g.Restore()
	want := Ends{Old: g.Picture()}
	if c.Fails {
		return want
	}
	for picture, keep := range map[*Picture]int{&want.New: 1, &want.Unpruned: 9} {
		g.Restore()
		g.Provide(c.To)
		if e := g.Gwe(nil, g.arguments(c.To, keep)...); e.Code != 0 {
			g.Fatalf("undisturbed, the change %s ended with %d:\n%s", c.Name, e.Code, e.Said)
		}
		*picture = g.Picture().WithoutTimeOfLink()
	}
	return want
}

// Arguments are those of the change. One old release stays, so that prune has something to do.
func (g *Gateway) Arguments(c Change) []string { return g.arguments(c.To, 1) }

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
