package file

import (
	"encoding/json"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
)

// noteName is the file in Run.Folder that holds the identity of the new file from before it takes its place: undo takes
// that file away and no other.
const noteName = "written"

// settledNote is the file that holds the identity of what is in its place at the commit, where a program of the run has replaced the file.
const settledNote = noteName + step.Settled

// identity tells a file from every other one: numbers of inodes are used again, but not within one moment.
type identity struct {
	Device uint64 `json:"device"`
	Inode  uint64 `json:"inode"`
	// Born is when the inode was made, in nanoseconds; 0 where the file system does not say.
	Born int64 `json:"born"`
	// Kind, Size and Modified tell it on a file system whose inode numbers do not outlive a mount; a folder has no Size.
	Kind     uint16 `json:"kind"`
	Size     uint64 `json:"size,omitempty"`
	Modified int64  `json:"modified"`
	// Volatile is true on such a file system, and on overlayfs, where a file of a lower layer that is changed or renamed becomes another.
	Volatile bool `json:"volatile,omitempty"`
}

// is tells whether both are the same file. The number of the device says little: after a reboot it may be another one.
func (i identity) is(other identity) bool {
	if i.Kind != other.Kind {
		return false
	}
	born := i.Born != 0 && i.Born == other.Born
	alike := i.Size == other.Size && i.Modified == other.Modified
	if i.Inode == other.Inode && (born || i.Born == other.Born && (i.Device == other.Device || alike)) {
		return true
	}
	return i.Volatile && other.Volatile && (born || alike)
}

// exfat is EXFAT_SUPER_MAGIC of linux/magic.h.
const exfat = 0x2011bab0

// identityAt gives the identity of what is at the path.
func identityAt(path string) (identity, error) {
	var status unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_BASIC_STATS|unix.STATX_BTIME, &status)
	if err != nil {
		return identity{}, durable.Explain(&fs.PathError{Op: "statx", Path: path, Err: err}, "cannot look at %s", path)
	}
	found := identity{Device: unix.Mkdev(status.Dev_major, status.Dev_minor), Inode: status.Ino}
	if status.Mask&unix.STATX_BTIME != 0 {
		found.Born = status.Btime.Sec*1e9 + int64(status.Btime.Nsec)
	}
	found.Kind, found.Modified = status.Mode&unix.S_IFMT, status.Mtime.Sec*1e9+int64(status.Mtime.Nsec)
	if found.Kind != unix.S_IFDIR {
		found.Size = status.Size
	}
	found.Volatile = volatile(filepath.Dir(path))
	return found, nil
}

// volatile tells whether a folder is on a file system where the number of an inode does not stay.
func volatile(folder string) bool {
	var system unix.Statfs_t
	err := unix.Statfs(folder, &system)
	return err == nil && slices.Contains([]int64{unix.MSDOS_SUPER_MAGIC, exfat, unix.OVERLAYFS_SUPER_MAGIC}, int64(system.Type))
}

// note writes down which file will take the place. The caller makes it durable before that.
func note(folder, fresh string) error {
	text, err := noteOf(fresh)
	if err != nil {
		return err
	}
	return durable.WriteChecked(filepath.Join(folder, noteName), text)
}

// renote notes, for Verify, another file in the place of the one that is noted, durably.
func renote(folder, path string) error {
	text, err := noteOf(path)
	if err != nil {
		return err
	}
	return durable.WriteSealed(filepath.Join(folder, settledNote), text)
}

func noteOf(path string) ([]byte, error) {
	found, err := identityAt(path)
	if err != nil {
		return nil, err
	}
	return json.Marshal(found)
}

// noted reads the note; known is false where there is none, and the new file was never ready to take the place.
func noted(folder string) (found identity, known bool, err error) {
	text, err := durable.ReadSealed(filepath.Join(folder, settledNote))
	if err == nil && text == nil {
		text, err = durable.ReadChecked(filepath.Join(folder, noteName))
	}
	if err != nil || len(text) == 0 {
		return identity{}, false, err
	}
	if err := json.Unmarshal(text, &found); err != nil {
		return identity{}, false, fault.New(fault.Errored, "write-note-unreadable", "what was noted about the new file cannot be read").WithCause(err)
	}
	return found, true, nil
}

// isNoted tells whether what is at the path is the file of the note.
func isNoted(folder, path string) (bool, error) {
	placed, known, err := noted(folder)
	if err != nil || !known {
		return false, err
	}
	now, err := identityAt(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && now.is(placed), err
}

// forget takes the note away: from now on the number may be another file's.
func forget(folder string) error {
	for _, name := range []string{settledNote, noteName} {
		if err := durable.RemoveChecked(filepath.Join(folder, name)); err != nil {
			return err
		}
	}
	return nil
}
