package durable

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/need"
)

// holdVariable makes this test binary take a lock and hold it until its input ends.
const holdVariable = "HOLD_LOCK"

func TestMain(m *testing.M) {
	if path := os.Getenv(holdVariable); path != "" {
		hold(path)
	}
	os.Exit(m.Run())
}

func hold(path string) {
	if journal := os.Getenv("HOLD_JOURNAL"); journal != "" {
		if _, err := os.Open(journal); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	lock, err := Acquire(path, fmt.Sprintf(`{"pid":%d,"run":"20260301-1"}`, os.Getpid()))
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("held")
	_, _ = os.Stdin.Read(make([]byte, 1))
	lock.Release()
	os.Exit(0)
}

// holder starts another process that holds the lock; killed ends it as a crash would.
func holder(t *testing.T, path, journal string) (pid int, killed func()) {
	t.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), holdVariable+"="+path, "HOLD_JOURNAL="+journal)
	input, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	killed = func() {
		if !ended {
			ended = true
			_ = command.Process.Kill()
			_ = command.Wait()
		}
	}
	t.Cleanup(func() { killed(); input.Close() })
	answer := make([]byte, 100)
	count, _ := output.Read(answer)
	if string(answer[:count]) != "held\n" {
		t.Fatalf("the holder says %q", answer[:count])
	}
	return command.Process.Pid, killed
}

func busyOf(t *testing.T, err error) *BusyError {
	t.Helper()
	var found *BusyError
	if !errors.As(err, &found) {
		t.Fatalf("got %v", err)
	}
	if code(err) != "lock-busy" || fault.ClassOf(err) != fault.Refused || fault.As(err).Hint == "" {
		t.Errorf("as a fault: %s, %s", code(err), fault.ClassOf(err))
	}
	return found
}

func TestLockFileNamesItsHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	pid, killed := holder(t, path, "")
	_, err := Acquire(path, "mine")
	found := busyOf(t, err)
	if found.PID != pid || found.Run != "20260301-1" || found.Info != fmt.Sprintf(`{"pid":%d,"run":"20260301-1"}`, pid) {
		t.Errorf("got %+v, want pid %d", found, pid)
	}
	if want := fmt.Sprintf("%s is locked by process %d, run 20260301-1", path, pid); err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
	killed()
	lock, err := Acquire(path, "mine")
	if err != nil {
		t.Fatalf("the holder's death did not free it: %v", err)
	}
	text, err := os.ReadFile(path)
	if err != nil || string(text) != "mine" {
		t.Errorf("content %q, %v", text, err)
	}
	if status, err := os.Stat(path); err != nil || status.Mode() != 0o600 {
		t.Errorf("mode %v, %v", status.Mode(), err)
	}
	_, err = Acquire(path, "again")
	if found := busyOf(t, err); found.PID != os.Getpid() || !strings.Contains(err.Error(), "this very process") {
		t.Errorf("got %+v, %v", found, err)
	}
	lock.Release()
	lock.Release()
	if text, err := os.ReadFile(path); err != nil || len(text) != 0 {
		t.Errorf("after the release: %q, %v", text, err)
	}
}

// A holder who died with the lock in hand leaves a name behind; the next one is not to be taken for him.
func TestLockFileWithAStaleName(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	lock, err := Acquire(path, "")
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	if err := os.WriteFile(path, []byte(`{"pid":1,"run":"old"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Acquire(path, "")
	if found := busyOf(t, err); found.PID != os.Getpid() || found.Run != "" || found.Info != "" {
		t.Errorf("got %+v", found)
	}
}

// A lock file without a word is told by the journal that its holder has open.
func TestLockFindsTheRunOfItsHolder(t *testing.T) {
	directory := t.TempDir()
	journal := write(t, filepath.Join(directory, "state", "runs", "20260301-7", "journal"), "")
	path := write(t, filepath.Join(directory, "lock"), "")
	pid, _ := holder(t, path, journal)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Acquire(path, "mine")
	if found := busyOf(t, err); found.PID != pid || found.Run != "20260301-7" || found.Info != "" {
		t.Errorf("got %+v, want pid %d", found, pid)
	}
}

// TestLockClosesItselfToOthers: whoever may open a lock file may hold it.
func TestLockClosesItselfToOthers(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "lock"), "")
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	lock, err := Acquire(path, "")
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	if status, err := os.Stat(path); err != nil || status.Mode() != 0o600 {
		t.Errorf("mode %v, %v", status.Mode(), err)
	}
}

// A lock on another file system, on a file of the same inode number, is not taken for one here.
func TestHolderOfAnotherFileSystem(t *testing.T) {
	need.Root(t, "it mounts")
	var inodes [2]uint64
	var paths [2]string
	for n := range paths {
		directory := t.TempDir()
		if err := unix.Mount("tmpfs", directory, "tmpfs", 0, "size=64k"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Unmount(directory, unix.MNT_DETACH) })
		paths[n] = filepath.Join(directory, "lock")
		var status unix.Stat_t
		if err := errors.Join(os.WriteFile(paths[n], nil, 0o600), unix.Stat(paths[n], &status)); err != nil {
			t.Fatal(err)
		}
		inodes[n] = status.Ino
	}
	if inodes[0] != inodes[1] {
		t.Fatalf("the numbers of the inodes differ: %v", inodes)
	}
	pid, _ := holder(t, paths[0], "")
	if found, err := Holder(paths[0]); err != nil || found == nil || found.PID != pid {
		t.Errorf("the holder is %+v, %v", found, err)
	}
	if found, err := Holder(paths[1]); err != nil || found != nil {
		t.Errorf("the holder of a free lock is %+v, %v", found, err)
	}
}

func TestLocksThatCannotBe(t *testing.T) {
	directory := t.TempDir()
	_ = write(t, filepath.Join(directory, "file"), "")
	if err := os.Symlink("file", filepath.Join(directory, "link")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(directory, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{directory, filepath.Join(directory, "link"), filepath.Join(directory, "fifo")} {
		if _, err := Acquire(path, ""); code(err) != "not-a-regular-file" {
			t.Errorf("a lock file that is none: %v", err)
		}
		if _, err := Holder(path); code(err) != "not-a-regular-file" {
			t.Errorf("the holder of a lock file that is none: %v", err)
		}
	}
	if _, err := Acquire(filepath.Join(directory, "none", "lock"), ""); code(err) != "not-found" {
		t.Errorf("a lock file in no directory: %v", err)
	}
}

// A daemon that a hook leaves behind must not keep the lock.
// A child between fork and exec still has the files of a parent that was killed, and with them its locks.
func TestLockOutlivesItsHolderForAMoment(t *testing.T) {
	file := filepath.Join(t.TempDir(), "lock")
	if err := os.WriteFile(file, []byte(`{"pid":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file} {
		// flock takes the lock in its own name and ends; sleep has the open file a while longer.
		inherited := exec.Command("/bin/sh", "-c", `exec 9<"$0"; flock 9; sleep 0.3 &`, path)
		if err := inherited.Run(); err != nil {
			t.Fatal(err)
		}
		lock, err := Acquire(path, "{}")
		if err != nil {
			t.Fatal(err)
		}
		lock.Release()
	}
}

func TestChildrenDoNotInheritTheLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	lock, err := Acquire(path, "")
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command("sleep", "60")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = child.Process.Kill(); _ = child.Wait() }()
	lock.Release()
	again, err := Acquire(path, "")
	if err != nil {
		t.Fatal(err)
	}
	again.Release()
}

// The lock holds on a full disk too: there it is only without a name.
func TestLockOnAFullDisk(t *testing.T) {
	need.Root(t, "it mounts")
	directory := mountSmall(t, 0)
	path := write(t, filepath.Join(directory, "lock"), "")
	if err := os.WriteFile(filepath.Join(directory, "filler"), make([]byte, 1<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	lock, err := Acquire(path, `{"pid":1}`)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	_, err = Acquire(path, "")
	if found := busyOf(t, err); found.PID != os.Getpid() {
		t.Errorf("got %+v", found)
	}
}
