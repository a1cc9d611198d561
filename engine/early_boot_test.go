package engine_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/tasklog"
	"github.com/gwe-project/gwe/engine/value"
)

// serve is a step type that can do nothing while the file UP is not there: the daemon that it talks to.
type serve struct{}

type serveArguments struct {
	Up   value.Path `name:"up" required:"true" help:"the daemon"`
	Line string     `name:"line" required:"true" help:"what the daemon notes beside it, and takes as UNDO of that"`
}

func (a serveArguments) tell(line string) error {
	if _, err := os.Stat(string(a.Up)); err != nil {
		return fault.New(fault.Failed, "serve-down", "the daemon cannot be reached").WithCause(err)
	}
	return addLine(filepath.Join(filepath.Dir(string(a.Up)), "order"), line)
}

func (serve) Plan(context.Context, step.Machine, serveArguments) (step.Plan, error) {
	return step.Plan{Do: []string{"serve"}}, nil
}

func (serve) Prepare(context.Context, *step.Run, serveArguments) (step.Nothing, error) {
	return step.Nothing{}, nil
}

func (serve) Do(_ context.Context, _ *step.Run, a serveArguments, _ step.Nothing) (step.Nothing, error) {
	return step.Nothing{}, a.tell(a.Line)
}

func (serve) Undo(_ context.Context, _ *step.Run, a serveArguments, _ step.Nothing) error {
	return a.tell("undo of " + a.Line)
}

func (serve) NeedsServices(serveArguments) bool { return true }

func (serve) UndoEarly(_ context.Context, _ *step.Run, a serveArguments, _ step.Nothing) (bool, error) {
	return true, addLine(filepath.Join(filepath.Dir(string(a.Up)), "order"), "early undo of "+a.Line)
}

const serving = `
steps:
  - put: {path: D/a, text: new}
    undo:
      - serve: {up: D/up, line: restart}
      - note: {file: D/order, line: back a}
  - serve: {up: D/up, line: daemon}
  - put: {path: D/b, text: new}
    undo:
      - note: {file: D/order, line: back b}
  - steps:
      - put: {path: D/c, text: new}
    finally:
      - serve: {up: D/up, line: end of c}
`

// down is a machine that lost its power in the middle of a run, and boots: its daemons are not up yet.
func down(t *testing.T, recipe string, record int) *boots {
	m := newBoots(t)
	m.write("a", "old")
	m.write("up", "")
	program := m.load(recipe)
	if !m.killAt(moment{record: record}, func(e *engine.Engine) { _, _ = e.Run(context.Background(), program, nil) }) {
		t.Fatal("the run ended before the power was cut")
	}
	m.boot()
	return m
}

func (m *boots) boot() {
	m.Helper()
	m.reboot(time.Second)
	for _, gone := range []string{"up", "order"} {
		if err := os.RemoveAll(filepath.Join(m.directory, gone)); err != nil {
			m.Fatal(err)
		}
	}
}

// early is a recovery in front of the services.
func (m *boots) early() ([]engine.Result, error) {
	machine := *m.engine
	machine.Early = true
	return machine.Recover(context.Background())
}

func (m *boots) wantEarly(status engine.Status) {
	m.Helper()
	results, err := m.early()
	if err != nil || len(results) != 1 || results[0].Status != status {
		m.Fatalf("an early recovery gave %+v, %v; want %s\n%s", results, err, status, m.events.text())
	}
}

func (m *boots) wantOrder(lines ...string) {
	m.Helper()
	text, _ := os.ReadFile(filepath.Join(m.directory, "order"))
	if got := strings.TrimSpace(string(text)); got != strings.Join(lines, "\n") {
		m.Errorf("the order was\n%s\nwant\n%s", got, strings.Join(lines, "\n"))
	}
}

func TestAnEarlyRecoveryLeavesToTheNextOneWhatNeedsServices(t *testing.T) {
	m := down(t, serving, 10)
	m.wantFile("c", "new")
	m.wantEarly(engine.StatusSuspended)
	m.wantFile("a", "old")
	for _, gone := range []string{"b", "c"} {
		m.wantFile(gone, "-")
	}
	early := []string{"back b", "early undo of daemon", "back a"}
	m.wantOrder(early...)
	m.wantEarly(engine.StatusSuspended) // and leaves it alone
	m.wantOrder(early...)
	seen, err := m.engine.Overview(context.Background())
	if err != nil || seen.ExitCode() != engine.ExitWaiting || len(seen.Pending) != 1 || !strings.Contains(seen.Pending[0].Waits, "services") {
		t.Errorf("the overview is %+v, %v", seen, err)
	}
	if _, err := m.engine.Run(context.Background(), m.load("steps:\n  - put: {path: D/next}\n"), nil); err == nil || !strings.Contains(err.Error(), "suspended") {
		t.Errorf("another run began: %v", err)
	}
	m.wantRecovered(engine.StatusSuspended) // they are not up yet
	m.wantOrder(early...)
	m.write("up", "")
	m.wantStatus(m.wantRecovered(engine.StatusRestored), engine.StatusRestored, 3)
	m.wantOrder(append(early, "end of c", "undo of daemon", "restart")...)
	m.wantSettled()
}

// A run that begins before the recovery after the services came does its work first.
func TestARunDoesFirstWhatWaitedForServices(t *testing.T) {
	m := down(t, serving, 10)
	m.wantEarly(engine.StatusSuspended)
	m.write("up", "")
	m.wantStatus(m.run("steps:\n  - serve: {up: D/up, line: next}\n"), engine.StatusDone, 0)
	m.wantOrder("back b", "early undo of daemon", "back a", "end of c", "undo of daemon", "restart", "next")
}

func TestServicesThatDoNotComeUpNeedAPerson(t *testing.T) {
	m := down(t, serving, 10)
	m.wantEarly(engine.StatusSuspended)
	m.after(4 * time.Minute).wantRecovered(engine.StatusSuspended)
	m.boot() // each boot has its own patience
	m.wantEarly(engine.StatusSuspended)
	m.after(4 * time.Minute).wantRecovered(engine.StatusSuspended)
	m.after(4 * time.Minute).wantRecovered(engine.StatusSuspended)
	m.wantCode(m.after(time.Minute).wantRecovered(engine.StatusBroken), "cannot be reached")
	m.wantFile("a", "old")
}

func TestKilledAtEveryRecordOfAnEarlyRecovery(t *testing.T) {
	for record := 1; ; record++ {
		m := down(t, serving, 10)
		died := m.killAt(moment{record: record, before: true}, func(e *engine.Engine) {
			e.Early = true
			_, _ = e.Recover(context.Background())
		})
		m.boot()
		m.wantEarly(engine.StatusSuspended)
		m.wantFile("a", "old")
		m.wantFile("b", "-")
		m.write("up", "")
		m.wantRecovered(engine.StatusRestored)
		m.wantEnd("end of c", "undo of daemon", "restart")
		m.wantSettled()
		if !died {
			return
		}
	}
}

func TestKilledAtEveryRecordBehindAnEarlyRecovery(t *testing.T) {
	for record := 1; ; record++ {
		m := down(t, serving, 10)
		m.wantEarly(engine.StatusSuspended)
		m.write("up", "")
		died := m.killAt(moment{record: record, power: true}, func(e *engine.Engine) { _, _ = e.Recover(context.Background()) })
		for _, look := range []func() ([]engine.Result, error){m.early, func() ([]engine.Result, error) { return m.engine.Recover(context.Background()) }} {
			if _, err := look(); err != nil {
				t.Fatal(err)
			}
		}
		if list, err := m.engine.State.List(); err != nil || len(list) != 1 || list[0].Status != engine.StatusRestored {
			t.Errorf("killed at record %d: %+v, %v", record, list, err)
		}
		m.wantFile("a", "old")
		m.wantEnd("restart") // perhaps twice
		m.wantSettled()
		if !died {
			return
		}
	}
}

// wantEnd checks what was done last.
func (m *boots) wantEnd(lines ...string) {
	m.Helper()
	text, _ := os.ReadFile(filepath.Join(m.directory, "order"))
	if !strings.HasSuffix(string(text), strings.Join(lines, "\n")+"\n") {
		m.Errorf("the order was\n%s\nwant in the end\n%s", text, strings.Join(lines, "\n"))
	}
}

// A step of an undo that does not say that it needs services, and fails without them, is tried again with
// them.
func TestWhatFailsEarlyIsTriedAgainWithTheServices(t *testing.T) {
	m := down(t, `
steps:
  - put: {path: D/a, text: new}
    undo:
      - put: {path: D/later/x}
      - note: {file: D/order, line: back a}
  - put: {path: D/b, text: new}
`, 3)
	m.wantEarly(engine.StatusSuspended)
	m.wantFile("a", "old")
	m.wantOrder("back a")
	if err := os.Mkdir(filepath.Join(m.directory, "later"), 0o755); err != nil {
		t.Fatal(err)
	}
	m.wantRecovered(engine.StatusRestored)
	m.wantOrder("back a")
}

// Services do not start on what could not be rolled back: the failsafe is put in place before them, and again
// with them.
func TestTheFailsafeComesBeforeTheServices(t *testing.T) {
	m := down(t, `
steps:
  - put: {path: D/a, text: new, fail: [undo]}
  - put: {path: D/b, text: new}
failsafe:
  - put: {path: D/a, text: safe}
  - serve: {up: D/up, line: restart}
finally:
  - note: {file: D/order, line: end}
`, 3)
	m.wantEarly(engine.StatusSuspended)
	m.wantFile("a", "safe")
	m.wantOrder()
	m.write("up", "")
	m.wantStatus(m.wantRecovered(engine.StatusFailsafe), engine.StatusFailsafe, 4)
	m.wantOrder("restart", "end")
}

// A run that did all its steps is closed with the services there: its finally may need them.
func TestTheFinallyOfACompleteRunComesBehindTheServices(t *testing.T) {
	m := down(t, "steps:\n  - put: {path: D/a, text: new}\nfinally:\n  - serve: {up: D/up, line: end}\n", 3)
	m.wantEarly(engine.StatusSuspended)
	m.wantEarly(engine.StatusSuspended)
	m.write("up", "")
	m.wantRecovered(engine.StatusDone)
	m.wantFile("a", "new")
	m.wantOrder("end")
}

// An early recovery ends a run that needs no service.
func TestAnEarlyRecoveryClosesWhatNeedsNoService(t *testing.T) {
	m := down(t, "steps:\n  - put: {path: D/a, text: new}\n  - put: {path: D/b}\nfinally:\n  - note: {file: D/order, line: end}\n", 3)
	m.wantEarly(engine.StatusRestored)
	m.wantFile("a", "old")
	m.wantOrder("end")
	m.wantSettled()
}

// What takes the machine down with its services up is given up after ten boots; the early recoveries between
// do not count.
func TestALoopBehindTheServicesIsBounded(t *testing.T) {
	m := down(t, serving, 10)
	m.wantEarly(engine.StatusSuspended)
	for range 10 {
		m.boot()
		m.wantEarly(engine.StatusSuspended)
		m.write("up", "")
		if !m.killAt(moment{record: 1}, func(e *engine.Engine) { _, _ = e.Recover(context.Background()) }) {
			t.Fatal("it ended too soon")
		}
	}
	m.boot()
	m.wantEarly(engine.StatusSuspended)
	m.write("up", "")
	m.wantCode(m.wantRecovered(engine.StatusBroken), "10 boots")
	m.wantOrder("undo of daemon", "restart") // the end of c was given up
}

// That one service does not come up is not progress on the way to the undo that takes the machine down.
func TestALoopBehindAServiceThatIsDownIsBounded(t *testing.T) {
	m := down(t, serving, 10)
	m.wantEarly(engine.StatusSuspended)
	warnings := 0
	m.events.on = func(event tasklog.Event) {
		if warnings += strings.Count(event.Text, "tried again when"); warnings == 2 {
			panic(death{})
		}
	}
	for range 10 {
		m.boot()
		warnings = 0
		if !m.killAt(moment{}, func(e *engine.Engine) { e.Journals = nil; _, _ = e.Recover(context.Background()) }) {
			t.Fatal("it ended too soon")
		}
	}
	m.events.on = nil
	m.boot()
	m.write("up", "")
	m.wantCode(m.wantRecovered(engine.StatusBroken), "10 boots")
}
