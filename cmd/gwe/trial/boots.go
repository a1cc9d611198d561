package trial

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/host"
	"github.com/gwe-project/gwe/schema"
)

// boot is which boot of a scratch machine this is, as gwe is made to believe: nobody can reboot one.
type boot struct {
	Number int `json:"number"`
	// Begun is when it began, by the real machine's clock; Later is how much later than that clock tells it
	// is.
	Begun time.Duration `json:"begun"`
	Later time.Duration `json:"later"`
}

// veryLate is longer than any run waits.
const veryLate = 10 * 365 * 24 * time.Hour

func readBoot() boot {
	now := boot{Number: 1}
	if text, err := os.ReadFile(bootFile); err == nil {
		_ = json.Unmarshal(text, &now)
	}
	return now
}

func (b boot) write() error {
	text, err := json.Marshal(b)
	if err != nil {
		return err
	}
	return os.WriteFile(bootFile, text, 0o600)
}

// Clock is the moment of a scratch machine.
func Clock() host.Moment {
	now := readBoot()
	return host.Moment{Boot: fmt.Sprintf("test-boot-%d", now.Number), Since: host.Now().Since - now.Begun + now.Later}
}

// postpone makes the machine's clock tell a later time.
func postpone(skipped time.Duration) {
	now := readBoot()
	now.Later += skipped
	_ = now.write() // where it cannot be written, the pauses alone pass
}

// returns is how often a machine boots beyond what the test says, where something went wrong: the way back of
// a run may lead over reboots.
const returns = 3

// goOn lets come what the test says: while the run is suspended, and a rollback by hand when it has
// committed.
func (r *report) goOn(ctx context.Context, j job, global []string, killed bool) error {
	next := j.Then
	if r.Exit == engine.ExitWaiting {
		var err error
		if next, err = r.wait(ctx, j, next, global, killed); err != nil {
			return err
		}
	}
	for i, one := range next {
		if one.What.Text != schema.NextRollback || r.Exit != engine.ExitDone && j.Fault == nil {
			continue
		}
		if err := r.rollBack(ctx, one.Script, global); err != nil || r.Exit != engine.ExitWaiting {
			return err
		}
		_, err := r.wait(ctx, j, next[i+1:], global, false)
		return err
	}
	return nil
}

// wait lets come what the test says while the run is suspended, and then asks how the run ended. Where
// something went wrong on purpose, the machine boots on its own besides, as it did the last time. It gives
// what of next did not come.
func (r *report) wait(ctx context.Context, j job, next []*schema.Next, global []string, killed bool) ([]*schema.Next, error) {
	own := &schema.Next{What: schema.Scalar{Text: schema.NextReboot}}
	for _, one := range next {
		if one.What.Text == schema.NextReboot {
			own = one
		}
	}
	for beyond := 0; r.Exit == engine.ExitWaiting; {
		one := own
		if len(next) > 0 && next[0].What.Text != schema.NextRollback { // which comes when it has ended
			one, next = next[0], next[1:]
		} else if beyond++; j.Fault == nil || beyond > returns {
			break
		}
		died, err := r.come(ctx, one, global)
		if err != nil {
			return nil, err
		}
		killed = killed || died
		if r.Exit == engine.ExitRefused && j.Fault != nil {
			r.Exit = engine.ExitWaiting // it is on its way back, and there is nothing to confirm
		}
	}
	if killed || r.Exit == engine.ExitWaiting {
		return next, nil
	}
	machine := engine.Engine{State: engine.State{Directory: stateDirectory}}
	runs, err := machine.State.List()
	if err == nil && len(runs) > 0 {
		r.Exit = engine.Result{Status: runs[len(runs)-1].Status}.ExitCode()
	}
	return next, err
}

// come lets one thing happen to the machine, and gwe act on it. It reports whether gwe was killed.
func (r *report) come(ctx context.Context, one *schema.Next, global []string) (killed bool, err error) {
	r.Log += fmt.Sprintf("(then: %s)\n", one.What.Text)
	now := readBoot()
	switch one.What.Text {
	case schema.NextConfirm:
		return r.mortal(ctx, global, "confirm")
	case schema.NextLate:
		now.Later += veryLate
	case schema.NextReboot:
		now = boot{Number: now.Number + 1, Begun: host.Now().Since}
	}
	if err := now.write(); err != nil {
		return false, err
	}
	if err := setUp(ctx, one.Script); err != nil {
		return false, err
	}
	return r.mortal(ctx, global, "recover")
}
