package engine_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/gwe-project/gwe/engine"
)

const inSlotB = `, expect: '(facts.slot ?? "") == "b"'`

// into boots a system: the slot is what tells it apart.
func (m *boots) into(slot string) {
	m.Helper()
	m.write("slot", slot)
	m.reboot(time.Second)
}

// committed is a run that has rebooted the machine from slot a into slot b, and is in place there.
func (m *boots) committed(more string) {
	m.Helper()
	m.write("slot", "a")
	m.start(more, "")
	m.into("b")
	m.wantRecovered(engine.StatusDone)
}

func (m *boots) wantRolledBack(status engine.Status, code, asked int) {
	m.Helper()
	result, err := m.engine.Rollback(context.Background(), "")
	if err != nil {
		m.Fatal(err)
	}
	m.wantStatus(result, status, code)
	m.wantFile("a", "old")
	m.wantFile("b", "-")
	if m.asked() != asked {
		m.Errorf("the machine was told to reboot %d times, want %d", m.asked(), asked)
	}
}

func TestARollbackLeadsBackOverTheReboot(t *testing.T) {
	m := newBoots(t)
	m.committed(inSlotB)
	plan, err := m.engine.PlanRollback(context.Background(), "")
	if err != nil || plan.Reboot == "" {
		t.Errorf("planned %+v, %v", plan, err)
	}
	m.wantRolledBack(engine.StatusSuspended, 75, 2)
	m.wantFile("end", "end\n")                      // that of the update
	m.wantRolledBack(engine.StatusSuspended, 75, 2) // it is under way
	if _, err := m.engine.CancelSuspended(context.Background(), ""); err == nil {
		t.Error("a rollback was cancelled")
	}
	m.into("a")
	m.wantStatus(m.wantRecovered(engine.StatusRolledBack), engine.StatusRolledBack, 0)
	m.wantFile("end", "end\nend\n")
	m.wantSettled()
	m.wantStatus(m.run("steps:\n  - put: {path: D/next}\n"), engine.StatusDone, 0)
}

// A machine that fell back by itself since is rolled back where it is.
func TestARollbackWhereTheMachineHasLeftTheNewSystem(t *testing.T) {
	m := newBoots(t)
	m.committed(inSlotB)
	m.into("a")
	m.wantRolledBack(engine.StatusRolledBack, 0, 1)
	m.wantSettled()
}

func TestARollbackThatCannotTellTheSystemIsRefused(t *testing.T) {
	m := newBoots(t)
	m.committed(inSlotB)
	if err := os.Remove(m.directory + "/slot"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(m.directory+"/slot", 0o755); err != nil {
		t.Fatal(err)
	}
	m.wantRefusedBy("cannot be told")
	m.wantFile("a", "new")
}

func (m *boots) wantRefusedBy(reason string) {
	m.Helper()
	_, err := m.engine.Rollback(context.Background(), "")
	if err == nil {
		m.Fatal("it was rolled back")
	}
	m.wantCode(engine.Result{Err: err}, reason)
}

// Whoever rolled all back, the machine must be in the previous system in the end: neither in the new one, nor
// in a third.
func TestTheReturnIsJudged(t *testing.T) {
	for name, back := range map[string]func(*boots, string){
		"a rollback": func(m *boots, more string) {
			m.committed(inSlotB + more)
			m.wantRolledBack(engine.StatusSuspended, 75, 2)
		},
		"a failure": func(m *boots, more string) {
			m.write("slot", "a")
			m.start(inSlotB+more, "  - put: {path: D/c, fail: [do]}")
			m.into("b")
			m.wantRecovered(engine.StatusSuspended)
		},
	} {
		t.Run(name+", in the new system", func(t *testing.T) {
			m := newBoots(t)
			back(m, "")
			m.into("b")
			result := m.wantRecovered(engine.StatusBroken)
			m.wantStatus(result, engine.StatusBroken, 5)
			m.wantCode(result, "came back in the new system")
		})
		t.Run(name+", in the old one after one more", func(t *testing.T) {
			m := newBoots(t)
			back(m, ", attempts: 2")
			m.into("b")
			m.wantRecovered(engine.StatusSuspended)
			if m.asked() != 3 {
				t.Errorf("asked %d times", m.asked())
			}
			m.into("a")
			m.wantRecovered(map[string]engine.Status{"a rollback": engine.StatusRolledBack, "a failure": engine.StatusRestored}[name])
		})
		t.Run(name+", in a third system", func(t *testing.T) {
			m := newBoots(t)
			back(m, "")
			m.into("rescue")
			m.wantRecovered(engine.StatusSuspended) // what tells the systems apart may come late
			result := m.after(10 * time.Minute).wantRecovered(engine.StatusBroken)
			m.wantCode(result, "facts.slot is rescue, and was a")
		})
		t.Run(name+", late", func(t *testing.T) {
			m := newBoots(t)
			back(m, "")
			m.into("")
			m.wantRecovered(engine.StatusSuspended)
			m.write("slot", "a")
			m.wantRecovered(map[string]engine.Status{"a rollback": engine.StatusRolledBack, "a failure": engine.StatusRestored}[name])
		})
	}
}

// What held in the old system too tells nothing.
func TestAnExpectationThatTellsNothingJudgesNoReturn(t *testing.T) {
	m := newBoots(t)
	m.write("slot", "a")
	m.start(`, expect: '(facts.slot ?? "") != ""'`, "  - put: {path: D/c, fail: [do]}")
	m.into("b")
	m.wantRecovered(engine.StatusSuspended)
	m.into("b")
	m.wantRecovered(engine.StatusRestored)
}

// TestKillAtEveryRecordOfARollbackOverAReboot kills the rollback, and the recovery that ends it after the
// boot.
func TestKillAtEveryRecordOfARollbackOverAReboot(t *testing.T) {
	for _, power := range []bool{true, false} {
		for phase := range 2 {
			for record := 1; ; record++ {
				m := newBoots(t)
				m.committed(inSlotB)
				died := false
				acts := []func(*engine.Engine){
					func(e *engine.Engine) { _, _ = e.Rollback(context.Background(), "") },
					func(e *engine.Engine) { _, _ = e.Recover(context.Background()) },
				}
				for at, act := range acts {
					if at == phase {
						died = m.killAt(moment{record, true, power}, act)
					} else {
						act(m.engine)
					}
					if at == 0 {
						m.into("a")
					}
				}
				for range 2 { // what died after the undos is told to reboot once more
					if _, err := m.engine.Recover(context.Background()); err != nil {
						t.Fatal(err)
					}
					m.into("a")
				}
				list, err := m.engine.State.List()
				if err != nil || len(list) != 1 {
					t.Fatalf("%+v, %v", list, err)
				}
				state := fmt.Sprint(list[0].Status, " ", phase == 0 && record == 1)
				if state != "rolled back by hand false" && state != "done true" {
					t.Errorf("phase %d, record %d, power %v: the run is %s: %s", phase, record, power, list[0].Status, list[0].Error)
				}
				if list[0].Status == engine.StatusRolledBack {
					m.wantFile("a", "old")
					m.wantFile("b", "-")
				}
				m.wantSettled()
				if !died {
					break
				}
			}
		}
	}
}
