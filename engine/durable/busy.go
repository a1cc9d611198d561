package durable

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
)

// BusyError tells that another holds the lock. It is also a fault: refused, lock-busy.
type BusyError struct {
	Path string
	// Held is the path by which the holder knows what it holds; "" where that is Path.
	Held string
	// PID is the holder's, 0 where it cannot be known: in another pid namespace, say.
	PID int
	// Run is the id of the holder's run, "" where it cannot be known.
	Run string
	// RunDirectory is the directory of that run, "" where it cannot be known.
	RunDirectory string
	// Info is the content of a lock file; "" for a directory.
	Info string
}

// Error names the path, and the holder as far as it is known.
func (b *BusyError) Error() string {
	holder := "another process"
	switch {
	case b.PID == os.Getpid():
		holder = "this very process"
	case b.PID != 0:
		holder = fmt.Sprintf("process %d", b.PID)
	}
	if b.Run != "" {
		holder += ", run " + b.Run
	}
	if b.Held != "" {
		return fmt.Sprintf("%s is locked by %s, which holds %s", b.Path, holder, b.Held)
	}
	return fmt.Sprintf("%s is locked by %s", b.Path, holder)
}

// Unwrap gives the fault.
func (b *BusyError) Unwrap() error {
	return fault.New(fault.Refused, "lock-busy", "%s", b.Error()).WithHint("%s", b.hint())
}

// hint says what to do about the holder, by command.
func (b *BusyError) hint() string {
	if b.PID == 0 {
		return "wait until it has ended"
	}
	if state, err := stateOf(b.PID); err == nil && (state == 'T' || state == 't') {
		return fmt.Sprintf("it was stopped (SIGSTOP): `kill -CONT %d` lets it continue; `ps -fp %[1]d` shows what it is", b.PID)
	}
	if b.RunDirectory == "" {
		return fmt.Sprintf("wait until it has ended; `ps -fp %d` shows what it is", b.PID)
	}
	state := filepath.Dir(filepath.Dir(b.RunDirectory))
	return fmt.Sprintf("wait until it has ended: `gwe status --state-dir %s` says what it does, `gwe log --follow --state-dir %[1]s` shows it; "+
		"or roll it back: `gwe cancel --state-dir %[1]s`", state)
}

// busy finds out who holds the lock. All of it is best effort: the holder may end meanwhile.
func busy(path string, file *os.File) *BusyError {
	found := &BusyError{Path: path}
	if status, err := file.Stat(); err == nil && status.Mode().IsRegular() {
		content, _ := io.ReadAll(io.LimitReader(file, 4096))
		found.Info = strings.TrimSpace(string(content))
		var named struct {
			PID int    `json:"pid"`
			Run string `json:"run"`
		}
		if json.Unmarshal(content, &named) == nil {
			found.PID, found.Run = named.PID, named.Run
		}
	}
	if holder := holderOf(file); holder != 0 && holder != found.PID {
		// The content is that of an earlier holder, who died with the lock in hand.
		found.PID, found.Run, found.Info = holder, "", ""
	}
	found.addRun()
	return found
}

// BusyOn tells who holds the lock on an open file that was never another's: its content names the process and
// its run.
func BusyOn(path string, file *os.File, pid int, run string) *BusyError {
	found := &BusyError{Path: path, PID: pid, Run: run}
	if holder := holderOf(file); holder != 0 && holder != pid && (pid == 0 || isDead(pid)) {
		// Else the lock was inherited by the process that the content names: the kernel continues to name the
		// one that took it.
		found.PID = holder
	}
	found.addRun()
	return found
}

func (b *BusyError) addRun() {
	if b.PID != 0 {
		b.RunDirectory = runOf(b.PID)
	}
	if b.Run == "" && b.RunDirectory != "" {
		b.Run = filepath.Base(b.RunDirectory)
	}
}

// holderOf asks /proc/locks, whose lines read "1: FLOCK ADVISORY WRITE 1234 fe:00:5678 0 EOF": pid, then
// device and inode. On btrfs and overlayfs the device differs from stat's; then it is the process that locks
// that inode number and has the file open: another file system has the number too.
func holderOf(file *os.File) int {
	var status unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &status); err != nil {
		return 0
	}
	inode := strconv.FormatUint(status.Ino, 10)
	device := fmt.Sprintf("%02x:%02x", unix.Major(uint64(status.Dev)), unix.Minor(uint64(status.Dev)))
	table, err := os.Open("/proc/locks")
	if err != nil {
		return 0
	}
	defer table.Close()
	var sameInode []int
	lines := bufio.NewScanner(table)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 8 || fields[1] != "FLOCK" {
			continue
		}
		pid, err := strconv.Atoi(fields[4])
		identity := strings.LastIndexByte(fields[5], ':')
		if err != nil || pid <= 0 || identity < 0 || fields[5][identity+1:] != inode {
			continue
		}
		if fields[5][:identity] == device {
			return pid
		}
		sameInode = append(sameInode, pid)
	}
	for _, pid := range sameInode {
		if hasOpen(pid, status) {
			return pid
		}
	}
	return 0
}

// hasOpen reports whether a process has the file open, as far as this one may see that.
func hasOpen(pid int, file unix.Stat_t) bool {
	directory := fmt.Sprintf("/proc/%d/fd", pid)
	entries, _ := os.ReadDir(directory)
	for _, entry := range entries {
		var open unix.Stat_t
		if unix.Stat(filepath.Join(directory, entry.Name()), &open) == nil && open.Dev == file.Dev && open.Ino == file.Ino {
			return true
		}
	}
	return false
}

// isDead reports whether a process has ended, reaped or not.
func isDead(pid int) bool {
	if pid <= 0 {
		return false
	}
	state, err := stateOf(pid)
	if err != nil {
		return errors.Is(unix.Kill(pid, 0), unix.ESRCH)
	}
	return state == 'Z' || state == 'X'
}

// stateOf is the kernel's letter for what a process does: R, S, D, T, Z.
func stateOf(pid int) (byte, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The state follows the program's name in parentheses, which may hold any character.
	_, rest, _ := strings.Cut(string(text[max(0, strings.LastIndexByte(string(text), ')')):]), " ")
	if rest == "" {
		return 0, nil
	}
	return rest[0], nil
}

// runOf finds the directory of the run of a gwe process: it has its journal open, .../runs/<id>/journal.
func runOf(pid int) string {
	directory := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(directory)
	if err != nil {
		return ""
	}
	for _, entry := range entries {
		target, err := os.Readlink(filepath.Join(directory, entry.Name()))
		target = strings.TrimSuffix(target, " (deleted)") // as the kernel calls what was deleted since
		if err != nil || filepath.Base(target) != "journal" {
			continue
		}
		run := filepath.Dir(target)
		if filepath.Base(filepath.Dir(run)) == "runs" {
			return run
		}
	}
	return ""
}
