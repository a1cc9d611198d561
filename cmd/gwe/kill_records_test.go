package main

import (
	"fmt"
	"testing"

	"github.com/gwe-project/gwe/engine/need"
	"github.com/gwe-project/gwe/scripts/gateway"
)

// TestKilledAtEveryRecord kills gwe before and after every record of the journal. Before a record, what it
// tells of is done; after it, nothing that follows was begun.
func TestKilledAtEveryRecord(t *testing.T) {
	need.Root(t, "a gateway has files of several owners")
	vendor := gateway.NewVendor(t)
	for _, d := range gateway.Changes {
		t.Run(d.Name, func(t *testing.T) {
			t.Parallel()
			g, want := d.Arrange(t, vendor, self(t))
			olds, news := 0, 0
			for record, died := 1, true; died; record++ {
				for _, moment := range []string{dieBefore, dieAt} {
					d.Ready(g)
					e := g.Gwe([]string{fmt.Sprintf("%s=%d", moment, record)}, g.Arguments(d)...)
					if died = e.Killed; !died {
						break
					}
					if g.Recovers(want) {
						news++
					} else {
						olds++
					}
					if moment == dieAt {
						g.UpdatesNext()
					}
					if t.Failed() {
						t.Fatalf("%s=%d; before the kill:\n%s", moment, record, e.Said)
					}
				}
			}
			t.Logf("%d kills ended in the old state, %d in the new one", olds, news)
			least := map[string][2]int{"": {20, 4}, gateway.Undo: {1, 15}, gateway.Forget: {1, 1}}[d.By]
			if olds < least[0] || !d.Fails && news < least[1] {
				t.Errorf("%d kills that ended in the old state and %d that ended in the new one are too few to prove anything", olds, news)
			}
		})
	}
}
