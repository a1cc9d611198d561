package trial

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"sync"
	"syscall"

	"github.com/gwe-project/gwe/cmd/gwe/trial/scratch"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/pace"
	"github.com/gwe-project/gwe/engine/step"
)

// Disturbance is what stands between the engine, its step types and its journals on a scratch machine: it
// writes down what the run comes to, and makes one thing go wrong.
type Disturbance struct {
	fault   *Fault
	pass    map[string]bool
	catalog step.Catalog
	clock   *fastClock

	mutex sync.Mutex
	// count is how often each step was carried out.
	count map[string]int
	err   error
}

// NewDisturbance reads what is to go wrong on this machine. It refuses on any machine that is not a test's.
func NewDisturbance() (*Disturbance, error) {
	foreign, err := scratch.Foreign()
	if err != nil {
		return nil, err
	}
	d := &Disturbance{pass: passed(foreign), count: map[string]int{}, clock: &fastClock{passed: postpone, others: othersLive}}
	text, err := os.ReadFile(faultFile)
	if errors.Is(err, fs.ErrNotExist) {
		return d, nil
	}
	if err != nil {
		return nil, err
	}
	return d, json.Unmarshal(text, &d.fault)
}

// Catalog gives the step types of a catalog, disturbed.
func (d *Disturbance) Catalog(all step.Catalog) step.Catalog {
	d.catalog = all
	disturbed := make(step.Catalog, 0, len(all))
	for _, one := range all {
		disturbed = append(disturbed, disturbedType{one, d})
	}
	return disturbed
}

// disturbedType is a step type that may fail, or end the process, before it acts or when it has acted.
type disturbedType struct {
	step.Type
	disturbance *Disturbance
}

// Pace returns a context whose waits go by the machine's clock, on which pauses take no time.
func (d *Disturbance) Pace(ctx context.Context) context.Context { return pace.With(ctx, d.clock) }

// Do acts, unless something goes wrong. On the way back nothing does.
func (t disturbedType) Do(ctx context.Context, run *step.Run, arguments map[string]any, memo json.RawMessage) (map[string]any, error) {
	ctx, done := t.disturbance.clock.act(ctx)
	defer done()
	if run.Recovering {
		return t.Type.Do(ctx, run, arguments, memo)
	}
	goesWrong := t.disturbance.arrive(run.Step)
	if goesWrong && !t.disturbance.fault.Behind {
		return nil, t.disturbance.strike(run.Step)
	}
	outputs, err := t.Type.Do(ctx, run, arguments, memo)
	if err == nil && goesWrong {
		return nil, t.disturbance.strike(run.Step)
	}
	return outputs, err
}

// arrive writes down that a step is carried out, and reports whether it is the one that goes wrong. Once it
// did, so does each further attempt.
func (d *Disturbance) arrive(label string) bool {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.count[label]++
	d.note(event{Kind: eventStep, Step: label, Number: d.count[label]})
	return d.fault != nil && d.fault.Step == label && d.count[label] >= d.fault.Number
}

// strike makes it go wrong.
func (d *Disturbance) strike(label string) error {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.note(event{Kind: eventFault, Step: label})
	if d.fault.Kill {
		d.kill()
	}
	return fault.New(fault.Failed, "test-fault", "the test makes this step fail")
}

// kill ends the process as nobody can catch.
func (d *Disturbance) kill() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // until the kernel has done it
}

// note writes an event down. The kernel keeps it, whatever becomes of the process.
func (d *Disturbance) note(one event) {
	text, err := json.Marshal(one)
	if err != nil {
		d.err = err
		return
	}
	file, err := os.OpenFile(eventsFile, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		d.err = err
		return
	}
	defer file.Close()
	if _, err := file.Write(append(text, '\n')); err != nil {
		d.err = err
	}
}

func (d *Disturbance) commit(write func() error) error {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	here := d.fault != nil && d.fault.Kill && d.fault.Step == ""
	if here && !d.fault.Behind {
		d.note(event{Kind: eventFault})
		d.kill()
	}
	if err := write(); err != nil {
		return err
	}
	d.note(event{Kind: eventCommitted})
	found, err := snapshot(d.pass)
	if err != nil {
		return err
	}
	text, err := json.Marshal(found)
	if err != nil {
		return err
	}
	if err := os.WriteFile(commitFile, text, 0o600); err != nil {
		return err
	}
	if here {
		d.note(event{Kind: eventFault})
		d.kill()
	}
	return d.err
}
