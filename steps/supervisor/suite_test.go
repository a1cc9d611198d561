package supervisor_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine/need"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/steps/steptest"
	"github.com/gwe-project/gwe/steps/supervisor"
)

// settleVariable tells the undo in another process what to wait for: socket, program and mark.
const settleVariable = "GWE_TEST_SETTLE"

// settledElsewhere is the type for the undo in another process.
func settledElsewhere() step.Type {
	told := strings.Split(os.Getenv(settleVariable), "|")
	if len(told) != 3 {
		return supervisor.Supervisor()
	}
	return settled{supervisor.Supervisor(), &machine{TB: waiter{}, Daemon: supervisor.Open(told[0])}, &told[1], &told[2]}
}

// waiter is what is left of a test in another process.
type waiter struct{ testing.TB }

func (waiter) Helper() {}

func (waiter) Fatalf(format string, arguments ...any) { panic(fmt.Sprintf(format, arguments...)) }

// settled is a type after whose do and undo the supervised program has come to leave, or to remove, its
// mark: supervisord calls it RUNNING before it has done anything.
type settled struct {
	step.Type
	*machine
	current *string
	mark    *string
}

func (s settled) Do(ctx context.Context, run *step.Run, arguments map[string]any, memo json.RawMessage) (map[string]any, error) {
	outputs, err := s.Type.Do(ctx, run, arguments, memo)
	s.settle()
	return outputs, err
}

// OwesLast leaves all to Undo.
func (s settled) OwesLast(map[string]any, json.RawMessage) (inPlace, last bool, err error) {
	return true, false, nil
}

func (s settled) Undo(ctx context.Context, run *step.Run, arguments map[string]any, memo json.RawMessage) error {
	err := step.UndoWhole(ctx, s.Type, run, arguments, memo)
	s.settle()
	return err
}

func (s settled) settle() {
	s.eventually("mark and state agree", func() bool {
		states, _, err := s.Now()
		state := states[*s.current]
		_, missing := os.Stat(*s.mark)
		return err == nil && state != "STOPPING" && state != "STARTING" && (state == "RUNNING") == (missing == nil)
	})
}

// TestSupervisorConforms runs the suite. One supervisord serves a whole case; each tree has a program of its
// own.
func TestSupervisorConforms(t *testing.T) {
	cases := map[string]struct {
		arguments map[string]any
		// running and known are what the program is before.
		running, known, idle bool
		after                string
	}{
		"start":                   {arguments: map[string]any{"action": "start"}, known: true, after: "RUNNING"},
		"start what runs":         {arguments: map[string]any{"action": "start"}, known: true, running: true, idle: true, after: "RUNNING"},
		"stop":                    {arguments: map[string]any{"action": "stop"}, known: true, running: true, after: "STOPPED"},
		"stop what is stopped":    {arguments: map[string]any{"action": "stop"}, known: true, idle: true, after: "STOPPED"},
		"restart what is stopped": {arguments: map[string]any{"action": "restart"}, known: true, after: "RUNNING"},
		"update adds":             {arguments: map[string]any{"action": "update"}, after: "RUNNING"},
		"update starts":           {arguments: map[string]any{"action": "update"}, known: true, after: "RUNNING"},
		"update, nothing differs": {arguments: map[string]any{"action": "update"}, known: true, running: true, idle: true, after: "RUNNING"},
		"status":                  {arguments: map[string]any{"action": "status"}, known: true, running: true, idle: true, after: "RUNNING"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			count, current, mark := 0, "", ""
			steptest.Run(t, steptest.Suite{
				Type: settled{supervisor.Supervisor(), m, &current, &mark},
				Idle: c.idle,
				Arrange: func(t testing.TB, root string) map[string]any {
					m.withdraw(t, current)
					count++
					current, mark = fmt.Sprintf("app%d", count), filepath.Join(root, "mark")
					t.Setenv(settleVariable, m.path("sock")+"|"+current+"|"+mark)
					m.program(current, serving(mark, "serving")+"startsecs=0\nautostart=false\n")
					if c.known {
						m.must(m.Reload())
					}
					if c.running {
						m.must(m.Reload(current))
						settled{machine: m, current: &current, mark: &mark}.settle()
					}
					arguments := map[string]any{"programs": []any{current}, "server": m.server()}
					for name, v := range c.arguments {
						arguments[name] = v
					}
					return arguments
				},
				AfterDo: func(t testing.TB, _ string, outputs map[string]any) {
					if states := outputs["programs"].(map[string]any); states[current] != c.after {
						t.Errorf("the output says %v, want %s", states, c.after)
					}
				},
			})
		})
	}
}

// withdraw takes the program of the tree before away.
func (m *machine) withdraw(t testing.TB, name string) {
	t.Helper()
	if name == "" {
		return
	}
	if err := os.Remove(m.path("conf.d/" + name + ".conf")); err != nil {
		t.Fatal(err)
	}
	if err := m.Reload(); err != nil {
		t.Fatal(err)
	}
}

func TestConfConforms(t *testing.T) {
	m := newMachine(t)
	app := "[supervisord]\nCommand = /opt/app/bin/app --port 80\nautostart = false\n"
	written := "[program:app]\ncommand = /opt/app/bin/app --port 80\nautostart = false\nstdout_logfile = /var/log/app.log\n" +
		"redirect_stderr = true\nstdout_logfile_maxbytes = 200KB\nstdout_logfile_backups = 1\n"
	cases := map[string]struct {
		old    string
		server string
		idle   bool
	}{
		"new, no supervisord":      {server: "unix:///nowhere/supervisor.sock"},
		"over an old one":          {server: "unix:///nowhere/supervisor.sock", old: "[program:app]\ncommand=old\n"},
		"as wanted":                {server: "unix:///nowhere/supervisor.sock", old: written, idle: true},
		"new, with a supervisord":  {server: m.server()},
		"old, with a supervisord":  {server: m.server(), old: "[program:app]\ncommand=/bin/old\nautostart=false\n"},
		"wanted, and a supervisor": {server: m.server(), old: written, idle: true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			steptest.Run(t, steptest.Suite{
				Type: supervisor.Conf(), Idle: c.idle, Forget: []string{"supervisor.conf"},
				Arrange: func(t testing.TB, root string) map[string]any {
					into := filepath.Join(root, "into")
					m.must(os.Mkdir(into, 0o755))
					m.must(os.WriteFile(filepath.Join(root, "supervisor.conf"), []byte(app), 0o644))
					if c.old != "" {
						m.must(os.WriteFile(filepath.Join(into, "app.conf"), []byte(c.old), 0o640))
						need.Owner(t, filepath.Join(into, "app.conf"), 12, 34)
					}
					// supervisord reads the directory of the tree at hand.
					_ = os.Remove(m.path("conf.d/tree"))
					m.must(os.Symlink(into, m.path("conf.d/tree")))
					m.must(m.Reload())
					return map[string]any{
						"app": "app", "from": filepath.Join(root, "supervisor.conf"), "into": into, "server": c.server, "attempts": 1,
					}
				},
				AfterDo: func(t testing.TB, root string, outputs map[string]any) {
					text, err := os.ReadFile(filepath.Join(root, "into/app.conf"))
					if err != nil || string(text) != written || outputs["changed"] == c.idle {
						t.Errorf("written: %v\n%s\noutputs: %v", err, text, outputs)
					}
				},
			})
		})
	}
}
