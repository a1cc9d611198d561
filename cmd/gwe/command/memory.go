package command

import (
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// releaseStartup gives back what only the start needed: the heap of compiling, and the pages of the program's
// code that nobody asks for any more. A page that is asked for again comes from the page cache. So an update
// of any size stays within 32 MiB.
func releaseStartup() {
	debug.FreeOSMemory()
	program, err := os.Executable()
	if err != nil {
		return
	}
	table, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return
	}
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line)
		if len(fields) < 6 || fields[5] != program || fields[1] != "r-xp" {
			continue // only code is as it is in the file: a linker may have written to all else
		}
		from, to, _ := strings.Cut(fields[0], "-")
		begin, failed := strconv.ParseUint(from, 16, 64)
		end, wrong := strconv.ParseUint(to, 16, 64)
		if failed != nil || wrong != nil || begin >= end {
			continue
		}
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, uintptr(begin), uintptr(end-begin), unix.MADV_DONTNEED)
	}
}
