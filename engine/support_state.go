package engine

import (
	"encoding/json"
	"path/filepath"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/regular"
)

// bundleMark is the name of the file that tells the state directory of a bundle.
const bundleMark = "support-bundle"

// bundledState is what that file says.
type bundledState struct {
	Note string `json:"note"`
	// Holder is the process that worked on the state when the bundle was made; nil where none did.
	Holder *Holder `json:"holder,omitempty"`
}

func (s State) asBundled() bundledState {
	held, _ := s.Holder()
	return bundledState{"the state of another machine, from a support bundle: gwe only shows it", held}
}

// bundled reads that file; nil where the state directory is this machine's own.
func (s State) bundled() *bundledState {
	text, err := regular.Read(filepath.Join(s.Folder, bundleMark))
	if err != nil {
		return nil
	}
	read := &bundledState{}
	_ = json.Unmarshal(text, read) // what is damaged of it is not known, and it is a bundle all the same
	return read
}

// refuseBundle refuses to act on the state directory of a support bundle: its runs are another machine's.
func (s State) refuseBundle() error {
	if s.bundled() == nil {
		return nil
	}
	return fault.New(fault.Refused, "state-of-a-bundle", "the state directory %s is from a support bundle, so its runs are another machine's", s.Folder).
		WithHint("look at it with `gwe status`, `gwe runs`, `gwe show` and `gwe log`; act on the machine itself")
}
