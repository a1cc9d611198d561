package scratch

import (
	"errors"
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
	err     error
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

func (b *builder) folder(path string, mode fs.FileMode) {
	if b.err != nil {
		return
	}
	b.check("make "+path, os.MkdirAll(b.at(path), 0o755))
	b.check("make "+path, os.Chmod(b.at(path), mode))
}

// folders are the empty ones that every Linux machine has: see file-hierarchy(7).
func (b *builder) folders() {
	for _, path := range []string{
		"/boot", "/etc", "/home", "/media", "/mnt", "/opt", "/run/lock", "/srv", "/var/cache", "/var/lib", "/var/log", "/var/spool",
	} {
		b.folder(path, 0o755)
	}
	b.folder("/root", 0o700)
	b.folder("/tmp", fs.ModeSticky|0o777)
	b.folder("/var/tmp", fs.ModeSticky|0o777)
	if b.err == nil {
		b.check("make /var/run", os.Symlink("/run", b.at("/var/run")))
	}
}

// system shows the programs and libraries of the real machine. Two folders are the test's own, with the real entries in
// them: /usr/local, and /usr/local/sbin, which comes first in PATH.
func (b *builder) system() {
	for _, path := range []string{"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"} {
		b.show(path)
	}
	for _, path := range []string{"/usr", "/usr/local", "/usr/local/sbin"} {
		b.folder(path, 0o755)
		entries, err := os.ReadDir(path)
		if !errors.Is(err, fs.ErrNotExist) {
			b.check("read "+path, err)
		}
		for _, entry := range entries {
			if one := filepath.Join(path, entry.Name()); one != "/usr/local" && one != "/usr/local/sbin" {
				b.show(one)
			}
		}
	}
}

// settings are the files of /etc without which programs do not start, or know no users. Small files are copies that a test
// may change.
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
	b.folder("/dev", 0o755)
	b.folder("/dev/shm", fs.ModeSticky|0o777)
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

// show gives the new root what the real one has at a path: a link as it is, a file or folder read-only.
func (b *builder) show(path string) {
	info, err := os.Lstat(path)
	if b.err != nil || err != nil {
		return // not every machine has it
	}
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(path)
		b.check("read "+path, err)
		b.check("make "+path, os.Symlink(target, b.at(path)))
	case info.IsDir():
		b.folder(path, 0o755)
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
