package release

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/gwe-project/gwe/engine/durable"
)

// stale finds the links that older trees have left in a directory, where no tree has anything.
func (s *surveyor) stale(place string, origins []origin, all []wanted) error {
	var relatives []string
	for _, one := range origins {
		if !slices.Contains(relatives, one.relative) {
			relatives = append(relatives, one.relative)
		}
	}
	var names []string
	err := s.each(place, func(one fs.DirEntry) error {
		if !one.IsDir() && !strings.HasPrefix(one.Name(), durable.Prefix) && !s.isWanted(one.Name(), origins, all) {
			names = append(names, one.Name())
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, one := range names {
		path := filepath.Join(place, one)
		info, err := lookAt(s.machine, path)
		if err != nil {
			return err
		}
		for _, relative := range relatives {
			if info == nil {
				break
			}
			stale, err := s.isStale(path, filepath.Join(relative, one), info)
			if err != nil {
				return err
			}
			if stale {
				if err := s.found(change{Kind: removeStale, In: s.in, Path: name(path), Old: inodeOf(info)}); err != nil {
					return err
				}
				break
			}
		}
	}
	return nil
}

// isWanted reports whether a tree in from has something of that name.
func (s *surveyor) isWanted(one string, origins []origin, all []wanted) bool {
	at, found := slices.BinarySearchFunc(all, one, func(w wanted, name string) int { return strings.Compare(w.name, name) })
	return found && !s.trees[origins[all[at].from].tree].previous
}

// isStale reports whether what is at a place was made for an older tree.
func (s *surveyor) isStale(place, relative string, info fs.FileInfo) (bool, error) {
	for _, tree := range s.trees {
		if !tree.previous {
			continue
		}
		old, err := lookAt(s.machine, filepath.Join(tree.path, relative))
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
	root := strings.TrimSuffix(text, "/"+relative)
	if slices.ContainsFunc(s.trees, func(one tree) bool { return one.path == root }) {
		return true, nil
	}
	if s.releases == "" || !within(filepath.Clean(text), s.releases) {
		return false, nil
	}
	_, err = s.machine.Lstat(text)
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR), nil
}
