package command

import (
	"fmt"

	"github.com/landlock-lsm/go-landlock/landlock"
	kernel "github.com/landlock-lsm/go-landlock/landlock/syscall"
)

// giveUpWriting makes the kernel refuse this process, in all its threads and for good, to change any file, to
// execute any program, to signal other processes, and to open a TCP port: Landlock, Linux 5.13 and later;
// what an older kernel cannot refuse it leaves out. Streams that are open already stay. Reading stays too,
// and so do connections, by which the plan of a step may ask a daemon.
//
// It tells for people what the kernel keeps. Plans do without where the kernel keeps nothing: they only read
// anyhow, and this is the second lock on that door.
func giveUpWriting() (string, error) {
	version, err := kernel.LandlockGetABIVersion()
	if err != nil || version < 1 {
		return "this kernel has no Landlock: that the plan only reads is gwe's own word", nil
	}
	config, err := landlock.NewConfig(
		landlock.AccessFSSet(kernel.AccessFSExecute|kernel.AccessFSWriteFile|kernel.AccessFSTruncate|
			kernel.AccessFSRemoveDir|kernel.AccessFSRemoveFile|kernel.AccessFSRefer|
			kernel.AccessFSMakeChar|kernel.AccessFSMakeDir|kernel.AccessFSMakeReg|kernel.AccessFSMakeSock|
			kernel.AccessFSMakeFifo|kernel.AccessFSMakeBlock|kernel.AccessFSMakeSym|kernel.AccessFSIoctlDev),
		landlock.AccessNetSet(kernel.AccessNetBindTCP),
		landlock.ScopedSet(kernel.ScopeSignal),
	)
	if err != nil {
		return "", err
	}
	if err := config.BestEffort().Restrict(); err != nil {
		return "", err
	}
	return fmt.Sprintf("from here on the kernel lets gwe change and execute nothing (Landlock, version %d)", version), nil
}
