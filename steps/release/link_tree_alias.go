package release

import (
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/gwe-project/gwe/engine/durable"
)

// findAliases looks for the directories of the trees that the system reaches by a link (/lib, say): what the
// trees have there belongs to the directory where the link leads. It goes only where the system has
// directories.
func (s *surveyor) findAliases(roots []origin) error {
	s.aliases, s.elsewhere = map[string]string{}, map[string][]origin{}
	for _, root := range roots {
		if err := s.findAliasesIn(s.realInto, root); err != nil {
			return err
		}
	}
	return nil
}

func (s *surveyor) findAliasesIn(place string, in origin) error {
	var directories []string
	err := s.eachOf(in, func(one fs.DirEntry) error {
		if one.IsDir() {
			directories = append(directories, one.Name())
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.Sort(directories)
	for _, name := range directories {
		below, wants := filepath.Join(place, name), in.below(name)
		now, err := lookAt(s.machine, below)
		if err != nil {
			return err
		}
		if now != nil && now.Mode()&fs.ModeSymlink != 0 {
			if below, now, err = s.follow(below, wants); err != nil {
				return err
			}
		}
		if now == nil || !now.IsDir() {
			continue
		}
		if err := s.findAliasesIn(below, wants); err != nil {
			return err
		}
	}
	return nil
}

// follow notes where the link in the place of a tree's directory leads; now is nil where that is nowhere to
// continue.
func (s *surveyor) follow(link string, wants origin) (real string, now fs.FileInfo, err error) {
	real, err = withoutLinks(link)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return "", nil, nil // in the way: see compareDirectory
	}
	if err != nil {
		return "", nil, durable.Explain(err, "cannot follow %s", link)
	}
	now, err = lookAt(s.machine, real)
	if err != nil || now == nil || !now.IsDir() {
		return "", nil, err
	}
	previous := s.trees[wants.tree].previous
	switch {
	case !within(real, s.realInto):
		if !previous {
			s.obstacles.add("%s leads to %s, out of %s", link, real, s.into)
		}
		now = nil
	case !previous && s.leadsIntoTree(link, real):
		now = nil
	default:
		s.elsewhere[real] = append(s.elsewhere[real], wants)
	}
	s.aliases[link] = real
	return real, now, nil
}

// visitAliases visits the directories to which links lead, and which no tree has at their own path.
func (s *surveyor) visitAliases() error {
	for _, place := range slices.Sorted(maps.Keys(s.elsewhere)) {
		if _, left := s.elsewhere[place]; !left {
			continue // visited from the directory above
		}
		if err := s.visit(place, true, nil); err != nil {
			return err
		}
	}
	return nil
}
