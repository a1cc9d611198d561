// Package process runs programs, and ends them with all that they started.
//
// It is a leaf: it imports engine/fault, engine/openat and engine/regular, and nothing else of ours.
//
// # What a program gets
//
//   - The argument list as it is: no shell looks at it.
//   - The environment that the caller gives, complete, and MarkVariable. Nothing is inherited;
//     BaseEnvironment is where callers start from.
//   - Umask 022, the directory asked for, and a session and process group of its own without a terminal: a
//     program that wants to ask for a password there fails at once and does not hang.
//   - An empty standard input unless there is something to read.
//   - A SIGKILL when gwe dies (PR_SET_PDEATHSIG). The kernel sends it when the thread that forked ends, not
//     the process; hence one goroutine holds the forking thread until the program has ended. The thread also
//     has a umask of its own (unshare of CLONE_FS), so that setting it races with nothing, and it ends with
//     the goroutine. The kernel drops the death signal for programs that change user (setuid) and for what
//     the program forks; recovery ends those by KillLeft.
//
// # How its tree ends
//
// A time-out and a cancelled context end the whole tree: SIGTERM (and SIGCONT, for the stopped ones), then,
// after the grace, SIGKILL until nothing is left. The tree is the session, the process group, the children
// and theirs, and every process whose environment has the mark of this command: also a daemon that forked
// twice and made its own session. What clears its environment and also leaves the session and its parent is
// still in the control group of its command.
//
// A command has a control group (cgroup, version 2) where its environment has a PlaceVariable and the machine
// lets gwe make one below its own. The program is started in it, and what it starts cannot leave it but by
// writing to another one, as root. The group's name begins with the run and the place, so that a recovery
// finds it in the hierarchy without a record, in whatever group the dead gwe was; after a reboot there is
// none. It goes with the command; where daemons live on, with Release or KillLeft, which put them where they
// would be without. Without a control group all else above holds, and what hides from that is the only one to
// get away.
//
// After an end that the caller does not accept, and without KeepDaemons after any end, what is left of the
// tree is ended too. With KeepDaemons, what a well-ended program left behind lives on; only its pipes are
// closed, after a short moment in which it may write the last lines.
//
// # Output
//
// Lines come as they are written, from one goroutine at a time, in bounded memory and at bounded length
// whatever the program prints: the head of each stream, then a line "… N bytes left out …", then the tail.
// OutputLimit bounds the head and 64 KiB the tail, by what a log writes for them: a line of 7 characters
// costs 135 bytes there, a control byte three.
package process

// MarkVariable is the environment variable that every program gets, with a value of its own for each command,
// by which its descendants are known.
const MarkVariable = "GWE_COMMAND"
