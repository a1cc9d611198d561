package made

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
)

// Discard removes what is at hidden, which had its place at the path place, for an undo. Before the commit it
// is durable.DiscardAt. After it only what the step recorded goes; what is left moves to a directory beside
// place, and keeps its paths there.
func Discard(ctx context.Context, run *step.Run, hidden, place string) error {
	return DiscardGroup(ctx, run, hidden, place, "")
}

// DiscardGroup is Discard for one group of the list.
func DiscardGroup(ctx context.Context, run *step.Run, hidden, place, group string) error {
	dir, name, err := run.Dir(hidden)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return asideOf(run, place).noted()
	}
	if err != nil {
		return explain(err, "cannot open the directory of %s", hidden)
	}
	defer dir.Close()
	return DiscardIn(ctx, run, dir, name, place, group, nil)
}

// DiscardIn is DiscardGroup for a name in an open directory. Before the commit no directory goes but the one
// that known reports, which may be nil; after it the list tells.
func DiscardIn(ctx context.Context, run *step.Run, dir *openat.Dir, name, place, group string, known durable.Known) error {
	if !run.AfterCommit {
		return durable.DiscardKnown(dir, name, known)
	}
	aside := asideOf(run, place)
	if err := aside.noted(); err != nil {
		return err
	}
	parent := dir.Descriptor()
	there, err := statAt(parent, name)
	if err != nil || there == nil {
		return explain(err, "cannot look at %s", dir.Join(name))
	}
	list := Open(run)
	defer list.Close()
	left, err := list.Remove(ctx, parent, name, group)
	if err != nil {
		return explain(err, "cannot remove %s", dir.Join(name))
	}
	if left {
		if there.Mode&unix.S_IFMT == unix.S_IFDIR {
			err = aside.whole(dir, name)
		} else {
			err = aside.MoveFrom(dir, name, filepath.Base(place))
		}
		if err != nil {
			return err
		}
	}
	return durable.SyncFileSystemsAt([]*openat.Dir{dir})
}

// Aside is the directory beside a place to which what came after the commit moves.
type Aside struct {
	run   *step.Run
	place string
	// path is chosen with the first entry.
	path string
}

const asideNote = "aside"

// AsideOf gives the directory for what was at place. A frame has one.
func AsideOf(run *step.Run, place string) (*Aside, error) {
	a := asideOf(run, place)
	return a, a.noted()
}

func asideOf(run *step.Run, place string) *Aside { return &Aside{run: run, place: place} }

// noted reads which directory an undo before this one chose, and tells of it where it came so far.
func (a *Aside) noted() error {
	text, err := durable.ReadChecked(filepath.Join(a.run.Directory, asideNote))
	if err != nil || len(text) == 0 {
		return err
	}
	a.path = string(text)
	dir, name, err := a.run.Dir(a.path)
	if err != nil {
		return nil // who moves something there tells
	}
	defer dir.Close()
	if _, err := dir.Stat(name); err == nil {
		a.tell()
	}
	return nil
}

func (a *Aside) tell() {
	if a.run.Kept != nil {
		a.run.Kept(a.path)
	}
}

// choose takes the first free name, and writes it down.
func (a *Aside) choose() error {
	if a.path != "" {
		return nil
	}
	path, err := Beside(a.run, a.place)
	if err != nil {
		return err
	}
	if err := a.run.MakeDirectory(); err != nil {
		return err
	}
	if err := durable.WriteChecked(filepath.Join(a.run.Directory, asideNote), []byte(path)); err != nil {
		return err
	}
	a.path = path
	// If the name is lost by a power cut, an undo after this one takes the next free name. That is no reason
	// to leave the entries where nobody looks for them.
	if err := durable.SyncFileSystems(a.run.Directory); err != nil {
		a.run.Log.Warn("cannot note for good that " + path + " is made: " + err.Error())
	}
	return nil
}

// freeIn names the directory. A name that starts with a dot is no release, and no configuration to be read.
func freeIn(dir *openat.Dir, place, run string) (string, error) {
	base := strings.TrimLeft(place, ".")
	const longest = 180 // a name has at most 255 bytes
	base = base[:min(len(base), longest)]
	for number := 1; ; number++ {
		name := fmt.Sprintf(".%s.kept-%s", base, run)
		if number > 1 {
			name += fmt.Sprintf("-%d", number)
		}
		if _, err := dir.Stat(name); errors.Is(err, fs.ErrNotExist) {
			return name, nil
		} else if err != nil {
			return "", explain(err, "cannot look at %s", dir.Join(name))
		}
	}
}

// whole renames a directory, which becomes the one beside the place.
func (a *Aside) whole(from *openat.Dir, name string) error {
	if err := a.choose(); err != nil {
		return err
	}
	to, other, err := a.run.Dir(a.path)
	if err != nil {
		return explain(err, "cannot open the directory of %s", a.path)
	}
	defer to.Close()
	err = durable.MoveAwayAt(from, name, to, other)
	if errors.Is(err, fs.ErrExist) {
		// An undo before this one has used the name for another part.
		return a.MoveFrom(from, name, filepath.Base(a.place))
	}
	if err != nil {
		return err
	}
	a.say()
	return durable.SyncDir(to)
}

// Move moves an entry into the directory, under a path in it. The caller makes it durable.
func (a *Aside) Move(from, way string) error {
	dir, name, err := a.run.Dir(from)
	if err != nil {
		return explain(err, "cannot open the directory of %s", from)
	}
	defer dir.Close()
	return a.MoveFrom(dir, name, way)
}

// MoveFrom is Move for a name in an open directory.
func (a *Aside) MoveFrom(from *openat.Dir, name, way string) error {
	if err := a.choose(); err != nil {
		return err
	}
	to, err := a.enter(filepath.Dir(way))
	if err != nil {
		return err
	}
	defer to.Close()
	other := filepath.Base(way)
	for number := 1; ; number++ {
		err := durable.MoveAwayAt(from, name, to, other)
		if !errors.Is(err, fs.ErrExist) && !errors.Is(err, syscall.ENOTEMPTY) {
			if err == nil {
				a.say()
			}
			return err
		}
		other = fmt.Sprintf("%s-%d", filepath.Base(way), number)
	}
}

// enter opens a directory below the one beside the place, and makes what is missing.
func (a *Aside) enter(way string) (*openat.Dir, error) {
	at, name, err := a.run.Dir(a.path)
	if err != nil {
		return nil, explain(err, "cannot open the directory of %s", a.path)
	}
	names := append([]string{name}, strings.Split(filepath.Clean(way), "/")...)
	for _, name := range names {
		if name == "." {
			continue
		}
		if err := at.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			at.Close()
			return nil, explain(err, "cannot make the directory %s", at.Join(name))
		}
		below, err := at.Sub(name)
		at.Close()
		if err != nil {
			return nil, explain(err, "cannot open the directory %s", filepath.Join(a.path, way))
		}
		at = below
	}
	return at, nil
}

func (a *Aside) say() {
	a.tell()
	a.run.Log.Warn(fmt.Sprintf("%s has entries that came or were changed after the commit: they are kept in %s, which only `gwe forget %s` removes",
		a.place, a.path, a.run.ID))
}

// Sweep removes what is at path for an undo after the commit, where the directory may stay: only what the
// step recorded goes, and the rest stays where it is; left reports that, and the log says so.
func Sweep(ctx context.Context, run *step.Run, path string) (left bool, err error) {
	dir, name, err := run.Dir(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return false, nil
	}
	if err != nil {
		return false, explain(err, "cannot open the directory of %s", path)
	}
	defer dir.Close()
	parent := dir.Descriptor()
	list := Open(run)
	defer list.Close()
	left, err = list.Remove(ctx, parent, name, "")
	if err != nil {
		return left, explain(err, "cannot remove %s", path)
	}
	if left {
		run.Log.Warn(path + " stays: it has entries that came or were changed after the commit")
	}
	return left, durable.SyncFileSystemsAt([]*openat.Dir{dir})
}

// List removes group after group, in the order in which they were written.
type List struct {
	reader *reader
	sums   *sums
}

// Open opens the list of a frame. One that is missing or damaged has no entries.
func Open(run *step.Run) *List {
	return &List{reader: open(run.Directory), sums: &sums{directory: run.Directory}}
}

// Remove takes away what a group has at the name in an open directory, where it is unchanged; left reports
// whether anything is there still. It does not make that durable.
func (l *List) Remove(ctx context.Context, parent int, name, group string) (left bool, err error) {
	return l.reader.remove(ctx, l.sums, parent, name, group)
}

// Root finds the root of a group, and reports of a status whether it is that root, as far as kind, size and
// modification time tell: for file systems whose inode numbers do not stay. Groups are asked for in the order
// in which they were written, each once.
func (l *List) Root(ctx context.Context, group string) (is func(*unix.Stat_t) bool, err error) {
	is = func(*unix.Stat_t) bool { return false }
	err = l.reader.group(ctx, group, func(e entry) error {
		if e.Path == "" {
			is = func(status *unix.Stat_t) bool {
				return e.same(status, true) && (e.kind() == unix.S_IFDIR || e.untouched(status))
			}
		}
		return nil
	})
	return is, err
}

// Same reports whether a file has the content of the root of a group, and whether its digest was recorded.
func (l *List) Same(group string, directory int, name string) (same, recorded bool) {
	return l.sums.match(entry{Group: group}, directory, name)
}

// Close closes the list.
func (l *List) Close() { l.reader.close() }
