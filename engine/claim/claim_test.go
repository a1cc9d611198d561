package claim

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/need"
)

// holdVariable makes this test binary claim a directory and hold the claim until its input ends.
const holdVariable = "HOLD_CLAIM"

func TestMain(m *testing.M) {
	if path := os.Getenv(holdVariable); path != "" {
		hold(path)
	}
	os.Exit(m.Run())
}

func hold(path string) {
	held, err := placeIn(os.Getenv("HOLD_PLACE")).Take(Holder{State: "/state", Run: "20260301-1"}, Resolve(path))
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("held")
	_, _ = os.Stdin.Read(make([]byte, 1))
	held.Release()
	os.Exit(0)
}

func placeIn(directory string) Place {
	return Place{Live: filepath.Join(directory, "gwe", "locks"), Kept: filepath.Join(directory, "gwe", "targets"), Spare: filepath.Join(directory, "spare")}
}

// private is a directory below one that only this user can write. t.TempDir lies in /tmp, which is safe too.
func private(t *testing.T) string {
	t.Helper()
	directory := t.TempDir()
	if err := os.Chmod(directory, 0o755); err != nil {
		t.Fatal(err)
	}
	return directory
}

// holder starts another process that claims the path.
func holder(t *testing.T, place, path string) *exec.Cmd {
	t.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), holdVariable+"="+path, "HOLD_PLACE="+place)
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
	t.Cleanup(func() { _ = command.Process.Kill(); _ = command.Wait(); input.Close() })
	if answer, _ := bufio.NewReader(output).ReadString('\n'); answer != "held\n" {
		t.Fatalf("the holder says %q", answer)
	}
	return command
}

func code(err error) string {
	if found := fault.As(err); found != nil {
		return found.Code
	}
	return ""
}

func claims(t *testing.T, place Place) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(place.Live, "*"+suffix))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestClaimsExcludeEachOther(t *testing.T) {
	directory := private(t)
	place, target := placeIn(directory), filepath.Join(directory, "T")
	if err := os.MkdirAll(target+"/sub", 0o755); err != nil {
		t.Fatal(err)
	}
	other := holder(t, directory, target)
	for _, path := range []string{target, target + "/sub", target + "/sub/new", directory, "/"} {
		_, err := place.Take(Holder{}, Resolve(path))
		var busy *durable.BusyError
		if !errors.As(err, &busy) || busy.PID != other.Process.Pid || busy.Run != "20260301-1" || busy.RunDirectory != "/state/runs/20260301-1" {
			t.Fatalf("%s: %v, %+v", path, err, busy)
		}
		want := fmt.Sprintf("%s is locked by process %d, run 20260301-1", path, other.Process.Pid)
		if path != target {
			want += ", which holds " + target
		}
		if err.Error() != want {
			t.Errorf("got %q, want %q", err, want)
		}
		if looked := place.Look(Holder{}, Resolve(path)); looked == nil || looked.Error() != want {
			t.Errorf("a look tells %v", looked)
		}
	}
	beside, err := place.Take(Holder{}, Resolve(directory+"/beside"))
	if err != nil {
		t.Fatal(err)
	}
	if err := beside.Add(Resolve(target + "/sub")); code(err) != "lock-busy" {
		t.Errorf("added: %v", err)
	}
	beside.Release()
	beside.Release()
	if found := claims(t, place); len(found) != 1 {
		t.Errorf("there are %v", found)
	}
	// A step of the holder's run starts gwe: below is free, the same directory and those above are not.
	inside := Holder{Inside: "20260301-1"}
	for path, want := range map[string]string{target: "lock-busy", directory: "lock-busy", target + "/sub": "", target + "/sub/new": ""} {
		held, err := place.Take(inside, Resolve(path))
		if code(err) != want {
			t.Errorf("%s from inside: %v", path, err)
		}
		held.Release()
	}
	_ = other.Process.Kill()
	_ = other.Wait()
	held, err := place.Take(Holder{}, Resolve(directory))
	if err != nil {
		t.Fatalf("the death of the holder did not free it: %v", err)
	}
	defer held.Release()
	if found := claims(t, place); len(found) != 1 {
		t.Errorf("what the dead process left is still there: %v", found)
	}
	// This process again: what it holds around is no matter to it, what another part of it holds is.
	if _, err := place.Take(Holder{}, Resolve(target)); code(err) != "lock-busy" || !strings.Contains(err.Error(), "this very process") {
		t.Errorf("got %v", err)
	}
	within, err := place.Take(Holder{}, Resolve(target), held)
	if err != nil {
		t.Fatal(err)
	}
	within.Release()
}

// TestManyClaimAtOnce: of many processes that want one directory or one below at a time, one has it.
func TestManyClaimAtOnce(t *testing.T) {
	directory := private(t)
	place := placeIn(directory)
	if err := os.MkdirAll(directory+"/T/sub", 0o755); err != nil {
		t.Fatal(err)
	}
	inside, most := make(chan int, 100), make(chan int, 100)
	for n := range 16 {
		go func() {
			won := 0
			for range 20 {
				held, err := place.Take(Holder{}, Resolve([]string{directory + "/T", directory + "/T/sub"}[n%2]))
				if err == nil {
					inside <- 1
					won = max(won, len(inside))
					<-inside
					held.Release()
				} else if code(err) != "lock-busy" {
					t.Error(err)
				}
			}
			most <- won
		}()
	}
	for range 16 {
		if won := <-most; won > 1 {
			t.Errorf("%d had it at once", won)
		}
	}
}

// A child between fork and exec still has the claims of a parent that was killed.
func TestClaimOutlivesItsHolderForAMoment(t *testing.T) {
	directory := private(t)
	place := placeIn(directory)
	held, err := place.Take(Holder{}, Resolve(directory+"/T"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(held.path)
	if err != nil {
		t.Fatal(err)
	}
	held.Release()
	left := filepath.Join(place.Live, "LEFT"+suffix)
	said := strings.Replace(string(text), fmt.Sprintf(`"pid":%d`, os.Getpid()), `"pid":4194300`, 1)
	if err := os.WriteFile(left, []byte(said), 0o600); err != nil {
		t.Fatal(err)
	}
	inherited := exec.Command("/bin/sh", "-c", `exec 9<"$0"; flock 9; sleep 0.3 &`, left)
	if err := inherited.Run(); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	held, err = place.Take(Holder{}, Resolve(directory+"/T/sub"))
	if err != nil {
		t.Fatal(err)
	}
	held.Release()
	if waited := time.Since(begun); waited < 100*time.Millisecond {
		t.Errorf("it was taken after %v, while the child had it", waited)
	}
}

// TestClaimIsInherited: a gwe that takes a run over shares the claim, and it is free when both have ended.
func TestClaimIsInherited(t *testing.T) {
	directory := private(t)
	place := placeIn(directory)
	held, err := place.Take(Holder{State: "/state"}, Resolve(directory+"/T"))
	if err != nil {
		t.Fatal(err)
	}
	held.Name("20260301-2")
	copied, err := unix.Dup(int(held.File().Fd()))
	if err != nil {
		t.Fatal(err)
	}
	shared, err := place.Inherit(os.NewFile(uintptr(copied), "inherited"), held.path, Holder{State: "/state", Run: "20260301-2"})
	if err != nil || shared == nil || len(shared.Extents()) != 1 {
		t.Fatalf("%+v, %v", shared, err)
	}
	shared.Release()
	if _, err := place.Take(Holder{}, Resolve(directory+"/T")); code(err) != "lock-busy" || !strings.Contains(err.Error(), "run 20260301-2") {
		t.Errorf("the first still has it: %v", err)
	}
	held.Release()
	again, err := place.Take(Holder{}, Resolve(directory+"/T"))
	if err != nil {
		t.Fatal(err)
	}
	defer again.Release()
	opened, err := os.Open(directory)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	if none, err := place.Inherit(opened, directory, Holder{}); none != nil || err != nil {
		t.Errorf("a directory that an older gwe locks: %v, %v", none, err)
	}
}

// TestStrangersHoldNoClaim: another user can neither open what gwe locks, nor put something in its place.
func TestStrangersHoldNoClaim(t *testing.T) {
	need.Root(t, "it works as another user")
	directory := private(t)
	place := placeIn(directory)
	held, err := place.Take(Holder{}, Resolve(directory+"/T"))
	if err != nil {
		t.Fatal(err)
	}
	defer held.Release()
	for _, script := range []string{`exec 9<"$0/gwe/locks/lock"`, `exec 9<"$1"`, `ls "$0/gwe/locks" >/dev/null`, `>"$0/gwe/locks/X.claim"`, `mv "$0/gwe/locks" "$0/gwe/old"`, `rm -f "$1"`, `mkdir "$0/gwe/targets"`} {
		stranger := exec.Command("/bin/sh", "-c", script+` 2>/dev/null && echo done`, directory, held.path)
		stranger.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		if said, _ := stranger.Output(); strings.Contains(string(said), "done") && !strings.HasPrefix(script, "rm -f") {
			t.Errorf("a stranger can: %s", script)
		}
	}
	if found := claims(t, place); !slices.Equal(found, []string{held.path}) {
		t.Errorf("there are %v", found)
	}
}
