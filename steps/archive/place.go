package archive

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
)

// into opens the directory in which the release gets its name. errors.Is(err, fs.ErrNotExist) where it is not
// there. One that the step makes itself is a name in a directory that was there before: a link in its place
// is refused.
func (j job) into(run *step.Run, m memo) (*openat.Dir, error) {
	if !m.Created {
		dir, _, err := run.Dir(filepath.Join(j.directory, m.Staging))
		return dir, absent(err)
	}
	above, name, err := run.Dir(j.directory)
	if err != nil {
		return nil, absent(err)
	}
	defer above.Close()
	dir, err := above.Sub(name)
	if errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) {
		return nil, fault.New(fault.Failed, "parent-changed", "cannot work in %s: the step made a directory there, and something else is there now", j.directory).
			WithHint("see what is there, and move the directory back: ls -ld %s", j.directory).WithCause(err)
	}
	return dir, err
}

// absent takes what is no directory on the way for a directory that is not there.
func absent(err error) error {
	if errors.Is(err, unix.ENOTDIR) && fault.As(err) == nil {
		return &fs.PathError{Op: "open", Path: "", Err: fs.ErrNotExist}
	}
	return err
}

// makeInto makes the directory that holds the releases, with the mode 0755 whatever the umask; the setgid bit
// of the one above goes down to it. One that is there already stays as it is.
func (j job) makeInto(run *step.Run) error {
	above, name, err := run.Dir(j.directory)
	if err != nil {
		return err
	}
	defer above.Close()
	if err := above.Mkdir(name, 0o700); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil
		}
		return err
	}
	entry, err := above.Entry(name)
	if err != nil {
		return err
	}
	defer entry.Close()
	status, err := entry.Stat()
	if err != nil {
		return err
	}
	if !ours(status) {
		return replaced(above.Join(name))
	}
	return entry.Chmod(0o755 | status.Mode&unix.S_ISGID)
}

// ours reports that a directory may be the one that gwe has just made: it belongs to the user that gwe runs
// as, and to nobody else.
func ours(status unix.Stat_t) bool {
	return status.Mode&unix.S_IFMT == unix.S_IFDIR && int(status.Uid) == os.Geteuid() && status.Mode&0o077 == 0
}

func replaced(path string) error {
	return fault.New(fault.Failed, "target-exists", "%s was replaced while it was being made", path).
		WithHint("see who else can change the directory that it lies in: ls -ld %s", filepath.Dir(path))
}

// makeStaging makes the staging directory and opens it for reading. Until the tree in it is complete nobody
// else has a way into it, so names in it are as good as descriptors. It notes which one it is: what has the
// name at the undo may be another.
func makeStaging(run *step.Run, dir *openat.Dir, name string) (*os.File, error) {
	if err := dir.Mkdir(name, 0o700); err != nil {
		return nil, explain(err, "cannot make a directory in %s", dir.Path())
	}
	staging, err := dir.Sub(name)
	if err != nil {
		return nil, explain(err, "cannot open the staging directory")
	}
	defer staging.Close()
	handle, err := staging.Read()
	if err != nil {
		return nil, explain(err, "cannot open the staging directory")
	}
	made, err := identityAt(int(handle.Fd()), "")
	var status unix.Stat_t
	if err == nil {
		err = unix.Fstat(int(handle.Fd()), &status)
	}
	if err == nil && !ours(status) {
		err = replaced(dir.Join(name))
	}
	if err == nil {
		_, some := handle.Readdirnames(1)
		if some == nil {
			err = replaced(dir.Join(name))
		}
	}
	if err == nil {
		err = writeIdentity(run.Directory, made)
	}
	if err != nil {
		_ = handle.Close()
		return nil, explain(err, "cannot make the staging directory")
	}
	return handle, nil
}

// isStaged reports whether an open directory is the one that the step made, for a removal. A note that a
// power cut has taken away asks for nothing: nothing else was written to the disk by then.
func isStaged(run *step.Run) durable.Known {
	noted, err := readIdentity(run.Directory)
	return func(dir *openat.Dir) (bool, error) {
		if err != nil || noted == (identity{}) {
			return err == nil, err
		}
		found, err := identityAt(dir.Descriptor(), "")
		return err == nil && found.sameDirectory(noted), err
	}
}
