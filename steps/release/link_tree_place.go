package release

import (
	"cmp"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
)

// open opens the directory that gets the links: the one that it was when the step began.
func (m linkTreeMemo) open(run *step.Run) (*openat.Dir, error) {
	dir, _, err := run.Dir(filepath.Join(m.root(), "x"))
	return dir, durable.Explain(err, "cannot look at %s", m.root())
}

func (m linkTreeMemo) root() string { return cmp.Or(m.Into, "/") }

// mirror opens the directories in which changes are made, and keeps the last one: changes of one directory
// come together.
type mirror struct {
	into *openat.Dir
	// root is the path of into.
	root, last string
	// dir is nil, and err says why, where the last directory cannot be opened.
	dir *openat.Dir
	err error
	in  uint64

	source     *openat.Dir
	sourcePath string
}

func (m linkTreeMemo) mirror(run *step.Run) (*mirror, error) {
	if m.Changes == 0 {
		return &mirror{}, nil
	}
	into, err := m.open(run)
	if err != nil {
		return nil, err
	}
	return &mirror{into: into, root: m.root()}, nil
}

func (p *mirror) close() {
	p.into.Close()
	p.dir.Close()
	p.source.Close()
}

// place is an open directory, and the names in it of a change. dir is nil where there is no such directory.
type place struct {
	change
	dir          *openat.Dir
	name, hidden string
}

// of opens the place of a change. No link leads there, and the directory must be the one that the step found.
func (p *mirror) of(one change) (place, error) {
	found := place{change: one, name: filepath.Base(string(one.Path)), hidden: filepath.Base(string(one.Hidden))}
	directory := filepath.Dir(string(one.Path))
	if directory != p.last || one.In != p.in {
		p.dir.Close()
		p.dir, p.err = p.enter(directory, one.In)
		p.last, p.in = directory, one.In
	}
	found.dir = p.dir
	return found, p.err
}

// enter opens a directory below into; nil where there is none.
func (p *mirror) enter(directory string, inode uint64) (*openat.Dir, error) {
	relative := strings.TrimPrefix(strings.TrimPrefix(directory, p.root), "/")
	if relative == "" {
		relative = "."
	}
	dir, err := p.into.Below(relative)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.ELOOP):
		return nil, otherDirectory(directory, "something else is there now").WithCause(err)
	case err != nil:
		return nil, durable.Explain(err, "cannot open %s", directory)
	}
	if inode == 0 || dir.Volatile() {
		return dir, nil
	}
	now, err := dir.Identity()
	if err == nil && now.Inode != inode {
		err = otherDirectory(directory, "another directory is there now")
	}
	if err != nil {
		dir.Close()
		return nil, durable.Explain(err, "cannot look at %s", directory)
	}
	return dir, nil
}

// otherDirectory has the code of step.Run.Dir, so that the undo stays to be done.
func otherDirectory(directory, is string) *fault.Fault {
	return fault.New(fault.Failed, "parent-changed", "cannot work in %s: it is not the directory that the step found there, %s", directory, is).
		WithHint("see what changed it, and move the directory back: ls -ld %s; if the run failed, `gwe recover` continues then", directory)
}

// from opens the source of a change: the directory that holds it may be reached by links, of which no other
// user may be the author.
func (p *mirror) from(one change) (*openat.Entry, error) {
	directory := filepath.Dir(string(one.Source))
	if directory != p.sourcePath || p.source == nil {
		p.source.Close()
		var err error
		if p.source, err = openat.Open(directory); err != nil {
			p.source = nil
			return nil, err
		}
		p.sourcePath = directory
	}
	return p.source.Entry(filepath.Base(string(one.Source)))
}

// now is what has the name of the place; nil where nothing has it.
func (p place) now() (*unix.Stat_t, error) { return p.at(p.name) }

// kept is what has its hidden name.
func (p place) kept() (*unix.Stat_t, error) { return p.at(p.hidden) }

func (p place) at(name string) (*unix.Stat_t, error) {
	if p.dir == nil {
		return nil, nil
	}
	return lookIn(p.dir, name)
}

func isDir(status *unix.Stat_t) bool { return status.Mode&unix.S_IFMT == unix.S_IFDIR }
