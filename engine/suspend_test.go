package engine_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/host"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// boots is a machine whose boots a test makes. What the recipe calls to reboot it only notes that it was
// called.
type boots struct {
	*bench
	number int
	since  time.Duration
}

func newBoots(t *testing.T) *boots {
	m := &boots{newBench(t), 1, time.Hour}
	m.engine.Clock = func() host.Moment { return host.Moment{Boot: "boot-" + strconv.Itoa(m.number), Since: m.since} }
	return m
}

// reboot comes back after so much time.
func (m *boots) reboot(since time.Duration) { m.number, m.since = m.number+1, since }

func (m *boots) after(span time.Duration) *boots {
	m.since += span
	return m
}

// wantRecovered lets a recovery look, and checks what became of the run.
func (m *boots) wantRecovered(status engine.Status) engine.Result {
	m.Helper()
	results, err := m.engine.Recover(context.Background())
	if err != nil || len(results) != 1 || results[0].Status != status {
		m.Fatalf("recovered %+v, %v; want %s\n%s", results, err, status, m.events.text())
	}
	return results[0]
}

func (m *boots) wantCode(result engine.Result, code string) {
	m.Helper()
	if !strings.Contains(fmt.Sprintf("%v %v", result.Err, result.Others), code) {
		m.Errorf("the run ended with %v, %v; want %q", result.Err, result.Others, code)
	}
}

// asked is how often the machine was told to reboot.
func (m *boots) asked() int {
	text, _ := os.ReadFile(m.directory + "/asked")
	return strings.Count(string(text), "\n")
}

const rebooting = `
vars: {path: D/b, text: new}
facts:
  slot: {type: string, file: D/slot, optional: true}
  ready: {type: string, file: D/ready, optional: true}
steps:
  - id: first
    put: {path: D/a, text: new}
  - id: boot
    reboot: {within: 10m, command: [sh, -c, "echo >>D/asked"]%s}
  - put: {path: "${{ vars.path }}", text: "${{ steps.first.text }}"}
%s
  - commit: in place
finally:
  - note: {file: D/end, line: end}
`

func (m *boots) start(more, tail string) {
	m.Helper()
	m.write("a", "old")
	result := m.run(fmt.Sprintf(rebooting, more, tail))
	m.wantStatus(result, engine.StatusSuspended, 75)
	m.wantFile("a", "new")
	m.wantFile("b", "-")
	m.wantFile("end", "-")
	if m.asked() != 1 {
		m.Errorf("the machine was told to reboot %d times", m.asked())
	}
}

func TestARunGoesOnBehindItsReboot(t *testing.T) {
	m := newBoots(t)
	m.start("", "")
	m.after(9 * time.Minute).wantRecovered(engine.StatusSuspended)
	if _, err := m.engine.Run(context.Background(), m.load("steps:\n  - put: {path: D/next}\n"), nil); err == nil || !strings.Contains(err.Error(), "suspended") {
		t.Errorf("another run began beside a suspended one: %v", err)
	}
	m.reboot(20 * time.Second)
	m.wantRecovered(engine.StatusDone)
	m.wantFile("b", "new")
	m.wantFile("end", "end\n")
	m.wantSettled()
}

func TestAMachineThatDoesNotRebootIsAskedAgainAndThenPutBack(t *testing.T) {
	m := newBoots(t)
	m.start(", attempts: 2", "")
	m.after(10 * time.Minute).wantRecovered(engine.StatusSuspended)
	if m.asked() != 2 {
		t.Errorf("asked %d times", m.asked())
	}
	m.after(9 * time.Minute).wantRecovered(engine.StatusSuspended)
	m.wantCode(m.after(time.Minute).wantRecovered(engine.StatusRestored), "did not reboot")
	m.wantFile("a", "old")
	m.wantFile("end", "end\n")
	if m.asked() != 2 { // it never left the previous system
		t.Errorf("asked %d times", m.asked())
	}
}

func TestAMachineThatCameBackInTheOldSystemIsPutBackThere(t *testing.T) {
	m := newBoots(t)
	m.write("slot", "a")
	m.start(`, expect: '(facts.slot ?? "") == "b"'`, "")
	m.reboot(time.Second)
	m.wantCode(m.wantRecovered(engine.StatusRestored), "another system")
	m.wantFile("a", "old")
	if m.asked() != 1 {
		t.Errorf("asked %d times", m.asked())
	}
}

func TestAMachineIsAwaitedAfterItsBoot(t *testing.T) {
	m := newBoots(t)
	m.write("slot", "a")
	m.start(`, expect: '(facts.slot ?? "") == "b"', await: '(facts.ready ?? "") == "yes"'`, "")
	m.write("slot", "b")
	m.reboot(time.Minute)
	m.wantRecovered(engine.StatusSuspended)
	m.reboot(5 * time.Minute) // the time of all boots adds up
	m.wantRecovered(engine.StatusSuspended)
	m.write("ready", "yes")
	m.wantRecovered(engine.StatusDone)
}

func TestAMachineThatIsNotReadyInTimeGoesBack(t *testing.T) {
	m := newBoots(t)
	m.start(`, await: '(facts.ready ?? "") == "yes"'`, "")
	m.reboot(6 * time.Minute)
	m.wantRecovered(engine.StatusSuspended)
	m.reboot(4 * time.Minute)
	m.wantRecovered(engine.StatusSuspended) // rolled back, and on its way into the old system
	m.wantFile("a", "old")
	m.wantFile("end", "-")
	if m.asked() != 2 {
		t.Errorf("asked %d times", m.asked())
	}
	m.reboot(time.Second)
	m.wantCode(m.wantRecovered(engine.StatusRestored), "did not come about")
	m.wantFile("end", "end\n")
}

func TestAFailureBehindTheRebootLeadsBackOverOne(t *testing.T) {
	m := newBoots(t)
	m.start("", "  - put: {path: D/c, fail: [do]}")
	m.reboot(time.Second)
	m.wantRecovered(engine.StatusSuspended)
	m.wantFile("a", "old")
	m.wantFile("b", "-")
	m.reboot(time.Second)
	m.wantStatus(m.wantRecovered(engine.StatusRestored), engine.StatusRestored, 3)
	m.wantSettled()
}

func TestAPowerCutThatBootsTheNewSystemTooEarlyLeadsBack(t *testing.T) {
	for slot, asked := range map[string]int{"a": 0, "b": 1} {
		m := newBoots(t)
		m.write("a", "old")
		m.write("slot", slot)
		program := m.load(fmt.Sprintf(rebooting, `, expect: '(facts.slot ?? "") == "b"'`, ""))
		m.killAt(moment{record: 3}, func(e *engine.Engine) { _, _ = e.Run(context.Background(), program, nil) })
		m.reboot(time.Second)
		if asked > 0 {
			m.wantRecovered(engine.StatusSuspended)
			m.reboot(time.Second)
		}
		m.wantRecovered(engine.StatusRestored)
		m.wantFile("a", "old")
		if m.asked() != asked {
			t.Errorf("slot %s: the machine was told to reboot %d times", slot, m.asked())
		}
	}
}

// A suspended run that is cancelled is rolled back; over a reboot where the machine has rebooted already.
func TestASuspendedRunIsCancelled(t *testing.T) {
	cancel := func(m *boots, want engine.Status) {
		t.Helper()
		result, err := m.engine.CancelSuspended(context.Background(), "")
		if err != nil {
			t.Fatal(err)
		}
		if result.Status != want {
			t.Errorf("the run is %s, want %s: %v", result.Status, want, result.Err)
		}
		m.wantFile("a", "old")
		m.wantFile("b", "-")
	}
	m := newBoots(t)
	m.start("", "")
	cancel(m, engine.StatusRestored)
	if _, err := m.engine.CancelSuspended(context.Background(), ""); err == nil {
		t.Error("cancelled twice")
	}

	m = newBoots(t)
	m.start("", "")
	m.reboot(time.Second)
	cancel(m, engine.StatusSuspended) // the way back leads over one more
	if _, err := m.engine.CancelSuspended(context.Background(), ""); err == nil || !strings.Contains(err.Error(), "rolled back already") {
		t.Errorf("what is rolled back was cancelled: %v", err)
	}
	m.reboot(time.Second)
	m.wantRecovered(engine.StatusRestored)
	m.wantSettled()

	m = newBoots(t)
	m.probe("")
	cancel(m, engine.StatusRestored)
}

func TestAMachineThatDoesNotGoBackNeedsAPerson(t *testing.T) {
	m := newBoots(t)
	m.start("", "  - put: {path: D/c, fail: [do]}")
	m.reboot(time.Second)
	m.wantRecovered(engine.StatusSuspended)
	m.wantCode(m.after(10*time.Minute).wantRecovered(engine.StatusBroken), "does not run the previous system")
}

func TestARebootThatCannotBeAskedForPutsBackAtOnce(t *testing.T) {
	m := newBoots(t)
	m.write("a", "old")
	result := m.run("steps:\n  - put: {path: D/a, text: new}\n  - reboot: {within: 1m, command: [\"false\"]}\n")
	m.wantStatus(result, engine.StatusRestored, 3)
	m.wantCode(result, "could not be told to reboot")
	m.wantFile("a", "old")
	m.wantSettled()
}

const probation = `
facts:
  health: {type: string, file: D/health, optional: true}
steps:
  - put: {path: D/a, text: new}
  - confirm: {within: 1h%s}
  - put: {path: D/b, text: new}
`

func (m *boots) probe(more string) {
	m.Helper()
	m.write("a", "old")
	m.wantStatus(m.run(fmt.Sprintf(probation, more)), engine.StatusSuspended, 75)
}

func (m *boots) confirm() engine.Result {
	m.Helper()
	result, err := m.engine.Confirm(context.Background(), "")
	if err != nil {
		m.Fatal(err)
	}
	return result
}

func TestARunIsConfirmed(t *testing.T) {
	m := newBoots(t)
	m.probe("")
	m.after(59 * time.Minute).wantRecovered(engine.StatusSuspended)
	m.wantStatus(m.confirm(), engine.StatusDone, 0)
	m.wantFile("b", "new")
	if _, err := m.engine.Confirm(context.Background(), ""); err == nil || !strings.Contains(err.Error(), "waits for a confirmation") {
		t.Errorf("confirmed twice: %v", err)
	}
}

func TestAnUnconfirmedRunIsPutBack(t *testing.T) {
	for name, wait := range map[string]func(*boots){
		"late":  func(m *boots) { m.after(time.Hour) },
		"boots": func(m *boots) { m.reboot(0); m.wantRecovered(engine.StatusSuspended); m.reboot(0) },
		"time of two boots": func(m *boots) {
			m.after(30 * time.Minute).wantRecovered(engine.StatusSuspended)
			m.reboot(30 * time.Minute)
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newBoots(t)
			m.probe(", boots: 2")
			wait(m)
			m.wantCode(m.confirm(), "not confirmed") // too late now
			m.wantFile("a", "old")
			m.wantFile("b", "-")
		})
	}
}

func TestHealthConfirmsWhenItHoldsLongEnough(t *testing.T) {
	m := newBoots(t)
	m.probe(`, until: '(facts.health ?? "") == "good"', for: 5m`)
	m.wantRecovered(engine.StatusSuspended)
	m.write("health", "good")
	m.wantRecovered(engine.StatusSuspended)
	m.after(4 * time.Minute).wantRecovered(engine.StatusSuspended)
	m.write("health", "bad")
	m.wantRecovered(engine.StatusSuspended)
	m.write("health", "good")
	m.after(time.Minute).wantRecovered(engine.StatusSuspended)
	m.after(4 * time.Minute).wantRecovered(engine.StatusSuspended)
	m.after(time.Minute).wantRecovered(engine.StatusDone)
}

func TestALongWaitDoesNotFillTheJournal(t *testing.T) {
	m := newBoots(t)
	m.probe("")
	for range 59 {
		m.after(time.Minute).wantRecovered(engine.StatusSuspended)
	}
	content, err := os.ReadFile(m.glob("runs/*/journal")[0])
	if waits := strings.Count(string(content), `"waited"`); err != nil || waits < 8 || waits > 16 {
		t.Errorf("%d records of one wait (%v); a record for each sixteenth of it is due", waits, err)
	}
	if logs := m.glob("runs/*/log/*"); len(logs) != 1 {
		t.Errorf("looking made logs: %v", logs)
	}
}

// TestKillAtEveryRecordOfASuspendedRun kills gwe at every record of a run over a reboot and a confirmation:
// in the process that suspends, in the one that continues, and during a rollback over a second reboot.
func TestKillAtEveryRecordOfASuspendedRun(t *testing.T) {
	for _, failing := range []bool{false, true} {
		for _, power := range []bool{true, false} { // what a kill leaves behind a record is what one before the next leaves
			for phase := range 3 {
				for record := 1; killSuspended(t, failing, phase, moment{record, power, power}); record++ {
				}
			}
		}
	}
}

func killSuspended(t *testing.T, failing bool, phase int, when moment) (died bool) {
	m := newBoots(t)
	m.write("a", "old")
	tail := "  - confirm: {within: 1h}"
	if failing {
		tail = "  - put: {path: D/c, fail: [do]}"
	}
	program := m.load(fmt.Sprintf(rebooting, "", tail))
	act := func(at int, do func(*engine.Engine)) {
		if at == phase {
			died = m.killAt(when, do)
		} else {
			do(m.engine)
		}
	}
	recover := func(e *engine.Engine) { _, _ = e.Recover(context.Background()) }
	act(0, func(e *engine.Engine) { _, _ = e.Run(context.Background(), program, nil) })
	m.reboot(time.Second)
	act(1, recover)
	if failing {
		m.reboot(time.Second)
		act(2, recover)
	} else {
		act(2, func(e *engine.Engine) { _, _ = e.Confirm(context.Background(), "") })
	}
	// Whatever is pending now comes to its end within a few boots, and a person who confirms what there is to
	// confirm.
	for range 4 {
		_, _ = m.engine.Confirm(context.Background(), "")
		m.reboot(time.Second)
		if _, err := m.engine.Recover(context.Background()); err != nil {
			t.Fatalf("failing %v, phase %d, %+v: %v", failing, phase, when, err)
		}
	}
	read := func(name string) string { text, _ := os.ReadFile(m.directory + "/" + name); return string(text) }
	state := read("a") + "," + read("b")
	if state != "old," && (failing || state != "new,new") {
		t.Errorf("failing %v, phase %d, %+v: %s\n%s", failing, phase, when, state, m.events.text())
	}
	m.wantSettled()
	list, err := m.engine.State.List()
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range list {
		if one.Status == engine.StatusSuspended || one.Status == engine.StatusBroken {
			t.Errorf("failing %v, phase %d, %+v: the run is %s: %s", failing, phase, when, one.Status, one.Error)
		}
	}
	m.wantStatus(m.run("steps:\n  - put: {path: D/next}\n"), engine.StatusDone, 0)
	return died
}

// TestAnUndoThatTakesTheMachineDownIsGivenUp lets recovery die in boot after boot, before it got anywhere.
func TestAnUndoThatTakesTheMachineDownIsGivenUp(t *testing.T) {
	m := newBoots(t)
	m.write("a", "old")
	program := m.load("steps:\n  - put: {path: D/a, text: new}\n  - put: {path: D/b}\n  - put: {path: D/c, fail: [do]}\n")
	m.killAt(moment{record: 6}, func(e *engine.Engine) { _, _ = e.Run(context.Background(), program, nil) })
	for boot := range 11 { // the first one comes to the record of its turning back
		m.reboot(time.Second)
		if died := m.killAt(moment{record: max(1, 2-boot)}, func(e *engine.Engine) { _, _ = e.Recover(context.Background()) }); !died {
			t.Fatalf("recovery got on in boot %d", boot)
		}
	}
	m.reboot(time.Second)
	result := m.wantRecovered(engine.StatusBroken)
	m.wantStatus(result, engine.StatusBroken, 5)
	m.wantCode(result, "stops trying")
	m.wantFile("a", "old") // the others are rolled back all the same
}

// The run's own time-out is for all processes that work on it, and not for the wait between them.
func TestTheTimeOutOfARunCountsOnBehindAReboot(t *testing.T) {
	for spent, status := range map[time.Duration]engine.Status{59 * time.Minute: engine.StatusDone, time.Hour: engine.StatusSuspended} {
		m := newBoots(t)
		m.events.on = func(event tasklog.Event) {
			if event.Kind == tasklog.Started && event.Name == "slow" {
				m.after(spent)
			}
		}
		m.wantStatus(m.run(`
timeout: 1h
steps:
  - name: slow
    put: {path: D/a}
  - reboot: {within: 24h, command: []}
  - put: {path: D/b}
`), engine.StatusSuspended, 75)
		m.after(5 * time.Hour).reboot(5 * time.Hour)
		result := m.wantRecovered(status)
		if status == engine.StatusSuspended { // rolled back, and on its way into the old system
			m.wantCode(result, "timeout of 1h")
			m.wantFile("a", "-")
		}
	}
}

// Where expect cannot be told the machine may well be in the new system.
func TestAMachineThatCannotTellWhereItIsIsAskedAgainAndThenGoesBack(t *testing.T) {
	for _, comes := range []bool{true, false} {
		m := newBoots(t)
		m.write("slot", "a")
		m.start(inSlotB+", attempts: 2", "")
		unreadable(m)
		m.reboot(time.Minute)
		m.wantRecovered(engine.StatusSuspended)
		m.wantFile("a", "new")
		if comes {
			if err := os.Remove(m.directory + "/slot"); err != nil {
				t.Fatal(err)
			}
			m.write("slot", "b")
			m.wantRecovered(engine.StatusDone)
			continue
		}
		result := m.after(10 * time.Minute).wantRecovered(engine.StatusSuspended) // rolled back, and on its way into the old system
		m.wantCode(result, "did not come about within 10m")
		m.wantFile("a", "old")
		if m.asked() != 2 {
			t.Errorf("asked %d times", m.asked())
		}
	}
}

// unreadable makes a directory of the file that says which slot runs.
func unreadable(m *boots) {
	m.Helper()
	if err := os.Remove(m.directory + "/slot"); err != nil {
		m.Fatal(err)
	}
	if err := os.Mkdir(m.directory+"/slot", 0o755); err != nil {
		m.Fatal(err)
	}
}
