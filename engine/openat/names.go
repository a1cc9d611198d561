package openat

import (
	"errors"
	"io/fs"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// Lstat looks at a name, not through a link.
func (d *Dir) Lstat(name string) (fs.FileInfo, error) {
	entry, err := d.Entry(name)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(entry.handle), entry.Path())
	defer file.Close()
	return file.Stat()
}

// Stat is Lstat with what system calls know.
func (d *Dir) Stat(name string) (status unix.Stat_t, err error) {
	if err := single(name); err != nil {
		return status, d.wrong("stat", name, err)
	}
	err = repeat(func() error { return unix.Fstatat(d.handle, name, &status, unix.AT_SYMLINK_NOFOLLOW) })
	return status, d.wrong("stat", name, err)
}

// IdentityOf tells what has a name from every other file.
func (d *Dir) IdentityOf(name string) (Identity, error) {
	entry, err := d.Entry(name)
	if err != nil {
		return Identity{}, err
	}
	defer entry.Close()
	return entry.Identity()
}

// Open opens a regular file for reading. Anything else is the fault not-a-regular-file.
func (d *Dir) Open(name string) (*os.File, error) {
	entry, err := d.Entry(name)
	if err != nil {
		return nil, err
	}
	defer entry.Close()
	return entry.Open()
}

// Create makes a regular file that was not there, for writing. The umask takes its part of the mode.
func (d *Dir) Create(name string, mode uint32) (*os.File, error) {
	if err := single(name); err != nil {
		return nil, d.wrong("open", name, err)
	}
	handle, err := openat(d.handle, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW, mode)
	if err != nil {
		return nil, d.wrong("open", name, err)
	}
	return os.NewFile(uintptr(handle), d.Join(name)), nil
}

// Mkdir makes a directory. The umask takes its part of the mode.
func (d *Dir) Mkdir(name string, mode uint32) error {
	return d.one("mkdir", name, func() error { return unix.Mkdirat(d.handle, name, mode) })
}

// Mknod makes a device, a FIFO or a socket.
func (d *Dir) Mknod(name string, mode uint32, device int) error {
	return d.one("mknod", name, func() error { return unix.Mknodat(d.handle, name, mode, device) })
}

// Symlink makes a link that holds a text.
func (d *Dir) Symlink(text, name string) error {
	return d.one("symlink", name, func() error { return unix.Symlinkat(text, d.handle, name) })
}

// Readlink reads the text of a link.
func (d *Dir) Readlink(name string) (string, error) {
	if err := single(name); err != nil {
		return "", d.wrong("readlink", name, err)
	}
	text, err := readlink(d.handle, name)
	return text, d.wrong("readlink", name, err)
}

// Remove removes a name, or an empty directory.
func (d *Dir) Remove(name string) error {
	return d.one("remove", name, func() error { return remove(d.handle, name) })
}

func remove(dir int, name string) error {
	err := unix.Unlinkat(dir, name, 0)
	if !errors.Is(err, unix.EISDIR) && !errors.Is(err, unix.EPERM) {
		return err
	}
	// Which of the two errors is worth more: that a directory cannot be removed, unless it is none.
	if again := unix.Unlinkat(dir, name, unix.AT_REMOVEDIR); !errors.Is(again, unix.ENOTDIR) {
		return again
	}
	return err
}

func (d *Dir) one(operation, name string, call func() error) error {
	if err := single(name); err != nil {
		return d.wrong(operation, name, err)
	}
	return d.wrong(operation, name, repeat(call))
}

// Link gives what has a name a further one in another directory. A link is linked itself.
func (d *Dir) Link(name string, to *Dir, other string) error {
	return d.two("link", name, to, other, func() error { return unix.Linkat(d.handle, name, to.handle, other, 0) })
}

// Rename moves a name to another one, and replaces a file or a link there.
func (d *Dir) Rename(name string, to *Dir, other string) error {
	return d.two("rename", name, to, other, func() error { return unix.Renameat(d.handle, name, to.handle, other) })
}

// Exchange swaps two names.
func (d *Dir) Exchange(name string, to *Dir, other string) error {
	return d.two("rename", name, to, other, func() error {
		return unix.Renameat2(d.handle, name, to.handle, other, unix.RENAME_EXCHANGE)
	})
}

// RenameNoReplace moves a name to another one if nothing has that. errors.Is(err, fs.ErrExist) where it is
// taken.
//
// It is one call of renameat2. On a file system that does not know RENAME_NOREPLACE (NFS, some FUSE ones) the
// name is claimed first: a directory by mkdir and then a rename over the empty directory, anything else by a
// hard link and then the removal of the old name. Both refuse a taken name without a gap; but a power cut in
// between leaves the empty directory, or both names.
func (d *Dir) RenameNoReplace(name string, to *Dir, other string) error {
	return d.two("rename", name, to, other, func() error {
		err := unix.Renameat2(d.handle, name, to.handle, other, unix.RENAME_NOREPLACE)
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
			err = d.claim(name, to, other)
		}
		return err
	})
}

// claim is RenameNoReplace without the kernel's help.
func (d *Dir) claim(name string, to *Dir, other string) error {
	status, err := d.Stat(name)
	if err != nil {
		return err
	}
	if status.Mode&unix.S_IFMT != unix.S_IFDIR {
		if err := unix.Linkat(d.handle, name, to.handle, other, 0); err != nil {
			return err
		}
		return unix.Unlinkat(d.handle, name, 0)
	}
	if err := unix.Mkdirat(to.handle, other, 0o700); err != nil {
		return err
	}
	if err := repeat(func() error { return unix.Renameat(d.handle, name, to.handle, other) }); err != nil {
		_ = unix.Unlinkat(to.handle, other, unix.AT_REMOVEDIR)
		return err
	}
	return nil
}

func (d *Dir) two(operation, name string, to *Dir, other string, call func() error) error {
	err := errors.Join(single(name), single(other))
	if err == nil {
		err = repeat(call)
	}
	if err != nil {
		return &os.LinkError{Op: operation, Old: d.Join(name), New: to.Join(other), Err: err}
	}
	return nil
}

// Names lists the names in the directory, sorted.
func (d *Dir) Names() ([]string, error) {
	listing, err := d.Read()
	if err != nil {
		return nil, err
	}
	defer listing.Close()
	names, err := listing.Readdirnames(-1)
	slices.Sort(names)
	return names, err
}

// EachName calls visit for the names in the directory, some at a time, in no order. Names may go meanwhile.
func (d *Dir) EachName(visit func(name string) error) error {
	listing, err := d.Read()
	if err != nil {
		return err
	}
	defer listing.Close()
	for {
		names, err := listing.Readdirnames(256)
		for _, name := range names {
			if err := visit(name); err != nil {
				return err
			}
		}
		if len(names) == 0 {
			if err != nil && !isEnd(err) {
				return err
			}
			return nil
		}
	}
}

// reading calls with a descriptor of the directory that is open for reading.
func (d *Dir) reading(operation string, call func(handle int) error) error {
	handle, err := openat(d.handle, ".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return wrong("open", d.path, err)
	}
	defer unix.Close(handle)
	return wrong(operation, d.path, repeat(func() error { return call(handle) }))
}

// Device is the number of the file system that the directory is on.
func (d *Dir) Device() (uint64, error) {
	var status unix.Stat_t
	err := repeat(func() error { return unix.Fstat(d.handle, &status) })
	return uint64(status.Dev), wrong("stat", d.path, err) // 32 bits wide on some machines
}

// Read opens the directory for reading and syncing.
func (d *Dir) Read() (*os.File, error) {
	handle, err := openat(d.handle, ".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, wrong("open", d.path, err)
	}
	return os.NewFile(uintptr(handle), d.path), nil
}

// Sync makes the names in the directory durable.
func (d *Dir) Sync() error { return d.reading("sync", unix.Fsync) }
