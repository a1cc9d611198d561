package gateway

import "slices"

// Make restores the saved machine and makes the change undisturbed, keeping all old releases: for a rollback by hand. It is made
// anew each time, because a copy of a release is not the one that the undo knows.
func (c Change) Make(g *Gateway) {
	g.Helper()
	g.Restore()
	g.Provide(c.To)
	if e := g.Gwe(nil, g.arguments(c.To, 9)...); e.Code != 0 {
		g.Fatalf("the change %s ended with %d:\n%s", c.Name, e.Code, e.Said)
	}
	g.Withdraw()
}

// WantBack is the oracle of a rollback by hand, asked when gwe has recovered: the machine is as before the change exactly
// if the journal says that the rollback had begun.
func (g *Gateway) WantBack(want Ends) (begun bool) {
	g.Helper()
	g.WantSettled()
	for _, run := range g.runs() {
		begun = begun || slices.Contains(g.Kinds(run), "rollback")
	}
	if begun {
		g.wantPicture("old", g.Picture(), want.Old)
	} else {
		g.wantPicture("new", g.Picture().WithoutTimeOfLink(), want.Unpruned)
	}
	return begun
}
