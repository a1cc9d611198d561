package transfer

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
)

// absolute refuses a relative path: a run may be recovered from anywhere.
func absolute(argument, path string) (string, error) {
	if !filepath.IsAbs(path) {
		return "", fault.New(fault.Refused, "path-relative", "%s: %q is not an absolute path", argument, path).
			WithHint("write the path from the root, or user@host:path or rsync://host/module/path for another machine")
	}
	return filepath.Clean(path), nil
}

// resolve gives the target without symbolic links, and whether it is there already. Only its last name may be
// missing.
func resolve(target string) (path string, exists bool, err error) {
	dir, err := openat.Open(target)
	if err == nil {
		defer dir.Close()
		path, err = dir.Real()
		return path, true, explain(err, "cannot look at the target %s", target)
	}
	above, name, failed := openat.OpenParent(target)
	if failed != nil {
		if fault.As(failed) != nil {
			return "", false, failed
		}
		return "", false, fault.New(fault.Failed, "rsync-no-parent", "there is no directory %s for the target", filepath.Dir(target)).
			WithHint("make it in a step before this one").WithCause(failed)
	}
	defer above.Close()
	status, missing := above.Stat(name)
	switch {
	case errors.Is(missing, fs.ErrNotExist):
		parent, err := above.Real()
		return filepath.Join(parent, name), false, explain(err, "cannot look at the target %s", target)
	case errors.Is(err, unix.ENOTDIR) && missing == nil && status.Mode&unix.S_IFMT != unix.S_IFLNK, leadsToFile(target, err):
		return "", false, fault.New(fault.Refused, "rsync-not-a-directory", "the target %s is not a directory", target).
			WithHint("name the directory that is to have what the source has")
	}
	return "", false, explain(err, "cannot look at the target %s", target)
}

// leadsToFile reports that a target that could not be opened is a link to what is no directory.
func leadsToFile(target string, err error) bool {
	info, missing := os.Stat(target)
	return fault.As(err) == nil && missing == nil && !info.IsDir()
}

// hiddenFor names the hidden directory of a step: beside the target, or in it where it is the root of a file
// system, for no rename leads out of that.
func (s *site) hiddenFor(run *step.Run) string {
	name := durable.Prefix + "rsync-" + run.ID + "-" + strings.ReplaceAll(run.Step, "/", "-")
	if s.m.Existed && s.target != nil && mountOf(s.target.Descriptor(), "") != mountOf(s.above.Descriptor(), "") {
		return filepath.Join(s.m.Target, name)
	}
	return filepath.Join(filepath.Dir(s.m.Target), name)
}

// mounted tells mounts apart: by number, and where the kernel gives none, by device.
type mounted [3]uint64

// mountOf gives the mount of a name in a directory; "" is the directory itself.
func mountOf(directory int, name string) mounted {
	var status unix.Statx_t
	const mountNumber = 0x1000                                                                                 // STATX_MNT_ID, Linux 5.8
	if unix.Statx(directory, name, unix.AT_SYMLINK_NOFOLLOW|unix.AT_EMPTY_PATH, mountNumber, &status) != nil { // an old kernel, or a sandbox
		var plain unix.Stat_t
		_ = unix.Fstatat(directory, name, &plain, unix.AT_SYMLINK_NOFOLLOW|unix.AT_EMPTY_PATH)
		return mounted{uint64(plain.Dev)}
	}
	return mounted{uint64(status.Dev_major), uint64(status.Dev_minor), status.Mnt_id}
}

// has reports whether a file that is not a directory is on the mount. On overlayfs such a file may have the
// device of its layer: there the number of the mount tells.
func (m mounted) has(file mounted) bool { return m == file || m[2] != 0 && m[2] == file[2] }

// apart refuses a source that lies in the target, and a target that lies in the source.
func apart(source, target string) error {
	real, err := filepath.EvalSymlinks(source)
	if err != nil {
		return nil // that it is missing, its reader says
	}
	if within(real, target) || within(target, real) {
		return fault.New(fault.Refused, "rsync-overlap", "the source %s and the target %s lie in each other", source, target).
			WithHint("name two directories of which none lies in the other")
	}
	return nil
}

func within(path, directory string) bool {
	return path == directory || strings.HasPrefix(path, strings.TrimSuffix(directory, "/")+"/")
}
