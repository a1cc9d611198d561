package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/need"
)

// fixture is a run whose programs live in control groups. None may be left at the end of its test.
type fixture struct {
	*testing.T
	run string
	// word is in the command line of each process of this test that hides.
	word string
}

func grouped(t *testing.T, word string) fixture {
	t.Helper()
	if Cgroup() == "" {
		need.Missing(t, need.Cgroups, "it makes control groups")
	}
	f := fixture{T: t, run: fmt.Sprintf("%s-%d", t.Name(), os.Getpid()), word: word + "33." + strconv.Itoa(os.Getpid())}
	t.Cleanup(func() {
		for pid := range f.hiding() {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		if left := f.groups(); len(left) > 0 {
			t.Errorf("left behind: %q", left)
			Release(f.run)
		}
	})
	return f
}

func (f fixture) groups() []cgroup { return ownCgroup().below("gwe-" + f.run + ":") }

func (f fixture) mark(place string) string { return PlaceVariable + "=" + f.run + "/" + place }

// hide is a program whose child, when it comes to its end, has left all that it could be known by, and
// ignores SIGTERM.
func (f fixture) hide(place, end string) Command {
	script := strings.NewReplacer("READY", filepath.Join(f.TempDir(), "ready"), "TIME", f.word).Replace(
		`(setsid env -i sh -c 'trap "" TERM; : >READY; exec sleep TIME' &); until [ -e READY ]; do sleep 0.01; done; `)
	return Command{
		Arguments:   []string{"/bin/sh", "-c", script + end},
		Environment: append(BaseEnvironment(), f.mark(place)),
		Grace:       10 * time.Millisecond,
		KeepDaemons: true,
	}
}

// hiding are the command lines of the children that live.
func (f fixture) hiding() map[int]string {
	f.Helper()
	all, err := processes()
	if err != nil {
		f.Fatal(err)
	}
	found := map[int]string{}
	for pid, status := range all {
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err == nil && status.alive() && strings.Contains(string(line), f.word) {
			found[pid] = string(line)
		}
	}
	return found
}

// want fails the test where not so many live, or not so many groups are there.
func (f fixture) want(hiding, groups int) {
	f.Helper()
	if found := f.hiding(); len(found) != hiding {
		f.Errorf("%d of them live, want %d: %v", len(found), hiding, found)
	}
	if found := f.groups(); len(found) != groups {
		f.Errorf("%d control groups are there, want %d: %q", len(found), groups, found)
	}
}

// What hides from everything else is still in its control group. It goes with its own command, and with no
// other.
func TestHiddenProcesses(t *testing.T) {
	f := grouped(t, "1")
	if _, err := Run(t.Context(), f.hide("1", "exit 0")); err != nil {
		t.Error(err)
	}
	f.want(1, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cancelled := f.hide("1", "echo ready; sleep 300")
	cancelled.Output = func(string, string) { cancel() }
	if _, err := Run(ctx, cancelled); code(err) != "process-interrupted" {
		t.Errorf("cancelled: %v", err)
	}
	f.want(1, 1)
	if _, err := Run(t.Context(), f.hide("2", "exit 3")); err != nil {
		t.Errorf("failed: %v", err)
	}
	f.want(1, 1)
	none := Command{Arguments: []string{"/no/such/program"}, Environment: []string{f.mark("3")}}
	if _, err := Run(t.Context(), none); code(err) != "process-not-found" {
		t.Errorf("not there: %v", err)
	}
	f.want(1, 1)
	Release(f.run)
	f.want(1, 0)
}

// Of a dead run the places that are named end wholly; what other places left behind lives on. No group is
// left.
func TestKillLeftFindsWhatHides(t *testing.T) {
	t.Parallel() // it waits for what ignores SIGTERM
	f := grouped(t, "2")
	for _, place := range []string{"1", "2", "2-undo"} {
		if _, err := Run(t.Context(), f.hide(place, "exit 0")); err != nil {
			t.Fatal(err)
		}
	}
	f.want(3, 3)
	if count, err := KillLeft(t.Context(), nil, f.mark("2")); err != nil || count != 1 {
		t.Errorf("ended %d, %v", count, err)
	}
	f.want(2, 0)
}

// A recovery may run below a daemon of the dead run, in its control group: it ends neither itself nor its
// parents. TestReleaseWaitsForADyingProcess: one that was killed can be a member for as long as it gives back
// its memory.
func TestReleaseWaitsForADyingProcess(t *testing.T) {
	f := grouped(t, "2")
	group := settle([]string{f.mark("2")}, "dying")
	command := exec.Command("dd", "if=/dev/zero", "of=/dev/null", "bs=512M")
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	if err := group.write("cgroup.procs", command.Process.Pid); err != nil {
		t.Fatal(err)
	}
	for { // it has all its memory once it writes
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", command.Process.Pid))
		if err != nil || len(text) == 0 {
			t.Fatalf("dd has ended: %v", err)
		}
		if !strings.Contains(string(text), "wchar: 0\n") {
			break
		}
		time.Sleep(time.Millisecond)
	}
	_ = command.Process.Kill()
	group.release()
	_ = command.Wait()
	f.want(0, 0)
}

func TestKillLeftSparesItselfInAGroup(t *testing.T) {
	t.Parallel()
	f := grouped(t, "3")
	said := filepath.Join(t.TempDir(), "said")
	recovery := fmt.Sprintf(`(setsid env -i %s=kill MARK=%s sh -c '%s >%s.new; echo still here >>%s.new; mv %s.new %s' &); exit 0`,
		helperVariable, f.mark("1"), os.Args[0], said, said, said, said)
	if _, err := Run(t.Context(), f.hide("1", recovery)); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		text, err := os.ReadFile(said)
		if err == nil {
			if string(text) != "1 <nil>\nstill here\n" {
				t.Errorf("it said %q", text)
			}
			f.want(0, 0)
			return
		}
		if !errors.Is(err, os.ErrNotExist) || time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// Where there is no control group to be had, the process group does.
func TestWithoutControlGroups(t *testing.T) {
	f := grouped(t, "4")
	environment := append(os.Environ(), helperVariable+"=place", "MARK="+f.mark("1"))
	for name, gwe := range map[string]*exec.Cmd{
		// The test's own binary lies where nobody cannot go.
		"nobody": {Path: "/proc/self/exe", Args: []string{"process"}, Dir: "/", SysProcAttr: &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}},
		"hidden": exec.Command("/usr/bin/unshare", "--mount", "/bin/sh", "-c", `mount -t tmpfs tmpfs /sys/fs/cgroup && exec "$0"`, os.Args[0]),
	} {
		gwe.Env = environment
		if output, err := gwe.CombinedOutput(); err != nil || string(output) != "\"\" process-timeout 0\n" {
			t.Errorf("%s: %s, %v", name, output, err)
		}
	}
	// An old sandbox knows no clone3. The group is made, and nothing gets into it.
	gwe := exec.Command(os.Args[0])
	gwe.Env = append(environment, "SANDBOX=1")
	if output, err := gwe.CombinedOutput(); err != nil || string(output) != fmt.Sprintf("%q process-timeout 0\n", Cgroup()) {
		t.Errorf("sandbox: %s, %v", output, err)
	}
}

// helpPlace runs in a place what hides as well as it can without a control group, and says what became of it.
func helpPlace() {
	if os.Getenv("SANDBOX") != "" {
		forbidClone3()
	}
	const visible = "(setsid sh -c 'trap : TERM; sleep 300; sleep 300' &); sleep 300"
	_, err := Run(context.Background(), Command{
		Arguments:   []string{"/bin/sh", "-c", visible},
		Environment: append(BaseEnvironment(), os.Getenv("MARK")),
		Timeout:     100 * time.Millisecond,
		Grace:       10 * time.Millisecond,
	})
	left, _ := tree{marks: []string{os.Getenv("MARK")}}.members(nil)
	fmt.Printf("%q %s %d\n", Cgroup(), code(err), len(left))
}

// forbidClone3 lets all threads of this process see a kernel without it.
func forbidClone3() {
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: unix.SYS_CLONE3},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(syscall.ENOSYS)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program))); errno != 0 {
		fmt.Println("seccomp:", errno)
	}
}
