package file

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
)

// TestFullDisk: what does not fit is told as that, and undo leaves nothing.
func TestFullDisk(t *testing.T) {
	root := t.TempDir()
	point := root + "/full"
	must(t, os.Mkdir(point, 0o755))
	must(t, unix.Mount("tmpfs", point, "tmpfs", 0, "size=64k"))
	t.Cleanup(func() { must(t, unix.Unmount(point, unix.MNT_DETACH)) })
	must(t, os.Mkdir(root+"/tree", 0o755))
	must(t, os.WriteFile(root+"/tree/big", make([]byte, 1<<20), 0o600))
	for name, tried := range map[string]step.Type{"copy": Copy(), "move": Move()} {
		run, arguments := runOf(t), map[string]any{"from": root + "/tree", "to": point + "/tree"}
		memo, err := tried.Prepare(t.Context(), run, arguments)
		must(t, err)
		_, err = tried.Do(t.Context(), run, arguments, memo)
		if found := fault.As(err); found == nil || found.Code != "disk-full" {
			t.Errorf("%s: %v", name, err)
		}
		must(t, tried.Undo(t.Context(), run, arguments, memo))
		if left, _ := os.ReadDir(point); len(left) > 0 {
			t.Errorf("%s: %v is left", name, left)
		}
		if info, err := os.Stat(root + "/tree/big"); err != nil || info.Size() != 1<<20 {
			t.Errorf("%s: the source is %v, %v", name, info, err)
		}
	}
}

// TestIdentity: inode numbers tell files apart; where they do not outlive a mount, size and time do.
func TestIdentity(t *testing.T) {
	file := identity{Device: 1, Inode: 2, Born: 3, Kind: unix.S_IFREG, Size: 5, Modified: 6}
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
		a, b identity
		same bool
	}{
		"itself": {file, file, true}, "another one": {file, mounted, false}, "mounted again": {volatile, remounted, true},
		"mounted again and changed": {volatile, grown, false}, "another file system": {volatile, mounted, false},
		"the disk has another number": {file, rebooted, true}, "the inode is used again": {file, another, false},
		"the same without times of birth": {ageless, agelessRebooted, true}, "nobody knows": {ageless, agelessChanged, false},
	} {
		if c.a.is(c.b) != c.same {
			t.Errorf("%s: %v", name, !c.same)
		}
	}
}
