package main

import (
	"fmt"
	"testing"

	"github.com/gwe-project/gwe/testdata/gateway"
)

// TestRollbackKilledAtEveryRecord kills `gwe rollback` of a real update before and behind every record that it writes, and
// recovers: the old version runs again, or, where not one record was durable, the new one still does.
func TestRollbackKilledAtEveryRecord(t *testing.T) {
	vendor := gateway.NewVendor(t)
	update := gateway.Changes[1]
	g, want := update.Arrange(t, vendor, self(t))
	backs := 0
	for record, died := 1, true; died; record++ {
		for _, moment := range []string{dieBefore, dieAt} {
			update.Make(g)
			e := g.Gwe([]string{fmt.Sprintf("%s=%d", moment, record)}, "rollback")
			died = e.Killed
			recovered := g.Gwe(nil, "recover")
			if recovered.Code != 0 || !died && e.Code != 0 {
				t.Errorf("the rollback ended with %d, the recovery with %d", e.Code, recovered.Code)
			}
			if g.WantBack(want) {
				backs++
			} else if record > 1 || moment == dieAt {
				t.Error("it had begun, and the new version runs")
			}
			if t.Failed() {
				t.Fatalf("%s=%d; the rollback:\n%s\nthe recovery:\n%s", moment, record, e.Said, recovered.Said)
			}
			if !died {
				break
			}
		}
	}
	g.UpdatesNext()
	if backs < 20 {
		t.Errorf("%d rollbacks that were killed are too few to prove anything", backs)
	}
}
