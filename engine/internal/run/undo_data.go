package run

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/step"
)

const (
	savedDirectory = "directory"
	savedLink      = "link"
	savedOther     = "other"
	savedListing   = "listing"
)

// mostSaved is how many entries of a frame's directory a record names one by one: a record has a largest
// size.
const mostSaved = 256

// listSaved lists what lies in a frame's directory; none where that is not there. What Verify wrote is left
// out (step.Settled).
func listSaved(directory string) ([]runstate.SavedFile, error) {
	handle, err := unix.Open(directory, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: directory, Err: err}
	}
	all, err := listSavedIn(os.NewFile(uintptr(handle), directory), "", nil)
	if err != nil || len(all) <= mostSaved {
		return all, err
	}
	text, err := json.Marshal(all)
	return []runstate.SavedFile{{Kind: savedListing, Size: int64(len(all)), SHA256: runstate.Digest(text)}}, err
}

// listSavedIn adds the entries of an open directory, which it closes, by name. Each step lists its directory
// twice, so nothing is looked at by more calls than it takes.
func listSavedIn(directory *os.File, above string, all []runstate.SavedFile) ([]runstate.SavedFile, error) {
	defer directory.Close()
	entries, err := directory.ReadDir(-1)
	if err != nil {
		return all, err
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	for _, entry := range entries {
		if strings.HasSuffix(entry.Name(), step.Settled) {
			continue
		}
		one, err := savedAt(int(directory.Fd()), entry)
		one.Name = above + one.Name
		all = append(all, one)
		if err == nil && one.Kind == savedDirectory {
			var below int
			below, err = unix.Openat(int(directory.Fd()), entry.Name(), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
			if err == nil {
				all, err = listSavedIn(os.NewFile(uintptr(below), filepath.Join(directory.Name(), entry.Name())), one.Name+"/", all)
			}
		}
		if err != nil {
			return all, &fs.PathError{Op: "read", Path: filepath.Join(directory.Name(), entry.Name()), Err: err}
		}
	}
	return all, nil
}

func savedAt(directory int, entry fs.DirEntry) (one runstate.SavedFile, err error) {
	one.Name = entry.Name()
	switch entry.Type() {
	case 0:
		one.Size, one.SHA256, err = sumOfSaved(directory, one.Name)
	case fs.ModeDir:
		one.Kind = savedDirectory
	case fs.ModeSymlink:
		one.Kind = savedLink
		text := make([]byte, unix.PathMax)
		length, lost := unix.Readlinkat(directory, one.Name, text)
		one.SHA256, err = runstate.Digest(text[:max(length, 0)]), lost
	default:
		one.Kind = savedOther
	}
	return one, err
}

// sumOfSaved reads a regular file in an open directory.
func sumOfSaved(directory int, name string) (size int64, sum string, err error) {
	handle, err := unix.Openat(directory, name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, "", err
	}
	defer unix.Close(handle)
	const note, most = 512, 64 << 10 // most are notes: one call reads such a file and its end
	buffer := make([]byte, note)
	hash := sha256.New()
	for {
		var count int
		err := durable.Repeat(func() (err error) {
			count, err = unix.Read(handle, buffer)
			return err
		})
		if err != nil {
			return size, "", err
		}
		_, _ = hash.Write(buffer[:count]) // never fails
		size += int64(count)
		if count < len(buffer) {
			return size, hex.EncodeToString(hash.Sum(nil)), nil
		}
		if len(buffer) == note {
			buffer = make([]byte, most)
		}
	}
}

// intact makes sure that this gwe can use what the frame saved for its undo: it knows the version of that
// data, and the files are as the journal has them. It looks before anything uses the data, and only then: an
// undo that has begun takes files away, and adds some.
func (x *Runner) intact(f *Frame) error {
	if f.Part != "" || f.Undone || f.Bare {
		return nil
	}
	if err := x.understood(f); err != nil {
		return err
	}
	if f.Version == 0 || f.Begun || x.Directory.UndosBegun() {
		return nil // a gwe before there were digests wrote it, or an undo before this one has looked
	}
	directory := x.Directory.Place(runstate.PlaceOf(f.Number))
	if _, err := os.Lstat(directory); f.Here && errors.Is(err, fs.ErrNotExist) {
		return nil // removed during the run: undoOwn does what it can, and says so
	}
	now, err := listSaved(directory)
	if err != nil {
		return x.State.At(f.Node, f.Rounds, fault.New(fault.Errored, "undo-data-unreadable", "cannot read what the step saved for its undo in %s", directory).
			WithCause(err).WithHint("the storage of the state directory may be failing: see the kernel's log; then run `gwe recover` again"))
	}
	if name, what := different(f.Saved, now, f.Done); what != "" {
		return x.State.At(f.Node, f.Rounds, fault.New(fault.Errored, "undo-data-damaged", "%s %s: the undo is not tried", filepath.Join(directory, name), what).
			WithHint("the storage or another program changed it: put the file back from a backup, or put right by hand what the step did and close the run: "+
				"`gwe resolve %s --reason TEXT`", x.Directory.ID()))
	}
	return nil
}

// different finds an entry that is not as the journal has it, and says what is wrong with it. Where the step
// did not end well, more files may be there than at its intent: what it wrote since checks itself.
func different(recorded, now []runstate.SavedFile, whole bool) (name, what string) {
	found := map[string]runstate.SavedFile{}
	for _, one := range now {
		found[one.Name] = one
	}
	for _, one := range recorded {
		is, there := found[one.Name]
		delete(found, one.Name)
		switch {
		case one == is:
		case one.Kind == savedListing || there && is.Kind == savedListing:
			return "", "does not hold the files that the journal has a digest of"
		case !there:
			return one.Name, "is missing"
		default:
			return one.Name, "was changed: it has not the length and SHA-256 that the journal has"
		}
	}
	if !whole {
		return "", ""
	}
	for _, one := range now {
		if _, unknown := found[one.Name]; unknown {
			return one.Name, "is not known to the journal"
		}
	}
	return "", ""
}

// AllIntact makes sure of several frames, and names the first that cannot be undone.
func (x *Runner) AllIntact(frames []*Frame) error {
	for _, f := range frames {
		if err := x.intact(f); err != nil {
			return err
		}
	}
	return nil
}

// understood makes sure that this gwe knows the version of the frame's undo data.
func (x *Runner) understood(f *Frame) error {
	stepType := f.Node.StepType().About()
	if f.Version <= stepType.UndoVersion() {
		return nil
	}
	return x.State.At(f.Node, f.Rounds, fault.New(fault.Errored, "undo-data-version",
		"the undo data of the step has version %d, and this gwe reads up to version %d of %s", f.Version, stepType.UndoVersion(), stepType.Name).
		WithHint("run `gwe recover` of the gwe that wrote it (%s), or of a newer one", f.Writer))
}

// CanBoth makes sure, before a run changes hands, that either side could undo all of it: this gwe what was
// done so far, and the one that began the run what this one would add.
func (x *Runner) CanBoth() error {
	for _, f := range x.State.Frames {
		if f.Part != "" || f.Undone {
			continue
		}
		if err := x.understood(f); err != nil {
			return err
		}
	}
	for _, path := range slices.Sorted(maps.Keys(x.Program.ByPath)) {
		n := x.Program.ByPath[path]
		ahead := func(top *program.Node) bool { return !x.State.Settled[top.Path()] && n.Within(top) }
		if n.Leaf() == nil || !n.Changes() || !slices.ContainsFunc(x.Program.Steps, ahead) {
			continue
		}
		about := n.StepType().About()
		if mine, theirs := about.UndoVersion(), max(x.State.Begin.UndoData[about.Name], 1); mine > theirs {
			return fault.New(fault.Refused, "undo-data-version",
				"gwe %s, which began the run, reads undo data of %s up to version %d, and this gwe writes version %d: it could not roll the run back",
				x.State.Begin.Version, about.Name, theirs, mine).
				WithHint("install this gwe with a recipe that has no step of type %s after the `hand-over`, and run that one with the new gwe", about.Name)
		}
	}
	return nil
}

// settledSaved lists a frame's directory after Verify; nil where that changed nothing. Step types write new
// files only, see step.Settled; what a program of the run has replaced is recorded anew.
func (x *Runner) settledSaved(f *Frame) ([]runstate.SavedFile, error) {
	now, err := listSaved(x.Directory.Place(runstate.PlaceOf(f.Number)))
	if err != nil {
		return nil, fault.New(fault.Errored, "undo-data-unreadable", "cannot read what the steps saved for their undo").WithCause(err)
	}
	if _, what := different(f.Saved, now, true); what == "" {
		return nil, nil
	}
	return now, nil
}
