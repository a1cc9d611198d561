package conformance

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/gwe-project/gwe/engine/xattr"
)

// entry is all that the suite compares of one name.
type entry struct {
	mode     fs.FileMode
	uid, gid uint32
	device   uint64
	links    uint64
	size     int64
	modified syscall.Timespec
	changed  syscall.Timespec
	inode    uint64
	target   string
	digest   string
	xattrs   string
	// group is the first name, in sorted order, of the same file: hard links share it.
	group string
}

// tree maps paths relative to its root to what is there; "." is the root itself.
type tree map[string]entry

// snapshot reads the tree below root. It fails the test where it cannot.
func snapshot(t T, root string) tree {
	t.Helper()
	found := tree{}
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		one, err := look(path)
		// Trees that are alike lie in directories of different names.
		one.target = strings.ReplaceAll(one.target, root, "ROOT")
		found[name] = one
		return err
	})
	if err != nil {
		t.Fatalf("cannot read the tree: %v", err)
	}
	return found.without(func(string) bool { return false })
}

func look(path string) (entry, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return entry{}, err
	}
	status := info.Sys().(*syscall.Stat_t)
	one := entry{
		mode: info.Mode(), uid: status.Uid, gid: status.Gid, device: uint64(status.Rdev), links: uint64(status.Nlink),
		modified: status.Mtim, changed: status.Ctim, inode: status.Ino,
	}
	if one.xattrs, err = attributes(path); err != nil {
		return entry{}, err
	}
	switch {
	case info.Mode().IsRegular():
		one.size = info.Size()
		one.digest, err = digest(path)
	case info.Mode()&fs.ModeSymlink != 0:
		one.target, err = os.Readlink(path)
	}
	return one, err
}

func digest(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// attributes gives the extended attributes of path.
func attributes(path string) (string, error) {
	above, err := os.Open(filepath.Dir(path))
	if err != nil {
		return "", err
	}
	defer above.Close()
	all, err := xattr.At(int(above.Fd()), filepath.Base(path)).All(nil)
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	var lines strings.Builder
	for _, one := range all {
		fmt.Fprintf(&lines, "%s=%x ", one.Name, one.Value)
	}
	return lines.String(), nil
}

// without gives the tree without the names that drop tells, and what is below them.
func (t tree) without(drop func(name string) bool) tree {
	kept := tree{}
	groups := map[uint64]string{}
	for _, name := range names(t, nil) {
		dropped := false
		for at := name; at != "."; at = filepath.Dir(at) {
			dropped = dropped || drop(at)
		}
		if dropped {
			continue
		}
		one := t[name]
		if _, known := groups[one.inode]; !known {
			groups[one.inode] = name
		}
		one.group = groups[one.inode]
		kept[name] = one
	}
	return kept
}

// ours reports whether the name is one that gwe made for itself.
func ours(name string) bool { return strings.HasPrefix(filepath.Base(name), ".gwe-") }
