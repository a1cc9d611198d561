package process

import (
	"bytes"
	"context"
	"errors"
	"os"
	"slices"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/regular"
)

// tree is a program and all that comes from it.
type tree struct {
	// root leads the session and the process group; it is not reaped while the tree is in use. 0 is none.
	root int
	// marks are environment entries, NAME=value, of which all that comes from it has one.
	marks []string
	// groups are the control groups that only what comes from it is in.
	groups []cgroup
	// led are other programs that led a session and a group, and may have ended since: pids with their start
	// times.
	led map[int]uint64
	// since is when it started, in clock ticks since the boot: nothing older belongs to it.
	since uint64
}

// members are the living processes of the tree, as of now. Those in known, pids with their start times, were
// members before: they and theirs stay members, also when a parent's death cut them off from the root.
func (t tree) members(known map[int]uint64) ([]status, error) {
	all, err := processes()
	if err != nil {
		return nil, err
	}
	spared := lineage(os.Getpid(), all)
	inside := map[int]bool{}
	for _, group := range t.groups {
		for _, pid := range group.members() {
			inside[pid] = true
			if _, seen := all[pid]; seen {
				continue
			}
			if status, err := readStatus(pid); err == nil { // it has just begun
				all[pid] = status
			}
		}
	}
	var found []status
	for _, candidate := range all {
		if !candidate.alive() || spared[candidate.pid] {
			continue
		}
		belongs, err := inside[candidate.pid], error(nil)
		if !belongs {
			belongs, err = t.has(candidate, all, known)
		}
		if err != nil {
			return nil, err
		}
		if belongs {
			found = append(found, candidate)
		}
	}
	return found, nil
}

func (t tree) has(candidate status, all map[int]status, known map[int]uint64) (bool, error) {
	if t.root != 0 && (candidate.group == t.root || candidate.session == t.root) {
		return true, nil
	}
	if t.wasLed(candidate.group, candidate, all) || t.wasLed(candidate.session, candidate, all) {
		return true, nil
	}
	for parent := range lineage(candidate.pid, all) {
		if t.root != 0 && parent == t.root || known[parent] != 0 && known[parent] == all[parent].start {
			return true, nil
		}
	}
	if candidate.start < t.since || candidate.kernelThread() {
		return false, nil
	}
	return marked(candidate.pid, t.marks...)
}

// wasLed reports whether the candidate is in the group or session of that number since one of t.led began it.
// The kernel gives no new process a number that still is one of a group or a session, so a leader with
// another start time means that nothing of the old one was left.
func (t tree) wasLed(number int, candidate status, all map[int]status) bool {
	start, ok := t.led[number]
	if !ok || candidate.start < start {
		return false
	}
	leader, there := all[number]
	return !there || leader.start == start
}

// lineage is a process and all its parents.
func lineage(pid int, all map[int]status) map[int]bool {
	seen := map[int]bool{}
	for pid > 0 && !seen[pid] {
		seen[pid] = true
		pid = all[pid].parent
	}
	return seen
}

// kernelThread reports whether the kernel made it for itself: these are most of a small machine's processes,
// and read slowly.
func (s status) kernelThread() bool {
	const kernelThread = 0x00200000 // PF_KTHREAD of linux/sched.h
	return s.flags&kernelThread != 0
}

// marked reports whether the environment that the process was started with has one of these entries. Its
// error is a lack of resources; what has ended, or is another user's, has none.
func marked(pid int, marks ...string) (bool, error) {
	environment, err := regular.ReadForeign(context.Background(), "/proc/"+strconv.Itoa(pid)+"/environ", 8<<20) // more than ARG_MAX lets it have
	if err != nil {
		if _, lacks := fault.Scarce(err); lacks {
			return false, err
		}
		return false, nil
	}
	return slices.ContainsFunc(bytes.Split(environment, []byte{0}), func(entry []byte) bool { return slices.Contains(marks, string(entry)) }), nil
}

// processes reads /proc once.
func processes() (map[int]status, error) {
	directory, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer directory.Close()
	names, err := directory.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	found := make(map[int]status, len(names))
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		status, err := readStatus(pid)
		if _, lacks := fault.Scarce(err); lacks {
			return nil, err // it may live
		}
		if err == nil { // else it ended meanwhile
			found[pid] = status
		}
	}
	return found, nil
}

// signal sends to that very process: its pid may be another's by now.
func (s status) signal(signal syscall.Signal) {
	descriptor, err := unix.PidfdOpen(s.pid, 0)
	if err != nil && !errors.Is(err, syscall.ENOSYS) {
		return // it is gone
	}
	now, statusErr := readStatus(s.pid)
	same := statusErr == nil && now.start == s.start
	if err != nil { // a kernel before 5.3
		if same {
			_ = unix.Kill(s.pid, signal)
		}
		return
	}
	defer unix.Close(descriptor)
	if same {
		_ = unix.PidfdSendSignal(descriptor, signal, nil, 0)
	}
}
