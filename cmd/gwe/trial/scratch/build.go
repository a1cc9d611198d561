package scratch

import (
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// builder furnishes a root. After its first error it does nothing more.
type builder struct {
	root string
	// mounted are the paths, from the new root, that something is mounted on.
	mounted []string
	// open and taken are as opened makes them.
	open, taken map[string]bool
	err         error
}

func (b *builder) at(path string) string { return filepath.Join(b.root, path) }

func (b *builder) check(what string, err error) {
	if b.err == nil && err != nil {
		b.err = cannot(what, err)
	}
}

func (b *builder) mount(what, source, target, kind string, flags uintptr, data string) {
	if b.err == nil {
		b.check(what, unix.Mount(source, target, kind, flags, data))
	}
}

func (b *builder) directory(path string, mode fs.FileMode) {
	if b.err != nil {
		return
	}
	b.check("make "+path, os.MkdirAll(b.at(path), 0o755))
	b.check("make "+path, os.Chmod(b.at(path), mode))
}

// directories are the empty ones that every Linux machine has: see file-hierarchy(7).
func (b *builder) directories() {
	for _, path := range []string{
		"/boot", "/etc", "/home", "/media", "/mnt", "/opt", "/run/lock", "/srv", "/var/cache", "/var/lib", "/var/log", "/var/spool",
	} {
		b.directory(path, 0o755)
	}
	b.directory("/root", 0o700)
	b.directory("/tmp", fs.ModeSticky|0o777)
	b.directory("/var/tmp", fs.ModeSticky|0o777)
	if b.err == nil {
		b.check("make /var/run", os.Symlink("/run", b.at("/var/run")))
	}
}

// local are the directories for what does not come with the system: a test may add to them.
var local = []string{"/usr/local/bin", "/usr/local/sbin", "/usr/local/lib", "/usr/local/share", "/usr/local/etc"}

// system shows the programs and libraries of the real machine.
func (b *builder) system() {
	for _, path := range []string{"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/usr"} {
		b.show(path)
	}
	for _, path := range local {
		b.directory(path, 0o755)
	}
}

// opened makes the list of the directories that are the test's own, though what the real machine has in them
// is shown: local, and those that hold a path of the fixture. Taken are these paths themselves.
func (b *builder) opened(paths []string) {
	b.open, b.taken = map[string]bool{}, map[string]bool{}
	for _, path := range local {
		b.openAbove(filepath.Join(path, "any"))
	}
	for _, path := range paths {
		real := resolved(path)
		b.taken[real] = true
		b.openAbove(real)
	}
}

func (b *builder) openAbove(path string) {
	for path != "/" {
		path = filepath.Dir(path)
		b.open[path] = true
	}
}

// resolved is a path of the real machine without links in its directories, as far as they are there: /bin is
// /usr/bin.
func resolved(path string) string {
	directory, name := filepath.Split(path)
	directory = filepath.Clean(directory)
	if directory == "/" {
		return path
	}
	if real, err := filepath.EvalSymlinks(directory); err == nil {
		return filepath.Join(real, name)
	}
	return filepath.Join(resolved(directory), name)
}

// settings are the files of /etc without which programs do not start, or know no users. Small files are
// copies that a test may change.
func (b *builder) settings() {
	for _, path := range []string{
		"/etc/passwd", "/etc/group", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/os-release",
		"/etc/debian_version", "/etc/protocols", "/etc/services", "/etc/mime.types", "/etc/shells",
	} {
		content, err := os.ReadFile(path)
		if b.err == nil && err == nil {
			b.check("copy "+path, os.WriteFile(b.at(path), content, 0o644))
		}
	}
	if b.err == nil {
		b.check("write /etc/hosts", os.WriteFile(b.at("/etc/hosts"), []byte("127.0.0.1 localhost gwe-test\n::1 localhost\n"), 0o644))
	}
	for _, path := range []string{"/etc/alternatives", "/etc/ld.so.conf.d", "/etc/ssl"} {
		b.show(path)
	}
}

// devices are those that every program may count on.
func (b *builder) devices() {
	b.directory("/dev", 0o755)
	b.directory("/dev/shm", fs.ModeSticky|0o777)
	for _, path := range []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"} {
		if _, err := os.Stat(path); err == nil && b.err == nil {
			b.check("make "+path, os.WriteFile(b.at(path), nil, 0o666))
			b.mount("bind "+path, path, b.at(path), "", unix.MS_BIND, "")
		}
	}
	for name, target := range map[string]string{"fd": "fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"} {
		if b.err == nil {
			b.check("make /dev/"+name, os.Symlink("/proc/self/"+target, b.at("/dev/"+name)))
		}
	}
	b.mounted = append(b.mounted, "/dev")
}

// show gives the new root what the real one has at a path: a link as it is, a file or directory read-only, an
// open directory as one of the test's own with all that is in it.
func (b *builder) show(path string) {
	info, err := os.Lstat(path)
	if b.err != nil || err != nil || b.taken[path] {
		return // not every machine has it
	}
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(path)
		b.check("read "+path, err)
		b.check("make "+path, os.Symlink(target, b.at(path)))
	case info.IsDir() && b.open[path]:
		b.directory(path, 0o755)
		entries, err := os.ReadDir(path)
		b.check("read "+path, err)
		for _, entry := range entries {
			b.show(filepath.Join(path, entry.Name()))
		}
	case info.IsDir():
		b.directory(path, 0o755)
		b.bind(path, path)
	case info.Mode().IsRegular():
		b.check("make "+path, os.WriteFile(b.at(path), nil, 0o644))
		b.bind(path, path)
	}
}

// bind shows a real path at one of the new root, read-only.
func (b *builder) bind(path, at string) {
	b.mount("show "+path, path, b.at(at), "", unix.MS_BIND|unix.MS_REC, "")
	b.readOnly(at, unix.AT_RECURSIVE)
}

func (b *builder) readOnly(path string, flags uint) {
	if b.err != nil {
		return
	}
	b.check("make "+path+" read-only", unix.MountSetattr(unix.AT_FDCWD, b.at(path), flags, &unix.MountAttr{
		Attr_set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV,
	}))
	b.mounted = append(b.mounted, path)
}
