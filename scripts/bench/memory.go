package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var peakLine = regexp.MustCompile(`(?m)^VmHWM:\s+(\d+) kB$`)

// peakOf is the peak memory, in KiB, of the largest process of a process group, asked again and again while
// it runs. (What wait tells of a child includes the memory of the parent, which it had before it became
// another program.)
func peakOf(group int, ended <-chan struct{}) int64 {
	var peak int64
	for {
		select {
		case <-ended:
			return peak
		case <-time.After(5 * time.Millisecond):
		}
		for _, pid := range membersOf(group) {
			status, err := os.ReadFile("/proc/" + pid + "/status")
			if found := peakLine.FindSubmatch(status); err == nil && found != nil {
				if kibibytes, err := strconv.ParseInt(string(found[1]), 10, 64); err == nil {
					peak = max(peak, kibibytes)
				}
			}
		}
	}
}

// membersOf lists the processes of a group. In /proc/PID/stat it stands two places after the state, which
// follows the name in brackets (proc(5)).
func membersOf(group int) (pids []string) {
	all, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range all {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		if len(fields) > 2 && fields[2] == strconv.Itoa(group) {
			pids = append(pids, filepath.Base(filepath.Dir(path)))
		}
	}
	return pids
}
