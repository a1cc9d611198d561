package process

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// cgroup is the directory of a control group of version 2; "" is none, and has no members.
type cgroup string

// hierarchy is the root of the control groups: where it always is, or where a machine has it that still uses
// version 1.
func hierarchy() cgroup {
	for _, directory := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		var system unix.Statfs_t
		if unix.Statfs(directory, &system) == nil && system.Type == unix.CGROUP2_SUPER_MAGIC {
			return cgroup(directory)
		}
	}
	return ""
}

// ownCgroup is the one that gwe itself is in, if its members can be seen: a container may have the hierarchy
// of another.
func ownCgroup() cgroup {
	root := hierarchy()
	text, err := os.ReadFile("/proc/self/cgroup")
	if root == "" || err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if path, found := strings.CutPrefix(line, "0::/"); found {
			own := cgroup(filepath.Join(string(root), "/", strings.TrimSuffix(path, "\n")))
			if slices.Contains(own.direct(), os.Getpid()) {
				return own
			}
		}
	}
	return ""
}

// make makes one below it; "" where this user or this machine does not let gwe.
func (c cgroup) make(name string) cgroup {
	made := cgroup(filepath.Join(string(c), name))
	if c == "" || unix.Mkdir(string(made), 0o755) != nil {
		return ""
	}
	return made
}

// direct are the processes in it, and not those in the ones below it. A process that this /proc does not show
// is 0.
func (c cgroup) direct() []int {
	if c == "" {
		return nil
	}
	text, err := os.ReadFile(filepath.Join(string(c), "cgroup.procs"))
	if err != nil {
		return nil
	}
	var pids []int
	for field := range bytes.FieldsSeq(text) {
		if pid, err := strconv.Atoi(string(field)); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// members are the living processes in it and below it.
func (c cgroup) members() []int {
	pids := c.direct()
	for _, inner := range c.below("") {
		pids = append(pids, inner.members()...)
	}
	return pids
}

// below are the ones right below it whose name begins with prefix.
func (c cgroup) below(prefix string) []cgroup {
	if c == "" {
		return nil
	}
	entries, err := os.ReadDir(string(c))
	if err != nil {
		return nil
	}
	var found []cgroup
	for _, entry := range entries {
		if entry.IsDir() && strings.HasPrefix(entry.Name(), prefix) {
			found = append(found, cgroup(filepath.Join(string(c), entry.Name())))
		}
	}
	return found
}

// kill sends SIGKILL to all in it and below it in one call, which no fork can slip through. Kernels before
// 5.14 cannot.
func (c cgroup) kill() { _ = c.write("cgroup.kill", 1) }

// write does not make the file: where it is not, this is not a control group, or the kernel is too old.
func (c cgroup) write(name string, value int) error {
	file, err := os.OpenFile(filepath.Join(string(c), name), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = file.WriteString(strconv.Itoa(value))
	return err
}

// remove takes it away with all below it, and reports whether it is gone: it stays while there are members.
func (c cgroup) remove() bool {
	if c == "" {
		return true
	}
	// A process that has just ended may still be on its way out of it.
	for end := time.Now().Add(time.Second); ; time.Sleep(time.Millisecond) {
		err := unix.Rmdir(string(c))
		if errors.Is(err, syscall.EBUSY) {
			for _, inner := range c.below("") {
				inner.remove()
			}
			err = unix.Rmdir(string(c))
		}
		if err == nil || errors.Is(err, syscall.ENOENT) {
			return true
		}
		if !errors.Is(err, syscall.EBUSY) || len(c.members()) > 0 || time.Now().After(end) {
			return false
		}
	}
}

// release lets its members live on in the one above it, and takes it away. Where the kernel refuses that,
// because the one above now hands out resources to those below it and can have no members of its own, it
// stays as long as its members do.
func (c cgroup) release() {
	above := cgroup(filepath.Dir(string(c)))
	// Members that fork all the time are not chased for ever; one that was killed, and cannot be moved any
	// more, takes its time to give back its memory.
	for end := time.Now().Add(time.Second); !c.remove() && time.Now().Before(end); time.Sleep(time.Millisecond) {
		for _, pid := range c.members() {
			if err := above.write("cgroup.procs", pid); err != nil && !errors.Is(err, syscall.ESRCH) {
				return
			}
		}
	}
}
