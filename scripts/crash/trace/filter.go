//go:build amd64

package trace

import (
	"debug/elf"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Launch installs the filter on this process and becomes the program: argv[0] is its path. It is what Run
// starts; it returns only where it fails.
func Launch(argv []string) error {
	if err := fixed(argv[0]); err != nil {
		return err
	}
	program := filter()
	runtime.LockOSThread() // the filter is this thread's, and execve keeps the calling thread
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return err
	}
	if os.Geteuid() != 0 { // then the kernel wants the promise that no program gains rights under the filter
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return err
		}
	}
	description := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&description))); errno != 0 {
		return fmt.Errorf("installing the seccomp filter: %w", errno)
	}
	return &os.PathError{Op: "execve", Path: argv[0], Err: syscall.Exec(argv[0], argv, os.Environ())}
}

// fixed reports whether a program's own calls come from a fixed address, as those of Go programs do.
func fixed(path string) error {
	file, err := elf.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	loaded := slices.ContainsFunc(file.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP })
	if file.Type != elf.ET_EXEC || loaded {
		return fmt.Errorf("%s is not linked at a fixed address: build it with CGO_ENABLED=0 and without -buildmode=pie", path)
	}
	return nil
}

// The offsets in struct seccomp_data of linux/seccomp.h.
const (
	offsetNumber       = 0
	offsetArchitecture = 4
	offsetPointer      = 8
	offsetArguments    = 16
)

// filter is the program that stops every changer whose call comes from below 4 GiB: only programs at a fixed
// address lie there.
func filter() []unix.SockFilter {
	load := func(offset uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
	}
	jump := func(how uint16, k uint32, yes, no uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | how | unix.BPF_K, K: k, Jt: yes, Jf: no}
	}
	allow := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW}
	stop := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_TRACE}
	program := []unix.SockFilter{
		load(offsetArchitecture), jump(unix.BPF_JEQ, auditArchitecture, 1, 0), allow,
		load(offsetPointer + 4), jump(unix.BPF_JEQ, 0, 1, 0), allow,
		load(offsetNumber),
	}
	for _, number := range slices.Sorted(maps.Keys(changers)) {
		c := changers[number]
		argument := load(offsetArguments + 8*uint32(c.flags))
		var body []unix.SockFilter
		switch {
		case c.wanted != 0:
			body = []unix.SockFilter{argument, jump(unix.BPF_JSET, c.wanted, 1, 0), allow, stop}
		case len(c.exactly) > 0:
			body = []unix.SockFilter{argument}
			for _, value := range c.exactly {
				body = append(body, jump(unix.BPF_JEQ, value, 0, 1), stop)
			}
			body = append(body, allow)
		default:
			body = []unix.SockFilter{stop}
		}
		program = append(append(program, jump(unix.BPF_JEQ, uint32(number), 0, uint8(len(body)))), body...)
	}
	return append(program, allow)
}
