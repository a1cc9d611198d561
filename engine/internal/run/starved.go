package run

import (
	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
)

// An undo that met a lack of resources says nothing of what it would have come to. It is not spent: its frame
// stays open, nothing older is tried, and the next recovery continues there.

// starved finds the error of an undo that met a lack of resources. A leftover for want of space is none,
// since each recovery tries that again, nor is a sync: a second one would report a success that never was.
func starved(errs ...error) error {
	for _, err := range errs {
		if lack, lacks := fault.Scarce(err); lacks && !(lack.Storage && step.IsLeftover(err)) && !durable.IsSync(err) {
			return err
		}
	}
	return nil
}

// starvedProcess is starved, but for a lack of space: finally and what may fail do without what they would
// have written, and a full disk that no operator looks after must not keep a run from its end.
func starvedProcess(errs ...error) error {
	for _, err := range errs {
		if lack, _ := fault.Scarce(err); !lack.Storage && starved(err) != nil {
			return err
		}
	}
	return nil
}
