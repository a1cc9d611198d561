package made

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
)

// mostNamed is how many entries are named of each directory.
const mostNamed = 20

// Keeps foresees what Discard or Sweep of what is at path would leave after the commit. moves says that the
// rest moves beside it. It only reads.
func Keeps(ctx context.Context, run *step.Run, path string, moves bool) (step.Keeping, error) {
	return KeepsGroup(ctx, run, path, "", moves)
}

// KeepsGroup is Keeps for one group of the list.
func KeepsGroup(ctx context.Context, run *step.Run, path, group string, moves bool) (step.Keeping, error) {
	keeping := step.Keeping{Made: []string{path}}
	foreseen := Foresee(run)
	defer foreseen.Close()
	dir, name, err := run.Dir(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return keeping, nil
	}
	if err != nil {
		return keeping, explain(err, "cannot open the directory of %s", path)
	}
	defer dir.Close()
	found, err := foreseen.Group(ctx, dir.Descriptor(), name, path, group)
	if err != nil || len(found.Entries) == 0 {
		return keeping, err
	}
	if moves {
		if found.To, err = Beside(run, path); err != nil {
			return keeping, err
		}
	} else {
		keeping.Made = nil // it stays, and what an older step asks about is what is in it
	}
	keeping.Later = []step.Later{found}
	return keeping, nil
}

// Add adds what was foreseen of an entry to what is told of a directory that it is in, at the path way.
func Add(to *step.Later, way string, found step.Later) {
	for _, one := range found.Entries {
		below := way
		if info, err := os.Lstat(found.Directory); err != nil || info.IsDir() {
			below = filepath.Join(way, one)
		}
		if len(to.Entries) < mostNamed {
			to.Entries = append(to.Entries, below)
		} else {
			to.More++
		}
	}
	to.More += found.More
}

// Beside names the directory to which what came after the commit would move.
func Beside(run *step.Run, place string) (string, error) {
	dir, name, err := run.Dir(place)
	if err != nil {
		return "", explain(err, "cannot look beside %s", place)
	}
	defer dir.Close()
	name, err = freeIn(dir, name, run.ID)
	return filepath.Join(filepath.Dir(place), name), err
}

// Forecast reads a list to foresee what is left of its groups.
type Forecast struct {
	run    *step.Run
	reader *reader
	sums   *sums
	// known are the hashes of all recorded paths.
	known []uint64
}

// Foresee opens the list of a frame.
func Foresee(run *step.Run) *Forecast {
	f := &Forecast{run: run, reader: open(run.Directory), sums: &sums{directory: run.Directory}}
	for one := f.reader.peek(); one != nil; one = f.reader.peek() {
		f.known = append(f.known, hashOf(one.Group, one.Path))
		f.reader.ahead = nil
	}
	slices.Sort(f.known)
	f.reader.rewind()
	return f
}

// Close closes the list.
func (f *Forecast) Close() { f.reader.close() }

// Group tells what would be left of a group at a name in an open directory; path is where that is, for
// people. Groups come in the order in which they were written. Entries are none where all of it would go.
func (f *Forecast) Group(ctx context.Context, parent int, name, path, group string) (found step.Later, err error) {
	found.Directory, found.Entries = path, []string{}
	s := &sighting{Forecast: f, path: path, group: group, found: &found, volatile: volatileAt(parent)}
	at := &descent{parent: parent, name: name}
	defer at.leave(-1)
	if there, err := statAt(parent, at.name); err != nil || there == nil {
		return found, explain(err, "cannot look at %s", path)
	}
	if !s.knows("") {
		s.whole(openat.Borrow(parent, filepath.Dir(path)), name)
		return found, nil
	}
	return found, f.reader.group(ctx, group, func(e entry) error { return s.entry(at, e) })
}

// sighting looks at one group.
type sighting struct {
	*Forecast
	path, group string
	found       *step.Later
	volatile    bool
}

func (s *sighting) knows(path string) bool {
	_, known := slices.BinarySearch(s.known, hashOf(s.group, path))
	return known
}

// whole counts all that is at the path: nothing of it is known.
func (s *sighting) whole(parent *openat.Dir, name string) {
	var names []string
	if dir, err := parent.Sub(name); err == nil { // a file stands for itself
		defer dir.Close()
		names, _ = dir.Names()
		for _, one := range names {
			status, err := dir.Stat(one)
			s.add(one, err == nil && status.Mode&unix.S_IFMT == unix.S_IFDIR)
		}
	}
	if len(names) == 0 {
		s.add(".", false)
	}
}

func (s *sighting) entry(at *descent, e entry) error {
	status := at.look(e)
	if status == nil {
		return nil
	}
	last := len(at.stack) - 1
	if e.kind() != unix.S_IFDIR {
		directory, name := at.parent, at.name
		if e.Path != "" {
			_, name = cut(e.Path)
			directory = at.stack[last].handle
		}
		if !e.unchanged(status, s.volatile, func() (same, recorded bool) { return s.sums.match(e, directory, name) }) {
			s.add(e.Path, false)
		}
		return nil
	}
	opened := last >= 0 && at.stack[last].path == e.Path
	if !e.same(status, s.volatile) {
		s.add(e.Path, status.Mode&unix.S_IFMT == unix.S_IFDIR)
		if opened {
			at.leave(last - 1)
		}
		return nil
	}
	if !opened {
		return nil // it cannot be read
	}
	return s.strangers(at.stack[last].handle, e.Path)
}

// strangers are names in a directory of ours that are not in the list.
func (s *sighting) strangers(handle int, path string) error {
	again, err := openAt(handle, ".", unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	directory := os.NewFile(uintptr(again), path)
	defer directory.Close()
	return eachName(directory, func(name string) error {
		below := join(path, name)
		if s.knows(below) {
			return nil
		}
		status, err := statAt(handle, name)
		if err != nil || status == nil {
			return err
		}
		s.add(below, status.Mode&unix.S_IFMT == unix.S_IFDIR)
		return nil
	})
}

func (s *sighting) add(path string, directory bool) {
	if s.run.Covered != nil && s.run.Covered(filepath.Join(s.path, path)) {
		return
	}
	if path == "" {
		path = filepath.Base(s.path)
	}
	if directory {
		path += "/"
	}
	if len(s.found.Entries) < mostNamed {
		s.found.Entries = append(s.found.Entries, path)
	} else {
		s.found.More++
	}
}
