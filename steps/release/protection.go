package release

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
)

// protection knows of each release in a directory why it stays, in words for people.
type protection struct {
	machine  step.Machine
	dir      string
	releases []directory
	reasons  map[string][]string
	// real is dir without symbolic links, and seen caches which release a directory is; see releaseOf.
	real string
	seen map[string]string
}

// protect finds out what must stay in dir, whatever is oldest: what the names and paths lead to, what any
// link in dir or beside it leads to, what a process runs from, and what is mounted from within a release.
func protect(machine step.Machine, dir string, names []string, releases []directory) (*protection, error) {
	p := &protection{machine: machine, dir: dir, releases: releases, reasons: map[string][]string{}, real: dir, seen: map[string]string{}}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		p.real = real
	}
	for _, name := range names {
		if err := p.named(name); err != nil {
			return nil, err
		}
	}
	p.links()
	p.mounts(p.processes())
	return p, nil
}

func (p *protection) add(release, reason string) {
	if !slices.Contains(p.reasons[release], reason) {
		p.reasons[release] = append(p.reasons[release], reason)
	}
}

// addAll protects all releases among the places.
func (p *protection) addAll(found places, reason string) {
	for _, one := range p.releases {
		if found.holds(one) {
			p.add(one.name, reason)
		}
	}
}

// named protects what a name in dir, or a path, leads to.
func (p *protection) named(name string) error {
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(p.dir, path)
	}
	if name == "" || path == p.dir || strings.HasSuffix(name, "/..") || name == ".." {
		return fault.New(fault.Refused, "prune-protect-name", "protect lists names in %s and paths, and %q is neither", p.dir, name).
			WithHint("write the name alone (current), or a path that leads to a release (../current, /etc/firmware)")
	}
	info, err := p.machine.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	found, err := follow(p.machine, path)
	if err != nil {
		return fault.New(fault.Refused, "prune-protect-dangling", "%s leads nowhere, so nothing is removed", path).
			WithHint("point it at a release, or take it out of protect").WithCause(err)
	}
	reason := "protect names it"
	if info != nil && info.Mode()&fs.ModeSymlink != 0 {
		reason = p.display(path) + " leads to it"
	}
	p.addAll(found, reason)
	return nil
}

// links protects what the links in dir and beside it lead to, whether dir is reached by a link or not.
func (p *protection) links() {
	for _, beside := range []string{p.dir, filepath.Dir(p.dir), filepath.Dir(p.real)} {
		entries, _ := p.machine.ReadDir(beside) // what cannot be listed holds no link that anybody follows
		for _, entry := range entries {
			if entry.Type()&fs.ModeSymlink == 0 || strings.HasPrefix(entry.Name(), ".gwe-") {
				continue
			}
			path := filepath.Join(beside, entry.Name())
			found, _ := follow(p.machine, path) // a link to nowhere keeps what is on the way
			p.addAll(found, p.display(path)+" leads to it")
		}
	}
}

// display is a path in dir by its name, and any other one whole.
func (p *protection) display(path string) string {
	if filepath.Dir(path) == p.dir {
		return filepath.Base(path)
	}
	return path
}

// releaseOf returns the release in which a path lies, which is spelled as a process sees it whose root
// directory is root; "" is none. It compares directories, not names, so a bind mount and another root hide
// nothing.
func (p *protection) releaseOf(root, path string) string {
	path, deleted := strings.CutSuffix(path, " (deleted)")
	if !filepath.IsAbs(path) {
		return ""
	}
	if deleted {
		path = filepath.Dir(path)
	}
	if root == "/" {
		for _, dir := range []string{p.dir, p.real} {
			if below, inside := strings.CutPrefix(path, strings.TrimSuffix(dir, "/")+"/"); inside {
				name, _, _ := strings.Cut(below, "/")
				if slices.ContainsFunc(p.releases, func(one directory) bool { return one.name == name }) {
					return name
				}
			}
		}
	}
	for at := filepath.Clean(path); at != "/"; at = filepath.Dir(at) {
		if name := p.directoryIs(filepath.Join(root, at)); name != "" {
			return name
		}
	}
	return ""
}

func (p *protection) directoryIs(path string) string {
	name, known := p.seen[path]
	if known {
		return name
	}
	if info, err := p.machine.Stat(path); err == nil && info.IsDir() {
		for _, one := range p.releases {
			if sameFile(one.info, info) {
				name = one.name
			}
		}
	}
	p.seen[path] = name
	return name
}

// places are the files and directories on the way from a path to where it leads, and all directories above
// them.
type places []fs.FileInfo

// holds reports whether the release is one of the places: the path leads to it, or into it.
func (p places) holds(release directory) bool {
	return slices.ContainsFunc(p, func(place fs.FileInfo) bool { return sameFile(place, release.info) })
}

// mostLinks is how many links the kernel follows at most.
const mostLinks = 40

// follow gathers all that lies on the way from path to its end, links followed one by one; the error tells
// that it leads nowhere.
func follow(machine step.Machine, path string) (found places, err error) {
	start := path
	for range mostLinks {
		found = append(found, above(machine, path)...)
		text, err := machine.ReadLink(path)
		if err != nil {
			break // the end of the way
		}
		if !filepath.IsAbs(text) {
			text = filepath.Join(filepath.Dir(path), text)
		}
		path = filepath.Clean(text)
	}
	end, err := machine.Stat(start)
	if err == nil {
		found = append(found, end)
		// Where a link on the way leads elsewhere than its spelling says, the kernel's word counts.
		if real, err := filepath.EvalSymlinks(start); err == nil {
			found = append(found, above(machine, real)...)
		}
	}
	return found, err
}

// above gives what is at the path and at every path above it, links followed.
func above(machine step.Machine, path string) places {
	var found places
	for ; path != "/" && path != "."; path = filepath.Dir(path) {
		if info, err := machine.Stat(path); err == nil {
			found = append(found, info)
		}
	}
	return found
}

func processReason(pid, name string) string {
	if name == "" {
		return fmt.Sprintf("process %s runs from it", pid)
	}
	return fmt.Sprintf("process %s (%s) runs from it", pid, name)
}
