package process

import (
	"math"

	"golang.org/x/sys/unix"
)

// keepInherited sees to it that no program started from now on gets a descriptor that gwe was started with,
// but for the standard three: a file that only root can open, say. The descriptors that gwe opens itself, and
// those that it means to pass on, are not concerned.
func keepInherited() {
	if unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC) == nil {
		return
	}
	// Linux before 5.11: gwe inherits low numbers, and those that are not open are passed over.
	for descriptor := 3; descriptor < 1024; descriptor++ {
		unix.CloseOnExec(descriptor)
	}
}
