package engine_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/step"
)

// deadly is a machine that goes down when one of its files is read, while it is armed. Else meanwhile
// happens.
type deadly struct {
	step.Machine
	file      string
	armed     bool
	meanwhile func()
}

func (d *deadly) Open(path string) (fs.File, error) {
	if filepath.Base(path) == d.file {
		if d.armed {
			panic(death{})
		}
		d.meanwhile()
	}
	return d.Machine.Open(path)
}

// questioned is a bench whose machine goes down when the file is read.
func questioned(t *testing.T, file string) (*boots, *deadly) {
	m := newBoots(t)
	machine := &deadly{m.engine.Machine, file, false, func() {}}
	m.engine.Machine = machine
	m.write("slot", "a")
	return m, machine
}

// dies boots and lets a recovery die so often.
func (m *boots) dies(times int) {
	m.Helper()
	for boot := range times {
		m.reboot(time.Second)
		if !m.killAt(moment{record: 1000}, func(e *engine.Engine) { _, _ = e.Recover(context.Background()) }) {
			m.Fatalf("the machine did not go down in boot %d\n%s", boot, m.events.text())
		}
	}
	m.reboot(time.Second)
}

// A new system that goes down whenever it is asked what it is would boot for ever.
func TestAQuestionThatTakesTheMachineDownIsNotAskedForEver(t *testing.T) {
	m, machine := questioned(t, "slot")
	m.start(inSlotB, "")
	machine.armed = true
	m.dies(10)
	m.wantRecovered(engine.StatusSuspended) // rolled back, and on its way into the old system
	m.wantFile("a", "old")
	machine.armed = false
	m.into("a")
	m.wantCode(m.wantRecovered(engine.StatusRestored), "booted 11 times")

	m, machine = questioned(t, "slot")
	m.start(inSlotB, "  - put: {path: D/c, fail: [do]}")
	m.into("b")
	m.wantRecovered(engine.StatusSuspended)
	machine.armed = true // so is the old system, all of a sudden
	m.dies(10)
	m.wantStatus(m.wantRecovered(engine.StatusBroken), engine.StatusBroken, 5)

	m, machine = questioned(t, "health")
	m.probe(`, until: '(facts.health ?? "") == "good"'`)
	machine.armed = true
	m.dies(10)
	m.wantCode(m.wantRecovered(engine.StatusRestored), "booted 11 times")
	m.wantFile("a", "old")
}

// So is one that a run asks which died before its reboot.
func TestAQuestionBehindACrashIsNotAskedForEver(t *testing.T) {
	m, machine := questioned(t, "slot")
	m.write("a", "old")
	program := m.load(fmt.Sprintf(rebooting, inSlotB, ""))
	m.killAt(moment{record: 3}, func(e *engine.Engine) { _, _ = e.Run(context.Background(), program, nil) })
	machine.armed = true
	m.dies(10)
	m.wantRecovered(engine.StatusRestored)
	m.wantFile("a", "old")
}

// Who is told to stop while the machine is asked has no answer, and takes none for "no".
func TestALookThatIsCutShortDecidesNothing(t *testing.T) {
	m, machine := questioned(t, "slot")
	m.start(inSlotB+", attempts: 2", "")
	m.into("b")
	ctx, stop := context.WithCancel(context.Background())
	machine.meanwhile = func() { stop(); m.write("slot", "a") }
	results, err := m.engine.Recover(ctx)
	if err != nil || len(results) != 1 || results[0].Status != engine.StatusSuspended || m.asked() != 1 {
		t.Errorf("recovered %+v, %v; asked %d times", results, err, m.asked())
	}
	machine.meanwhile = func() {}
	m.write("slot", "b")
	m.wantRecovered(engine.StatusDone)

	m, machine = questioned(t, "health")
	m.probe(`, until: '(facts.health ?? "") == "good"'`)
	ctx, stop = context.WithCancel(context.Background())
	machine.meanwhile = stop
	if result, err := m.engine.Confirm(ctx, ""); err == nil {
		t.Errorf("confirmed %+v by who was told to stop", result)
	}
	machine.meanwhile = func() {}
	m.wantRecovered(engine.StatusSuspended)
}

// A boot loader that gives the new system up boots the old one, and that is as healthy as ever.
func TestAMachineThatLeavesTheNewSystemOnProbationIsPutBack(t *testing.T) {
	for name, look := range map[string]func(*boots) engine.Result{
		"health": func(m *boots) engine.Result { return m.wantRecovered(engine.StatusRestored) },
		"person": func(m *boots) engine.Result { return m.confirm() },
	} {
		t.Run(name, func(t *testing.T) {
			m := newBoots(t)
			m.write("slot", "a")
			m.start(inSlotB, `  - confirm: {within: 1h, until: '(facts.ready ?? "") == "yes"'}`)
			m.into("b")
			m.wantRecovered(engine.StatusSuspended)
			m.into("b")
			m.wantRecovered(engine.StatusSuspended)
			m.write("ready", "yes")
			m.into("a")
			result := look(m)
			m.wantStatus(result, engine.StatusRestored, 3)
			m.wantCode(result, "came back in another system")
			m.wantFile("a", "old")
			if m.asked() != 1 { // it is in the previous system already
				t.Errorf("the machine was told to reboot %d times", m.asked())
			}
			m.wantSettled()
		})
	}
}

// To give up what an undo needed can take the machine down too: it is a large directory, and the disk is bad.
// That is not tried for ever.
func TestAReleaseThatTakesTheMachineDownIsNotTriedForEver(t *testing.T) {
	behind := "steps:\n  - put: {path: D/a, text: new}\n  - commit: in place\n  - put: {path: D/b, text: new}\n"
	for name, begin := range map[string]func(*boots, *engine.Engine){
		"after the commit": func(m *boots, e *engine.Engine) {
			m.write("b.deadly", "")
			_, _ = e.Run(context.Background(), m.load(behind), nil)
		},
		"of the run before": func(m *boots, e *engine.Engine) {
			m.write("a.deadly", "")
			_, _ = e.Run(context.Background(), m.load(kept), nil)
			_, _ = e.Run(context.Background(), m.load(kept), nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newBoots(t)
			if !m.killAt(moment{record: 1000}, func(e *engine.Engine) { begin(m, e) }) {
				t.Fatal("the machine did not go down")
			}
			downs := 0
			recover := func(e *engine.Engine) {
				if _, err := e.Recover(context.Background()); err != nil {
					t.Error(err)
				}
			}
			for m.reboot(time.Second); m.killAt(moment{record: 1000}, recover); m.reboot(time.Second) {
				if downs++; downs > 30 {
					t.Fatalf("it boots for ever\n%s", m.events.text())
				}
			}
			if downs < 10 {
				t.Errorf("given up after %d boots", downs)
			}
			if text := m.events.text(); !strings.Contains(text, "reboot-loop") && !strings.Contains(text, "gwe stops trying") {
				t.Errorf("nobody is told:\n%s", text)
			}
			// Nor is it tried by the second part of that boot, or by the next run in it.
			for range 3 {
				if m.killAt(moment{record: 1000}, recover) {
					t.Errorf("it was given up, and taken up again in the same boot")
				}
			}
			m.wantFile("a", "new")
			m.wantFile("b", "new")
			for _, deadly := range []string{"a.deadly", "b.deadly"} {
				_ = os.Remove(filepath.Join(m.directory, deadly))
			}
			for _, path := range m.glob("runs/*/downs") {
				if err := os.Remove(path); err != nil {
					t.Error(err)
				}
			}
			if _, err := m.engine.Recover(context.Background()); err != nil {
				t.Error(err)
			}
			m.wantStatus(m.run("steps:\n  - put: {path: D/next}\n"), engine.StatusDone, 0)
		})
	}
}
