package command

import (
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// needed are the capabilities that gwe itself uses (capabilities(7)): files of any owner with their owners, modes, marks, devices and
// capabilities; programs of other users, looked at, ended, and started under other rights; mounts of `gwe test`; a reboot.
const needed = 1<<unix.CAP_CHOWN | 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_DAC_READ_SEARCH | 1<<unix.CAP_FOWNER | 1<<unix.CAP_FSETID |
	1<<unix.CAP_LINUX_IMMUTABLE | 1<<unix.CAP_MKNOD | 1<<unix.CAP_SETFCAP |
	1<<unix.CAP_KILL | 1<<unix.CAP_SETGID | 1<<unix.CAP_SETUID | 1<<unix.CAP_SETPCAP | 1<<unix.CAP_SYS_PTRACE | 1<<unix.CAP_SYS_RESOURCE |
	1<<unix.CAP_SYS_ADMIN | 1<<unix.CAP_SYS_CHROOT | 1<<unix.CAP_SYS_BOOT

// dropPrivileges takes from gwe's own threads the capabilities that it never uses: to load modules, to set the clock, to configure the
// network or to read its packets, and others. A program of a step has them again, if it runs as root, is not confined and may gain
// privileges: the kernel gives root's programs at their start what the bounding set allows.
//
// Where gwe has no CAP_SYS_PTRACE it keeps all: it could not look at its own programs any more, which would have more than itself. The same
// holds for a gwe that is built with cgo, whose threads are not all Go's.
func dropPrivileges() {
	if os.Geteuid() != 0 {
		return
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var has [2]unix.CapUserData
	if unix.Capget(&header, &has[0]) != nil || has[0].Permitted&(1<<unix.CAP_SYS_PTRACE) == 0 {
		return
	}
	for i := range has {
		keep := uint32(uint64(needed) >> (32 * i))
		has[i].Permitted &= keep
		has[i].Effective &= keep
	}
	// A kernel that refuses leaves gwe as it was.
	_, _, _ = syscall.AllThreadsSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&has[0])), 0)
}
