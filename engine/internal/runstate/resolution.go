package runstate

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/regular"
)

// Unrestored is a step whose undo failed, or was not carried out.
type Unrestored struct {
	StepName
	// Error is why its undo failed; absent where it was not tried.
	Error string `json:"error,omitempty"`
	// Code is the stable code of Error.
	Code string `json:"code,omitempty"`
	// Hint says what to do about Error.
	Hint string `json:"hint,omitempty"`
}

// Unresolved reports whether the run is one that gwe could not bring to its end, and that no operator has
// closed.
func Unresolved(s Summary) bool {
	if s.Resolved != nil {
		return false
	}
	return s.Status == StatusBroken || s.Status == StatusDamaged || !s.RecoveryFailed.IsZero()
}

// OnlyUnresolved finds the run that needs an operator.
func OnlyUnresolved(s State) (string, error) {
	list, err := s.List()
	if err != nil {
		return "", err
	}
	list = slices.DeleteFunc(list, func(one Summary) bool { return !Unresolved(one) })
	list = append(list, LostRuns(s)...)
	switch len(list) {
	case 0:
		return "", s.needless()
	case 1:
		return list[0].Run, nil
	}
	return "", fault.New(fault.Refused, "resolve-which", "%d runs in %s need an operator", len(list), s.Directory).
		WithHint("name one: `gwe status` lists them")
}

func (s State) needless() error {
	needless := fault.New(fault.Refused, "resolve-needless", "no run in %s needs an operator", s.Directory)
	list, _ := s.List()
	for _, one := range list {
		if one.Status == StatusPending && one.Resolved == nil {
			return needless.WithHint("the process of run %s died: `gwe recover` brings it to its end", one.Run)
		}
	}
	return needless
}

// UnrestoredFrame is a frame that is not undone, or whose undo failed.
type UnrestoredFrame struct {
	number int
	Name   Unrestored
	Broken *ErrorRecord
	Kept   []string
}

// Unrestored lists the frames that were not undone, or not well, in the order of their making. Those of a run
// that committed count only if it was rolled back.
func (p *StoredRun) Unrestored() []UnrestoredFrame {
	var frames []UnrestoredFrame
	for _, f := range p.frames[max(p.Committed, 0):] {
		if f.Part != "" || !f.Broken && (f.Undone || f.Told) {
			continue
		}
		one := UnrestoredFrame{number: f.Number, Name: Unrestored{StepName: f.shown.named(f.step, f.id)}, Kept: slices.Clone(f.Leases)}
		if saved := p.Directory.Place(PlaceOf(f.Number)); holdsAny(saved) {
			one.Kept = append(one.Kept, saved)
		}
		if f.Broken && len(f.undoErrors) > 0 {
			one.Broken = &f.undoErrors[0]
		}
		frames = append(frames, one)
	}
	return frames
}

// holdsAny reports whether a directory has entries.
func holdsAny(path string) bool {
	entries, _ := os.ReadDir(path)
	return len(entries) > 0
}

// Resolution is how an operator closed a run that gwe could not bring to its end. It lies in a file beside
// the journal: the journal may be what is damaged.
type Resolution struct {
	// At is when.
	At time.Time `json:"at"`
	// Reason is what the operator gave as the reason.
	Reason string `json:"reason"`
	// By is the name of the user, or the number where it has none.
	By string `json:"by"`
	// Version is the release of gwe that closed it.
	Version string `json:"gwe"`
}

func (r RunDirectory) Resolved() string { return filepath.Join(string(r), "resolved.json") }

// resolution reads how the run was closed by an operator; nil where none did. What cannot be read closes
// nothing.
func (r RunDirectory) resolution() *Resolution {
	if r.Check() != nil {
		return nil
	}
	text, err := regular.Read(r.Resolved())
	var read Resolution
	if err != nil || json.Unmarshal(text, &read) != nil {
		return nil
	}
	return &read
}

// SetAside moves away what stands in the place of a run's directory: nothing can be written into it.
func SetAside(s State, directory RunDirectory) error {
	aside := filepath.Join(s.Directory, "set-aside")
	err := os.MkdirAll(aside, 0o700)
	if err == nil {
		err = os.Rename(string(directory), filepath.Join(aside, directory.ID()))
	}
	if err == nil {
		err = errors.Join(durable.SyncDirectory(RunsDirectory(s)), durable.SyncDirectory(aside))
	}
	if err != nil {
		return NotBegun(s, err)
	}
	return nil
}
