package claim

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Extent is a directory and all that lies in it, so that it is known by whatever path one comes to it. It
// holds until the next reboot: devices get other numbers then.
type Extent struct {
	// Name is the path as the lock names it.
	Name string `json:"name"`
	// Real is the path with all links followed. What is not there is a plain name.
	Real string `json:"real"`
	// Areas are the parts of file systems that it covers: the directory's own first, then what is mounted
	// below.
	Areas []Area `json:"areas,omitempty"`
	// Self is the identity of the directory; nil where it is not there yet.
	Self *Identity `json:"self,omitempty"`
	// Above are the identities of the directories that it lies in.
	Above []Identity `json:"above,omitempty"`
}

// Area is a path in one file system, counted from the root of that, and all below it.
type Area struct {
	// Device is the file system, as /proc/self/mountinfo names it: "8:1".
	Device string `json:"device"`
	Path   string `json:"path"`
}

// Identity is what a directory is known by while the machine runs.
type Identity struct {
	Device uint64 `json:"device"`
	Inode  uint64 `json:"inode"`
}

// Resolve finds the extents of absolute paths as they are now. What cannot be told about one, for want of
// /proc or of the right to look, is left out of it.
func Resolve(paths ...string) []Extent { return NewResolver().Resolve(paths...) }

// Resolver finds the extents of many paths with one look at the table of mounts, and each path once. It is
// for one goroutine, and for one moment.
type Resolver struct {
	mounts []mount
	known  map[string]Extent
}

// NewResolver looks at the table of mounts.
func NewResolver() *Resolver { return &Resolver{mountTable(), map[string]Extent{}} }

// Resolve is the function Resolve.
func (r *Resolver) Resolve(paths ...string) []Extent {
	var found []Extent
	for _, path := range paths {
		if !filepath.IsAbs(path) {
			continue
		}
		path = filepath.Clean(path)
		extent, known := r.known[path]
		if !known {
			extent = resolve(path, r.mounts)
			r.known[path] = extent
		}
		found = append(found, extent)
	}
	return found
}

func resolve(path string, mounts []mount) Extent {
	extent := Extent{Name: path, Real: follow(path)}
	at, rest := extent.Real, ""
	for {
		directory, err := unix.Open(at, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err == nil {
			extent.above(directory, rest == "")
			extent.cover(directory, rest, mounts)
			_ = unix.Close(directory)
			return extent
		}
		if at == "/" {
			return extent
		}
		at, rest = filepath.Dir(at), filepath.Join(filepath.Base(at), rest)
	}
}

// above notes the identities of the open directory and of those that it lies in, by way of "..": no name is
// looked up.
func (e *Extent) above(directory int, itself bool) {
	at, err := unix.Dup(directory)
	for err == nil {
		var status unix.Stat_t
		if err = unix.Fstat(at, &status); err != nil {
			break
		}
		identity := Identity{uint64(status.Dev), status.Ino}
		switch {
		case slices.Contains(e.Above, identity):
			_ = unix.Close(at)
			return // the root is its own parent
		case itself && e.Self == nil:
			e.Self = &identity
		case e.Self != nil && *e.Self == identity:
			_ = unix.Close(at)
			return
		default:
			e.Above = append(e.Above, identity)
		}
		var up int
		up, err = unix.Openat(at, "..", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		_ = unix.Close(at)
		at = up
	}
}

// cover notes the areas of what lies at rest below the open directory.
func (e *Extent) cover(directory int, rest string, mounts []mount) {
	id, err := mountOf(directory)
	if err != nil {
		return
	}
	path, err := os.Readlink(descriptor(directory))
	if err != nil {
		return
	}
	i := slices.IndexFunc(mounts, func(one mount) bool { return one.id == id })
	if i < 0 || !within(path, mounts[i].point) {
		return
	}
	path = filepath.Join(path, rest)
	e.Areas = append(e.Areas, mounts[i].area(path))
	for _, below := range mounts {
		if below.id != id && within(below.point, path) {
			e.Areas = append(e.Areas, Area{below.device, below.root})
		}
	}
}

// Overlaps reports whether the extents have a directory in common: they are one, or one lies in the other.
func (e Extent) Overlaps(other Extent) bool {
	return e.LiesIn(other) || other.LiesIn(e) || e.sharesArea(other)
}

// Same reports whether the extents are one directory.
func (e Extent) Same(other Extent) bool {
	if e.Self != nil && other.Self != nil {
		return *e.Self == *other.Self
	}
	if len(e.Areas) > 0 && len(other.Areas) > 0 {
		return e.Areas[0] == other.Areas[0]
	}
	return e.Real == other.Real
}

// LiesIn reports whether the extent is the other one, or lies in it.
func (e Extent) LiesIn(other Extent) bool {
	switch {
	case e.Same(other), other.Self != nil && slices.Contains(e.Above, *other.Self):
		return true
	case len(e.Areas) > 0 && len(other.Areas) > 0:
		return slices.ContainsFunc(other.Areas, func(theirs Area) bool {
			return theirs.Device == e.Areas[0].Device && within(e.Areas[0].Path, theirs.Path)
		})
	}
	return within(e.Real, other.Real)
}

func (e Extent) sharesArea(other Extent) bool {
	for _, ours := range e.Areas {
		for _, theirs := range other.Areas {
			if ours.Device == theirs.Device && (within(ours.Path, theirs.Path) || within(theirs.Path, ours.Path)) {
				return true
			}
		}
	}
	return false
}

// AnyOverlaps reports whether one of the extents overlaps one of the others.
func AnyOverlaps(some, others []Extent) bool {
	return slices.ContainsFunc(some, func(one Extent) bool { return slices.ContainsFunc(others, one.Overlaps) })
}

// AnySame reports whether one of the extents is one of the others.
func AnySame(some, others []Extent) bool {
	return slices.ContainsFunc(some, func(one Extent) bool { return slices.ContainsFunc(others, one.Same) })
}

// within reports whether a clean path is another one, or lies in it.
func within(path, directory string) bool {
	return path == directory || strings.HasPrefix(path, strings.TrimSuffix(directory, "/")+"/")
}

// mostLinks bounds how many links are followed for one path, as the kernel's ELOOP does.
const mostLinks = 40

// follow follows all links of a clean absolute path, to what is not there too.
func follow(path string) string {
	at, rest := "/", strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
	for links := 0; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		if name == ".." {
			at = filepath.Dir(at)
			continue
		}
		at = filepath.Join(at, name)
		target, err := os.Readlink(at)
		if err != nil || links == mostLinks {
			if errors.Is(err, fs.ErrPermission) {
				return filepath.Join(append([]string{at}, rest...)...)
			}
			continue
		}
		links++
		if at = filepath.Dir(at); filepath.IsAbs(target) {
			at = "/"
		}
		rest = append(strings.FieldsFunc(target, func(r rune) bool { return r == '/' }), rest...)
	}
	return at
}
