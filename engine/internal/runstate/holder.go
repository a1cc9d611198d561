package runstate

import (
	"encoding/json"
	"os"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/process"
)

// Holder is the process that works on a state directory now.
type Holder struct {
	process.Identity
	// Run is the run that it works on; "" where it has come to none yet.
	Run string
	// Lost is true where the state directory was deleted while the process works; Recipe is that of its run
	// then.
	Lost   bool
	Recipe string
}

// LockInfo is what the lock file says of its holder: by its start and the boot nobody else is taken for it.
func LockInfo(run string) (string, error) {
	self, err := process.Identify(os.Getpid())
	if err != nil {
		return "", err
	}
	info, err := json.Marshal(struct {
		process.Identity
		Run string `json:"run,omitempty"`
	}{self, run})
	return string(info), err
}

// Holder finds the process that holds the state's run lock; nil where nobody does.
func (s State) Holder() (*Holder, error) {
	if bundle := BundledState(s); bundle != nil {
		return bundle.Holder, nil
	}
	for {
		found, err := durable.Holder(LockFile(s))
		if err == nil && found == nil {
			return s.orphan(), nil
		}
		if err != nil || found.PID == 0 {
			return nil, err
		}
		held := &Holder{Run: found.Run}
		if json.Unmarshal([]byte(found.Info), &held.Identity) != nil || held.PID != found.PID || !held.Alive() {
			// The disk was full when it wrote its name; the kernel knows it all the same.
			if held.Identity, err = process.Identify(found.PID); err != nil {
				continue // it has just ended
			}
		}
		// It held the lock before it was identified, and holds it now: it is that very process.
		again, err := durable.Holder(LockFile(s))
		if err != nil || again == nil {
			return nil, err
		}
		if again.PID == held.PID && held.Alive() {
			return held, nil
		}
	}
}
