package process

import "golang.org/x/sys/unix"

// NoDump keeps the memory of this process out of core files, whatever the core pattern of the machine, and
// from other processes of the same user that would read it, for good. Programs that it starts are as they
// were: execve sets this anew.
func NoDump() error { return unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }
