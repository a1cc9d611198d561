package release

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
)

// surveyed is what a look at the trees and the system has found.
type surveyed struct {
	changes   []change
	unchanged int
}

// survey compares the trees with the system. It only reads.
func survey(ctx context.Context, machine step.Machine, arguments linkTreeArguments) (*surveyed, error) {
	s := surveyor{machine: machine, hard: arguments.Links == "hard", places: map[string]entry{}, real: map[string]string{}}
	if err := s.begin(arguments); err != nil {
		return nil, err
	}
	for _, tree := range s.from {
		if err := s.walk(ctx, tree, s.want); err != nil {
			return nil, err
		}
	}
	if err := s.complaint(); err != nil {
		return nil, err
	}
	for _, place := range slices.Sorted(maps.Keys(s.places)) {
		if err := s.compare(place, s.places[place]); err != nil {
			return nil, err
		}
	}
	if err := s.complaint(); err != nil {
		return nil, err
	}
	if err := s.stale(ctx); err != nil {
		return nil, err
	}
	return &s.found, nil
}

// entry is a file or a folder in a tree.
type entry struct {
	source string
	info   fs.FileInfo
}

type surveyor struct {
	machine              step.Machine
	into                 string
	hard                 bool
	from, previous       []string
	releases             string
	places               map[string]entry  // what is wanted at a place: a path whose folders are no links
	real                 map[string]string // folders below into, as spelled and without links
	realInto             string
	realFrom             []string
	found                surveyed
	conflicts, obstacles []string
}

func (s *surveyor) begin(arguments linkTreeArguments) (err error) {
	if len(arguments.From) == 0 {
		return fault.New(fault.Refused, "link-tree-none", "from names no tree").WithHint("a list of folders: [/opt/firmware/current/root]")
	}
	for list, given := range map[*[]string][]value.Path{&s.from: arguments.From, &s.previous: arguments.Previous} {
		for _, one := range given {
			path, err := absolute(one)
			if err != nil {
				return err
			}
			*list = append(*list, path)
		}
	}
	if arguments.Releases != nil {
		if s.releases, err = absolute(*arguments.Releases); err != nil {
			return err
		}
	}
	if s.into, err = absolute(arguments.Into); err != nil {
		return err
	}
	if s.realInto, err = filepath.EvalSymlinks(s.into); err != nil {
		return durable.Explain(err, "there is no folder %s to link into", s.into)
	}
	for _, tree := range s.from {
		resolved, err := filepath.EvalSymlinks(tree)
		if err != nil {
			return durable.Explain(err, "there is no folder %s to link", tree)
		}
		s.realFrom = append(s.realFrom, resolved)
	}
	return nil
}

// walk visits all that is in a tree but the tree itself, folders before what they hold. relative is the path from the tree.
func (s *surveyor) walk(ctx context.Context, tree string, visit func(relative string, found entry) error) error {
	var below func(relative string) error
	below = func(relative string) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		folder := filepath.Join(tree, relative)
		entries, err := s.machine.ReadDir(folder)
		if err != nil {
			return durable.Explain(err, "cannot list %s", folder)
		}
		for _, one := range entries {
			source := filepath.Join(folder, one.Name())
			info, err := s.machine.Lstat(source)
			if err != nil {
				return durable.Explain(err, "cannot look at %s", source)
			}
			name := filepath.Join(relative, one.Name())
			if err := visit(name, entry{source, info}); err != nil {
				return err
			}
			if info.IsDir() {
				if err := below(name); err != nil {
					return err
				}
			}
		}
		return nil
	}
	return below("")
}

// want notes what a tree wants at a place, and the conflict where another one, or the same by another way, wants something
// else there.
func (s *surveyor) want(relative string, wanted entry) error {
	folder, err := s.resolve(filepath.Dir(relative))
	if err != nil {
		return err
	}
	place := filepath.Join(folder, filepath.Base(relative))
	if wanted.info.IsDir() {
		// A folder may be reached by a link in the system; what is in it belongs to where that leads.
		if place, err = s.resolve(relative); err != nil {
			return err
		}
	}
	other, taken := s.places[place]
	switch {
	case !taken:
		s.places[place] = wanted
	case !wanted.info.IsDir() || !other.info.IsDir():
		s.conflicts = append(s.conflicts, fmt.Sprintf("%s and %s both want %s", other.source, wanted.source, place))
	}
	return nil
}

// resolve gives a folder below into without links in it, also where it, or the last parts of it, are not there yet.
func (s *surveyor) resolve(relative string) (string, error) {
	if resolved, known := s.real[relative]; known {
		return resolved, nil
	}
	if relative == "." {
		return s.realInto, nil
	}
	above, err := s.resolve(filepath.Dir(relative))
	if err != nil {
		return "", err
	}
	path := filepath.Join(above, filepath.Base(relative))
	resolved, err := filepath.EvalSymlinks(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		resolved = path // to be made, or an obstacle: see compare
	case err != nil:
		return "", durable.Explain(err, "cannot follow %s", path)
	}
	if !within(resolved, s.realInto) {
		s.obstacles = append(s.obstacles, fmt.Sprintf("%s leads to %s, out of %s", path, resolved, s.into))
	}
	for i, tree := range s.realFrom {
		if within(resolved, tree) {
			s.obstacles = append(s.obstacles, fmt.Sprintf("%s leads into the tree %s", path, s.from[i]))
		}
	}
	s.real[relative] = resolved
	return resolved, nil
}

// compare finds out what is to be done at a place.
func (s *surveyor) compare(place string, wanted entry) error {
	now, err := lookAt(s.machine, place)
	if errors.Is(err, syscall.ENOTDIR) {
		return nil // the file in its folder's place is an obstacle by itself
	}
	if err != nil {
		return err
	}
	switch {
	case wanted.info.IsDir() && now == nil:
		s.found.changes = append(s.found.changes, change{Kind: makeFolder, Path: name(place), Source: name(wanted.source)})
		return nil
	case wanted.info.IsDir() && now.IsDir():
		return nil
	case wanted.info.IsDir():
		s.obstacles = append(s.obstacles, fmt.Sprintf("%s is not a folder, and %s is one", place, wanted.source))
		return nil
	case now != nil && now.IsDir():
		s.obstacles = append(s.obstacles, fmt.Sprintf("%s is a folder, and %s is none", place, wanted.source))
		return nil
	}
	if s.hard {
		if err := s.oneFileSystem(place, wanted); err != nil {
			return err
		}
	}
	made := change{Kind: makeLink, Path: name(place), Source: name(wanted.source), Hard: s.hard, File: inodeOf(wanted.info)}
	if now == nil {
		s.found.changes = append(s.found.changes, made)
		return nil
	}
	if is, err := made.isOurs(s.machine, now, place); err != nil || is {
		s.found.unchanged++
		return err
	}
	made.Kind, made.Old = replaceByLink, inodeOf(now)
	s.found.changes = append(s.found.changes, made)
	return nil
}

// oneFileSystem notes where a hard link cannot be made.
func (s *surveyor) oneFileSystem(place string, wanted entry) error {
	folder := filepath.Dir(place)
	for {
		info, err := s.machine.Stat(folder)
		if errors.Is(err, fs.ErrNotExist) && folder != "/" {
			folder = filepath.Dir(folder)
			continue
		}
		if err != nil {
			return durable.Explain(err, "cannot look at %s", folder)
		}
		if deviceOf(info) != deviceOf(wanted.info) {
			s.obstacles = append(s.obstacles, fmt.Sprintf("%s and %s are on two file systems, so there is no hard link", wanted.source, place))
		}
		return nil
	}
}

func deviceOf(info fs.FileInfo) uint64 {
	status, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0
	}
	return uint64(status.Dev)
}

// complaint names all that is in the way, at once.
func (s *surveyor) complaint() error {
	const shown = 20
	all, code, hint := s.conflicts, "link-tree-conflict", "leave it out of one of the trees"
	if len(all) == 0 {
		all, code, hint = s.obstacles, "link-tree-in-the-way", "move away what is there, or leave it out of the tree"
	}
	if len(all) == 0 {
		return nil
	}
	slices.Sort(all)
	all = slices.Compact(all)
	text := strings.Join(all[:min(shown, len(all))], "; ")
	if len(all) > shown {
		text += fmt.Sprintf("; and %d more", len(all)-shown)
	}
	return fault.New(fault.Refused, code, "%s", text).WithHint("%s", hint)
}

// within tells whether a path is a folder or below it; both are clean and absolute.
func within(path, folder string) bool {
	return path == folder || folder == "/" || strings.HasPrefix(path, folder+"/")
}
