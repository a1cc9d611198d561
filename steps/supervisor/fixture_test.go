package supervisor_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/tasklog"
	"github.com/gwe-project/gwe/steps"
	"github.com/gwe-project/gwe/steps/steptest"
	"github.com/gwe-project/gwe/steps/supervisor"
)

// markVariable makes the test binary a supervised program: while it runs there is a file of that name, which
// holds the text after the "=".
const markVariable = "GWE_TEST_MARK"

func TestMain(m *testing.M) {
	if mark, text, found := strings.Cut(os.Getenv(markVariable), "="); found {
		serve(mark, text)
		return
	}
	if recipe, rest, found := strings.Cut(os.Getenv(childVariable), "|"); found {
		state, said, _ := strings.Cut(rest, "|")
		child(recipe, state, said)
		return
	}
	steptest.Main(m, settledElsewhere(), supervisor.Conf())
}

// serve is the supervised program. The file comes whole, and its time is always the same, so that trees can
// be compared.
func serve(mark, text string) {
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM)
	outside := fmt.Sprintf("%s-%d", filepath.Dir(mark), os.Getpid())
	if os.WriteFile(outside, []byte(text), 0o644) != nil || os.Chtimes(outside, time.Unix(1, 0), time.Unix(1, 0)) != nil || os.Rename(outside, mark) != nil {
		os.Exit(1)
	}
	held, err := os.Open(mark)
	if err != nil || syscall.Flock(int(held.Fd()), syscall.LOCK_EX) != nil {
		os.Exit(1)
	}
	defer held.Close()
	fmt.Println("serving " + text)
	<-told
	if os.Remove(mark) != nil {
		os.Exit(1)
	}
}

// childVariable makes the test binary a gwe that runs a recipe: RECIPE|STATE|FILE, the file being told how it
// ended.
const childVariable = "GWE_TEST_CHILD"

func child(recipe, state, said string) {
	source, err := os.ReadFile(recipe)
	if err != nil {
		panic(err)
	}
	gwe := &engine.Engine{State: engine.State{Directory: state}, Catalog: catalog(), Machine: step.Local{}, Sink: tasklog.NewPlain(io.Discard, 1), Version: "test"}
	program, diagnostics := engine.Load(recipe, source, gwe.Catalog)
	if program == nil {
		panic(diagnostics)
	}
	result, err := gwe.Run(context.Background(), program, nil)
	if err != nil {
		panic(err)
	}
	end := fmt.Sprintf("exit %d", result.ExitCode())
	if found := fault.As(result.Err); found != nil {
		end = found.Code + ": " + found.Message
	}
	if err := durable.WriteFile(said, []byte(end), 0o644); err != nil {
		panic(err)
	}
}

// catalog is all types, these included.
func catalog() step.Catalog {
	whole := steps.Catalog()
	for _, one := range []step.Type{supervisor.Supervisor(), supervisor.Conf()} {
		if _, there := whole.Find(one.About().Name); !there {
			whole = append(whole, one)
		}
	}
	return whole
}

// machine is a directory with a supervisord of its own:
//
//	sock      its socket
//	conf.d/   its configuration files
//	mark      made by the program app while it runs
type machine struct {
	testing.TB
	directory string
	supervisor.Daemon
	process *exec.Cmd
}

// newMachine starts a supervisord, by default the fast one.
func newMachine(t testing.TB, binary ...string) *machine {
	t.Helper()
	// The name of a socket is short.
	directory, err := os.MkdirTemp("", "gwesv")
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{TB: t, directory: directory, Daemon: supervisor.Open(filepath.Join(directory, "sock"))}
	t.Cleanup(func() {
		m.end()
		_ = os.RemoveAll(directory)
	})
	m.must(os.Mkdir(m.path("conf.d"), 0o755))
	m.write("supervisord.conf", fmt.Sprintf(`[unix_http_server]
file=%[1]s/sock
[supervisord]
nodaemon=true
logfile=%[1]s/log
pidfile=%[1]s/pid
childlogdir=%[1]s
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[include]
files = %[1]s/conf.d/*.conf %[1]s/conf.d/*/*.conf
`, directory))
	m.begin(append(binary, "testdata/fast-supervisord")[0])
	return m
}

// begin starts supervisord and waits until it answers.
func (m *machine) begin(binary string) {
	m.Helper()
	m.process = exec.Command(binary, "-c", m.path("supervisord.conf"))
	m.process.Stdout, m.process.Stderr = nil, os.Stderr
	m.must(m.process.Start())
	m.eventually("supervisord answers", func() bool {
		_, _, err := m.Now()
		return err == nil
	})
}

// end ends supervisord with all that it runs.
func (m *machine) end() {
	if m.process == nil {
		return
	}
	_, pids, _ := m.Now()
	_ = m.process.Process.Signal(syscall.SIGTERM)
	for _, pid := range pids {
		if pid > 0 { // supervisord makes each program the leader of a group
			_ = syscall.Kill(-pid, syscall.SIGKILL)
		}
	}
	_ = m.process.Wait()
	m.process = nil
}

func (m *machine) path(name string) string { return filepath.Join(m.directory, name) }

func (m *machine) server() string { return "unix://" + m.path("sock") }

func (m *machine) must(err error) {
	m.Helper()
	if err != nil {
		m.Fatal(err)
	}
}

func (m *machine) write(name, text string) {
	m.Helper()
	m.must(os.WriteFile(m.path(name), []byte(text), 0o644))
}

func (m *machine) read(name string) string {
	text, err := os.ReadFile(m.path(name))
	if err != nil {
		return ""
	}
	return string(text)
}

// eventually fails the test where something does not come to be.
func (m *machine) eventually(what string, is func() bool) {
	m.Helper()
	for deadline := time.Now().Add(30 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			states, _, err := m.Now()
			m.Fatalf("it never came that %s; %v, %v\n%s", what, states, err, m.read("log"))
		}
	}
}

// serving is the options of a program that leaves a mark with that text.
func serving(mark, text string) string {
	binary, err := os.Executable()
	if err != nil {
		panic(err)
	}
	// The race detector would let the program wait for a second before it ends.
	return fmt.Sprintf("command=%s\nenvironment=%s=\"%s=%s\",GORACE=\"atexit_sleep_ms=0\"\n", binary, markVariable, mark, text)
}

// dying is the options of a program that says why and ends at once.
const dying = `command=/bin/sh -c "echo starting; printf '\033[31mno database\033[0m' >&2; exit 3"
startsecs=20
`

// program writes a configuration file.
func (m *machine) program(name, options string) {
	m.Helper()
	m.write("conf.d/"+name+".conf", "[program:"+name+"]\n"+options)
}

// wantState checks the state of a program, and, where it runs, its mark.
func (m *machine) wantState(name, state, mark string) {
	m.Helper()
	states, _, err := m.Now()
	m.must(err)
	if states[name] != state {
		m.Errorf("%s is %q, want %q", name, states[name], state)
	}
	if state == "RUNNING" || state == "STOPPED" {
		m.eventually("the mark of "+name+" says "+mark, func() bool { return m.served() == mark })
	}
}

// served is the mark of the process that is there. A SIGTERM that comes between supervisord's fork and its
// exec is lost, and the program is killed later: its mark is left behind, but nobody holds it.
func (m *machine) served() string {
	held, err := os.Open(m.path("mark"))
	if err != nil {
		return ""
	}
	defer held.Close()
	if syscall.Flock(int(held.Fd()), syscall.LOCK_SH|syscall.LOCK_NB) == nil {
		return ""
	}
	return m.read("mark")
}
