package step

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/need"
)

func TestSpaceOf(t *testing.T) {
	for _, test := range []struct {
		name   string
		status unix.Statfs_t
		want   int64
	}{
		{"as ext4 reports it", unix.Statfs_t{Bsize: 4096, Frsize: 4096, Blocks: 100, Bfree: 20, Bavail: 10}, 40960},
		{"in fragments, as FUSE may report it", unix.Statfs_t{Bsize: 1 << 20, Frsize: 512, Blocks: 100, Bfree: 20, Bavail: 10}, 5120},
		{"without fragments", unix.Statfs_t{Bsize: 512, Blocks: 100, Bfree: 20, Bavail: 10}, 5120},
		{"a full one", unix.Statfs_t{Bsize: 4096, Frsize: 4096, Blocks: 100}, 0},
		{"no size", unix.Statfs_t{Bsize: 4096, Frsize: 4096}, SpaceUnknown},
		{"more than a number holds", unix.Statfs_t{Bsize: 1 << 20, Blocks: 1 << 50, Bavail: 1 << 50}, SpaceUnknown - 1},
	} {
		if got := spaceOf(&test.status); got != test.want {
			t.Errorf("%s: %d, want %d", test.name, got, test.want)
		}
	}
}

func TestSpaceOfARamfs(t *testing.T) {
	directory := t.TempDir()
	need.Root(t, "it mounts a ramfs")
	if err := unix.Mount("ramfs", directory, "ramfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(directory, unix.MNT_DETACH) })
	if free, err := (Local{}).Space(directory); err != nil || free != SpaceUnknown {
		t.Errorf("%d bytes are free, %v; want SpaceUnknown", free, err)
	}
}
