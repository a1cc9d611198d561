//go:build amd64 || arm64

// Command powercut cuts the power under gwe and asks the oracle whether the machine is old or new. It runs as
// root, on file systems of its own in files.
//
//	cut       an update runs on ext4 or xfs; at a random moment the file system forgets all that is not on the disk
//	          (FS_IOC_SHUTDOWN without a flush of its log); it is mounted again, gwe recovers, the oracle judges
//	record    the same, as soon as the journal has so many records
//	writes    an update's block writes are recorded by a FUSE file below a loop device. The disk as it was after each of them is
//	          made again, mounted, recovered and judged
//	reorder   the same, but of the writes since the last flush a random part is there, in any order
//	machine   a whole machine in QEMU goes from change to change, and recovers when it boots; after a random number of writes
//	          and flushes QEMU is killed, and of the blocks written since the last flush a random part is lost. The same disk
//	          continues, into the next boot and the next cut
//
// Each trial has a name, KIND/FILE SYSTEM/CHANGE/NUMBER, which tells with the seed what it does; it is tried
// again by that name. A machine's trials are named machine/FILE SYSTEM/NUMBER, and begin where the one before
// has ended; so a disk on which the oracle finds a violation is kept, and --disk boots it again.
//
// Results go to a file that a later call adds to: a campaign stops with Ctrl-C, and continues.
//
// It is built for 64 bits only, as go-fuse, its FUSE library, does not compile for 32.
package main
