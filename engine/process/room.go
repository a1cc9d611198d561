package process

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Room is how many more processes and threads this process and its children may start, and which limit says
// so; -1 where none is known. A limit that is reached ends a start with EAGAIN.
func Room() (free int, limit string) {
	free = -1
	least := func(left int, name string) {
		if left = max(0, left); free < 0 || left < free {
			free, limit = left, name
		}
	}
	for group := ownCgroup(); group != ""; group = cgroup(filepath.Dir(string(group))) {
		most, err := group.read("pids.max")
		now, countErr := group.read("pids.current")
		if err == nil && countErr == nil {
			least(most-now, "pids.max of the control group "+string(group))
		}
		if group == hierarchy() || len(group) <= 1 {
			break
		}
	}
	var user unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NPROC, &user) == nil && user.Cur < 1<<20 && boundByUser() {
		if count, err := threadsOf(os.Getuid()); err == nil {
			least(int(user.Cur)-count, "the limit of this user (ulimit -u)")
		}
	}
	return free, limit
}

// read reads a number of the control group; "max" is none.
func (c cgroup) read(name string) (int, error) {
	text, err := os.ReadFile(filepath.Join(string(c), name))
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}

// boundByUser reports whether the limit of the user's processes holds for this process: the kernel spares
// root, and whoever may override resource limits.
func boundByUser() bool {
	const resource, admin = 1 << unix.CAP_SYS_RESOURCE, 1 << unix.CAP_SYS_ADMIN
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	if os.Getuid() == 0 || unix.Capget(&header, &sets[0]) != nil {
		return false
	}
	return sets[0].Effective&(resource|admin) == 0
}

// threadsOf counts the threads of a user's processes, as far as this /proc shows them.
func threadsOf(user int) (int, error) {
	all, err := processes()
	if err != nil {
		return 0, err
	}
	count := 0
	for pid := range all {
		status, err := os.Stat("/proc/" + strconv.Itoa(pid))
		if err != nil {
			continue // it ended meanwhile
		}
		if owner, ok := status.Sys().(*syscall.Stat_t); !ok || int(owner.Uid) != user {
			continue
		}
		entries, err := os.ReadDir("/proc/" + strconv.Itoa(pid) + "/task")
		if err == nil {
			count += len(entries)
		}
	}
	return count, nil
}
