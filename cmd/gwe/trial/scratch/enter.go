package scratch

import (
	"encoding/json"
	"errors"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// Directory is where the test's own things lie inside; no tree is compared there.
const Directory = "/run/gwe-test"

// mounts is the file that lists what belongs to the real machine. That it is there tells that this is a
// scratch machine.
const mounts = Directory + "/mounts"

// Layout says how a scratch machine is made.
type Layout struct {
	// Root is an empty directory of the real machine. The new root is mounted over it; or is it, where Keep
	// is true, and then stays to be looked at.
	Root string `json:"root"`
	Keep bool   `json:"keep,omitempty"`
	// Shown are real directories, by the path from the new root at which they are seen, read-only.
	Shown map[string]string `json:"shown"`
	// Own are paths, from the new root, that the test itself makes: nothing of the real machine is shown
	// there, and the directories around them can be written.
	Own []string `json:"own"`
	// Mounts are paths, from the new root, of the test's own directories on which something is mounted: each
	// on itself.
	Mounts []string `json:"mounts,omitempty"`
	// Outside is the mount namespace of the real machine, as Outside gives it.
	Outside string `json:"outside"`
}

// Outside names the mount namespace of this process.
func Outside() (string, error) { return os.Readlink("/proc/self/ns/mnt") }

// Enter makes the scratch machine and its root the root of this process, which Command has started.
func Enter(layout Layout) error {
	if here, err := Outside(); err != nil || here == layout.Outside || os.Getpid() != 1 {
		return cannot("change the root of a process that is not a test's", errors.Join(err, unix.EPERM))
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return cannot("keep mounts apart", err)
	}
	made := &builder{root: layout.Root}
	made.opened(layout.Own)
	if layout.Keep {
		made.mount("bind the root", layout.Root, layout.Root, "", unix.MS_BIND|unix.MS_REC, "")
	} else {
		made.mount("mount the root", "tmpfs", layout.Root, "tmpfs", 0, "mode=0755")
	}
	made.directories()
	made.system()
	made.settings()
	made.devices()
	made.directory("/proc", 0o555)
	made.mount("mount /proc", "proc", made.at("/proc"), "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
	made.readOnly("/proc", 0)
	for at, directory := range layout.Shown {
		made.directory(at, 0o755)
		made.bind(directory, at)
	}
	slices.Sort(layout.Mounts) // a directory before what is mounted in it
	for _, at := range layout.Mounts {
		made.directory(at, 0o755)
		made.mount("mount "+at, made.at(at), made.at(at), "", unix.MS_BIND, "")
	}
	made.list()
	if made.err != nil {
		return made.err
	}
	return become(layout.Root)
}

// become makes a directory the root, and lets go of the old one: see pivot_root(2).
func become(root string) error {
	if err := unix.Chdir(root); err != nil {
		return cannot("enter the root", err)
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return cannot("change the root", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return cannot("let go of the old root", err)
	}
	if err := unix.Chdir("/"); err != nil {
		return cannot("enter the root", err)
	}
	if err := unix.Sethostname([]byte("gwe-test")); err != nil {
		return cannot("name the host", err)
	}
	if err := loopback(); err != nil {
		return cannot("bring the loopback up", err)
	}
	unix.Umask(0o022)
	return nil
}

// loopback brings the network interface "lo" up: see netdevice(7).
func loopback() error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(socket)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, request)
}

// Foreign lists the paths of a scratch machine that belong to the real one, or to the test. Its error means
// that this is not a scratch machine.
func Foreign() ([]string, error) {
	text, err := os.ReadFile(mounts)
	if err != nil {
		return nil, cannot("act on a machine that is not a test's", err)
	}
	var paths []string
	return paths, json.Unmarshal(text, &paths)
}

// list leaves the list of mounts for Foreign.
func (b *builder) list() {
	b.directory(Directory, 0o755)
	text, err := json.Marshal(append(slices.Clone(b.mounted), Directory))
	b.check("list the mounts", err)
	b.check("list the mounts", os.WriteFile(b.at(mounts), text, 0o644))
}
