package process

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/need"
)

// ran is what a script prints, with the rights of a command.
func ran(t *testing.T, script string, rights Command) string {
	t.Helper()
	var said strings.Builder
	rights.Arguments, rights.Directory, rights.Environment = []string{"/bin/sh", "-c", script}, "/", BaseEnvironment()
	rights.Output = func(_, line string) { said.WriteString(line + "\n") }
	if _, err := Run(context.Background(), rights); err != nil {
		t.Fatal(err)
	}
	return said.String()
}

func TestRights(t *testing.T) {
	need.Root(t, "it drops rights of root")
	const show = `echo $(id -u) $(id -g) $(id -G); grep -o 'NoNewPrivs:.*' /proc/self/status`
	if got := ran(t, show, Command{As: &Account{UID: 65534, GID: 65533, Groups: []uint32{7}}}); got != "65534 65533 65533 7\nNoNewPrivs:\t0\n" {
		t.Errorf("another user: %q", got)
	}
	if got := ran(t, show, Command{NoNewPrivileges: true}); !strings.HasSuffix(got, "NoNewPrivs:\t1\n") || !strings.HasPrefix(got, "0 0") {
		t.Errorf("no new privileges: %q", got)
	}
	// Neither stays with gwe.
	if got := ran(t, show, Command{}); !strings.HasSuffix(got, "NoNewPrivs:\t0\n") || !strings.HasPrefix(got, "0 0") {
		t.Errorf("without: %q", got)
	}
}

func TestConfine(t *testing.T) {
	if _, err := CanConfine(); err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	for _, name := range []string{"in", "out"} {
		if err := os.MkdirAll(filepath.Join(root, name), 0o755); err != nil {
			t.Fatal(err)
		}
		for _, file := range []string{"a", "b"} {
			if err := os.WriteFile(filepath.Join(root, name, file), []byte(name), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	rights := Command{Confine: &Confinement{Writable: []string{filepath.Join(root, "in"), filepath.Join(root, "out/b"), filepath.Join(root, "no/such")}}}
	got := ran(t, `cd `+root+`
try() { if "$@" 2>/dev/null; then echo "done: $*"; else echo "refused: $*"; fi; }
write() { echo new > "$1"; }
try write in/new; try write in/a; try mv in/new in/newer; try rm in/newer; try ln in/a in/c; try mkdir in/d
try write out/new; try write out/a; try write out/b; try mv out/a in/e; try ln out/a in/f; try rm out/a; try truncate -s 0 out/a; try mkdir out/d; try mkfifo out/p
try write /dev/null; try grep -q out out/a; try mount -t tmpfs x in`, rights)
	for _, line := range strings.Split(strings.TrimSpace(got), "\n") {
		_, what, _ := strings.Cut(line, ": ")
		inside := !strings.Contains(what, "out") || what == "write out/b" || strings.HasPrefix(what, "grep")
		if allowed := strings.HasPrefix(line, "done"); allowed != (inside && !strings.HasPrefix(what, "mount")) {
			t.Error(line)
		}
	}
	if content, err := os.ReadFile(filepath.Join(root, "out/a")); string(content) != "out" || strings.Count(got, "\n") != 18 {
		t.Errorf("%q, %v, %s", content, err, got)
	}
	// What confines a program does not confine gwe, nor the next program.
	if got := ran(t, "echo free > "+root+"/out/a && cat "+root+"/out/a", Command{}); got != "free\n" {
		t.Errorf("afterwards: %q", got)
	}
}

// A kernel that cannot confine is a refusal, and no program starts.
func TestConfineWithoutLandlock(t *testing.T) {
	need.Root(t, "it drops rights of root")
	found := make(chan error, 2)
	go func() {
		runtime.LockOSThread() // never unlocked: the filter goes with the thread
		filter := []unix.SockFilter{
			{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS},
			{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: unix.SYS_LANDLOCK_CREATE_RULESET},
			{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(syscall.ENOSYS)},
			{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
		}
		program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
		if _, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&program))); errno != 0 {
			found <- errno
			found <- errno
			return
		}
		_, err := CanConfine()
		found <- err
		found <- Confinement{}.enter()
	}()
	for range 2 {
		err := <-found
		if f := fault.As(err); f == nil || f.Code != "confine-unsupported" || f.Class != fault.Refused || !strings.Contains(err.Error(), "it has no Landlock") {
			t.Errorf("%v", err)
		}
	}
}

// A program with fewer rights gets no descriptor that gwe itself was started with.
func TestRightsKeepDescriptors(t *testing.T) {
	need.Root(t, "it drops rights of root")
	for name, command := range map[string]Command{
		"user": {As: &Account{UID: 65534, GID: 65534}}, "no-new-privileges": {NoNewPrivileges: true}, "confine": {Confine: &Confinement{}},
	} {
		t.Run(name, func(t *testing.T) {
			secret, err := unix.Open("/etc/shadow", unix.O_RDONLY, 0) // as one that a shell passes on: without O_CLOEXEC
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(secret)
			got := ran(t, "ls -l /proc/$$/fd", command)
			if !strings.Contains(got, "pipe:") || strings.Contains(got, "/etc/shadow") {
				t.Errorf("the program has the descriptors %s", got)
			}
		})
	}
}
