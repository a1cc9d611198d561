package engine

import (
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
)

// recoveryFailure is why the recovery of a run failed last. It lies beside the journal, for `gwe status`: the journal may be what could
// not be read or written.
type recoveryFailure struct {
	At time.Time `json:"at"`
	errorRecord
}

func (r runFolder) failure() string { return filepath.Join(string(r), "recovery.json") }

// noteFailure keeps why the run could not be brought to its end. A busy lock is none: the next recovery finds it free. It is best
// effort, since the storage may be what fails.
func (r runFolder) noteFailure(err error) {
	if found := fault.As(err); found != nil && found.Code == "lock-busy" || r.check() != nil {
		return
	}
	if text, err := json.Marshal(recoveryFailure{time.Now().UTC(), recordOf(err)}); err == nil {
		_ = durable.WriteNote(r.failure(), append(text, '\n'))
	}
}

func (r runFolder) forgetFailure() { _ = os.Remove(r.failure()) }

// recoveryFailure reads it; nil where there is none.
func (r runFolder) recoveryFailure() *recoveryFailure {
	text, err := durable.ReadNote(r.failure())
	var read recoveryFailure
	if err != nil || json.Unmarshal(text, &read) != nil || read.Code == "" {
		return nil
	}
	return &read
}

// lastFailure is the same, as the journal has it in its last record; nil where that is another one. Without a file to spare, or on a full disk, it is the
// only word.
func (p *storedRun) lastFailure() *recoveryFailure {
	if p.lastHeld == nil {
		return nil
	}
	return &recoveryFailure{At: p.records[len(p.records)-1].Time, errorRecord: p.lastHeld.Error}
}
