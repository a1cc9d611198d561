package trust

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// maximumLinks is how many symbolic links a path may lead through, as in the kernel (path_resolution(7)).
const maximumLinks = 40

// Weakness is why a path is not safe to act on: a less trusted user can change it or replace it.
type Weakness struct {
	// Path is the component at fault: the path itself, or a directory or a link on the way to it.
	Path string
	// Owner and Group are those of the component.
	Owner, Group uint32
	// Mode is the component's.
	Mode fs.FileMode
	// owned is set if the owner is the reason, else it is what the mode allows.
	owned bool
}

// String says what a less trusted user can do: "user 1000 owns /srv/app".
func (w *Weakness) String() string {
	switch {
	case w.owned:
		return fmt.Sprintf("user %d owns %s", w.Owner, w.Path)
	case w.Mode.Perm()&0o002 != 0:
		return fmt.Sprintf("every user can write %s (mode %04o)", w.Path, w.Mode.Perm())
	}
	return fmt.Sprintf("group %d, or a user of its ACL, can write %s (mode %04o)", w.Group, w.Path, w.Mode.Perm())
}

// Cure is the command that makes the component safe.
func (w *Weakness) Cure() string {
	owner := "root:"
	if euid := os.Geteuid(); euid != 0 && int(w.Owner) == euid {
		owner = "" // the user's own: no other owner is wanted
	}
	switch {
	case w.Mode&fs.ModeSymlink != 0:
		return fmt.Sprintf("chown -h %s %s", owner, w.Path)
	case owner == "":
		return "chmod go-w " + w.Path
	case !w.owned:
		return fmt.Sprintf("chmod go-w %s", w.Path)
	}
	return fmt.Sprintf("chown %s %s; chmod go-w %s", owner, w.Path, w.Path)
}

// Find looks for a component of the path that a less trusted user can change, and returns nil if there is
// none. What does not exist is not weak: the directory that would hold it is what counts. Errors are as the
// system gives them.
func Find(path string) (*Weakness, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	us := self()
	at, rest, links := "/", components(path), 0
	info, err := os.Lstat(at)
	if err != nil {
		return nil, err
	}
	shared := false // whether others may add entries to the directory at
	for {
		weak := us.weakness(at, info, len(rest) > 0)
		if weak != nil || len(rest) == 0 {
			return weak, nil
		}
		shared = us.writable(at, info)
		next := filepath.Join(at, rest[0])
		rest = rest[1:]
		if info, err = os.Lstat(next); err != nil {
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
				return nil, nil
			}
			return nil, err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			at = next
			continue
		}
		if links++; links > maximumLinks {
			return nil, &fs.PathError{Op: "open", Path: path, Err: syscall.ELOOP}
		}
		// In a directory that only trusted users write, no other user replaces a link, whoever owns it.
		if owner := info.Sys().(*syscall.Stat_t).Uid; shared && !us.trusts(owner) {
			return weaknessOf(next, info, true), nil
		}
		target, err := os.Readlink(next)
		if err != nil {
			return nil, err
		}
		if filepath.IsAbs(target) {
			at = "/"
		}
		rest = append(components(target), rest...)
		if info, err = os.Lstat(at); err != nil {
			return nil, err
		}
	}
}

// Own looks at one entry alone, not at the path to it.
func Own(path string) (*Weakness, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	return self().weakness(path, info, false), nil
}

// components are the names of a path. ".." stays: after a link it is not what the text says.
func components(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
}

func weaknessOf(path string, info fs.FileInfo, owned bool) *Weakness {
	status := info.Sys().(*syscall.Stat_t)
	return &Weakness{Path: path, Owner: status.Uid, Group: status.Gid, Mode: info.Mode(), owned: owned}
}
