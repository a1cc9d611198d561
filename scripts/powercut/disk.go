//go:build amd64 || arm64

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// makers make a file system in an image; xfs wants 300 MiB at least.
var makers = map[string]struct {
	mebibytes int64
	command   []string
}{
	"ext4": {48, []string{"mkfs.ext4", "-q", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0"}},
	"xfs":  {300, []string{"mkfs.xfs", "-q"}},
}

// makeImage makes an empty file system.
func makeImage(path, files string) error {
	maker, ok := makers[files]
	if !ok {
		return fmt.Errorf("no file system %q: ext4 or xfs", files)
	}
	if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, maker.mebibytes<<20)); err != nil {
		return err
	}
	return run(append(maker.command, path)...)
}

// copyImage copies an image and keeps its holes.
func copyImage(from, to string) error { return run("cp", "--sparse=always", from, to) }

// mount gives the file system in an image, or on a device, to the machine.
func mount(image, directory string) error {
	if strings.HasPrefix(image, "/dev/") {
		return run("mount", image, directory)
	}
	return run("mount", "-o", "loop", image, directory)
}

// unmount ends whatever process of the machine is still there, and waits until it is gone. One that is seen
// for less than half a second may be another worker's: until it executes its program, which may take its time
// on a busy machine, a child has all files open that its parent has.
func unmount(directory string) (err error) {
	seen := map[int]int{}
	for range 500 {
		if err = unix.Unmount(directory, 0); !errors.Is(err, unix.EBUSY) {
			return err
		}
		users := usersOf(directory)
		slices.Sort(users)
		for _, pid := range slices.Compact(users) {
			if seen[pid]++; seen[pid] > 50 {
				_ = unix.Kill(pid, unix.SIGKILL)
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("unmounting %s: %w", directory, err)
}

// usersOf are the processes that work in a directory, or have a file below it open.
func usersOf(directory string) (pids []int) {
	links, _ := filepath.Glob("/proc/[0-9]*/cwd")
	opened, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, link := range append(links, opened...) {
		at, err := os.Readlink(link)
		pid, notPID := strconv.Atoi(strings.Split(link, "/")[2])
		if err == nil && notPID == nil && pid != os.Getpid() && strings.HasPrefix(at+"/", directory+"/") {
			pids = append(pids, pid)
		}
	}
	return pids
}

// shutDown is FS_IOC_SHUTDOWN of linux/fs.h, _IOR('X', 125, __u32); withoutFlush forgets the file system's
// log too.
const (
	shutDown     = 2<<30 | 4<<16 | 'X'<<8 | 125
	withoutFlush = 2
)

// cutPower makes the file system forget all that is not on its disk. Whoever still writes to it gets an
// error.
func cutPower(directory string) error {
	opened, err := os.Open(directory)
	if err != nil {
		return err
	}
	defer opened.Close()
	how := uint32(withoutFlush)
	if _, _, failed := unix.Syscall(unix.SYS_IOCTL, opened.Fd(), shutDown, uintptr(unsafe.Pointer(&how))); failed != 0 {
		return fmt.Errorf("cutting the power of %s: %w", directory, failed)
	}
	return nil
}

func run(words ...string) error {
	command := exec.Command(words[0], words[1:]...)
	command.SysProcAttr = &unix.SysProcAttr{Setpgid: true} // a Ctrl-C is for the campaign
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(words, " "), err, output)
	}
	return nil
}
