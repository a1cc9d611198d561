package trial

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"unicode/utf8"
)

// entry is all that a test compares of one path. Times are left out: what a script rolls back has a new one.
type entry struct {
	Kind string `json:"kind"`
	// Mode holds the permission bits, set-uid, set-gid and sticky, as chmod takes them.
	Mode uint32 `json:"mode"`
	UID  uint32 `json:"uid"`
	GID  uint32 `json:"gid"`
	// Target is a link's; Digest is the SHA-256 of a file's content.
	Target string `json:"target,omitempty"`
	Digest string `json:"digest,omitempty"`
	// Content is that of a small text file, to show what differs.
	Content *string `json:"content,omitempty"`
	// Same is the first path of the same file, on the further ones.
	Same string `json:"same,omitempty"`
}

// tree maps paths from the root to what is there.
type tree map[string]entry

// kept is how many bytes of a text file are kept to show what differs.
const kept = 16 << 10

// snapshot reads the machine's tree, without what lies at or below the paths to pass over.
func snapshot(pass map[string]bool) (tree, error) {
	found := tree{}
	first := map[uint64]string{}
	err := filepath.WalkDir("/", func(path string, item fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path == "/" {
			return nil
		}
		if pass[path] {
			if item.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		one, inode, err := look(path)
		if err != nil {
			return err
		}
		if inode != 0 {
			if known, ok := first[inode]; ok {
				one.Same = known
			} else {
				first[inode] = path
			}
		}
		found[path] = one
		return nil
	})
	return found, err
}

// look reads one path, and gives the number of a file that has several names.
func look(path string) (one entry, inode uint64, err error) {
	info, err := os.Lstat(path)
	if err != nil {
		return entry{}, 0, err
	}
	status := info.Sys().(*syscall.Stat_t)
	one = entry{Kind: kindOf(info.Mode()), Mode: uint32(status.Mode) & 0o7777, UID: status.Uid, GID: status.Gid}
	switch {
	case info.Mode().IsRegular():
		if status.Nlink > 1 {
			inode = status.Ino
		}
		err = one.read(path, info.Size())
	case info.Mode()&fs.ModeSymlink != 0:
		one.Mode = 0o777
		one.Target, err = os.Readlink(path)
	}
	return one, inode, err
}

func kindOf(mode fs.FileMode) string {
	switch {
	case mode.IsRegular():
		return "file"
	case mode.IsDir():
		return "directory"
	case mode&fs.ModeSymlink != 0:
		return "link"
	case mode&fs.ModeNamedPipe != 0:
		return "pipe"
	case mode&fs.ModeSocket != 0:
		return "socket"
	}
	return "device"
}

func (e *entry) read(path string, size int64) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	hash := sha256.New()
	if size > kept {
		_, err = io.Copy(hash, file)
	} else {
		var content []byte
		content, err = io.ReadAll(io.TeeReader(file, hash))
		if text := string(content); utf8.ValidString(text) {
			e.Content = &text
		}
	}
	e.Digest = hex.EncodeToString(hash.Sum(nil))
	return err
}

// digestOf is the digest of a file with that content.
func digestOf(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

func (e entry) String() string {
	switch e.Kind {
	case "link":
		return fmt.Sprintf("a link to %s", e.Target)
	case "file", "directory":
		return fmt.Sprintf("a %s of mode %04o", e.Kind, e.Mode)
	}
	return "a " + e.Kind
}
