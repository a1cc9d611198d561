package release

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/gwe-project/gwe/engine/durable"
)

// stale finds the links that older trees have left, in the folders that the trees have. A folder that the system does not
// have holds none.
func (s *surveyor) stale(ctx context.Context) error {
	relatives := map[string]bool{".": true}
	gather := func(relative string, found entry) error {
		if found.info.IsDir() {
			relatives[relative] = true
		}
		return nil
	}
	for _, tree := range slices.Concat(s.from, s.previous) {
		if _, err := s.machine.Stat(tree); errors.Is(err, fs.ErrNotExist) {
			continue // the older release is gone
		}
		if err := s.walk(ctx, tree, gather); err != nil {
			return err
		}
	}
	for _, relative := range slices.Sorted(maps.Keys(relatives)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.staleIn(relative); err != nil {
			return err
		}
	}
	return nil
}

func (s *surveyor) staleIn(relative string) error {
	folder, err := filepath.EvalSymlinks(filepath.Join(s.realInto, relative))
	if err == nil && !within(folder, s.realInto) {
		return nil
	}
	var entries []fs.DirEntry
	if err == nil {
		entries, err = s.machine.ReadDir(folder)
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil
	}
	if err != nil {
		return durable.Explain(err, "cannot list %s", filepath.Join(s.into, relative))
	}
	for _, one := range entries {
		place := filepath.Join(folder, one.Name())
		if _, wanted := s.places[place]; wanted || one.IsDir() || strings.HasPrefix(one.Name(), durable.Prefix) {
			continue
		}
		info, err := lookAt(s.machine, place)
		if err != nil || info == nil {
			return err
		}
		stale, err := s.isStale(place, filepath.Join(relative, one.Name()), info)
		if err != nil {
			return err
		}
		if stale {
			s.found.changes = append(s.found.changes, change{Kind: removeStale, Path: name(place), Old: inodeOf(info)})
			s.places[place] = entry{} // by whatever name it is reached again
		}
	}
	return nil
}

// isStale tells whether what is at a place was made for an older tree.
func (s *surveyor) isStale(place, relative string, info fs.FileInfo) (bool, error) {
	for _, tree := range s.previous {
		old, err := lookAt(s.machine, filepath.Join(tree, relative))
		if err == nil && old != nil && sameFile(old, info) {
			return true, nil
		}
	}
	if info.Mode()&fs.ModeSymlink == 0 {
		return false, nil
	}
	text, err := s.machine.ReadLink(place)
	if err != nil {
		return false, durable.Explain(err, "cannot read the link %s", place)
	}
	// What this step makes ends with the place's own path: another link into a release is somebody else's.
	if !filepath.IsAbs(text) || !strings.HasSuffix(text, "/"+relative) {
		return false, nil
	}
	tree := strings.TrimSuffix(text, "/"+relative)
	if slices.Contains(s.from, tree) || slices.Contains(s.previous, tree) {
		return true, nil
	}
	if s.releases == "" || !within(filepath.Clean(text), s.releases) {
		return false, nil
	}
	_, err = s.machine.Lstat(text)
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR), nil
}
