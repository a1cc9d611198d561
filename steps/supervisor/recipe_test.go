package supervisor_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/steps/steptest/recipetest"
)

const reload = "../../recipes/supervisor-reload.yaml"

// gateway is a machine with gwe. Its app is "old" by its configuration, and the new supervisor.conf makes it
// "new".
type gateway struct {
	*machine
	bench *recipetest.Bench
	// options are what the old and the new configuration have in common.
	options string
}

func newGateway(t *testing.T, binary ...string) *gateway {
	t.Helper()
	g := &gateway{machine: newMachine(t, binary...), bench: recipetest.New(t, catalog()), options: "startsecs=1\n"}
	g.write("new.conf", "[supervisord]\nstdout_logfile="+g.path("app.log")+"\n"+serving(g.path("mark"), "new")+g.options)
	return g
}

// arrange lets the old app run.
func (g *gateway) arrange() {
	g.Helper()
	hidden, _ := filepath.Glob(g.path("conf.d/.gwe-*"))
	for _, one := range hidden {
		g.must(os.Remove(one))
	}
	g.program("app", serving(g.path("mark"), "old")+g.options)
	g.must(g.Reload("app"))
	g.wantOld()
}

func (g *gateway) wantOld() {
	g.Helper()
	g.wantState("app", "RUNNING", "old")
	if text := g.read("conf.d/app.conf"); !strings.Contains(text, "=old") {
		g.Errorf("the configuration is not the old one:\n%s", text)
	}
	g.wantNothingHidden()
}

func (g *gateway) wantNew() {
	g.Helper()
	g.wantState("app", "RUNNING", "new")
	if text := g.read("conf.d/app.conf"); !strings.Contains(text, "=new") {
		g.Errorf("the configuration is not the new one:\n%s", text)
	}
}

func (g *gateway) wantNothingHidden() {
	g.Helper()
	if hidden, _ := filepath.Glob(g.path("conf.d/.gwe-*")); len(hidden) > 0 {
		g.Errorf("left over: %v", hidden)
	}
}

func (g *gateway) inputs() map[string]string {
	return map[string]string{
		"app": "app", "conf": g.path("new.conf"), "into": g.path("conf.d"), "server": g.server(), "wait": "20s",
	}
}

// recipe writes a recipe of steps; D stands for the machine's directory and S for what every supervisor step
// says. defaults are what steps get that say nothing else.
func (g *gateway) recipe(steps string, defaults ...string) string {
	g.Helper()
	steps = strings.NewReplacer("D/", g.directory+"/", "$S", "server: \"unix://"+g.directory+"/sock\", wait: 20s, attempts: 2").Replace(steps)
	g.write("recipe.yaml", "gwe: 1\nname: trial\ndefaults: { "+strings.Join(defaults, ", ")+" }\nsteps:\n"+steps)
	return g.path("recipe.yaml")
}

// wantFault checks the first error of a run.
func wantFault(t testing.TB, result engine.Result, code string, parts ...string) {
	t.Helper()
	found := fault.As(result.Err)
	if found == nil || found.Code != code {
		t.Fatalf("the run ended by %v, want the fault %s", result.Err, code)
	}
	for _, part := range parts {
		if !strings.Contains(result.Err.Error(), part) {
			t.Errorf("the error does not say %q: %v", part, result.Err)
		}
	}
	if found.Hint == "" {
		t.Errorf("the fault %s has no hint", code)
	}
}

// TestReload reloads with Debian's supervisord as it is, its clock included.
func TestReload(t *testing.T) {
	t.Parallel()
	g := newGateway(t, "supervisord")
	g.arrange()
	result := g.bench.WantExit(0, reload, g.inputs())
	g.wantNew()
	if states := result.Outputs["programs"].(map[string]any); states["app"] != "RUNNING" || result.Outputs["changed"] != true {
		t.Errorf("outputs: %v", result.Outputs)
	}
	_, pids, _ := g.Now()
	g.bench.WantExit(0, reload, g.inputs())
	if _, again, _ := g.Now(); again["app"] != pids["app"] {
		t.Error("with nothing to do, the program was restarted")
	}
}

// TestReloadOfANewApp starts what there was not, and puts it away again when a later step fails.
func TestReloadOfANewApp(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	result := g.bench.WantExit(3, g.recipe(`
  - supervisor-conf: { app: app, from: D/new.conf, into: D/conf.d, $S }
  - supervisor: { action: update, $S }
  - run: { argv: [sh, -c, "grep new D/mark; exit 1"] }
    undo: none
`), nil)
	wantFault(t, result, "process-exit")
	g.wantState("app", "", "")
	if g.read("conf.d/app.conf") != "" || g.read("mark") != "" {
		t.Error("the app is still there")
	}
	g.bench.WantExit(0, reload, g.inputs())
	g.wantNew()
}

// TestUnwinding: whatever the order of the steps, the old program runs again, with the old configuration, and
// nothing was complained of.
func TestUnwinding(t *testing.T) {
	t.Parallel()
	recipes := map[string]string{
		"conf and update": `
  - supervisor-conf: { app: app, from: D/new.conf, into: D/conf.d, $S }
  - supervisor: { action: update, programs: [app], $S }`,
		"conf and update of all": `
  - supervisor-conf: { app: app, from: D/new.conf, into: D/conf.d, $S }
  - supervisor: { action: update, $S }`,
		"conf, update, restart and stop": `
  - supervisor-conf: { app: app, from: D/new.conf, into: D/conf.d, $S }
  - supervisor: { action: update, $S }
  - supervisor: { action: restart, programs: [app], $S }
  - supervisor: { action: stop, programs: [app], $S }`,
		"stop, write, update": `
  - supervisor: { action: stop, programs: [app], $S }
  - write: { path: D/conf.d/app.conf, content: "[program:app]\n${{ inputs.options }}" }
  - supervisor: { action: update, programs: [app], $S }`,
		"stop, remove, update": `
  - supervisor: { action: stop, programs: [app], $S }
  - remove: D/conf.d/app.conf
  - supervisor: { action: update, $S }`,
		"stop, conf, update": `
  - supervisor: { action: stop, programs: [app], $S }
  - supervisor-conf: { app: app, from: D/new.conf, into: D/conf.d, $S }
  - supervisor: { action: update, programs: [app], $S }`,
		"write, update": `
  - write: { path: D/conf.d/app.conf, content: "[program:app]\n${{ inputs.options }}" }
  - supervisor: { action: update, programs: [app], $S }`,
		"write, update, restart": `
  - write: { path: D/conf.d/app.conf, content: "[program:app]\n${{ inputs.options }}" }
  - supervisor: { action: update, $S }
  - supervisor: { action: restart, programs: [app], $S }`,
		"write, and a restart of supervisord": `
  - write: { path: D/conf.d/app.conf, content: "[program:app]\n${{ inputs.options }}" }
  - supervisor: { action: restart-daemon, $S }`,
		"conf, and a restart of supervisord": `
  - supervisor-conf: { app: app, from: D/new.conf, into: D/conf.d, $S }
  - supervisor: { action: restart-daemon, $S }`,
		"stop and start": `
  - supervisor: { action: stop, programs: [app], $S }
  - supervisor: { action: start, programs: ["app:*"], $S }`,
	}
	for name, recipe := range recipes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGateway(t)
			g.arrange()
			recipe := strings.ReplaceAll(recipe, "${{ inputs.options }}", strings.NewReplacer("\n", `\n`, `"`, `\"`).Replace(serving(g.path("mark"), "new")+g.options))
			result := g.bench.WantExit(3, g.recipe(recipe+"\n  - run: { argv: [\"false\"] }\n    undo: none\n"), nil)
			wantFault(t, result, "process-exit")
			if len(result.Others) > 0 {
				t.Errorf("the unwinding complains: %v", result.Others)
			}
			g.wantOld()
		})
	}
}

// TestRestartBehindTheSwitch is the recipe that everybody writes first: switch the link, restart the program,
// check. However the program is restarted, the old release runs in the end.
func TestRestartBehindTheSwitch(t *testing.T) {
	t.Parallel()
	for name, restart := range map[string]string{
		"restart":        "  - supervisor: { action: restart, programs: [app], $S }\n",
		"stop and start": "  - supervisor: { action: stop, programs: [app], $S }\n  - supervisor: { action: start, programs: [app], $S }\n",
		"twice":          "  - supervisor: { action: restart, programs: [app], $S }\n  - supervisor: { action: restart, programs: [\"app:*\"], $S }\n",
		"restart-daemon": "  - supervisor: { action: restart-daemon, $S }\n",
		"killed":         "  - supervisor: { action: signal, signal: KILL, programs: [app], $S }\n",
		"by a program": "  - run: { argv: [supervisorctl, -s, \"unix://D/sock\", restart, app] }\n" +
			"    undo-last: [{ run: { argv: [supervisorctl, -s, \"unix://D/sock\", restart, app] } }]\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGateway(t)
			g.releases()
			result := g.bench.WantExit(3, g.recipe("  - swap-link: { link: D/current, to: D/new }\n"+restart+
				"  - run: { argv: [sh, -c, \"until grep new D/mark; do sleep 0.01; done; exit 1\"] }\n    effects: none\n"), nil)
			wantFault(t, result, "process-exit")
			if len(result.Others) > 0 {
				t.Errorf("the undo complains: %v", result.Others)
			}
			g.wantState("app", "RUNNING", "old")
		})
	}
}

// TestUndoneAlone: a group that is undone alone leaves the program with the release that is linked then, and
// a later undo of older changes restarts it once more.
func TestUndoneAlone(t *testing.T) {
	t.Parallel()
	const failing = "  - run: { argv: [sh, -c, \"until grep new D/mark; do sleep 0.01; done; exit 1\"] }\n    effects: none\n"
	const swap = "  - swap-link: { link: D/current, to: D/new }\n"
	const restart = "  - supervisor: { action: restart, programs: [app], $S }\n"
	inGroup := func(steps string) string {
		return "  - allow-failure: true\n    steps:\n    " + strings.ReplaceAll(strings.TrimSuffix(steps, "\n"), "\n", "\n    ") + "\n"
	}
	for name, test := range map[string]struct {
		steps string
		exit  int
	}{
		"the run is in progress":                         {inGroup(swap + restart + failing), 0},
		"after a restart by the run":                     {restart + inGroup(swap+restart+failing), 0},
		"older changes are undone later":                 {swap + inGroup(restart+failing) + failing, 3},
		"older changes are undone, and so is a restart":  {restart + swap + inGroup(restart+failing) + failing, 3},
		"the restart itself was undone alone, and again": {swap + inGroup(restart+inGroup(restart+failing)+failing) + failing, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGateway(t)
			g.releases()
			g.bench.WantExit(test.exit, g.recipe(test.steps), nil)
			g.wantState("app", "RUNNING", "old")
		})
	}
}

// releases lays out two releases of the program, of which the old one runs.
func (g *gateway) releases() {
	for _, release := range []string{"old", "new"} {
		g.must(os.Mkdir(g.path(release), 0o755))
		g.write(release+"/app", "#!/bin/sh\nGORACE=atexit_sleep_ms=0 "+markVariable+"="+g.path("mark")+"="+release+" exec "+os.Args[0]+"\n")
		g.must(os.Chmod(g.path(release+"/app"), 0o755))
	}
	g.must(os.Symlink("old", g.path("current")))
	g.program("app", "command="+g.path("current/app")+"\n")
	g.must(g.Reload("app"))
}

// TestReleaseExchanged: the program runs from the release. The undo of a stop starts it once the old one is
// back, or starts it again where something else than a step of ours has started it since.
func TestReleaseExchanged(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]string{
		"update":     "supervisor: { action: update, programs: [app], $S }",
		"start":      "supervisor: { action: start, programs: [app], $S }",
		"by a hook":  "run: { argv: [supervisorctl, -s, \"unix://D/sock\", start, app] }\n    undo: none",
		"not at all": "run: { argv: [sh, -c, echo new > D/mark] }\n    undo: none",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGateway(t)
			g.releases()
			result := g.bench.WantExit(3, g.recipe(`
  - supervisor: { action: stop, programs: [app], $S }
  - swap-link: { link: D/current, to: D/new }
  - `+start+`
  - run: { argv: [sh, -c, "until grep new D/mark; do sleep 0.01; done; exit 1"] }
    undo: none
`), nil)
			wantFault(t, result, "process-exit")
			g.wantState("app", "RUNNING", "old")
		})
	}
}

// TestUpdateThatCannotGoBack: an update of a running program, with nothing before it that could restore it,
// says so.
func TestUpdateThatCannotGoBack(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.arrange()
	g.program("app", serving(g.path("mark"), "new")+g.options)
	result := g.bench.WantExit(5, g.recipe("  - supervisor: { action: update, $S }\n  - run: { argv: [\"false\"] }\n    undo: none\n"), nil)
	if len(result.Others) != 1 || fault.As(result.Others[0]).Code != "supervisor-not-restored" {
		t.Errorf("the unwinding says %v", result.Others)
	}
}

// TestReloadDisturbed lets the reload fail after every step, and kills gwe everywhere.
func TestReloadDisturbed(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.arrange()
	check := func(committed bool) {
		if committed {
			g.wantNew()
		} else {
			g.wantOld()
		}
	}
	if failures := g.bench.FailEverywhere(reload, g.inputs(), g.arrange, check); failures != 3 {
		t.Errorf("it failed after %d steps", failures)
	}
	if kills := g.bench.KillEverywhere(reload, g.inputs(), g.arrange, check); kills < 10 {
		t.Errorf("%d kills prove nothing", kills)
	}
}

// TestProgramThatDoesNotRun: the new program dies at once, or never comes to be RUNNING.
func TestProgramThatDoesNotRun(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		options, wait, code string
		says                []string
	}{
		"dies at once":   {dying, "20s", "supervisor-fatal", []string{"app does not run", "Exited too quickly", "starting"}},
		"never RUNNING":  {"startsecs=9999\n", "2s", "supervisor-start-timeout", []string{"app is STARTING"}},
		"no such file":   {"command=/nowhere/app\n", "20s", "supervisor-fatal", []string{"app does not run", "can't find command"}},
		"not executable": {"command=D/new.conf\n", "20s", "supervisor-fatal", []string{"not executable"}},
		"no command":     {"startsecs=20\n", "20s", "supervisor-fatal", []string{"can't find command 'command'"}},
		"retries":        {dying + "startretries=99\n", "2s", "supervisor-start-timeout", []string{"not RUNNING", "Exited too quickly"}},
		"own error log":  {dying + "redirect_stderr=false\nstderr_logfile=D/err\n", "20s", "supervisor-fatal", []string{"no database"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGateway(t)
			g.arrange()
			options := c.options
			if name == "never RUNNING" {
				options += serving(g.path("mark"), "new")
			}
			g.write("new.conf", "[supervisord]\nstdout_logfile="+g.path("out")+"\n"+strings.ReplaceAll(options, "D/", g.directory+"/"))
			inputs := g.inputs()
			inputs["wait"] = c.wait
			result := g.bench.WantExit(3, reload, inputs)
			wantFault(t, result, c.code, c.says...)
			g.wantOld()
		})
	}
}

// TestBadConfiguration: supervisord cannot read what was written, and says why.
func TestBadConfiguration(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.arrange()
	_, pids, _ := g.Now()
	g.write("new.conf", "[supervisord]\ncommand=/bin/true\nstartsecs=soon\n")
	result := g.bench.WantExit(3, reload, g.inputs())
	wantFault(t, result, "supervisor-cant-reread", "soon")
	g.wantOld()
	if _, again, _ := g.Now(); again["app"] != pids["app"] {
		t.Error("the program was restarted")
	}
	g.write("new.conf", "[supervisord]\nstdout_logfile="+g.path("app.log")+"\n"+serving(g.path("mark"), "new")+"\n[program:evil]\ncommand=/bin/sh\n")
	wantFault(t, g.bench.WantExit(6, reload, g.inputs()), "supervisor-conf-invalid", "line 6")
	g.wantOld()
}
