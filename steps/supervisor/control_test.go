package supervisor_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// cutter stands between gwe and a supervisord. It hands on whole exchanges, and cuts those that name a
// method: before supervisord hears of it, or before its answer is seen.
type cutter struct {
	method string
	behind bool
	// left is how many exchanges are still cut, seen how many named the method.
	left, seen atomic.Int32
	// at is called when an exchange is cut.
	at func()
}

// listen gives the socket to talk to.
func (c *cutter) listen(g *gateway) string {
	g.Helper()
	listener, err := net.Listen("unix", g.path("proxy"))
	g.must(err)
	ended := make(chan struct{})
	g.Cleanup(func() {
		_ = listener.Close()
		<-ended
	})
	go func() {
		defer close(ended)
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			c.exchange(client, g.path("sock"))
		}
	}()
	return "unix://" + g.path("proxy")
}

// exchange is one request and its answer: gwe uses a connection once.
func (c *cutter) exchange(client net.Conn, socket string) {
	defer client.Close()
	var request []byte
	for !strings.Contains(string(request), "</methodCall>") {
		part := make([]byte, 4096)
		n, err := client.Read(part)
		if err != nil {
			return
		}
		request = append(request, part[:n]...)
	}
	cut := false
	if strings.Contains(string(request), "<methodName>supervisor."+c.method+"<") {
		c.seen.Add(1)
		cut = c.left.Add(-1) >= 0
	}
	if cut && !c.behind {
		if c.at != nil {
			c.at()
		}
		return
	}
	server, err := net.Dial("unix", socket)
	if err != nil {
		return
	}
	defer server.Close()
	if _, err := server.Write(request); err != nil {
		return
	}
	if !cut {
		_, _ = io.Copy(client, server)
		return
	}
	// supervisord has carried it out when it begins to answer; half of that is let through.
	answer := make([]byte, 40)
	n, _ := server.Read(answer)
	_, _ = client.Write(answer[:n])
	if c.at != nil {
		c.at()
	}
}

// TestConnectionCut: a call that is cut once is made again, one that is always cut fails the run; either way
// nothing happens twice, and the end is the new state or the old one.
func TestConnectionCut(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"getAllProcessInfo", "reloadConfig", "stopProcess", "removeProcessGroup", "addProcessGroup", "getAllConfigInfo"} {
		for _, behind := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, answered %v", method, behind), func(t *testing.T) {
				t.Parallel()
				g := newGateway(t)
				g.arrange()
				proxy := &cutter{method: method, behind: behind}
				inputs := g.inputs()
				inputs["server"] = proxy.listen(g)
				proxy.left.Store(1)
				g.bench.WantExit(0, reload, inputs)
				g.wantNew()

				g.arrangeAgain()
				// Three attempts, and no more: then the connection holds for the way back. Questions are
				// asked before anything is touched, and have nothing to go back from.
				proxy.left.Store(3)
				if method == "getAllProcessInfo" || method == "reloadConfig" {
					proxy.left.Store(99)
				}
				wantFault(t, g.bench.WantExit(3, reload, inputs), "supervisor-connection-lost")
				g.wantState("app", "RUNNING", "old")
			})
		}
	}
}

// arrangeAgain is arrange on a machine that has a committed run, whose kept file stays.
func (g *gateway) arrangeAgain() {
	g.Helper()
	g.program("app", serving(g.path("mark"), "old")+g.options)
	g.must(g.Reload("app"))
	g.wantState("app", "RUNNING", "old")
}

// TestSupervisordDies: supervisord is killed in the middle of a call. Nobody can put its programs back then,
// and the run says so; once supervisord runs again it starts the old program, for the files are back.
func TestSupervisordDies(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.arrange()
	pid := g.process.Process.Pid
	proxy := &cutter{method: "addProcessGroup", at: func() { _ = syscall.Kill(pid, syscall.SIGKILL) }}
	inputs := g.inputs()
	inputs["server"] = proxy.listen(g)
	proxy.left.Store(1)
	shipped, err := os.ReadFile(reload)
	g.must(err)
	g.write("reload.yaml", strings.Replace(string(shipped), "\nsteps:\n", "\ndefaults: { undo-timeout: 2s }\nsteps:\n", 1))
	result := g.bench.WantExit(5, g.path("reload.yaml"), inputs)
	wantFault(t, result, "supervisor-connection-lost")
	_ = g.process.Wait()
	if text := g.read("conf.d/app.conf"); !strings.Contains(text, "=old") {
		t.Errorf("the old file is not back:\n%s", text)
	}
	g.begin("testdata/fast-supervisord")
	g.eventually("the old app runs", func() bool { return g.read("mark") == "old" })
}

func TestSupervisordMissing(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.arrange()
	for name, socket := range map[string]string{"no socket": g.path("none"), "nobody listens": g.path("dead")} {
		if name == "nobody listens" {
			listener, err := net.Listen("unix", socket)
			g.must(err)
			listener.(*net.UnixListener).SetUnlinkOnClose(false)
			g.must(listener.Close())
		}
		result := g.bench.WantExit(6, g.recipe("  - supervisor: { action: stop, programs: [app], server: \"unix://"+socket+"\", attempts: 2 }\n"), nil)
		wantFault(t, result, "supervisor-unreachable", socket)
	}
	g.wantOld()
}

// TestSupervisordHangs: a call has a time-out of its own.
func TestSupervisordHangs(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.arrange()
	g.must(g.process.Process.Signal(syscall.SIGSTOP))
	defer func() { _ = g.process.Process.Signal(syscall.SIGCONT) }()
	result := g.bench.WantExit(6, g.recipe("  - supervisor: { action: stop, programs: [app], server: \""+g.server()+"\", attempts: 1, rpc-timeout: 200ms }\n"), nil)
	g.must(g.process.Process.Signal(syscall.SIGCONT))
	wantFault(t, result, "supervisor-timeout", "200ms")
	g.wantOld()
}

// TestActions: what each action does and refuses. Every program runs before each of them.
func TestActions(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.arrange()
	g.program("pair", "command=/bin/sleep 1000\nnumprocs=2\nprocess_name=%(program_name)s_%(process_num)s\n")
	// Only when supervisord has noticed that the app is gone can an undo bring it back.
	const gone = "\n  - run: { argv: [sh, -c, \"until supervisorctl -s unix://D/sock status app | grep EXITED; do sleep 0.05; done\"] }\n    undo: none"
	const failing = "\n  - run: { argv: [\"false\"] }\n    undo: none"
	cases := map[string]struct { // what validation would refuse as a literal is an expression
		step, code string
		exit       int
		says       []string
		// down are the programs that do not run afterwards.
		down []string
	}{
		"status":             {step: "{ action: status, $S }"},
		"one of a group":     {step: "{ action: restart, programs: [\"pair:pair_0\"], $S }"},
		"a bare group":       {step: "{ action: stop, programs: [pair], $S }", down: []string{"pair:pair_0", "pair:pair_1"}},
		"update a group":     {step: "{ action: update, programs: [pair], $S }"},
		"no such program":    {step: "{ action: start, programs: [aap], $S }", exit: 6, code: "supervisor-bad-name", says: []string{`"aap"`}},
		"no such group":      {step: "{ action: update, programs: [\"aap:*\"], $S }", exit: 3, code: "supervisor-bad-name", says: []string{"aap"}},
		"no such member":     {step: "{ action: start, programs: [\"pair:pair_7\"], $S }", exit: 6, code: "supervisor-bad-name"},
		"no such signal":     {step: "{ action: signal, signal: NOSE, programs: [app], $S }", exit: 3, code: "supervisor-bad-signal"},
		"signal":             {step: "{ action: signal, signal: TERM, programs: [app], $S }" + gone, down: []string{"app"}},
		"signal and undo":    {step: "{ action: signal, signal: TERM, programs: [app], $S }" + gone + failing, exit: 3, code: "process-exit"},
		"missing":            {step: "{ action: stop, missing: ok, programs: [aap, \"aap:*\"], $S }"},
		"missing, and start": {step: "{ action: start, missing: ok, programs: [app], $S }", exit: 6, code: "supervisor-missing-misplaced"},
		"no programs":        {step: "{ action: \"${{ 'stop' }}\", $S }", exit: 6, code: "supervisor-no-programs"},
		"no signal":          {step: "{ action: \"${{ 'signal' }}\", programs: [app], $S }", exit: 6, code: "supervisor-signal-misplaced"},
		"restart all of it":  {step: "{ action: restart-daemon, $S }"},
		"restart some of it": {step: "{ action: restart-daemon, programs: [app], $S }", exit: 6, code: "supervisor-programs-given"},
		"an empty name":      {step: "{ action: start, programs: [\"\"], $S }", exit: 6, code: "supervisor-bad-name"},
		"a strange address":  {step: "{ action: status, server: \"${{ 'ftp://localhost/x' }}\" }", exit: 6, code: "supervisor-server-invalid"},
		"a password shown":   {step: "{ action: status, server: \"http://me:secret@localhost/RPC2\" }", exit: 6, code: "supervisor-password-exposed"},
		"no attempts":        {step: "{ action: status, attempts: \"${{ 0 }}\", server: \"unix://D/sock\" }", exit: 6, code: "supervisor-attempts-invalid"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			g.must(g.Reload("app", "pair"))
			result := g.bench.Run(g.recipe("  - supervisor: "+c.step+"\n"), nil)
			if result.ExitCode() != c.exit {
				t.Fatalf("exit code %d, want %d: %v, %v", result.ExitCode(), c.exit, result.Err, result.Others)
			}
			if c.code != "" {
				wantFault(t, result, c.code, c.says...)
			}
			states, _, err := g.Now()
			g.must(err)
			for _, program := range []string{"app", "pair:pair_0", "pair:pair_1"} {
				if runs := states[program] == "RUNNING"; runs == slices.Contains(c.down, program) {
					t.Errorf("%s is %s", program, states[program])
				}
			}
		})
	}
}

// TestProgramThatDoesNotStop: the wait is bounded, and so is that of the undo, which cannot start what does
// not end.
func TestProgramThatDoesNotStop(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.program("deaf", g.deaf("9000"))
	g.must(g.Reload("deaf"))
	g.eventually("it is deaf", func() bool { return g.read("deaf") != "" })
	recipe := g.recipe("  - supervisor: { action: stop, programs: [deaf], server: \""+g.server()+"\", wait: 300ms }\n", "undo-timeout: 2s")
	result := g.bench.WantExit(5, recipe, nil)
	wantFault(t, result, "supervisor-stop-timeout", "deaf is STOPPING after 300ms")
	if len(result.Others) == 0 || !strings.Contains(result.Others[0].Error(), "deaf is STOPPING after 2s") {
		t.Errorf("the undo says %v", result.Others)
	}
}

// deaf is the options of a program that does not hear SIGTERM, so supervisord kills it after stopwaitsecs.
// Its file "deaf" tells how often it was started.
func (g *gateway) deaf(stopwaitsecs string) string {
	return "command=/bin/sh -c \"trap '' TERM; echo run >> " + g.path("deaf") + "; while :; do sleep 0.1; done\"\nstartsecs=1\nstopwaitsecs=" + stopwaitsecs + "\n"
}

// TestUndoOutlastsThePatienceOfItsStep: what is too slow for a step is as slow in its undo. However short the
// wait is, the undo brings back what ran.
func TestUndoOutlastsThePatienceOfItsStep(t *testing.T) {
	t.Parallel()
	// The clock of supervisord runs ten times as fast: a program needs 2 s to stop, or to be RUNNING.
	const slowStart = "startsecs=20\n"
	for name, test := range map[string]struct{ step, code string }{
		"stop":           {"supervisor: { action: stop, programs: [deaf], server: SERVER, wait: 200ms }", "supervisor-stop-timeout"},
		"restart":        {"supervisor: { action: restart, programs: [deaf], server: SERVER, wait: 200ms }", "supervisor-stop-timeout"},
		"restart slowly": {"supervisor: { action: restart, programs: [slow], server: SERVER, wait: 200ms }", "supervisor-start-timeout"},
		"stop, then the undo starts": {"supervisor: { action: stop, programs: [slow], server: SERVER, wait: 200ms, rpc-timeout: 5s, attempts: 1 }\n" +
			"  - assert: { that: false, message: no }", ""},
		"update": {"write: { path: CONF, content: \"[program:deaf]\\ncommand=/bin/sleep 1000\\n\" }\n    allow: { lock-uncovered: it is a test }\n" +
			"  - supervisor: { action: update, programs: [deaf], server: SERVER, wait: 200ms }", "supervisor-stop-timeout"},
		"restart-daemon": {"supervisor: { action: restart-daemon, server: SERVER, wait: 200ms }", ""},
		"conf": {"supervisor-conf: { app: deaf, from: FROM, into: INTO, server: SERVER, wait: 200ms, rpc-timeout: 5s, attempts: 1 }\n" +
			"  - supervisor: { action: update, programs: [deaf], server: SERVER, wait: 200ms }", "supervisor-stop-timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGateway(t)
			g.program("deaf", g.deaf("20"))
			g.program("slow", "command=/bin/sleep 1000\n"+slowStart)
			g.write("from.conf", "[supervisord]\ncommand=/bin/sleep 1000\n")
			g.must(g.Reload("deaf", "slow"))
			g.eventually("it is deaf", func() bool { return g.read("deaf") != "" })
			before := g.read("conf.d/deaf.conf")
			step := strings.NewReplacer("SERVER", "\""+g.server()+"\"", "CONF", g.path("conf.d/deaf.conf"), "FROM", g.path("from.conf"), "INTO", g.path("conf.d")).Replace(test.step)
			result := g.bench.WantExit(3, g.recipe("  - "+step+"\n"), nil)
			if test.code != "" {
				wantFault(t, result, test.code)
			}
			states, _, err := g.Now()
			g.must(err)
			if states["deaf"] != "RUNNING" || states["slow"] != "RUNNING" || g.read("conf.d/deaf.conf") != before {
				t.Errorf("not as before: %v\n%s", states, g.read("conf.d/deaf.conf"))
			}
		})
	}
}

// TestUndoWaitsForSupervisord: it dies in the middle, and systemd, say, starts it again a little later. Up to
// then an undo tries.
func TestUndoWaitsForSupervisord(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.arrange()
	pid, again := g.process.Process.Pid, make(chan struct{})
	proxy := &cutter{method: "stopProcess", behind: true, at: func() {
		_ = syscall.Kill(pid, syscall.SIGKILL)
		_ = g.process.Wait()
		go func() {
			defer close(again)
			time.Sleep(3 * time.Second)
			g.begin("testdata/fast-supervisord")
		}()
	}}
	server := proxy.listen(g)
	proxy.left.Store(1)
	recipe := g.recipe("  - supervisor: { action: stop, programs: [app], server: \"" + server + "\", attempts: 1, rpc-timeout: 1s }\n")
	g.bench.WantExit(3, recipe, nil)
	<-again
	g.eventually("the app runs", func() bool { states, _, err := g.Now(); return err == nil && states["app"] == "RUNNING" })
}

// TestOwnProgram: a gwe that supervisord runs stops neither itself nor supervisord. supervisord runs this
// test binary here, which is gwe to it, with an engine that takes a recipe.
func TestOwnProgram(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.arrange()
	for name, c := range map[string]struct{ step, code string }{
		"stop":    {"{ action: stop, programs: [updater], $S }", "supervisor-own-program"},
		"restart": {"{ action: restart, programs: [\"updater:*\"], $S }", "supervisor-own-program"},
		"signal":  {"{ action: signal, signal: HUP, programs: [updater], $S }", "supervisor-own-program"},
		"daemon":  {"{ action: restart-daemon, $S }", "supervisor-own-daemon"},
		"others":  {"{ action: restart, programs: [app], $S }", "exit 0"},
	} {
		t.Run(name, func(t *testing.T) {
			recipe := g.recipe("  - supervisor: " + c.step + "\n")
			_ = os.Remove(g.path("said"))
			// A shell between supervisord and gwe is an ancestor too.
			g.program("updater", fmt.Sprintf("command=/bin/sh -c \"%s; sleep 1000\"\nenvironment=%s=\"%s|%s|%s\"\nautorestart=false\nstopasgroup=true\n",
				os.Args[0], childVariable, recipe, g.path("state-"+name), g.path("said")))
			g.must(g.Reload("updater"))
			g.eventually("gwe ended", func() bool { return g.read("said") != "" })
			if said := g.read("said"); !strings.HasPrefix(said, c.code) {
				t.Errorf("gwe said %q, want %s", said, c.code)
			}
		})
	}
	g.wantState("app", "RUNNING", "old")
}

// TestHTTP: over TCP, with a user and a password that nothing shows.
func TestHTTP(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.end()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	g.must(err)
	address := listener.Addr().String()
	g.must(listener.Close())
	g.write("supervisord.conf", g.read("supervisord.conf")+"[inet_http_server]\nport="+address+"\nusername=me\npassword=opensesame\n")
	g.begin("testdata/fast-supervisord")
	g.arrange()
	recipe := func() string {
		path := g.recipe("  - supervisor: { action: restart, programs: [app], server: \"http://me@" + address + "\", password: \"${{ inputs.password }}\" }\n")
		g.write("recipe.yaml", strings.Replace(g.read("recipe.yaml"), "steps:", "inputs:\n  password: { type: secret, required: true }\nsteps:", 1))
		return path
	}
	g.bench.WantExit(0, recipe(), map[string]string{"password": "opensesame"})
	wantFault(t, g.bench.WantExit(6, recipe(), map[string]string{"password": "wrong"}), "supervisor-unauthorized")
	found, _ := exec.Command("grep", "-rl", "opensesame", g.bench.State).Output()
	for file := range strings.SplitSeq(strings.TrimSpace(string(found)), "\n") {
		if file != "" && !strings.Contains(file, "/secrets/") && !strings.Contains(file, "/frames/") {
			t.Errorf("the password is in %s", file)
		}
	}
	if strings.Contains(g.bench.Said(), "opensesame") {
		t.Error("the password is in the log")
	}
}
