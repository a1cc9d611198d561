package release

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
)

// survey compares the trees with the system and hands over each change that is wanted, a directory before
// what it holds. It only reads. It goes from directory to directory of the system and keeps one at a time, so
// that its memory does not grow with the trees. What is in the way is known when it returns, all of it.
func (s *surveyor) survey(arguments linkTreeArguments) (unchanged int, err error) {
	s.hard = arguments.Links == "hard"
	if err := s.begin(arguments); err != nil {
		return 0, err
	}
	var roots []origin
	for i := range s.trees {
		roots = append(roots, origin{tree: i})
	}
	if err := s.findAliases(roots); err != nil {
		return 0, err
	}
	if err := s.visit(s.realInto, true, roots); err != nil {
		return 0, err
	}
	if err := s.visitAliases(); err != nil {
		return 0, err
	}
	return s.unchanged, s.complaint()
}

type surveyor struct {
	ctx      context.Context
	machine  step.Machine
	hard     bool
	into     string
	realInto string
	// trees are those in from, and then those in previous.
	trees    []tree
	releases string
	// aliases are the directories that the system has elsewhere, reached by a link: where each leads.
	// elsewhere has the same the other way round: which directories of the trees belong to a directory of the
	// system besides those of its own path.
	aliases   map[string]string
	elsewhere map[string][]origin

	// found takes a change, and in is the inode of the directory that holds its place.
	found                func(change) error
	in                   uint64
	unchanged            int
	conflicts, obstacles complaints
}

// tree is a directory in from or in previous.
type tree struct {
	path string
	// real is the path without links.
	real     string
	previous bool
}

// origin is a directory of a tree, by its path below it.
type origin struct {
	tree     int
	relative string
}

func (o origin) below(name string) origin { return origin{o.tree, filepath.Join(o.relative, name)} }

func (s *surveyor) source(o origin) string { return filepath.Join(s.trees[o.tree].path, o.relative) }

func (s *surveyor) begin(arguments linkTreeArguments) (err error) {
	if len(arguments.From) == 0 {
		return fault.New(fault.Refused, "link-tree-none", "from names no tree").WithHint("a list of directories: [/opt/firmware/current/root]")
	}
	if s.into, err = absolute(arguments.Into); err != nil {
		return err
	}
	if s.realInto, err = withoutLinks(s.into); err != nil {
		return durable.Explain(err, "there is no directory %s to link into", s.into)
	}
	for i, given := range slices.Concat(arguments.From, arguments.Previous) {
		one := tree{previous: i >= len(arguments.From)}
		if one.path, err = absolute(given); err != nil {
			return err
		}
		one.real, err = filepath.EvalSymlinks(one.path)
		if err != nil && !one.previous {
			return durable.Explain(err, "there is no directory %s to link", one.path)
		}
		s.trees = append(s.trees, one)
	}
	if arguments.Releases == nil {
		return nil
	}
	s.releases, err = absolute(*arguments.Releases)
	return err
}

// withoutLinks is where a directory lies, if nobody else could have led gwe there.
func withoutLinks(path string) (string, error) {
	dir, err := openat.Open(path)
	if err != nil {
		return "", err
	}
	defer dir.Close()
	return dir.Real()
}

// each calls visit for what is in a directory, some at a time, in no order.
func (s *surveyor) each(directory string, visit func(fs.DirEntry) error) error {
	file, err := s.machine.Open(directory)
	if err != nil {
		return durable.Explain(err, "cannot list %s", directory)
	}
	defer file.Close()
	listed, ok := file.(fs.ReadDirFile)
	if !ok {
		return durable.Explain(syscall.ENOTDIR, "cannot list %s", directory)
	}
	for {
		const atOnce = 256
		entries, err := listed.ReadDir(atOnce)
		for _, one := range entries {
			if err := visit(one); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err := cmp.Or(err, s.ctx.Err()); err != nil {
			return durable.Explain(err, "cannot list %s", directory)
		}
	}
}

// eachOf is each for a directory of a tree. An older tree may be gone, or have something else there.
func (s *surveyor) eachOf(o origin, visit func(fs.DirEntry) error) error {
	err := s.each(s.source(o), visit)
	if s.trees[o.tree].previous && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)) {
		return nil
	}
	return err
}

// wanted is something that a directory of a tree holds.
type wanted struct {
	name      string
	from      int // which of the directory's origins
	directory bool
}

// visit compares a directory of the system, a path without links, with the directories of the trees that
// belong there. It is there, or is made by a change that was handed over already.
func (s *surveyor) visit(place string, there bool, origins []origin) error {
	if err := s.ctx.Err(); err != nil {
		return err
	}
	origins = append(origins, s.elsewhere[place]...)
	delete(s.elsewhere, place)
	all, err := s.gather(origins)
	if err != nil {
		return err
	}
	if s.in = 0; there {
		info, err := lookAt(s.machine, place)
		if err != nil {
			return err
		}
		if info != nil {
			s.in = inodeOf(info)
		}
	}
	var device uint64
	if s.hard {
		if device, err = deviceAt(s.machine, place); err != nil {
			return err
		}
	}
	type directory struct {
		name    string
		there   bool
		origins []origin
	}
	var directories []directory
	for rest := all; len(rest) > 0; {
		same := 1
		for same < len(rest) && rest[same].name == rest[0].name {
			same++
		}
		alike := rest[:same]
		rest = rest[same:]
		s.compareTrees(place, origins, alike)
		first := alike[0]
		if !first.directory {
			if err := s.compareFile(filepath.Join(place, first.name), there, device, origins[first.from]); err != nil {
				return err
			}
			continue
		}
		below := directory{name: first.name}
		for _, one := range alike {
			if one.directory {
				below.origins = append(below.origins, origins[one.from].below(one.name))
			}
		}
		isThere, into, err := s.compareDirectory(filepath.Join(place, first.name), there, below.origins[0])
		if err != nil {
			return err
		}
		if below.there = isThere; into {
			directories = append(directories, below)
		}
	}
	if there {
		if err := s.stale(place, origins, all); err != nil {
			return err
		}
	}
	for _, one := range directories {
		if err := s.visit(filepath.Join(place, one.name), one.there, one.origins); err != nil {
			return err
		}
	}
	return nil
}

// gather lists what directories of trees hold, by name; of one name, what is from comes first, in the order
// of the trees. Files of older trees are not wanted anywhere.
func (s *surveyor) gather(origins []origin) ([]wanted, error) {
	var all []wanted
	for i, one := range origins {
		err := s.eachOf(one, func(found fs.DirEntry) error {
			if found.IsDir() || !s.trees[one.tree].previous {
				all = append(all, wanted{found.Name(), i, found.IsDir()})
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(all, func(a, b wanted) int {
		return cmp.Or(strings.Compare(a.name, b.name), cmp.Compare(origins[a.from].tree, origins[b.from].tree), cmp.Compare(a.from, b.from))
	})
	return all, nil
}

// compareTrees notes the conflict where two trees, or one tree by two ways, want a place, and one of them not
// for a directory.
func (s *surveyor) compareTrees(place string, origins []origin, alike []wanted) {
	first := alike[0]
	for _, one := range alike[1:] {
		if s.trees[origins[one.from].tree].previous || first.directory && one.directory {
			continue
		}
		s.conflicts.add("%s and %s both want %s", s.source(origins[first.from].below(one.name)), s.source(origins[one.from].below(one.name)),
			filepath.Join(place, one.name))
	}
}

// compareDirectory finds out whether a directory of the trees is there, and whether to go into it.
func (s *surveyor) compareDirectory(place string, there bool, wants origin) (isThere, into bool, err error) {
	if _, isAlias := s.aliases[place]; isAlias {
		return true, false, nil // what is in it belongs to where the link leads
	}
	var now fs.FileInfo
	if there {
		if now, err = lookAt(s.machine, place); err != nil {
			return false, false, err
		}
	}
	switch {
	case s.trees[wants.tree].previous:
		return true, now != nil && now.IsDir(), nil
	case s.leadsIntoTree(place, place):
		return true, false, nil
	case now == nil:
		return false, true, s.found(change{Kind: makeDirectory, In: s.in, Path: name(place), Source: name(s.source(wants))})
	case !now.IsDir():
		s.obstacles.add("%s is not a directory, and %s is one", place, s.source(wants))
		return true, false, nil
	}
	return true, true, nil
}

// leadsIntoTree notes a directory of the system that is one of a tree in from.
func (s *surveyor) leadsIntoTree(place, real string) bool {
	for _, one := range s.trees {
		if !one.previous && within(real, one.real) {
			s.obstacles.add("%s leads into the tree %s", place, one.path)
			return true
		}
	}
	return false
}

// compareFile finds out what is to be done at the place of a file.
func (s *surveyor) compareFile(place string, there bool, device uint64, directory origin) error {
	made := change{Kind: makeLink, In: s.in, Path: name(place), Source: name(filepath.Join(s.source(directory), filepath.Base(place))), Hard: s.hard}
	if s.hard {
		info, err := s.machine.Lstat(string(made.Source))
		if err != nil {
			return durable.Explain(err, "cannot look at %s", made.Source)
		}
		made.File = inodeOf(info)
		if deviceOf(info) != device {
			s.obstacles.add("%s and %s are on two file systems, so there is no hard link", made.Source, place)
		}
	}
	if !there {
		return s.found(made)
	}
	now, err := lookAt(s.machine, place)
	if err != nil {
		return err
	}
	switch {
	case now == nil:
		return s.found(made)
	case now.IsDir():
		s.obstacles.add("%s is a directory, and %s is none", place, made.Source)
		return nil
	}
	if is, err := made.isOurs(s.machine, now, place); err != nil || is {
		s.unchanged++
		return err
	}
	made.Kind, made.Old = replaceByLink, inodeOf(now)
	return s.found(made)
}

// deviceAt gives the file system of a directory, or of the one in which it is made.
func deviceAt(machine step.Machine, directory string) (uint64, error) {
	for {
		info, err := machine.Stat(directory)
		if (errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)) && directory != "/" {
			directory = filepath.Dir(directory)
			continue
		}
		if err != nil {
			return 0, durable.Explain(err, "cannot look at %s", directory)
		}
		return deviceOf(info), nil
	}
}

func deviceOf(info fs.FileInfo) uint64 {
	status, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0
	}
	return uint64(status.Dev)
}

// complaints are what is in the way: the first ones in the order of their words, and how many there are.
type complaints struct {
	first []string
	more  int
}

const shownComplaints = 20

func (c *complaints) add(format string, arguments ...any) {
	text := fmt.Sprintf(format, arguments...)
	at, known := slices.BinarySearch(c.first, text)
	if known {
		return
	}
	c.first = slices.Insert(c.first, at, text)
	if len(c.first) > shownComplaints {
		c.first = c.first[:shownComplaints]
		c.more++
	}
}

// complaint names all that is in the way, at once.
func (s *surveyor) complaint() error {
	all, code, hint := s.conflicts, "link-tree-conflict", "leave it out of one of the trees"
	if len(all.first) == 0 {
		all, code, hint = s.obstacles, "link-tree-in-the-way", "move away what is there, or leave it out of the tree"
	}
	if len(all.first) == 0 {
		return nil
	}
	text := strings.Join(all.first, "; ")
	if all.more > 0 {
		text += fmt.Sprintf("; and %d more", all.more)
	}
	return fault.New(fault.Refused, code, "%s", text).WithHint("%s", hint)
}

// within reports whether a path is a directory or below it; both are clean and absolute.
func within(path, directory string) bool {
	return path == directory || directory == "/" || strings.HasPrefix(path, directory+"/")
}
