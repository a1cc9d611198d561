package engine

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/internal/runstate"
)

// trees adds the metadata of what the runs worked on, and of what is kept for their undos.
func (b *bundle) trees(ids []string, lost []runstate.UnfinishedRecord) {
	var roots []string
	for _, one := range lost {
		roots = append(roots, runstate.LockedPaths(one.Locks)...)
	}
	for _, id := range ids {
		roots = append(roots, runstate.RootsOf(b.engine.State, id)...)
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
			one, err := runstate.Metadata(path)
			if b.note(path, err) {
				_ = encoder.Encode(one)
			}
			return nil
		})
		b.note(root, err)
	}
	b.text("trees.jsonl", text.Bytes())
}
