package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// disk is a fresh ext4 of a contender's own, on a loop device: what another one wrote before can neither be
// in its way, nor wait to be written beside it.
type disk struct {
	image, device, mountPoint string
}

// newDisk makes a file system of so many bytes and files, and mounts it. Its tables are written beforehand:
// else the kernel would write them while something is measured.
func newDisk(image, mountPoint string, bytes int64, files int) (*disk, error) {
	d := &disk{image: image, mountPoint: mountPoint}
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		return nil, err
	}
	if err := errors.Join(os.Truncate(image, bytes), os.MkdirAll(mountPoint, 0o755)); err != nil {
		return nil, err
	}
	if err := must([]string{"mkfs.ext4", "-q", "-F", "-N", strconv.Itoa(files), "-E", "lazy_itable_init=0,lazy_journal_init=0", image}); err != nil {
		return nil, err
	}
	device, err := exec.Command("losetup", "--find", "--show", image).Output()
	if err != nil {
		return nil, fmt.Errorf("losetup: %w", err)
	}
	d.device = strings.TrimSpace(string(device))
	return d, must([]string{"mount", d.device, mountPoint})
}

// remove unmounts the file system and removes what it lies in.
func (d *disk) remove() error {
	if d == nil {
		return nil
	}
	var unmounted, detached error
	if d.device != "" {
		unmounted = must([]string{"umount", d.mountPoint})
		detached = must([]string{"losetup", "--detach", d.device})
	}
	return errors.Join(unmounted, detached, os.Remove(d.image))
}

// written is how many bytes the device was given to write since it was made, by the seventh number of its
// stat (Documentation/block/stat.rst of the kernel: sectors of 512 bytes).
func (d *disk) written() (int64, error) {
	text, err := os.ReadFile(filepath.Join("/sys/block", filepath.Base(d.device), "stat"))
	if err != nil {
		return 0, err
	}
	numbers := strings.Fields(string(text))
	if len(numbers) < 7 {
		return 0, fmt.Errorf("the statistics of %s have only %d numbers", d.device, len(numbers))
	}
	sectors, err := strconv.ParseInt(numbers[6], 10, 64)
	return sectors * 512, err
}
