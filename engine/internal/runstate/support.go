package runstate

import (
	"encoding/json"
	"path/filepath"
	"slices"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/regular"
)

// BundledRuns are the runs that go into a bundle: the one of that id, or all; and those of them that are
// lost.
func BundledRuns(s State, id string) (ids []string, lost []UnfinishedRecord, err error) {
	for _, one := range s.lost() {
		if id == "" || id == one.Run {
			lost = append(lost, one)
		}
	}
	if id != "" && len(lost) > 0 {
		return nil, lost, nil
	}
	if id != "" {
		id, err = Choose(s, id)
		return []string{id}, nil, err
	}
	ids, err = s.Runs()
	return ids, lost, err
}

// LockedBy are the directories that the runs locked, each once.
func LockedBy(s State, ids []string, lost []UnfinishedRecord) []string {
	var paths []string
	for _, id := range ids {
		if p, err := Peek(s, id); err == nil && p != nil {
			paths = append(paths, LockedPaths(p.Begin.Locks)...)
		} else if err != nil {
			paths = append(paths, LockedPaths(DamagedRunOf(s, id, err).targets())...)
		}
	}
	for _, one := range lost {
		paths = append(paths, LockedPaths(one.Locks)...)
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// BundleMark is the name of the file that tells the state directory of a bundle.
const BundleMark = "support-bundle"

// bundledState is what that file says.
type bundledState struct {
	Note string `json:"note"`
	// Holder is the process that worked on the state when the bundle was made; nil where none did.
	Holder *Holder `json:"holder,omitempty"`
}

func AsBundled(s State) bundledState {
	held, _ := s.Holder()
	return bundledState{"the state of another machine, from a support bundle: gwe only shows it", held}
}

// BundledState reads that file; nil where the state directory is this machine's own.
func BundledState(s State) *bundledState {
	text, err := regular.Read(filepath.Join(s.Directory, BundleMark))
	if err != nil {
		return nil
	}
	read := &bundledState{}
	_ = json.Unmarshal(text, read) // what is damaged of it is not known, and it is a bundle all the same
	return read
}

// RefuseBundle refuses to act on the state directory of a support bundle: its runs are another machine's.
func RefuseBundle(s State) error {
	if BundledState(s) == nil {
		return nil
	}
	return fault.New(fault.Refused, "state-of-a-bundle", "the state directory %s is from a support bundle, so its runs are another machine's", s.Directory).
		WithHint("look at it with `gwe status`, `gwe runs`, `gwe show` and `gwe log`; act on the machine itself")
}
