//go:build amd64

package main

import (
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// byStranger is how the files begin that a stranger writes; each continues with its own path.
const byStranger = "a stranger's "

// stranger writes into the tree while gwe works there: new files, and files in the place of others. It gives
// what they hold. It keeps to the directories that were there before the run: one that the run makes goes
// with all that is in it.
func (s *site) stranger(random *rand.Rand, whole time.Duration, directories map[uint64]bool) (written []string) {
	for n := range 1 + random.IntN(3) {
		time.Sleep(moment(random, whole/3))
		places := s.places(fmt.Sprintf("stranger-%d", n), directories)
		if len(places) == 0 {
			continue
		}
		place := places[random.IntN(len(places))]
		draft := filepath.Join(filepath.Dir(place), "stranger-draft")
		content := fmt.Sprintf("%s%q", byStranger, place)
		if os.WriteFile(draft, []byte(content), 0o644) != nil {
			continue // the directory has gone meanwhile
		}
		if os.Rename(draft, place) == nil {
			s.Logf("a stranger writes %q", place)
			written = append(written, content)
		}
	}
	return written
}

// directories are the inodes of all in the tree.
func (s *site) directories() map[uint64]bool {
	found := map[uint64]bool{}
	s.check(filepath.WalkDir(s.path("tree"), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			found[inodeOf(path)] = true
		}
		return err
	}))
	return found
}

// inodeOf is 0 where nothing is.
func inodeOf(path string) uint64 {
	var status unix.Stat_t
	_ = unix.Lstat(path, &status)
	return status.Ino
}

// places are where a stranger may write: a new name in each of the directories, and each file there that has
// one name only.
func (s *site) places(fresh string, directories map[uint64]bool) (found []string) {
	_ = filepath.WalkDir(s.path("tree"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		var status unix.Stat_t
		switch {
		case strings.HasPrefix(entry.Name(), ".gwe-") || path == s.path("tree/depot"):
			if entry.IsDir() {
				return fs.SkipDir
			}
		case entry.IsDir() && directories[inodeOf(path)]:
			found = append(found, filepath.Join(path, fresh))
		case entry.Type().IsRegular() && directories[inodeOf(filepath.Dir(path))] && unix.Lstat(path, &status) == nil && status.Nlink == 1:
			found = append(found, path)
		}
		return nil
	})
	return found
}

// judgeWithStranger holds gwe to what is left then: it ends, it does not lie, and nothing that the stranger
// wrote is lost where all was rolled back.
func (s *site) judgeWithStranger(e examined, run ended, written []string) {
	if !slices.Contains([]int{0, 3, 4, 5, 6, 7, suspended}, run.code) {
		s.Errorf("it ended with %d", run.code)
	}
	if run.code == suspended {
		s.gwe("cancel")
	}
	if r := s.gwe("recover"); r.code != 0 && r.code != 5 {
		s.Errorf("recovery ended with %d", r.code)
	}
	told := s.story()
	if told.committed {
		return // what it wrote may have been copied, replaced and removed, as the recipe says
	}
	found := s.byStranger()
	lost := slices.DeleteFunc(written, func(one string) bool { return slices.Contains(slices.Collect(maps.Values(found)), one) })
	if len(lost) > 0 {
		s.Errorf("it ended with %d, and this is lost: %q", run.code, lost)
	}
	if told.needsPerson() {
		return
	}
	old, now := maps.Clone(e.want.old), s.picture()
	for path := range found {
		for name, _ := filepath.Rel(s.root, path); name != "."; name = filepath.Dir(name) { // the directories that it kept alive, too
			delete(old, name)
			delete(now, name)
		}
	}
	if text := differences(old, now); text != "" {
		s.Errorf("the journal says old, and the tree is not:%s", text)
	}
}

// byStranger are the files that a stranger has written, or that are copies of such, in hidden directories
// too: path and content.
func (s *site) byStranger() map[string]string {
	found := map[string]string{}
	for _, top := range []string{"tree", "state"} {
		_ = filepath.WalkDir(s.path(top), func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.Type().IsRegular() {
				if content, err := os.ReadFile(path); err == nil && strings.HasPrefix(string(content), byStranger) {
					found[path] = string(content)
				}
			}
			return nil
		})
	}
	return found
}
