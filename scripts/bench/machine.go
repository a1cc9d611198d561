package main

import (
	"fmt"
	"os"
	"regexp"
	"runtime"

	"golang.org/x/sys/unix"
)

// machine describes in one line where the figures were measured.
func machine() string {
	processor := runtime.GOARCH
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if found := regexp.MustCompile(`(?m)^model name\s*:\s*(.*)$`).FindSubmatch(text); found != nil {
			processor = string(found[1])
		}
	}
	var memory unix.Sysinfo_t
	var kernel unix.Utsname
	if unix.Sysinfo(&memory) != nil || unix.Uname(&kernel) != nil {
		return processor
	}
	release := regexp.MustCompile(`^[0-9]+\.[0-9]+`).FindString(string(kernel.Release[:]))
	return fmt.Sprintf("%d cores of %s, %d GiB, Linux %s, each contender on an ext4 of its own on a loop device",
		runtime.NumCPU(), processor, uint64(memory.Totalram)*uint64(memory.Unit)>>30, release)
}
