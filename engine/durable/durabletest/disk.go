// Package durabletest gives tests a real file system whose power can be cut, and that can be full.
//
// It imports engine/need of ours, and is imported by tests only. They run as root, and need mkfs.ext4
// (e2fsprogs).
package durabletest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/need"
)

// Disk is an ext4 file system of its own in a file.
type Disk struct {
	t       testing.TB
	image   string
	mounted bool
	// Directory is where it is mounted.
	Directory string
}

// NewDisk makes and mounts a file system of that many MiB, 4 at least; the end of the test unmounts it.
func NewDisk(t testing.TB, mebibytes int64) *Disk {
	t.Helper()
	need.Root(t, "it mounts a disk")
	base := t.TempDir()
	disk := &Disk{t: t, image: filepath.Join(base, "image"), Directory: filepath.Join(base, "disk")}
	if err := errors.Join(os.Mkdir(disk.Directory, 0o755), os.WriteFile(disk.image, nil, 0o600), os.Truncate(disk.image, mebibytes<<20)); err != nil {
		t.Fatal(err)
	}
	disk.command("mkfs.ext4", "-q", "-m", "0", disk.image)
	disk.mount()
	t.Cleanup(disk.unmount)
	return disk
}

// shutDown is the FS_IOC_SHUTDOWN of Linux, _IOR('X', 125, __u32).
const shutDown = 2<<30 | 4<<16 | 'X'<<8 | 125

// withoutFlush loses what is only in memory, the file system's own log included: as a power cut does.
const withoutFlush = 2

// Cut takes the power away and gives it back: what was not synced may be gone. No file on it may be open any
// more, or it must be closed by the test before Cut returns to use.
func (d *Disk) Cut() {
	d.t.Helper()
	directory, err := os.Open(d.Directory)
	if err != nil {
		d.t.Fatal(err)
	}
	how := uint32(withoutFlush)
	_, _, failed := unix.Syscall(unix.SYS_IOCTL, directory.Fd(), shutDown, uintptr(unsafe.Pointer(&how)))
	_ = directory.Close()
	if failed != 0 {
		d.t.Fatalf("cutting the power of %s: %v", d.Directory, failed)
	}
	d.unmount()
	d.mount()
}

// Fill takes all the space that is left, and gives the path of the file that holds it.
func (d *Disk) Fill() string {
	d.t.Helper()
	path := filepath.Join(d.Directory, "filler")
	file, err := os.Create(path)
	if err != nil {
		d.t.Fatal(err)
	}
	defer file.Close()
	for size := 1 << 20; size > 0; {
		if _, err := file.Write(make([]byte, size)); err == nil {
			continue
		} else if !errors.Is(err, syscall.ENOSPC) {
			d.t.Fatal(err)
		}
		size /= 2
	}
	return path
}

func (d *Disk) mount() {
	d.t.Helper()
	d.command("mount", "-o", "loop", d.image, d.Directory)
	d.mounted = true
}

// unmount waits until the file system is gone: a mount namespace that another process made meanwhile has the
// mount too, for as long as it lives, and what is mounted next would be the same file system, without power
// still.
func (d *Disk) unmount() {
	d.t.Helper()
	if !d.mounted {
		return
	}
	d.mounted = false
	d.command("umount", d.Directory)
	for late := time.Now().Add(time.Minute); d.command("losetup", "--associated", d.image) != ""; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(late) {
			d.t.Fatalf("another mount namespace still has %s", d.Directory)
		}
	}
}

func (d *Disk) command(name string, arguments ...string) (said string) {
	d.t.Helper()
	output, err := exec.Command(name, arguments...).CombinedOutput()
	if err != nil {
		d.t.Fatalf("%s %q: %v\n%s", name, arguments, err, output)
	}
	return string(output)
}
