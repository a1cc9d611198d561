package openat

import (
	"testing"

	"golang.org/x/sys/unix"
)

// TestIdentity: inode numbers tell files apart; where they do not outlive a mount, size and time do.
func TestIdentity(t *testing.T) {
	file := Identity{Device: 1, Inode: 2, Born: 3, Kind: unix.S_IFREG, Size: 5, Modified: 6}
	mounted := file
	mounted.Inode, mounted.Born = 99, 98
	volatile, remounted := file, mounted
	volatile.Volatile, remounted.Volatile = true, true
	grown := remounted
	grown.Size++
	rebooted, another := file, file
	rebooted.Device, another.Born = 7, 8
	ageless := file
	ageless.Born = 0
	agelessRebooted, agelessChanged := ageless, ageless
	agelessRebooted.Device = 7
	agelessChanged.Device, agelessChanged.Modified = 7, 8
	for name, c := range map[string]struct {
		a, b Identity
		same bool
	}{
		"itself": {file, file, true}, "another one": {file, mounted, false}, "mounted again": {volatile, remounted, true},
		"mounted again and changed": {volatile, grown, false}, "another file system": {volatile, mounted, false},
		"the disk has another number": {file, rebooted, true}, "the inode is used again": {file, another, false},
		"the same without times of birth": {ageless, agelessRebooted, true}, "nobody knows": {ageless, agelessChanged, false},
	} {
		if c.a.Is(c.b) != c.same {
			t.Errorf("%s: %v", name, !c.same)
		}
	}
}
