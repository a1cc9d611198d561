package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
)

func code(err error) string {
	if found := fault.As(err); found != nil {
		return found.Code
	}
	return ""
}

// shell is a command that runs a script and collects its lines, each with its stream in front.
func shell(lines *[]string, script string) Command {
	return Command{
		Arguments:   []string{"/bin/sh", "-c", script},
		Environment: BaseEnvironment(),
		Grace:       300 * time.Millisecond,
		Output:      func(stream, line string) { *lines = append(*lines, stream+": "+line) },
	}
}

func TestEndsByItself(t *testing.T) {
	for script, want := range map[string]struct {
		code   int
		signal syscall.Signal
		fault  string
		hint   string
	}{
		"exit 0":        {0, 0, "", ""},
		"exit 21":       {21, 0, "process-exit", "by hand"},
		"echo; exit 21": {21, 0, "process-exit", "last lines"},
		"exit 126":      {126, 0, "process-exit", "may not execute"},
		"exit 127":      {127, 0, "process-exit", "does not find"},
		"exit 143":      {143, 0, "process-exit", "signal 15 (SIGTERM)"},
		"exit 255":      {255, 0, "process-exit", "by hand"},
		"kill -9 $$":    {-1, syscall.SIGKILL, "process-signal", "memory"},
		"kill -TERM 0":  {-1, syscall.SIGTERM, "process-signal", "another process"},
		"kill -SEGV $$": {-1, syscall.SIGSEGV, "process-signal", "crashed"},
	} {
		t.Run(script, func(t *testing.T) {
			var lines []string
			result, err := Run(t.Context(), shell(&lines, script))
			if err != nil || result.ExitCode != want.code || result.Signal != want.signal || result.PID == 0 {
				t.Errorf("%+v, %v", result, err)
			}
			checked := result.Check("the hook")
			if code(checked) != want.fault || checked != nil && !strings.Contains(fault.As(checked).Hint, want.hint) {
				t.Errorf("%v", checked)
			}
			if err := result.Check("the hook", want.code); want.signal == 0 && err != nil {
				t.Errorf("accepted all the same: %v", err)
			}
			if want.code == 0 && result.Check("the hook", 3) == nil {
				t.Error("0 counts although only 3 is accepted")
			}
		})
	}
}

// Nothing of gwe's own gets to the program: not its environment, its umask, its terminal, its process group.
func TestWhatAProgramGets(t *testing.T) {
	t.Setenv("TOKEN", "secret")
	t.Setenv("HOME", "/home/of gwe")
	t.Setenv("TZ", "Europe/Berlin")
	before := unix.Umask(0o077)
	defer unix.Umask(before)
	var lines []string
	command := shell(&lines, `umask; pwd; env | sort | sed 's/^GWE_COMMAND=.*/GWE_COMMAND/'; cat; ps -o sid= -o pgid= -o tty= -p $$ | sed "s/$$/own/g"`)
	command.Directory = "/usr"
	command.Environment = append(command.Environment, "NAME=first", "SPACED= a\tb ", "NAME=last\n")
	if result, err := Run(t.Context(), command); err != nil || result.Check("sh") != nil {
		t.Fatalf("%+v, %v", result, err)
	}
	want := []string{
		"0022", "/usr", "", "GWE_COMMAND", "HOME=/home/of gwe", "LANG=C.UTF-8", "NAME=last",
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "PWD=/usr", "SPACED= a\tb ", "TERM=dumb", "TZ=Europe/Berlin",
	}
	got := slices.Clone(lines[:min(len(lines), len(want))])
	for at := range got {
		got[at] = strings.TrimPrefix(got[at], "stdout: ")
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
	if last := strings.Fields(strings.Join(lines[len(want):], " ")); !slices.Equal(last, []string{"stdout:", "own", "own", "?"}) {
		t.Errorf("session, group, terminal: %q", last)
	}
	if now := unix.Umask(0o077); now != 0o077 {
		t.Errorf("gwe's own umask became %o", now)
	}
}

func TestArgumentsAreNeverExecuted(t *testing.T) {
	values := []string{"", " ", "a b", `"'\`, "$(touch /tmp/executed)", "`id`", "; exit 1", "a\nb", "*", "-n", "ä\xff"}
	var output bytes.Buffer
	result, err := Run(t.Context(), Command{
		Arguments:   append([]string{"printf", `%s\0`}, values...),
		Environment: BaseEnvironment(),
		Stdout:      &output,
	})
	if err != nil || result.ExitCode != 0 {
		t.Fatalf("%+v, %v", result, err)
	}
	if got := strings.Split(strings.TrimSuffix(output.String(), "\x00"), "\x00"); !slices.Equal(got, values) {
		t.Errorf("got %q, want %q", got, values)
	}
}

func TestInput(t *testing.T) {
	text := strings.Repeat("line\n", 100_000)
	var lines []string
	command := shell(&lines, "wc -c")
	command.Input = strings.NewReader(text)
	if _, err := Run(t.Context(), command); err != nil || !slices.Equal(lines, []string{"stdout: 500000"}) {
		t.Errorf("%q, %v", lines, err)
	}
	// One that reads nothing, and leaves its end of the pipe to a daemon that reads nothing either.
	command = shell(&lines, "exec 3<&0; sleep 300 <&3 >/dev/null 2>&1 & exit 0")
	command.Input, command.KeepDaemons = strings.NewReader(text), true
	command.Environment = append(command.Environment, "GWE_RUN_ID=input")
	if result, err := Run(t.Context(), command); err != nil || result.ExitCode != 0 {
		t.Errorf("%+v, %v", result, err)
	}
	if count, err := KillLeft(t.Context(), nil, "GWE_RUN_ID=input"); count != 1 || err != nil {
		t.Errorf("%d daemons, %v", count, err)
	}
}

// A gigabyte goes by in bounded memory, and its head and tail are kept.
func TestAGigabyteOfOutput(t *testing.T) {
	var lines []string
	command := shell(&lines, `echo first; yes "$(printf '%099d' 0)" | head -c 1000000000; echo last`)
	command.OutputLimit = 1000
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if result, err := Run(t.Context(), command); err != nil || result.ExitCode != 0 {
		t.Fatalf("%+v, %v", result, err)
	}
	runtime.ReadMemStats(&after)
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 16<<20 {
		t.Errorf("%d bytes were allocated on the way", allocated)
	}
	if lines[0] != "stdout: first" || lines[len(lines)-1] != "stdout: last" {
		t.Errorf("%d lines, from %q to %q", len(lines), lines[0], lines[len(lines)-1])
	}
	marker := slices.IndexFunc(lines, func(line string) bool { return strings.Contains(line, "left out") })
	if marker < 0 {
		t.Fatal("nothing says that lines are missing")
	}
	var missing int
	if _, err := fmt.Sscanf(lines[marker], "stdout: … %d bytes left out …", &missing); err != nil {
		t.Fatal(err)
	}
	// The head ends, and the tail begins, with a line of its own.
	kept := 0
	for at, line := range lines {
		if at != marker {
			kept += len(strings.TrimPrefix(line, "stdout: ")) + 1
		}
	}
	if total := 6 + 1_000_000_000 + 5; kept+missing != total {
		t.Errorf("%d bytes kept and %d left out make %d, want %d", kept, missing, kept+missing, total)
	}
}

func TestTimeout(t *testing.T) {
	// On a busy machine the time may be over before the shell says anything: then it is given more.
	for limit := 100 * time.Millisecond; ; limit *= 2 {
		lines := timeouts(t, limit)
		if slices.Equal(lines, []string{"stdout: begun", "stdout: begun"}) {
			return
		}
		if len(lines) > 1 || limit > time.Minute {
			t.Fatalf("within %s it said %q", limit, lines)
		}
	}
}

// timeouts ends a program by its own time-out and by a deadline, and gives what both said.
func timeouts(t *testing.T, limit time.Duration) []string {
	var lines []string
	command := shell(&lines, `echo begun; exec sleep 300`)
	command.Timeout = limit
	result, err := Run(t.Context(), command)
	if code(err) != "process-timeout" || fault.ClassOf(err) != fault.Failed || result.Signal != syscall.SIGTERM {
		t.Errorf("%+v, %v", result, err)
	}
	deadline, cancel := context.WithTimeoutCause(t.Context(), limit, errors.New("the step's time is up"))
	defer cancel()
	command.Timeout = 0
	if _, err := Run(deadline, command); code(err) != "process-timeout" {
		t.Errorf("a deadline: %v", err)
	}
	said := len(lines)
	if _, err := Run(deadline, command); code(err) != "process-timeout" || len(lines) != said {
		t.Errorf("begun although the time was up: %v, %q", err, lines)
	}
	return lines
}

// A program may end well on SIGTERM: it was stopped all the same.
func TestAGoodEndAfterTheStopIsNoSuccess(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	result, err := Run(ctx, Command{
		Arguments:   []string{"/bin/sh", "-c", `trap 'exit 0' TERM; echo ready; while :; do sleep 0.01; done`},
		Environment: BaseEnvironment(),
		Output:      func(string, string) { cancel() },
	})
	if result.ExitCode != 0 || code(err) != "process-interrupted" {
		t.Errorf("%+v, %v", result, err)
	}
}

func TestStarted(t *testing.T) {
	var told Identity
	var toldErr error
	result, err := Run(t.Context(), Command{
		Arguments: []string{"sleep", "0.1"}, Environment: BaseEnvironment(),
		Started: func(pid int) { told, toldErr = Identify(pid) },
	})
	if err != nil || toldErr != nil || told.PID != result.PID || told.Start == 0 || len(told.BootID) != 36 {
		t.Errorf("%+v, told %+v, %v, %v", result, told, err, toldErr)
	}
	if told.Alive() {
		t.Error("it is over, and counts as alive")
	}
	mine, err := Identify(os.Getpid())
	if err != nil || !mine.Alive() {
		t.Errorf("this process does not count as alive: %+v, %v", mine, err)
	}
	other := mine
	other.Start++
	rebooted := mine
	rebooted.BootID = "another"
	if other.Alive() || rebooted.Alive() {
		t.Error("another process with the same pid is taken for this one")
	}
}
