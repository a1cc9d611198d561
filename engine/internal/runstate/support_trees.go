package runstate

import (
	"fmt"
	"io/fs"
	"os"
	"slices"
	"syscall"
	"time"
)

// treeEntry is the metadata of one name.
type treeEntry struct {
	Path     string    `json:"path"`
	Mode     string    `json:"mode"`
	Owner    string    `json:"owner"`
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified"`
	Link     string    `json:"link,omitempty"`
	Names    uint64    `json:"names"`
}

// RootsOf are the paths that a run worked on, as its journal or a note tells, and the directory of what it
// saved.
func RootsOf(s State, id string) []string {
	roots := []string{DirectoryOf(s, id).Frames()}
	p, err := Peek(s, id)
	if err != nil {
		w := DamagedRunOf(s, id, err)
		if p = w.Rest; p == nil {
			return append(roots, LockedPaths(w.noted)...)
		}
	}
	if p == nil {
		return roots
	}
	roots = append(roots, LockedPaths(p.Begin.Locks)...)
	for _, f := range p.frames {
		for _, seen := range f.before {
			roots = append(roots, seen.Path)
		}
		roots = append(roots, f.Leases...)
	}
	return slices.DeleteFunc(roots, func(path string) bool { _, err := os.Lstat(path); return err != nil || path == "/" })
}

func Metadata(path string) (treeEntry, error) {
	status, err := os.Lstat(path)
	if err != nil {
		return treeEntry{}, err
	}
	one := treeEntry{Path: path, Mode: status.Mode().String(), Size: status.Size(), Modified: status.ModTime().UTC()}
	if system, ok := status.Sys().(*syscall.Stat_t); ok {
		one.Owner, one.Names = fmt.Sprintf("%d:%d", system.Uid, system.Gid), uint64(system.Nlink)
	}
	if status.Mode()&fs.ModeSymlink != 0 {
		one.Link, err = os.Readlink(path)
	}
	return one, err
}
