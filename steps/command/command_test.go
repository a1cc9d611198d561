package command

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/need"
	"github.com/gwe-project/gwe/engine/process"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/tasklog"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/steps/steptest"
	"github.com/gwe-project/gwe/steps/steptest/recipetest"
)

func TestMain(m *testing.M) { steptest.Main(m, Hook(), Run()) }

// script writes a file that can be run.
func script(t testing.TB, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestHookConforms(t *testing.T) {
	arrange := func(optional bool, lines string) func(t testing.TB, root string) map[string]any {
		return func(t testing.TB, root string) map[string]any {
			if err := os.Mkdir(filepath.Join(root, "release"), 0o755); err != nil {
				t.Fatal(err)
			}
			if lines != "" {
				script(t, filepath.Join(root, "release", ".post-install"), lines)
			}
			return map[string]any{
				"script": ".post-install", "dir": filepath.Join(root, "release"), "optional": optional,
				"args": []any{"a b"}, "env": map[string]any{"NAME": "text"},
			}
		}
	}
	t.Run("there", func(t *testing.T) {
		steptest.Run(t, steptest.Suite{Type: Hook(), Arrange: arrange(false, `echo "$1 $NAME" > mark; echo done`)})
	})
	t.Run("slow", func(t *testing.T) {
		steptest.Run(t, steptest.Suite{Type: Hook(), Arrange: arrange(true, `(setsid sleep 0.3 >/dev/null 2>&1 &); for i in 1 2 3; do echo $i > mark; echo $i; sleep 0.02; done`)})
	})
	t.Run("missing", func(t *testing.T) {
		steptest.Run(t, steptest.Suite{Type: Hook(), Idle: true, Arrange: arrange(true, "")})
	})
}

func TestRunConforms(t *testing.T) {
	t.Run("argv", func(t *testing.T) {
		steptest.Run(t, steptest.Suite{Type: Run(), Arrange: func(_ testing.TB, root string) map[string]any {
			return map[string]any{"argv": []any{"touch", "a b", "$(c)"}, "dir": root}
		}})
	})
	t.Run("script", func(t *testing.T) {
		steptest.Run(t, steptest.Suite{Type: Run(), Arrange: func(_ testing.TB, root string) map[string]any {
			return map[string]any{
				"script": "cat > \"$TO\"\nprintf 'out\\377\\n\\n'; echo err >&2; exit 3", "ok-codes": []any{0, 3},
				"env": map[string]any{"TO": filepath.Join(root, "a b")}, "stdin": "text",
			}
		}})
	})
	t.Run("as another user", func(t *testing.T) {
		need.Root(t, "it runs a program as somebody else")
		steptest.Run(t, steptest.Suite{Type: Run(), Arrange: func(t testing.TB, root string) map[string]any {
			for _, open := range []string{root, filepath.Dir(root), filepath.Dir(filepath.Dir(root))} {
				if err := os.Chmod(open, 0o777); err != nil {
					t.Fatal(err)
				}
			}
			return map[string]any{"argv": []any{"touch", "made"}, "dir": root, "user": "65534", "group": "65534", "no-new-privileges": true}
		}})
	})
}

// TestTheDirectoryOfAConfinedProgramGoes: with the program, or with the undo where gwe was killed.
func TestTheDirectoryOfAConfinedProgramGoes(t *testing.T) {
	run := &step.Run{ID: "test-" + filepath.Base(t.TempDir()), Step: strings.ReplaceAll(t.Name(), "/", "-")}
	left := func() []string {
		found, _ := filepath.Glob(filepath.Join(temporary, temporaryName(run)+"*"))
		return found
	}
	command := process.Command{}
	done, err := rights{bounded: true}.apply(run, &command)
	if err != nil || len(left()) != 1 || !command.NoNewPrivileges || command.Confine == nil {
		t.Fatalf("%v, %v, %+v", err, left(), command)
	}
	if done(); len(left()) != 0 {
		t.Errorf("left: %v", left())
	}
	if _, err := (rights{bounded: true}).apply(run, &command); err != nil || len(left()) != 1 {
		t.Fatalf("%v, %v", err, left())
	}
	if err := (rights{bounded: true}).clear(run); err != nil || len(left()) != 0 {
		t.Errorf("%v, left: %v", err, left())
	}
}

// log collects what a step writes to its task.
type log struct {
	mutex sync.Mutex
	lines []string
}

func (l *log) Handle(event tasklog.Event) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if event.Kind == tasklog.Line {
		l.lines = append(l.lines, string(event.Level)+": "+event.Text)
	}
}

// do converts the arguments as the engine does, and prepares and does.
func do(t *testing.T, ctx context.Context, tried step.Type, given map[string]any) (map[string]any, []string, error) {
	t.Helper()
	converted, err := value.Convert(tried.Arguments(), given)
	if err != nil {
		t.Fatal(err)
	}
	collected := &log{}
	run := &step.Run{
		ID: "20260102T030405Z-abcdef", Step: "tried", Machine: step.Local{}, Directory: t.TempDir(), Started: func(int) {},
		Log:         tasklog.Begin(collected, "step", "tried"),
		Environment: []string{"GWE_RUN_ID=20260102T030405Z-abcdef", "GWE_STEP=tried", "GWE_RECOVERING=0", "GWE_PROCESS=" + t.Name()},
	}
	arguments := converted.(map[string]any)
	memo, err := tried.Prepare(ctx, run, arguments)
	if err != nil {
		return nil, collected.lines, err
	}
	outputs, err := tried.Do(ctx, run, arguments, memo)
	return outputs, collected.lines, err
}

func code(err error) string {
	if found := fault.As(err); found != nil {
		return found.Code
	}
	return ""
}

func TestHookSeesItsReleaseAndItsRun(t *testing.T) {
	t.Setenv("TOKEN", "of the service that started gwe")
	dir := t.TempDir()
	script(t, filepath.Join(dir, "bin", "hook"), `pwd; echo "$0"; for a; do echo "<$a>"; done; echo "$GWE_RUN_ID $GWE_STEP $GWE_RECOVERING"
echo "$NAME ${TOKEN-none}"; cat; umask; echo to stderr >&2; printf 'bad \377\nno end'`)
	arguments := map[string]any{
		"script": "bin/hook", "dir": dir, "args": []any{"", "a b", "$(touch x)", "`id`", "'\"", "two\nlines"},
		"env": map[string]any{"NAME": "$(id)", "GWE_RUN_ID": "forged"},
	}
	outputs, lines, err := do(t, t.Context(), Hook(), arguments)
	if err != nil || outputs["ran"] != true || outputs["exit_code"] != 0 {
		t.Errorf("%v, %v", outputs, err)
	}
	want := []string{
		"output: " + dir, "output: " + dir + "/bin/hook",
		"output: <>", "output: <a b>", "output: <$(touch x)>", "output: <`id`>", "output: <'\">", "output: <two", "output: lines>",
		"output: 20260102T030405Z-abcdef tried 0", "output: $(id) none", "output: 0022", "output: bad \uFFFD", "output: no end",
	}
	at := slices.Index(lines, "output: to stderr") // somewhere: the two streams are two pipes
	if at < 0 {
		t.Fatalf("standard error is not in the log: %q", lines)
	}
	if got := slices.Delete(lines, at, at+1); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestHooksThatCannotBeRun(t *testing.T) {
	dir := t.TempDir()
	outside := script(t, filepath.Join(t.TempDir(), "outside"), "echo escaped")
	file := func(name, text string, mode os.FileMode) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	file("plain", "#!/bin/sh\n", 0o644)
	file("lost", "#!/opt/none/python3\n", 0o755)
	file("dos", "#!/bin/sh\r\n", 0o755)
	file("bare", "echo hello\n", 0o755)
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "folder"), 0o755), os.Symlink("nowhere", filepath.Join(dir, "dangling")),
		os.Symlink(outside, filepath.Join(dir, "escape")), os.Symlink(filepath.Dir(outside), filepath.Join(dir, "link")),
		os.Symlink("bare", filepath.Join(dir, "inside"))); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		code, message string
		class         fault.Class
	}{
		"plain":        {"process-not-executable", "it has no execute bit", fault.Failed},
		"lost":         {"process-interpreter-missing", "its interpreter /opt/none/python3 does not exist", fault.Failed},
		"dos":          {"process-interpreter-missing", "carriage return", fault.Failed},
		"bare":         {"process-no-shebang", "neither a program nor a script", fault.Failed},
		"inside":       {"process-no-shebang", "neither a program nor a script", fault.Failed},
		"folder":       {"process-not-executable", "not a regular file", fault.Failed},
		"dangling":     {"hook-missing", "is a link to nothing", fault.Failed},
		"none":         {"hook-missing", "there is no script " + dir + "/none", fault.Failed},
		"escape":       {"hook-outside", "leads out of " + dir, fault.Refused},
		"link/outside": {"hook-outside", "leads out of " + dir, fault.Refused},
		"../x":         {"hook-outside", `"../x" is not the name of a file below ` + dir, fault.Refused},
		"/bin/true":    {"hook-outside", `"/bin/true" is not the name`, fault.Refused},
		".":            {"hook-outside", `"." is not the name`, fault.Refused},
	} {
		t.Run(name, func(t *testing.T) {
			_, lines, err := do(t, t.Context(), Hook(), map[string]any{"script": name, "dir": dir, "optional": false})
			if code(err) != test.code || fault.ClassOf(err) != test.class || !strings.Contains(err.Error(), test.message) || len(lines) > 0 {
				t.Errorf("got %s, %s: %v; %q", code(err), fault.ClassOf(err), err, lines)
			}
		})
	}
	if _, _, err := do(t, t.Context(), Hook(), map[string]any{"script": "x", "dir": dir + "/none"}); code(err) != "hook-directory-missing" {
		t.Errorf("no directory, though optional: %v", err)
	}
	outputs, lines, err := do(t, t.Context(), Hook(), map[string]any{"script": "none", "dir": dir})
	if err != nil || outputs["ran"] != false || !slices.Equal(lines, []string{"info: there is no none in " + dir}) {
		t.Errorf("an optional one: %v, %q, %v", outputs, lines, err)
	}
	if outputs, _, err := do(t, t.Context(), Hook(), map[string]any{"script": "x", "dir": dir + "/none", "missing": "ok"}); err != nil || outputs["ran"] != false {
		t.Errorf("a release that may be gone: %v, %v", outputs, err)
	}
}

func TestHooksThatFail(t *testing.T) {
	for text, want := range map[string]struct {
		exit int
		code string
	}{
		"exit 21":               {21, "process-exit"},
		"exit 126":              {126, "process-exit"},
		"no-such-command":       {127, "process-exit"},
		"kill -KILL $$":         {-1, "process-signal"},
		"read x || exit 5":      {5, "process-exit"}, // the standard input is empty
		"exec </dev/tty":        {2, "process-exit"}, // and there is no terminal
		"(sleep 300 &) ; false": {1, "process-exit"},
	} {
		t.Run(text, func(t *testing.T) {
			dir := t.TempDir()
			script(t, filepath.Join(dir, "hook"), text)
			outputs, _, err := do(t, t.Context(), Hook(), map[string]any{"script": "hook", "dir": dir})
			if code(err) != want.code || outputs["exit_code"] != want.exit || outputs["ran"] != true || !strings.Contains(err.Error(), dir+"/hook") {
				t.Errorf("%v, %v", outputs, err)
			}
			if left, err := process.KillLeft(t.Context(), nil, "GWE_PROCESS="+t.Name()); left != 0 || err != nil {
				t.Errorf("%d processes were left, %v", left, err)
			}
		})
	}
}

func TestHookThatHangs(t *testing.T) {
	dir := t.TempDir()
	script(t, filepath.Join(dir, "hook"), "echo begun; sleep 300")
	// On a busy machine the time-out may come before the shell does: then it is given more.
	for limit := 100 * time.Millisecond; ; limit *= 2 {
		ctx, cancel := context.WithTimeoutCause(t.Context(), limit, fault.New(fault.Failed, "step-timeout", "it took longer than that"))
		_, lines, err := do(t, ctx, Hook(), map[string]any{"script": "hook", "dir": dir})
		cancel()
		if code(err) != "process-timeout" || fault.ClassOf(err) != fault.Failed || !strings.HasSuffix(err.Error(), ": it took longer than that") {
			t.Fatalf("%q, %v", lines, err)
		}
		// A shell whose sleep has ended a moment before itself says so.
		if slices.Equal(slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return line == "output: Terminated" }), []string{"output: begun"}) {
			return
		}
		if len(lines) > 0 || limit > time.Minute {
			t.Fatalf("within %s it said %q", limit, lines)
		}
	}
}

func TestDaemonOfAHookLivesOn(t *testing.T) {
	dir := t.TempDir()
	script(t, filepath.Join(dir, "hook"), "(setsid sleep 300 &) ; echo started")
	_, lines, err := do(t, t.Context(), Hook(), map[string]any{"script": "hook", "dir": dir})
	if err != nil || !slices.Equal(lines, []string{"output: started"}) {
		t.Errorf("%q, %v", lines, err)
	}
	if left, err := process.KillLeft(t.Context(), nil, "GWE_PROCESS="+t.Name()); left != 1 || err != nil {
		t.Errorf("%d daemons, %v", left, err)
	}
}

func TestRunOutputs(t *testing.T) {
	for name, test := range map[string]struct {
		given map[string]any
		want  map[string]any
		lines []string
	}{
		"both streams": {
			map[string]any{"script": "printf 'a\\nb\\n\\n'; printf x >&2"},
			map[string]any{"stdout": "a\nb\n", "stderr": "x", "exit_code": 0, "truncated": false}, nil,
		},
		"an accepted code": {
			map[string]any{"argv": []any{"sh", "-c", "exit 4"}, "ok-codes": []any{4}},
			map[string]any{"stdout": "", "stderr": "", "exit_code": 4, "truncated": false}, nil,
		},
		"input and variables": {
			map[string]any{"script": `cat; echo "$V"`, "stdin": "$(id)\n", "env": map[string]any{"V": "`id`; exit 1"}},
			map[string]any{"stdout": "$(id)\n`id`; exit 1", "stderr": "", "exit_code": 0, "truncated": false}, []string{"output: $(id)", "output: `id`; exit 1"},
		},
		"cut within a character": {
			map[string]any{"argv": []any{"printf", `aää\n`}, "max-output": "4B"},
			map[string]any{"stdout": "aä", "stderr": "", "exit_code": 0, "truncated": true}, []string{"output: aää"},
		},
		"not UTF-8": {
			map[string]any{"argv": []any{"printf", `a\377\000b`}},
			map[string]any{"stdout": "a\uFFFD\x00b", "stderr": "", "exit_code": 0, "truncated": false}, nil,
		},
		"nothing kept": {
			map[string]any{"argv": []any{"echo", "x"}, "max-output": "0B"},
			map[string]any{"stdout": "", "stderr": "", "exit_code": 0, "truncated": true}, nil,
		},
		"in /": {
			map[string]any{"argv": []any{"pwd"}},
			map[string]any{"stdout": "/", "stderr": "", "exit_code": 0, "truncated": false}, []string{"output: /"},
		},
		"arguments as they are": {
			map[string]any{"argv": []any{"printf", "%s|", "", "a b", "$HOME", "*", ";", "\n", "--"}},
			map[string]any{"stdout": "|a b|$HOME|*|;|\n|--|", "stderr": "", "exit_code": 0, "truncated": false}, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			outputs, lines, err := do(t, t.Context(), Run(), test.given)
			if err != nil {
				t.Fatal(err)
			}
			for key, want := range test.want {
				if outputs[key] != want {
					t.Errorf("%s: got %q, want %q", key, outputs[key], want)
				}
			}
			if test.lines != nil && !slices.Equal(lines, test.lines) {
				t.Errorf("log: %q", lines)
			}
		})
	}
}

func TestRunsThatFail(t *testing.T) {
	for name, test := range map[string]struct {
		given         map[string]any
		code, message string
	}{
		"a code":          {map[string]any{"argv": []any{"false"}}, "process-exit", "false exited with 1"},
		"not that code":   {map[string]any{"argv": []any{"true"}, "ok-codes": []any{1}}, "process-exit", "true exited with 0"},
		"-e":              {map[string]any{"script": "false\necho on"}, "process-exit", "the script exited with 1"},
		"-u":              {map[string]any{"script": "echo $UNSET_NAME"}, "process-exit", "the script exited with 2"},
		"no program":      {map[string]any{"argv": []any{"no-such-program"}}, "process-not-found", "there is no program no-such-program"},
		"no directory":    {map[string]any{"argv": []any{"true"}, "dir": "/none"}, "process-directory-missing", "cannot run true in directory /none"},
		"both":            {map[string]any{"argv": []any{"true"}, "script": "true"}, "run-ambiguous", "argv and script"},
		"neither":         {map[string]any{}, "run-nothing", "neither"},
		"blank":           {map[string]any{"script": " \n"}, "run-nothing", "neither"},
		"empty program":   {map[string]any{"argv": []any{""}}, "run-nothing", "is empty"},
		"much output":     {map[string]any{"argv": []any{"true"}, "max-output": "1MiB"}, "run-output-too-large", "max-output is 1MiB"},
		"no code":         {map[string]any{"argv": []any{"true"}, "ok-codes": []any{256}}, "run-code-invalid", "256"},
		"NUL in argument": {map[string]any{"argv": []any{"echo", "a\x00b"}}, "process-arguments-invalid", "NUL"},
		"odd variable":    {map[string]any{"argv": []any{"true"}, "env": map[string]any{"A=B": "x"}}, "variable-invalid", `"A=B"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, lines, err := do(t, t.Context(), Run(), test.given)
			if code(err) != test.code || !strings.Contains(err.Error(), test.message) || slices.Contains(lines, "output: on") {
				t.Errorf("got %s: %v; %q", code(err), err, lines)
			}
		})
	}
	outputs, lines, err := do(t, t.Context(), Run(), map[string]any{"script": "echo why >&2; exit 9"})
	if err == nil || outputs["stderr"] != "why" || outputs["exit_code"] != 9 || !slices.Equal(lines, []string{"output: why"}) {
		t.Errorf("what a failed one wrote: %v, %q, %v", outputs, lines, err)
	}
	_, lines, _ = do(t, t.Context(), Run(), map[string]any{"script": "true\nno-such-command"})
	if !slices.Equal(lines, []string{"output: tried: 2: no-such-command: not found"}) {
		t.Errorf("the shell's own message: %q", lines)
	}
}

func TestPlans(t *testing.T) {
	dir := t.TempDir()
	script(t, filepath.Join(dir, "hook"), "exit 1")
	if err := os.WriteFile(filepath.Join(dir, "plain"), []byte("#!/bin/sh\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		tried step.Type
		given map[string]any
		want  string
	}{
		"a hook":           {Hook(), map[string]any{"script": "hook", "dir": dir, "args": []any{"a b", "it's", ""}}, "run " + dir + `/hook 'a b' 'it'\''s' ''`},
		"not unpacked yet": {Hook(), map[string]any{"script": "hook", "dir": dir + "/new"}, "run " + dir + "/new/hook, if the release has it"},
		"not there":        {Hook(), map[string]any{"script": "none", "dir": dir}, "nothing: " + dir + "/none is not there"},
		"argv":             {Run(), map[string]any{"argv": []any{"echo", "two\nlines", "\x1b[0m", "ä"}}, `run echo $"two\nlines" $"\x1b[0m" 'ä'`},
		"a script":         {Run(), map[string]any{"script": "\nset -x\nb\nc\n"}, "run the script 'set -x' and 2 more lines"},
		"no execute bit":   {Hook(), map[string]any{"script": "plain", "dir": dir}, "process-not-executable"},
		"wanted":           {Hook(), map[string]any{"script": "none", "dir": dir, "optional": false}, "hook-missing"},
		"outside":          {Hook(), map[string]any{"script": "../hook", "dir": dir}, "hook-outside"},
		"nothing":          {Run(), map[string]any{}, "run-nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			arguments, err := value.Convert(test.tried.Arguments(), test.given)
			if err != nil {
				t.Fatal(err)
			}
			plan, err := test.tried.Plan(t.Context(), step.Local{}, arguments.(map[string]any))
			if got := strings.Join(plan.Do, "\n") + code(err); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// TestHookIsToldOfARecovery: a recipe that goes back to an older release goes forward itself.
func TestHookIsToldOfARecovery(t *testing.T) {
	dir := t.TempDir()
	script(t, filepath.Join(dir, "hook"), `echo "$GWE_RECOVERING"`)
	for recovering, want := range map[bool]string{true: "output: 1", false: "output: 0"} {
		_, lines, err := do(t, t.Context(), Hook(), map[string]any{"script": "hook", "dir": dir, "recovering": recovering})
		if err != nil || len(lines) != 1 || lines[0] != want {
			t.Errorf("%v, %v, want %s", lines, err, want)
		}
	}
}

// A program that does not exist is not waited for by retry.
func TestNoProgramIsNotRetried(t *testing.T) {
	// A hook says so before its first attempt.
	for name, action := range map[string]string{
		"run":    "run: { argv: [/no/such/program] }",
		"lookup": "run: { argv: [no-such-program] }",
		"hook":   "hook: { script: .post-install, dir: DIR, optional: false }",
		"mode":   "hook: { script: plain, dir: DIR }",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "plain"), []byte("#!/bin/sh\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			recipe := filepath.Join(t.TempDir(), "r.yaml")
			// The step before may bring the program, so the run begins.
			text := "gwe: 1\nname: r\nsteps:\n  - run: { argv: [\"true\"] }\n    undo: none\n  - " + strings.ReplaceAll(action, "DIR", dir) + "\n    undo: none\n    retry: { attempts: 5, delay: 1h }\n"
			if err := os.WriteFile(recipe, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			bench := recipetest.New(t, step.Catalog{Hook(), Run()})
			bench.WantExit(3, recipe, nil)
			if said := bench.Said(); strings.HasPrefix(action, "run") != strings.Contains(said, "it is not attempted again") {
				t.Error(said)
			}
		})
	}
}
