package host

import (
	"time"

	"golang.org/x/sys/unix"
)

// Moment is a time that no setting of a clock changes: a boot, and the time since it began.
type Moment struct {
	// Boot is the boot's id, as BootID gives it.
	Boot string
	// Since is the time since the boot, with the time that the machine slept: CLOCK_BOOTTIME of
	// clock_gettime(2).
	Since time.Duration
}

// Now is the moment of the machine.
func Now() Moment {
	var since unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &since); err != nil {
		return Moment{Boot: BootID()} // a kernel before 2.6.39
	}
	return Moment{Boot: BootID(), Since: time.Duration(since.Nano())}
}
