package supervisor_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// TestSupervisordStartedAnew: supervisord dies in the middle of a run and is started again. It reads what the
// run wrote meanwhile and starts a program that no step of the run touched. When the run is rolled back, that
// program goes with its file.
func TestSupervisordStartedAnew(t *testing.T) {
	t.Parallel()
	binary, err := filepath.Abs("testdata/fast-supervisord")
	if err != nil {
		t.Fatal(err)
	}
	g := newGateway(t)
	g.arrange()
	g.program("other", "command=/bin/sleep 71111\nstartsecs=0\n")
	g.must(g.Reload("other"))
	t.Cleanup(func() {
		if pid, err := strconv.Atoi(strings.TrimSpace(g.read("pid"))); err == nil {
			_, pids, _ := g.Now()
			_ = syscall.Kill(pid, syscall.SIGTERM)
			for _, pid := range pids {
				if pid > 0 {
					_ = syscall.Kill(-pid, syscall.SIGKILL)
				}
			}
		}
	})
	_, before, err := g.Now()
	g.must(err)
	result := g.bench.WantExit(3, g.recipe(`
  - supervisor: { action: stop, programs: [app], $S }
  - write: { path: D/conf.d/fresh.conf, content: "[program:fresh]\ncommand=/bin/sleep 71112\nstartsecs=0\n" }
  - write: { path: D/conf.d/other.conf, content: "[program:other]\ncommand=/bin/sleep 71113\nstartsecs=0\n" }
  - run:
      script: |
        kill -9 $(cat D/pid)
        rm -f D/sock
        setsid `+binary+` -c D/supervisord.conf </dev/null >/dev/null 2>&1 &
        until supervisorctl -s unix://D/sock status fresh | grep RUNNING; do sleep 0.1; done
    undo: none
  - run: { argv: ["false"] }
    undo: none
`), nil)
	_ = syscall.Kill(-before["other"], syscall.SIGKILL) // of the supervisord that died
	wantFault(t, result, "process-exit")
	if len(result.Others) > 0 {
		t.Errorf("the undo complains: %v", result.Others)
	}
	g.wantState("fresh", "", "")
	g.wantOld()
	states, pids, err := g.Now()
	g.must(err)
	if states["other"] != "RUNNING" {
		t.Errorf("other is %s", states["other"])
	}
	if line, err := os.ReadFile("/proc/" + strconv.Itoa(pids["other"]) + "/cmdline"); err != nil || !strings.Contains(string(line), "71111") {
		t.Errorf("other runs %q, %v", line, err)
	}
}
