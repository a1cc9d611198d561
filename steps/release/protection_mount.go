package release

import (
	"path/filepath"
	"strings"
)

// mounts protects releases from which something is mounted elsewhere: a directory by a bind mount, a layer of
// an overlay, an image by a loop device. The first of the tables is that of gwe itself.
func (p *protection) mounts(tables []string) {
	around := mountLine{}
	for i, table := range tables {
		mounts := p.mountsIn(table)
		if i == 0 {
			for _, one := range mounts { // the last one that is nearest is on top
				if inside(p.real, one.point) && len(one.point) >= len(around.point) {
					around = one
				}
			}
		}
		for _, one := range mounts {
			p.mounted(one, around, i == 0)
		}
	}
	loops, _ := p.machine.ReadDir("/sys/block")
	for _, loop := range loops {
		if !strings.HasPrefix(loop.Name(), "loop") {
			continue
		}
		file, err := p.machine.ReadFile(filepath.Join("/sys/block", loop.Name(), "loop/backing_file"))
		if err != nil {
			continue
		}
		if release := p.releaseOf("/", strings.TrimSpace(string(file))); release != "" {
			p.add(release, "/dev/"+loop.Name()+" is an image in it")
		}
	}
}

// mounted protects the release from which one is mounted, where around is the mount that has the releases.
func (p *protection) mounted(one, around mountLine, ours bool) {
	for _, path := range one.layers() {
		if release := p.releaseOf("/", path); release != "" {
			p.add(release, one.point+" is mounted from it")
		}
	}
	if one.device != around.device || one.root == "/" {
		return
	}
	// The same place, as a path of the file system, is below the mount that has dir.
	below, ok := relative(one.root, around.root)
	if !ok {
		return
	}
	release := p.releaseOf("/", filepath.Join(around.point, below))
	if release != "" && !(ours && inside(one.point, filepath.Join(p.real, release))) {
		p.add(release, one.point+" is mounted from it")
	}
}

func (p *protection) mountsIn(table string) (mounts []mountLine) {
	text, _ := p.machine.ReadFile(table) // a process that has ended has none
	for line := range strings.Lines(string(text)) {
		if parsed, ok := parseMount(line); ok {
			mounts = append(mounts, parsed)
		}
	}
	return mounts
}

// mountLine is what a line of mountinfo says, see proc_pid_mountinfo(5).
type mountLine struct{ device, root, point, options string }

func parseMount(line string) (mountLine, bool) {
	fields := strings.Fields(line)
	if len(fields) < 7 {
		return mountLine{}, false
	}
	return mountLine{device: fields[2], root: unescaped(fields[3]), point: unescaped(fields[4]), options: fields[len(fields)-1]}, true
}

// layers are the directories that an overlay is made of, as they were spelled when it was mounted.
func (m mountLine) layers() (paths []string) {
	for option := range strings.SplitSeq(m.options, ",") {
		name, value, _ := strings.Cut(option, "=")
		switch strings.TrimSuffix(name, "+") {
		case "lowerdir", "upperdir", "workdir", "datadir":
			for path := range strings.SplitSeq(value, ":") {
				paths = append(paths, unescaped(path))
			}
		}
	}
	return paths
}

// unescaped undoes what the kernel does to blanks and backslashes in a path.
func unescaped(path string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(path)
}

// inside reports whether a path is dir, or lies in it.
func inside(path, dir string) bool {
	_, ok := relative(path, dir)
	return ok
}

func relative(path, dir string) (string, bool) {
	if path == dir {
		return "", true
	}
	return strings.CutPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}
