package runstate

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/gwe-project/gwe/engine/claim"
	"github.com/gwe-project/gwe/engine/durable"
)

// RunInName finds the run's id in a hidden name: .gwe-old-20260131-093015.120-current.
var RunInName = regexp.MustCompile(`[0-9]{8}-[0-9]{6}\.[0-9]{3}`)

// HiddenNames lists what steps keep under hidden names in a directory, for an undo or until they are done.
func HiddenNames(directory string) []string {
	opened, err := os.OpenFile(directory, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil
	}
	defer opened.Close()
	entries, _ := opened.Readdirnames(-1)
	slices.Sort(entries)
	var names []string
	for _, entry := range entries {
		if strings.HasPrefix(entry, durable.Prefix) && RunInName.MatchString(entry) {
			names = append(names, filepath.Join(directory, entry))
		}
	}
	return names
}

// Target is what a directory that recipes work on tells by itself, whatever the state directory knows.
type Target struct {
	// Path is the directory.
	Path string `json:"path"`
	// PID is the process that holds its lock; absent where none does.
	PID int `json:"pid,omitempty"`
	// Run is the id of the run of that process; absent where it is not known.
	Run string `json:"run,omitempty"`
	// State is the state directory of that run; absent where it is not known.
	State string `json:"state,omitempty"`
	// Hidden are the names under which runs keep something there for an undo, or left it.
	Hidden []HiddenName `json:"hidden"`
}

// HiddenName is a name that begins with .gwe- and the run that it belongs to.
type HiddenName struct {
	// Path is the hidden name.
	Path string `json:"path"`
	// Run is the id of the run that it belongs to.
	Run string `json:"run"`
	// Known is true where the state directory has that run.
	Known bool `json:"known"`
}

// LookAtTarget looks at the lock of a directory and at its hidden names. It changes nothing.
func (s State) LookAtTarget(path string) Target {
	seen := Target{Path: path, Hidden: []HiddenName{}}
	if held := claim.Usual(os.Getenv).Look(claim.Holder{}, claim.Resolve(path)); held != nil {
		seen.PID, seen.Run, seen.State = held.PID, held.Run, stateOf(held.RunDirectory)
	}
	for _, name := range HiddenNames(path) {
		run := RunInName.FindString(filepath.Base(name))
		_, err := os.Lstat(string(DirectoryOf(s, run)))
		seen.Hidden = append(seen.Hidden, HiddenName{Path: name, Run: run, Known: err == nil})
	}
	return seen
}
