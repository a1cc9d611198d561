package release

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// processes protects what a process runs from: its program, its working and root directory, what it has
// mapped or open, and the absolute paths among its arguments, by which an interpreter's script is known.
// Processes of other users tell nobody but root. It returns the tables of the mounts that the processes see,
// each one once.
func (p *protection) processes() (tables []string) {
	tables = []string{"/proc/self/mountinfo"}
	ours, _ := p.machine.ReadLink("/proc/self/ns/mnt")
	seen := map[string]bool{ours: true, "": true}
	entries, _ := p.machine.ReadDir("/proc")
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || !entry.IsDir() {
			continue
		}
		p.process(entry.Name(), pid == os.Getpid())
		if space, _ := p.machine.ReadLink(filepath.Join("/proc", entry.Name(), "ns/mnt")); !seen[space] {
			seen[space] = true
			tables = append(tables, filepath.Join("/proc", entry.Name(), "mountinfo"))
		}
	}
	return tables
}

func (p *protection) process(pid string, self bool) {
	of := func(name string) string { return filepath.Join("/proc", pid, name) }
	root := p.rootOf(pid)
	if root == "" {
		return // it has ended, or is another user's, or the kernel's
	}
	var paths []string
	for _, name := range []string{"exe", "cwd"} {
		if text, err := p.machine.ReadLink(of(name)); err == nil {
			paths = append(paths, text)
		}
	}
	if maps, err := p.machine.ReadFile(of("maps")); err == nil {
		for line := range strings.Lines(string(maps)) {
			if at := strings.IndexByte(line, '/'); at >= 0 {
				paths = append(paths, strings.ReplaceAll(strings.TrimSuffix(line[at:], "\n"), `\012`, "\n"))
			}
		}
	}
	if !self { // gwe looks into releases itself
		files, _ := p.machine.ReadDir(of("fd"))
		for _, file := range files {
			if text, err := p.machine.ReadLink(filepath.Join(of("fd"), file.Name())); err == nil {
				paths = append(paths, text)
			}
		}
		if line, err := p.machine.ReadFile(of("cmdline")); err == nil {
			paths = append(paths, strings.Split(string(line), "\x00")...)
		}
	}
	release := ""
	if root != "/" {
		release = p.rootRelease(of("root"))
	}
	for _, path := range paths {
		if release != "" {
			break
		}
		release = p.releaseOf(root, path)
	}
	if release != "" {
		name, _ := p.machine.ReadFile(of("comm"))
		p.add(release, processReason(pid, strings.TrimSpace(string(name))))
	}
}

// rootOf returns the directory below which the paths of a process are found: "/" where it sees what gwe sees,
// else the way by /proc to its root directory, in its mount namespace.
func (p *protection) rootOf(pid string) string {
	text, err := p.machine.ReadLink(filepath.Join("/proc", pid, "root"))
	if err != nil {
		return ""
	}
	theirs, err := p.machine.ReadLink(filepath.Join("/proc", pid, "ns/mnt"))
	ours, failed := p.machine.ReadLink("/proc/self/ns/mnt")
	if text == "/" && (err != nil || failed != nil || theirs == ours) {
		return "/"
	}
	return filepath.Join("/proc", pid, "root")
}

// rootRelease returns the release that is, or holds, the root directory of a process.
func (p *protection) rootRelease(link string) string {
	if name := p.directoryIs(link); name != "" {
		return name
	}
	if text, err := p.machine.ReadLink(link); err == nil && text != "/" {
		return p.releaseOf("/", text)
	}
	return ""
}
