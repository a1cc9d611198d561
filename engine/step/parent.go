package step

import (
	"cmp"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/host"
	"github.com/gwe-project/gwe/engine/openat"
)

// Parent is a directory that holds what a step changes, as the step found it before it acted.
type Parent struct {
	// Path is the path by which the step names it.
	Path string `json:"path"`
	// Real is the path without links.
	Real string `json:"real"`
	openat.Identity
	// Mounted means that a file system was mounted there.
	Mounted bool `json:"mounted,omitempty"`
	// Boot is the boot of the machine in which a directory was seen that lives in memory (tmpfs, ramfs):
	// after each boot it is a new one.
	Boot string `json:"boot,omitempty"`
	// Links are the symbolic links on the way, each by its own path without links.
	Links []string `json:"links,omitempty"`
	// Foreseen means that the engine noted it for the step type, which may not ask for its directories by
	// Run.Dir.
	Foreseen bool `json:"foreseen,omitempty"`
}

// is reports whether a directory is the one that was noted.
//
// The inode and the time of its birth tell, where the file system has both; the number of the device may be
// another one after a reboot. On overlayfs both change when gwe's own work copies the directory to the upper
// layer, on vfat with a mount: there the path without links tells, and whether something is mounted.
func (p Parent) is(now Parent) bool {
	if p.Volatile != now.Volatile || p.Mounted != now.Mounted && p.Volatile {
		return false
	}
	if p.Boot != "" && now.Boot != "" && p.Boot != now.Boot {
		return p.Real == now.Real && p.Mounted == now.Mounted // /run and its like: what was in it went with the boot
	}
	if p.Born != 0 && now.Born != 0 && !p.Volatile {
		return p.Inode == now.Inode && p.Born == now.Born
	}
	if p.Inode == now.Inode && p.Device == now.Device && p.Born == now.Born {
		return true
	}
	return (p.Volatile || p.Inode == now.Inode) && p.Real == now.Real
}

// Parents are what is known of the directories of one step. It may be used by several goroutines.
type Parents struct {
	guard sync.Mutex
	known []Parent
	stage stage
}

// stage is how far a step has come.
type stage int

const (
	noting stage = iota // in Prepare: what is new is noted
	acting              // in Do: a directory that was noted must still be at its path
	after               // from then on it must be there, or where it was without links
)

// NewParents begins with a step's Prepare.
func NewParents() *Parents { return &Parents{} }

// KnownParents are those of a step that has acted.
func KnownParents(known []Parent) *Parents { return &Parents{known: known, stage: after} }

// Act ends Prepare: from here on nothing is noted, and each directory that was noted must stay what it is.
func (p *Parents) Act() { p.stage = acting }

// Noted lists what is known, by path.
func (p *Parents) Noted() []Parent {
	p.guard.Lock()
	defer p.guard.Unlock()
	known := slices.Clone(p.known)
	slices.SortFunc(known, func(a, b Parent) int { return cmp.Compare(a.Path, b.Path) })
	return known
}

// Foresee notes the directory that holds a path for a step type that may not do so itself. A directory that
// is not there is none.
func (p *Parents) Foresee(path string) error {
	dir, _, err := p.open(path, true)
	dir.Close()
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, fs.ErrPermission) {
		return nil // the step itself says what it makes of that
	}
	return err
}

// Dir opens the directory that holds a path, and gives the path's name in it. All that a step does at the
// path it does by that descriptor. In Prepare the engine notes which directory it is, and journals that
// before Do; from then on, in another process too, it is that very directory, or an error.
//
// A symbolic link above the name is followed unless a less trusted user could have led it to what is not
// theirs: that is the fault unsafe-link. If the path leads elsewhere by then, Do gets the fault
// parent-changed. After Do the noted directory is looked for where it was, links aside; only if it is not
// there either, it is parent-changed. If there is nothing at both, errors.Is(err, fs.ErrNotExist). "/" has no
// such directory.
func (r *Run) Dir(path string) (dir *openat.Dir, name string, err error) {
	return r.Parents.open(path, false)
}

func (p *Parents) open(path string, foreseen bool) (*openat.Dir, string, error) {
	path = filepath.Clean(path)
	directory, name := filepath.Dir(path), filepath.Base(path)
	if p == nil {
		dir, name, err := openat.OpenParent(path)
		return dir, name, err
	}
	if path == "/" {
		return nil, "", &fs.PathError{Op: "open", Path: path, Err: fs.ErrInvalid}
	}
	dir, links, err := openat.Trace(directory)
	if dir, err = p.check(directory, dir, links, err, foreseen); err != nil {
		return nil, "", err
	}
	return dir, name, nil
}

// check compares a directory that was opened, or the error of that, with what is known of the path.
//
//nolint:gocyclo // each case is what was noted and what is there now; their order is what keeps it safe
func (p *Parents) check(directory string, dir *openat.Dir, links []string, err error, foreseen bool) (*openat.Dir, error) {
	p.guard.Lock()
	defer p.guard.Unlock()
	at := slices.IndexFunc(p.known, func(one Parent) bool { return one.Path == directory })
	if err != nil && (at < 0 || p.stage == noting) {
		return nil, err
	}
	if err == nil && at < 0 && p.stage != noting {
		return dir, nil // the step did not note it: there is nothing to compare
	}
	if err == nil && at >= 0 && p.surely(p.known[at], dir) {
		p.known[at].Foreseen = p.known[at].Foreseen && foreseen
		return dir, nil
	}
	var now Parent
	if err == nil {
		real := ""
		if len(links) == 0 {
			real = directory
		}
		if now, err = look(directory, real, dir); err != nil {
			dir.Close()
			return nil, err
		}
		now.Links, now.Foreseen = links, foreseen
	}
	if at < 0 {
		if p.stage == noting {
			p.known = append(p.known, now)
		}
		return dir, nil
	}
	was := &p.known[at]
	if err == nil && was.is(now) {
		was.Foreseen = was.Foreseen && foreseen
		return dir, nil
	}
	dir.Close()
	if err != nil && !gone(err) && !errors.Is(err, unix.ENOTDIR) && !IsParentChanged(err) {
		return nil, err
	}
	if p.stage == after {
		found, lost := was.find()
		if lost == nil {
			return found, nil
		}
		if gone(err) && gone(lost) {
			return nil, err
		}
	}
	return nil, was.changed(now, err)
}

// surely reports by one call that a directory is the one that was noted. A step opens its directory some
// times, and most steps have one: see is for what has to be known if it is false.
func (p *Parents) surely(was Parent, dir *openat.Dir) bool {
	return (was.Boot == "" || p.stage != after) && dir.Surely(was.Identity)
}

func gone(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// find opens the directory where it was, whatever the links of its path lead to by now.
func (p Parent) find() (*openat.Dir, error) {
	dir, err := openat.Open(p.Real)
	if err != nil {
		return nil, err
	}
	now, err := look(p.Path, "", dir)
	if err == nil && !p.is(now) {
		err = p.changed(now, nil)
	}
	if err != nil {
		dir.Close()
		return nil, err
	}
	return dir, nil
}

// look tells what a directory is that was opened at a path; real is its path without links, "" where that is
// not known.
func look(directory, real string, dir *openat.Dir) (now Parent, err error) {
	now.Path, now.Real = directory, real
	var inMemory bool
	if now.Identity, now.Mounted, inMemory, err = dir.Look(); err != nil {
		return now, err
	}
	if inMemory {
		now.Boot = host.BootID()
	}
	if real == "" {
		now.Real, err = dir.Real()
	}
	return now, err
}

// changed says what is there instead.
func (p Parent) changed(now Parent, err error) error {
	is := "another directory is there now"
	switch {
	case errors.Is(err, unix.ENOTDIR):
		is = "something else is there now"
	case IsParentChanged(err):
		is = "its path leads elsewhere now"
	case err != nil:
		is = "it is not there any more"
	case now.Real != p.Real:
		is = p.Path + " leads to " + now.Real + " now"
	}
	why := fault.New(fault.Failed, "parent-changed", "cannot work in %s: the step was to work in the directory %s (inode %d), and %s", p.Path, p.Real, p.Inode, is).
		WithHint("see what changed it, and move the directory back to %s (find / -xdev -inum %d finds it); if the run failed, `gwe recover` continues then", p.Real, p.Inode)
	if err != nil {
		return why.WithCause(err)
	}
	return why
}

// IsParentChanged reports that a directory is not the one that it was, or cannot be reached safely: nothing
// was done there.
func IsParentChanged(err error) bool {
	for found := fault.As(err); found != nil; found = fault.As(found.Cause) {
		if found.Code == "parent-changed" || found.Code == "unsafe-link" {
			return true
		}
	}
	return false
}

// Unreachable reports the first directory that Run.Dir would refuse.
func (p *Parents) Unreachable() error {
	for _, one := range p.Noted() {
		dir, _, err := p.open(filepath.Join(one.Path, "any"), one.Foreseen)
		dir.Close()
		if IsParentChanged(err) {
			return err
		}
	}
	return nil
}

// Changed reports the first directory that is not at its path any more, for step types that do not ask by
// Run.Dir: what they do, they do by path. One that is gone is left to them.
func (p *Parents) Changed() error {
	for _, one := range p.Noted() {
		if !one.Foreseen {
			continue
		}
		dir, err := openat.Open(one.Path)
		if gone(err) {
			continue
		}
		if errors.Is(err, unix.ENOTDIR) {
			return one.changed(Parent{}, err)
		}
		if err != nil {
			return err
		}
		now, err := look(one.Path, "", dir)
		dir.Close()
		if err != nil {
			return err
		}
		if !one.is(now) {
			return one.changed(now, nil)
		}
	}
	return nil
}
