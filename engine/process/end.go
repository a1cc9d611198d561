package process

import (
	"context"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
)

// patience is how long a tree has to vanish once SIGKILL was sent. Only a process inside a system call that
// does not come back, on a broken disk or a lost network file system, takes longer.
const patience = 10 * time.Second

// KillLeft ends every process whose environment has one of the entries marks ("NAME=value"), with all below
// it, and waits until they are gone: SIGTERM, then, after DefaultGrace, SIGKILL. It says how many there were.
// It ends besides what is left of the trees of the processes begun, as far as they were started in this boot:
// also what cleared its environment, as long as it stayed in the session or the group that its program led;
// and, where programs live in control groups, all that is in those of the marks. The other control groups of
// the same runs are taken away, and what is in them lives on. gwe itself and its parents are spared: a shell
// that a hook's daemon started may be where somebody types `gwe recover`.
//
// What a marked process starts meanwhile is found too. The fault process-survives names what could not be
// ended; when ctx ends before, it is process-interrupted.
func KillLeft(ctx context.Context, begun []Identity, marks ...string) (int, error) {
	for _, mark := range marks {
		if name, value, _ := strings.Cut(mark, "="); name == "" || value == "" {
			return 0, fault.New(fault.Errored, "process-mark-invalid", "%q is not a mark: NAME=value is", mark)
		}
	}
	boot, err := BootID()
	if err != nil {
		return 0, err
	}
	led := map[int]uint64{}
	for _, one := range begun {
		if one.BootID == boot {
			led[one.PID] = one.Start
		}
	}
	marked, others := leftBy(marks)
	count, err := tree{marks: marks, led: led, groups: marked}.kill(ctx, DefaultGrace)
	if err != nil {
		return count, err
	}
	for _, group := range slices.Concat(marked, others) {
		group.release()
	}
	return count, nil
}

// end ends the tree whatever has become of the caller's context.
func (t tree) end(grace time.Duration) error {
	_, err := t.kill(context.Background(), grace)
	return err
}

func (t tree) kill(ctx context.Context, grace time.Duration) (int, error) {
	begun := time.Now()
	asked, frozen := map[int]uint64{}, map[int]uint64{}
	// What forks just while /proc is read may be missed: only two empty looks in a row mean that nothing is
	// left.
	empty := 0
	for pause := 2 * time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		left, err := t.members(asked)
		if err != nil {
			t.signalAll(nil, syscall.SIGKILL) // without /proc that is the most that can be done
			return len(asked), fault.New(fault.Errored, "process-unknown", "cannot see which processes are left").WithCause(err)
		}
		if empty++; len(left) > 0 {
			empty = 0
		}
		if empty == 2 {
			return len(asked), nil
		}
		elapsed := time.Since(begun)
		switch {
		case empty > 0:
			pause = time.Millisecond // nothing is left to wait for
		case elapsed > grace+patience:
			return len(asked), survives(left)
		case elapsed >= grace:
			pause = time.Millisecond
			if freeze(left, frozen) {
				t.killGroups()
				t.signalAll(left, syscall.SIGKILL)
			}
		default:
			ask(left, asked)
		}
		for _, member := range left {
			asked[member.pid] = member.start
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return len(asked), fault.New(fault.Interrupted, "process-interrupted", "stopped while processes were being ended").
				WithCause(context.Cause(ctx))
		}
	}
}

// ask sends SIGTERM once to each, and wakes the stopped ones so that they can act on it.
func ask(left []status, asked map[int]uint64) {
	for _, member := range left {
		if asked[member.pid] != member.start {
			member.signal(syscall.SIGTERM)
			member.signal(syscall.SIGCONT)
		}
	}
}

// freeze stops each that is not yet, and reports whether there was none. Killed one by one as they run, a
// parent could start another child between the look and its own death, and nothing would tie that child to
// the tree any more.
func freeze(left []status, frozen map[int]uint64) bool {
	all := true
	for _, member := range left {
		if frozen[member.pid] != member.start {
			member.signal(syscall.SIGSTOP)
			frozen[member.pid] = member.start
			all = false
		}
	}
	return all
}

// signalAll sends to the group in one call, which no fork can slip through, and to each one outside it.
func (t tree) signalAll(members []status, signal syscall.Signal) {
	if t.root != 0 {
		_ = unix.Kill(-t.root, signal)
	}
	for _, member := range members {
		if t.root == 0 || member.group != t.root {
			member.signal(signal)
		}
	}
}

// killGroups ends all that is in the control groups at once, but for a group that gwe itself or a parent of
// it is in.
func (t tree) killGroups() {
	all, err := processes()
	if err != nil {
		return
	}
	spared := lineage(os.Getpid(), all)
	for _, group := range t.groups {
		if !slices.ContainsFunc(group.members(), func(pid int) bool { return spared[pid] }) {
			group.kill()
		}
	}
}

func survives(left []status) error {
	var pids []string
	for _, member := range left {
		pids = append(pids, strconv.Itoa(member.pid))
	}
	return fault.New(fault.Errored, "process-survives", "SIGKILL did not end process %s", strings.Join(pids, ", ")).
		WithHint("a process in an endless system call outlives it: a disk or a network file system may be broken; reboot the machine")
}
