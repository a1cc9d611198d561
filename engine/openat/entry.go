package openat

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
)

// Entry is one inode of any kind, opened without reading or writing it. A link is the link itself.
type Entry struct {
	handle int
	dir    *Dir
	name   string
}

// Entry opens what has a name in the directory. The directory must stay open while the entry is in use.
func (d *Dir) Entry(name string) (*Entry, error) {
	if err := single(name); err != nil {
		return nil, d.wrong("open", name, err)
	}
	handle, err := openat(d.handle, name, unix.O_PATH|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, d.wrong("open", name, err)
	}
	return &Entry{handle: handle, dir: d, name: name}, nil
}

// Self is the directory as an entry.
func (d *Dir) Self() (*Entry, error) {
	handle, err := openat(d.handle, ".", unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, wrong("open", d.path, err)
	}
	return &Entry{handle: handle, dir: d}, nil
}

// Opened is a file or directory that is open already, and that its opener closes. path is for people.
func Opened(handle int, path string) *Entry { return &Entry{handle: handle, dir: &Dir{path: path}} }

// Path is where the entry was found, for people.
func (e *Entry) Path() string { return e.dir.Join(e.name) }

func (e *Entry) wrong(operation string, err error) error { return wrong(operation, e.Path(), err) }

// Stat looks at the entry.
func (e *Entry) Stat() (status unix.Stat_t, err error) {
	err = repeat(func() error { return unix.Fstat(e.handle, &status) })
	return status, e.wrong("stat", err)
}

// Info is Stat as package fs has it.
func (e *Entry) Info() (fs.FileInfo, error) {
	handle, err := unix.FcntlInt(uintptr(e.handle), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, e.wrong("dup", err)
	}
	file := os.NewFile(uintptr(handle), e.Path())
	defer file.Close()
	return file.Stat()
}

// Identity tells the entry from every other.
func (e *Entry) Identity() (Identity, error) {
	found, err := identityOf(e.handle)
	return found, e.wrong("statx", err)
}

// Chmod sets the permissions, with setuid, setgid and sticky (0o7777). A link has none.
func (e *Entry) Chmod(mode uint32) error {
	err := repeat(func() error { return unix.Fchmodat(e.handle, "", mode, unix.AT_EMPTY_PATH) })
	if unsupported(err) { // before Linux 6.6
		err = repeat(func() error { return unix.Chmod(proc(e.handle), mode) })
	}
	return e.wrong("chmod", err)
}

// Chown sets owner and group; -1 leaves one as it is. The kernel takes setuid, setgid and capabilities away
// with that.
func (e *Entry) Chown(uid, gid int) error {
	return e.wrong("chown", repeat(func() error { return unix.Fchownat(e.handle, "", uid, gid, unix.AT_EMPTY_PATH) }))
}

// Utimes sets the times of access and modification.
func (e *Entry) Utimes(access, modification unix.Timespec) error {
	times := []unix.Timespec{access, modification}
	err := repeat(func() error { return unix.UtimesNanoAt(e.handle, "", times, unix.AT_EMPTY_PATH) })
	if errors.Is(err, unix.EINVAL) { // before Linux 5.8
		err = repeat(func() error { return unix.UtimesNanoAt(unix.AT_FDCWD, proc(e.handle), times, 0) })
	}
	return e.wrong("utimensat", err)
}

// Open opens a regular file for reading. Anything else is the fault not-a-regular-file.
func (e *Entry) Open() (*os.File, error) {
	status, err := e.Stat()
	if err != nil {
		return nil, err
	}
	if status.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, irregular(e.Path())
	}
	handle, err := openat(unix.AT_FDCWD, proc(e.handle), unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, e.wrong("open", err)
	}
	return os.NewFile(uintptr(handle), e.Path()), nil
}

// Dir opens the entry, which must be a directory.
func (e *Entry) Dir() (*Dir, error) {
	handle, err := openat(e.handle, ".", unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, e.wrong("open", err)
	}
	return &Dir{handle: handle, path: e.Path()}, nil
}

// Descriptor is for calls that this package does not have. It is opened with O_PATH, and is closed by Close.
func (e *Entry) Descriptor() int { return e.handle }

// Close frees the descriptor. It may be called on nil, and twice.
func (e *Entry) Close() {
	if e != nil && e.handle >= 0 {
		_ = unix.Close(e.handle)
		e.handle = -1
	}
}

func irregular(path string) error {
	return fault.New(fault.Errored, "not-a-regular-file", "%s is not a regular file", path).
		WithHint("see what is there, and what put it there: ls -l %s", path)
}
