package runstate

import (
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
)

// recoveryFailure is why the recovery of a run failed last. It lies beside the journal, for `gwe status`: the
// journal may be what could not be read or written.
type recoveryFailure struct {
	At time.Time `json:"at"`
	ErrorRecord
}

func (r RunDirectory) failure() string { return filepath.Join(string(r), "recovery.json") }

// NoteFailure keeps why the run could not be brought to its end. A busy lock is none: the next recovery finds
// it free. It is best effort, since the storage may be what fails.
func (r RunDirectory) NoteFailure(err error) {
	if found := fault.As(err); found != nil && found.Code == "lock-busy" || r.Check() != nil {
		return
	}
	if text, err := json.Marshal(recoveryFailure{time.Now().UTC(), RecordOf(err)}); err == nil {
		_ = durable.WriteNote(r.failure(), append(text, '\n'))
	}
}

func (r RunDirectory) ForgetFailure() { _ = os.Remove(r.failure()) }

// recoveryFailure reads it; nil where there is none.
func (r RunDirectory) recoveryFailure() *recoveryFailure {
	text, err := durable.ReadNote(r.failure())
	var read recoveryFailure
	if err != nil || json.Unmarshal(text, &read) != nil || read.Code == "" {
		return nil
	}
	return &read
}

// lastFailure is the same, as the journal has it in its last record; nil where that is another one. Without a
// file to spare, or on a full disk, it is the only word.
func (p *StoredRun) lastFailure() *recoveryFailure {
	if p.lastHeld == nil {
		return nil
	}
	return &recoveryFailure{At: p.Records[len(p.Records)-1].Time, ErrorRecord: p.lastHeld.Error}
}
