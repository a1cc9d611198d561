package engine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/gwe-project/gwe/engine/fault"
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

// trees adds the metadata of what the runs worked on, and of what is kept for their undos.
func (b *bundle) trees(ids []string, lost []unfinishedRecord) {
	var roots []string
	for _, one := range lost {
		roots = append(roots, lockedPaths(one.Locks)...)
	}
	for _, id := range ids {
		roots = append(roots, b.engine.State.rootsOf(id)...)
	}
	slices.Sort(roots)
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	for _, root := range slices.Compact(roots) {
		left := bundledEntries
		err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			if err != nil {
				b.note(path, err)
				return nil
			}
			if left--; left < 0 {
				b.note(root, fault.New(fault.Failed, "bundle-tree-cut", "only the first %d names are in trees.jsonl", bundledEntries))
				return fs.SkipAll
			}
			one, err := metadata(path)
			if b.note(path, err) {
				_ = encoder.Encode(one)
			}
			return nil
		})
		b.note(root, err)
	}
	b.text("trees.jsonl", text.Bytes())
}

// rootsOf are the paths that a run worked on, as its journal or a note tells, and the folder of what it saved.
func (s State) rootsOf(id string) []string {
	roots := []string{s.run(id).frames()}
	p, err := s.peek(id)
	if err != nil {
		w := s.wreckOf(id, err)
		if p = w.rest; p == nil {
			return append(roots, lockedPaths(w.noted)...)
		}
	}
	if p == nil {
		return roots
	}
	roots = append(roots, lockedPaths(p.begin.Locks)...)
	for _, f := range p.frames {
		for _, seen := range f.before {
			roots = append(roots, seen.Path)
		}
		roots = append(roots, f.leases...)
	}
	return slices.DeleteFunc(roots, func(path string) bool { _, err := os.Lstat(path); return err != nil || path == "/" })
}

func metadata(path string) (treeEntry, error) {
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
