package process

import (
	"bytes"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
)

// Identity tells a process from every other, also from a later one with the same pid, and across reboots.
type Identity struct {
	PID int `json:"pid"`
	// Start is when it started, in clock ticks since the boot.
	Start uint64 `json:"start"`
	// BootID is the kernel's name for this boot.
	BootID string `json:"boot_id"`
}

// Identify gives the identity of a process that lives or is not reaped yet.
func Identify(pid int) (Identity, error) {
	boot, err := BootID()
	if err != nil {
		return Identity{}, err
	}
	status, err := readStatus(pid)
	if err != nil {
		return Identity{}, fault.New(fault.Errored, "process-unknown", "cannot identify process %d", pid).WithCause(err)
	}
	return Identity{PID: pid, Start: status.start, BootID: boot}, nil
}

// Alive reports whether that very process still runs. One that ended but was not reaped does not.
func (i Identity) Alive() bool {
	boot, err := BootID()
	if err != nil || boot != i.BootID {
		return false
	}
	status, err := readStatus(i.PID)
	return err == nil && status.start == i.Start && status.alive()
}

// Suspended reports whether the process was stopped by a signal, SIGSTOP say, or by a debugger: it hears no
// other signal until SIGCONT.
func (i Identity) Suspended() bool {
	status, err := readStatus(i.PID)
	return err == nil && status.start == i.Start && (status.state == 'T' || status.state == 't')
}

// BootID is the kernel's name for this boot.
func BootID() (string, error) {
	id, err := RunningBoot()
	if err != nil {
		return "", fault.New(fault.Errored, "boot-id-unknown", "cannot tell this boot from another").WithCause(err).
			WithHint("gwe needs /proc")
	}
	return id, nil
}

// RunningBoot is BootID with the system's error. It takes few calls: a step that works in memory (tmpfs) asks
// for it.
func RunningBoot() (string, error) {
	handle, err := unix.Open("/proc/sys/kernel/random/boot_id", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	defer unix.Close(handle)
	text := make([]byte, 64)
	count, err := unix.Read(handle, text)
	return strings.TrimSpace(string(text[:max(count, 0)])), err
}

// status is what /proc/<pid>/stat tells of a process.
type status struct {
	pid, parent, group, session int
	state                       byte
	flags, threads              int
	start                       uint64
}

// alive is false for what only waits to be reaped. A process whose first thread ended while others run looks
// so too, but for its threads.
func (s status) alive() bool {
	return s.state != 'X' && (s.state != 'Z' || s.threads > 1)
}

func readStatus(pid int) (status, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return status{}, err
	}
	return parseStatus(pid, text)
}

// parseStatus reads the fields by proc(5). The second is the program's name in parentheses, which may itself
// hold blanks and parentheses: the fields after it start after the last ")".
func parseStatus(pid int, text []byte) (status, error) {
	_, rest, found := cutLast(text, ')')
	fields := strings.Fields(rest)
	if !found || len(fields) < 20 {
		return status{}, fault.New(fault.Errored, "process-unknown", "/proc/%d/stat is not as proc(5) says", pid)
	}
	parsed := status{pid: pid, state: fields[0][0]}
	var err error
	number := func(field string) (value int) {
		if err == nil {
			value, err = strconv.Atoi(field)
		}
		return value
	}
	parsed.parent, parsed.group, parsed.session = number(fields[1]), number(fields[2]), number(fields[3])
	parsed.flags, parsed.threads = number(fields[6]), number(fields[17])
	if err == nil {
		parsed.start, err = strconv.ParseUint(fields[19], 10, 64)
	}
	return parsed, err
}

func cutLast(text []byte, separator byte) (before, after string, found bool) {
	at := bytes.LastIndexByte(text, separator)
	if at < 0 {
		return "", "", false
	}
	return string(text[:at]), string(text[at+1:]), true
}
