// Package scratch makes a machine out of nothing for one test: a process that sees an empty root of its own,
// and cannot reach the real one.
//
// What isolates it are namespaces of the kernel, always all of these, for root and for everybody else:
//
//	user     root inside is nobody's root outside: no device, clock, module, reboot or mount of the real machine
//	mount    a root of its own in memory; of the real one only /usr, /bin, /sbin, /lib* and a few files of /etc, read-only
//	pid      every process of the test ends with it, daemons too, and no other can be signalled
//	network  a loopback of its own and nothing else: no daemon of the real machine answers, on no port or socket
//	ipc, uts no shared memory; the host's name is "gwe-test"
//
// It keeps accidents out, not attackers. It imports engine/fault only. Where the kernel does not let it
// isolate, it refuses with what to do; it never continues without.
package scratch
