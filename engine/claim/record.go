package claim

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/regular"
)

// Known is what is recorded of a state directory. Its journals say more, and are right where they can be
// read.
type Known struct {
	// State is the state directory, all links followed.
	State string `json:"state"`
	// Mount is the directory with which its file system begins.
	Mount string `json:"mount"`
	// Targets are the directories that its runs work on, by their names and with all links followed.
	Targets []string `json:"targets"`
	// Unfinished are the ids of its runs that have not ended.
	Unfinished []string `json:"-"`
	// File is where this is recorded.
	File string `json:"-"`
}

// mostTargets bounds how many are recorded of one state directory; the newest stay.
const mostTargets = 256

// Record notes that the runs of a state directory work on the paths. It is durable.
func (p Place) Record(state string, paths []string) error {
	state = follow(filepath.Clean(state))
	mount, err := durable.MountPoint(state)
	if err != nil {
		mount = ""
	}
	known := Known{State: state, Mount: mount}
	for _, directory := range []string{p.Spare, p.Kept} {
		if directory == "" {
			continue
		}
		if was, err := readKnown(filepath.Join(directory, key(state)+".json")); err == nil {
			known.Targets = merged(known.Targets, was.Targets)
			if directory == p.Kept && was.Mount == mount && len(merged(slices.Clone(was.Targets), paths)) == len(was.Targets) {
				return nil
			}
		}
	}
	known.Targets = merged(known.Targets, paths)
	known.Targets = known.Targets[max(0, len(known.Targets)-mostTargets):]
	text, err := json.Marshal(known)
	if err != nil {
		return err
	}
	return p.keep(func(directory string) error {
		return durable.WriteFile(filepath.Join(directory, key(state)+".json"), append(text, '\n'), 0o600)
	})
}

func merged(to, from []string) []string {
	for _, one := range from {
		if !slices.Contains(to, one) {
			to = append(to, one)
		}
	}
	return to
}

// Begin notes, durably, that a run of a recorded state directory has begun. Its name is all: a file without
// content is no more than a name.
func (p Place) Begin(state, run string) error {
	return p.keep(func(directory string) error {
		file, err := regular.Open(filepath.Join(directory, key(follow(filepath.Clean(state)))+"."+run), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) {
			return nil
		}
		if err == nil {
			err = errors.Join(file.Close(), durable.SyncDirectory(directory))
		}
		return err
	})
}

// End takes the note of a run away. It is best effort: the journal says that the run has ended.
func (p Place) End(state, run string) {
	for _, directory := range []string{p.Kept, p.Spare} {
		if directory != "" {
			_ = os.Remove(filepath.Join(directory, key(follow(filepath.Clean(state)))+"."+run))
		}
	}
}

// keep writes into the first directory that takes it.
func (p Place) keep(write func(directory string) error) (err error) {
	for _, directory := range []string{p.Kept, p.Spare} {
		if directory == "" {
			continue
		}
		failure := open(directory)
		if failure == nil {
			failure = write(directory)
		}
		if failure == nil {
			return nil
		}
		if err == nil {
			err = unusable(directory, failure)
		}
	}
	return err
}

// States lists what is recorded of all state directories. A record that cannot be read is left out.
func (p Place) States() []Known {
	var all []Known
	unfinished := map[string][]string{}
	for _, directory := range p.safeDirectories() {
		entries, _ := os.ReadDir(directory)
		for _, entry := range entries {
			name, what, _ := strings.Cut(entry.Name(), ".")
			if what != "json" {
				if name != "" && !slices.Contains(unfinished[name], what) {
					unfinished[name] = append(unfinished[name], what)
				}
				continue
			}
			known, err := readKnown(filepath.Join(directory, entry.Name()))
			if err != nil || key(known.State) != name {
				continue
			}
			if i := slices.IndexFunc(all, func(one Known) bool { return one.State == known.State }); i >= 0 {
				all[i].Targets = merged(all[i].Targets, known.Targets)
				continue
			}
			all = append(all, known)
		}
	}
	for i := range all {
		all[i].Unfinished = unfinished[key(all[i].State)]
	}
	return all
}

// Visible says whether the state directory that a record is about can be read: it can be away, on a file
// system that is not mounted, or gone.
type Visible int

// The values of Visible.
const (
	There Visible = iota
	Away
	Gone
)

// Look finds out whether the state directory is there. One that another user made in its place since is gone.
func (k Known) Look() Visible {
	_, err := os.Stat(filepath.Join(k.State, "runs"))
	if err == nil && safe(k.State) == nil {
		return There
	}
	if err == nil {
		return Gone
	}
	if mount, failure := durable.MountPoint(k.State); failure != nil || mount != k.Mount || !errors.Is(err, fs.ErrNotExist) {
		return Away
	}
	return Gone
}

// Tidy drops the records of state directories that are gone, where nothing is known to be owed, or what it
// was owed on is gone too. One that was on a file system whose mount point is gone may come back: it is
// dropped only if both are so. Notes of runs of which no record tells the state directory go too: nothing can
// be learned from them.
func (p Place) Tidy(states []Known) {
	p.sweep()
	for _, known := range states {
		if exists(filepath.Join(known.State, "runs")) {
			continue
		}
		owed, targeted := len(known.Unfinished) > 0, slices.ContainsFunc(known.Targets, exists)
		if known.Look() == Gone && !(owed && targeted) || !exists(known.Mount) && !owed && !targeted {
			p.Drop(known)
		}
	}
}

// sweep removes the notes of runs without a record.
func (p Place) sweep() {
	recorded := map[string]bool{}
	var orphans []string
	for _, directory := range p.safeDirectories() {
		entries, _ := os.ReadDir(directory)
		for _, entry := range entries {
			switch name, what, _ := strings.Cut(entry.Name(), "."); {
			case what == "json":
				recorded[name] = true
			case keys.MatchString(name) && what != "":
				orphans = append(orphans, filepath.Join(directory, entry.Name()))
			}
		}
	}
	for _, path := range orphans {
		name, _, _ := strings.Cut(filepath.Base(path), ".")
		if !recorded[name] && !p.recorded(name) { // one may have come since: a record is made before the notes of its runs
			_ = os.Remove(path)
		}
	}
}

// recorded reports whether there is a record of that key, readable or not.
func (p Place) recorded(key string) bool {
	for _, directory := range []string{p.Kept, p.Spare} {
		if directory != "" && exists(filepath.Join(directory, key+".json")) {
			return true
		}
	}
	return false
}

// safeDirectories are those of the records that no less trusted user can write.
func (p Place) safeDirectories() (safely []string) {
	for _, directory := range []string{p.Kept, p.Spare} {
		if directory != "" && safe(directory) == nil {
			safely = append(safely, directory)
		}
	}
	return safely
}

// Unfinished lists the runs of a state directory that are noted as not ended.
func (p Place) Unfinished(state string) (runs []string) {
	prefix := key(follow(filepath.Clean(state))) + "."
	for _, directory := range p.safeDirectories() {
		entries, _ := os.ReadDir(directory)
		for _, entry := range entries {
			if run, is := strings.CutPrefix(entry.Name(), prefix); is && run != "json" && !slices.Contains(runs, run) {
				runs = append(runs, run)
			}
		}
	}
	return runs
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// Drop forgets a state directory that is gone.
func (p Place) Drop(known Known) {
	for _, run := range known.Unfinished {
		p.End(known.State, run)
	}
	for _, directory := range []string{p.Kept, p.Spare} {
		if directory != "" {
			_ = os.Remove(filepath.Join(directory, key(known.State)+".json"))
		}
	}
}

func readKnown(path string) (known Known, err error) {
	text, err := regular.Read(path)
	if err == nil {
		err = json.Unmarshal(text, &known)
	}
	if err == nil && !filepath.IsAbs(known.State) {
		err = fs.ErrInvalid
	}
	known.File = path
	return known, err
}

// keys is the form of a key.
var keys = regexp.MustCompile(`^[0-9a-f]{24}$`)

// key is a state directory in the name of a file.
func key(state string) string {
	sum := sha256.Sum256([]byte(state))
	return hex.EncodeToString(sum[:12])
}
