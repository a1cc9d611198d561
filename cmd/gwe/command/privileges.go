package command

import (
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// needed are the capabilities that gwe itself uses, see capabilities(7). "All" are the steps with a path.
const needed = 1<<unix.CAP_CHOWN | // owners: copy, rsync, unpack, mkdir, and every undo of them
	1<<unix.CAP_DAC_OVERRIDE | // files and directories of any owner and mode: all
	1<<unix.CAP_DAC_READ_SEARCH | // a further name for an open file: link-tree
	1<<unix.CAP_FOWNER | // modes and times of a file of another user, names in a sticky directory: all
	1<<unix.CAP_FSETID | // set-group-ID for a group that root is not in: chmod, copy, rsync, unpack
	1<<unix.CAP_LINUX_IMMUTABLE | // chattr +i and +a, cleared before a file is deleted: all
	1<<unix.CAP_MKNOD | // device nodes, whiteouts of overlayfs: copy, move, rsync
	1<<unix.CAP_SETFCAP | // file capabilities: chmod, copy, rsync, unpack; gwe test, whose user namespace has root
	1<<unix.CAP_SYS_ADMIN | // attributes in security.* and trusted.*: copy, move, rsync, unpack; namespaces: gwe test
	1<<unix.CAP_MAC_ADMIN | // labels of Smack, and labels that SELinux does not know: copy, move, rsync
	1<<unix.CAP_MAC_OVERRIDE | // Smack's own DAC_OVERRIDE: all
	1<<unix.CAP_SYS_RESOURCE | // reserved blocks, a quota that is used up: the journal, every undo
	1<<unix.CAP_SETUID | // user: run, hook; the users of gwe test
	1<<unix.CAP_SETGID | // group: run, hook; the groups of gwe test
	1<<unix.CAP_KILL | // ending programs of another user: run, hook, recovery
	1<<unix.CAP_SYS_PTRACE // environment and open files of any program: recovery, prune

// dropPrivileges takes from the effective set of all threads what gwe never uses: to load modules, to set the
// clock, to configure the network, to read its packets, and others.
//
// The permitted set stays whole. If it did not, execve would give a program of root's its capabilities back
// as a gain, and for a gain the kernel clears the death signal (commit_creds in kernel/cred.c): programs of a
// step, and the gwe that a run was handed over to, would outlive a gwe that is killed. Nor would a smaller
// permitted set protect more, since any program that gwe can start has all capabilities anyway.
//
// Without CAP_SYS_PTRACE gwe keeps all: it could not look at its own programs any more, which have more than
// itself. So does a gwe that is built with cgo: AllThreadsSyscall fails there, since Go does not know all
// threads.
func dropPrivileges() {
	if os.Geteuid() != 0 {
		return
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var has [2]unix.CapUserData
	if unix.Capget(&header, &has[0]) != nil || has[0].Effective&(1<<unix.CAP_SYS_PTRACE) == 0 {
		return
	}
	for i := range has {
		has[i].Effective &= uint32(uint64(needed) >> (32 * i))
	}
	// A kernel that refuses leaves gwe as it was.
	_, _, _ = syscall.AllThreadsSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&has[0])), 0)
}
