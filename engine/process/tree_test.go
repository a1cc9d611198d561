package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gwe-project/gwe/engine/fault"
)

// A program that hangs, forks away and ignores SIGTERM is gone with its whole tree when Run returns.
func TestCancelEndsTheWholeTree(t *testing.T) {
	for name, script := range map[string]string{
		"hangs":                    `echo ready; sleep 300`,
		"ignores SIGTERM":          `trap '' TERM; echo ready; sleep 300; sleep 300`,
		"grandchildren":            `(trap '' TERM; (sleep 300; sleep 300); sleep 300) & echo ready; wait`,
		"own group":                `set -m; sleep 300 & echo ready; wait`,
		"own session":              `setsid sh -c 'trap "" TERM; echo ready; sleep 300; sleep 300' & wait`,
		"orphan, own session":      `(setsid sh -c 'trap "" TERM; echo ready; while :; do sleep 0.01; done' &); sleep 300`,
		"orphan, no environment":   `(env -i sh -c 'trap "" TERM; echo ready; sleep 300; sleep 300' &); sleep 300`,
		"child, all of its own":    `setsid -w env -i sh -c 'trap "" TERM; echo ready; while :; do sleep 300; done'`,
		"stopped":                  `sh -c 'echo ready; kill -STOP $$' & wait`,
		"forks on":                 `f() { sleep 0.02; (f &); }; trap '' TERM; f & echo ready; sleep 300`,
		"ended, its child did not": `trap 'exit 0' TERM; (trap '' TERM; echo ready; sleep 300; sleep 300) & wait`,
	} {
		script = strings.NewReplacer("sleep 300", "sleep "+sign(), "echo ready", ": "+sign()+"; echo ready").Replace(script)
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			cause := errors.New("told to stop")
			run := "GWE_RUN_ID=" + strings.ReplaceAll(t.Name(), " ", "_")
			command := Command{
				Arguments:   []string{"/bin/sh", "-c", script, sign()},
				Environment: append(BaseEnvironment(), run),
				Grace:       150 * time.Millisecond,
				KeepDaemons: true,
				Output:      func(stream, line string) { cancel(cause) },
			}
			_, err := Run(ctx, command)
			if code(err) != "process-interrupted" || fault.ClassOf(err) != fault.Interrupted || !errors.Is(err, cause) {
				t.Errorf("got %v", err)
			}
			if left := survivors(t); len(left) > 0 {
				t.Errorf("still there: %q", left)
			}
		})
	}
}

// sign is in the command line of each process of these scripts, and of no other on the machine.
func sign() string { return "300." + strconv.Itoa(os.Getpid()) }

// survivors are the command lines of the living processes with the sign.
func survivors(t *testing.T) (found []string) {
	t.Helper()
	all, err := processes()
	if err != nil {
		t.Fatal(err)
	}
	for pid, status := range all {
		line, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
		if err == nil && status.alive() && bytes.Contains(line, []byte(sign())) {
			found = append(found, string(line))
		}
	}
	return found
}

// A daemon that holds the pipe neither delays the end of its hook nor dies with it, and its first lines are
// kept.
func TestDaemonsLiveOnAfterAGoodEnd(t *testing.T) {
	const script = `sh -c 'echo from the daemon; : >"$READY"; trap "" PIPE; while :; do sleep 0.05; echo x >&2 || :; done' &
		until [ -e "$READY" ]; do sleep 0.01; done; exit `
	for _, test := range []struct {
		end    string
		accept []int
		keep   bool
		living int
	}{
		{"0", nil, true, 1},
		{"3", []int{0, 3}, true, 1},
		{"3", nil, true, 0},
		{"0", []int{3}, true, 0},
		{"0", nil, false, 0},
	} {
		t.Run(fmt.Sprintf("exit %s accept %v keep %v", test.end, test.accept, test.keep), func(t *testing.T) {
			var lines []string
			command := shell(&lines, script+test.end)
			run := fmt.Sprintf("GWE_RUN_ID=%s-%v-%v", test.end, len(test.accept), test.keep)
			command.Environment = append(command.Environment, run, "READY="+filepath.Join(t.TempDir(), "ready"))
			command.Accept, command.KeepDaemons = test.accept, test.keep
			result, err := Run(t.Context(), command)
			if err != nil || strconv.Itoa(result.ExitCode) != test.end {
				t.Errorf("%+v, %v", result, err)
			}
			if !slices.Contains(lines, "stdout: from the daemon") {
				t.Errorf("lines: %q", lines)
			}
			living := 0
			all, err := processes()
			if err != nil {
				t.Fatal(err)
			}
			for pid, status := range all {
				line, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
				if ours, _ := marked(pid, run); status.alive() && ours && bytes.Contains(line, []byte("from the daemon")) {
					living++
				}
			}
			if living != test.living {
				t.Errorf("%d daemons live, want %d", living, test.living)
			}
			if _, err := KillLeft(t.Context(), nil, run); err != nil {
				t.Error(err)
			}
		})
	}
}

const helperVariable = "PROCESS_TEST_HELPER"

// TestMain lets this binary stand for gwe in the tests that cannot be in this process.
func TestMain(m *testing.M) {
	switch os.Getenv(helperVariable) {
	case "":
		os.Exit(m.Run())
	case "run":
		_, err := Run(context.Background(), Command{
			Arguments:   []string{"/bin/sh", "-c", "echo ready; (setsid sleep 300 &) ; exec sleep 300"},
			Environment: append(BaseEnvironment(), os.Getenv("MARK")),
			Output:      func(stream, line string) { fmt.Println(line) },
		})
		fmt.Println(err)
	case "place":
		helpPlace()
	case "kill":
		count, err := KillLeft(context.Background(), nil, os.Getenv("MARK"))
		fmt.Println(count, err)
	case "deaf":
		deaf()
	}
}

// deaf runs programs while its process group gets one SIGTERM after the other, which it does not mind itself.
func deaf() {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGTERM)
	go func() {
		for {
			_ = syscall.Kill(0, syscall.SIGTERM)
			time.Sleep(2 * time.Millisecond)
		}
	}()
	for range 200 {
		result, err := Run(context.Background(), Command{Arguments: []string{"/bin/true"}, Environment: BaseEnvironment()})
		if err != nil || result.ExitCode != 0 {
			fmt.Printf("%+v, %v\n", result, err)
			return
		}
	}
	fmt.Println("all began")
}

// A signal that is sent to gwe's process group is not for the programs that it starts, not even while they
// are started.
func TestSignalWhileAProgramIsStarted(t *testing.T) {
	gwe := exec.Command(os.Args[0])
	gwe.Env = append(os.Environ(), helperVariable+"=deaf")
	gwe.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if said, err := gwe.CombinedOutput(); err != nil || string(said) != "all began\n" {
		t.Errorf("%s, %v", said, err)
	}
}

// When gwe is killed the program dies with it; what the program forked is found by its mark.
func TestDeathOfGwe(t *testing.T) {
	const mark = "GWE_RUN_ID=death"
	gwe := exec.Command(os.Args[0])
	gwe.Env = append(os.Environ(), helperVariable+"=run", "MARK="+mark)
	output, err := gwe.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := gwe.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := output.Read(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	forked := func() (found []status) {
		found, err := tree{marks: []string{mark}}.members(nil)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	for len(forked()) != 2 { // the shell became one sleep, and forked another
		time.Sleep(time.Millisecond)
	}
	if err := gwe.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = gwe.Wait()
	for len(forked()) != 1 { // a death signal takes a moment
		time.Sleep(time.Millisecond)
	}
	if count, err := KillLeft(t.Context(), nil, "GWE_RUN_ID=other", mark); count != 1 || err != nil {
		t.Errorf("%d processes were left, %v", count, err)
	}
	if left := forked(); len(left) != 0 {
		t.Errorf("still there: %+v", left)
	}
	if count, err := KillLeft(t.Context(), nil, mark); count != 0 || err != nil {
		t.Errorf("the second time: %d, %v", count, err)
	}
}

// A recovery that runs below a daemon of the dead run, in a shell of its own, does not end itself.
func TestKillLeftSparesItsOwnParents(t *testing.T) {
	const mark = "GWE_RUN_ID=lineage"
	output, err := exec.Command("/usr/bin/env", mark, helperVariable+"=kill", "MARK="+mark,
		"/bin/sh", "-c", `sleep 300 & `+os.Args[0]+`; echo still here`).Output()
	if err != nil || string(output) != "1 <nil>\nstill here\n" {
		t.Errorf("%q, %v", output, err)
	}
}

func TestKillLeftWantsAMark(t *testing.T) {
	for _, mark := range []string{"", "GWE_RUN_ID", "GWE_RUN_ID=", "=x"} {
		if _, err := KillLeft(t.Context(), nil, mark); code(err) != "process-mark-invalid" {
			t.Errorf("%q: %v", mark, err)
		}
	}
}

// What a dead run's program left is known by its session too: here nothing has a mark any more.
func TestKillLeftFindsWhatClearedItsEnvironment(t *testing.T) {
	var begun Identity
	_, err := Run(t.Context(), Command{
		Arguments:   []string{"/bin/sh", "-c", strings.ReplaceAll(`(env -i sh -c 'sleep 300; sleep 300' &); exit 0`, "sleep 300", "sleep "+sign())},
		Environment: BaseEnvironment(),
		KeepDaemons: true,
		Started:     func(pid int) { begun, _ = Identify(pid) },
	})
	if err != nil || len(survivors(t)) == 0 {
		t.Fatalf("nothing was left behind: %v", err)
	}
	other, reused := begun, begun
	other.BootID = "another boot"
	reused.Start += 1 << 40 // a later process got the number
	if count, err := KillLeft(t.Context(), []Identity{other, reused}); count != 0 || err != nil {
		t.Errorf("strangers were ended: %d, %v", count, err)
	}
	if count, err := KillLeft(t.Context(), []Identity{begun}); count == 0 || err != nil {
		t.Errorf("ended %d, %v", count, err)
	}
	if left := survivors(t); len(left) > 0 {
		t.Errorf("still there: %q", left)
	}
}
