package plugin_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/need"
	"github.com/gwe-project/gwe/engine/plugin"
	"github.com/gwe-project/gwe/engine/process"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/tasklog"
	"github.com/gwe-project/gwe/engine/value"
)

// TestMain makes the test binary a plugin where it is started by the name of one.
func TestMain(m *testing.M) {
	name := plugin.TypeName(os.Args[0])
	if strings.Contains(os.Args[0], plugin.Prefix) && os.Getenv("GORACE") == "" { // the race detector would wait a second at the end of each of these many processes
		_ = syscall.Exec("/proc/self/exe", os.Args, append(os.Environ(), "GORACE=atexit_sleep_ms=0"))
	}
	switch name {
	case "liar":
		liar()
		os.Exit(0)
	case "note":
		plugin.Main(note())
	}
	os.Exit(m.Run())
}

// asked is a request as a plugin in another language would read it.
type asked struct {
	Protocol  int            `json:"protocol"`
	Operation string         `json:"operation"`
	Type      string         `json:"type"`
	Arguments map[string]any `json:"arguments"`
	Memo      any            `json:"memo"`
}

const liarDescription = `{"protocol": 1, "type": "liar", "summary": "Lie", "effects": [{"kind": "writes", "argument": "file"}],
 "arguments": {"type": "object", "required": ["how"], "properties": {
   "how": {"type": "string"}, "file": {"type": "string", "format": "path"}, "token": {"type": "string", "format": "secret"}}},
 "outputs": {"type": "object", "required": ["count", "found"], "properties": {"count": {"type": "integer"},
   "found": {"type": "boolean"}, "where": {"type": "string", "format": "path", "x-present-when": "found"},
   "size": {"type": "string", "format": "size"}, "mode": {"type": "string", "enum": ["a", "b"]}}}}`

// liar is a plugin that misbehaves as its argument how says.
func liar() {
	line, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil {
		os.Exit(3)
	}
	var request asked
	if err := json.Unmarshal([]byte(line), &request); err != nil {
		os.Exit(4)
	}
	say := func(format string, arguments ...any) { fmt.Printf(format+"\n", arguments...) }
	result := func(members string) string {
		return fmt.Sprintf(`{"event":"result","protocol":1,"type":"liar","operation":%q%s}`, request.Operation, members)
	}
	failure := func(members string) string {
		return fmt.Sprintf(`{"event":"error","protocol":1,"type":"liar","operation":%q%s}`, request.Operation, members)
	}
	good := result(`,"outputs":{"count":1,"found":false}`)
	switch request.Operation {
	case "describe":
		var description any
		_ = json.Unmarshal([]byte(liarDescription), &description)
		text, _ := json.Marshal(description)
		say("%s", result(`,"description":`+string(text)))
		return
	case "prepare":
		switch request.Arguments["how"] {
		case "betrays":
			say("%s", result(fmt.Sprintf(`,"memo":{"kept":["a %s b"]}`, request.Arguments["token"])))
			return
		case "huge memo":
			say("%s", result(`,"memo":"`+strings.Repeat("x", 300<<10)+`"`))
			return
		case "relative lease":
			say("%s", result(`,"leases":["etc/x"]`))
			return
		}
		say("%s", result(`,"memo":{"kept":7}`))
		return
	}
	switch request.Arguments["how"] {
	case "honest":
		say("%s", good)
	case "no newline":
		fmt.Print(good)
	case "garbage":
		say("hello")
		say("%s", good)
	case "half a line":
		fmt.Print(good[:20])
	case "a list":
		say("[]")
	case "unknown member":
		say("%s", result(`,"output":{}`))
	case "unknown event":
		say(`{"event":"news","text":"x"}`)
	case "unknown level":
		say(`{"event":"log","level":"loud","text":"x"}`)
	case "bytes":
		say("{\"event\":\"log\",\"level\":\"info\",\"text\":\"\xff\xfe\"}")
	case "giant line":
		say(`{"event":"log","level":"info","text":"%s"}`, strings.Repeat("x", 2<<20))
	case "endless line":
		for {
			fmt.Print(strings.Repeat("x", 64<<10))
		}
	case "floods stdout":
		for {
			say(`{"event":"log","level":"info","text":"%s"}`, strings.Repeat("x", 64<<10))
		}
	case "floods stderr":
		for {
			fmt.Fprintln(os.Stderr, strings.Repeat("x", 64<<10))
		}
	case "floods progress":
		for {
			say(`{"event":"progress","current":1}`)
		}
	case "other type":
		say("%s", strings.Replace(good, `"liar"`, `"saint"`, 1))
	case "other operation":
		say("%s", strings.Replace(good, `"do"`, `"undo"`, 1))
	case "other protocol":
		say("%s", strings.Replace(good, `"protocol":1`, `"protocol":2`, 1))
	case "silent":
	case "exits 0 after stderr":
		fmt.Fprintln(os.Stderr, "I give up")
	case "crashes":
		fmt.Fprintln(os.Stderr, "Traceback: no such thing")
		os.Exit(1)
	case "killed":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "crashes after the result":
		say("%s", good)
		os.Exit(9)
	case "twice":
		say("%s", good)
		say("%s", good)
	case "talks on":
		say("%s", good)
		say(`{"event":"log","level":"info","text":"and another thing"}`)
	case "closes stdin":
		_ = os.Stdin.Close()
		say("%s", good)
	case "closes stdin and stays silent":
		_ = os.Stdin.Close()
	case "closes stdout":
		_ = os.Stdout.Close()
	case "hangs":
		time.Sleep(time.Hour)
	case "hangs after the result":
		say("%s", good)
		time.Sleep(time.Hour)
	case "leaves a child that ignores SIGTERM":
		child := exec.Command("/bin/sh", "-c", `trap "" TERM; sleep 1000`)
		child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		_ = child.Start()
		time.Sleep(time.Hour)
	case "leaves a child that hides":
		file, _ := request.Arguments["file"].(string)
		_ = exec.Command("/bin/sh", "-c", `(trap "" TERM; setsid env -i sh -c ': >"$0"; while :; do sleep 0.1; done' "$0" &)`, file).Run()
		time.Sleep(time.Hour)
	case "wrong type of output":
		say("%s", result(`,"outputs":{"count":"one","found":false}`))
	case "float for int":
		say("%s", result(`,"outputs":{"count":1.5,"found":false}`))
	case "no outputs":
		say("%s", result(""))
	case "outputs a list":
		say("%s", result(`,"outputs":[1]`))
	case "missing output":
		say("%s", result(`,"outputs":{"found":false}`))
	case "null output":
		say("%s", result(`,"outputs":{"count":null,"found":false}`))
	case "undescribed output":
		say("%s", result(`,"outputs":{"count":1,"found":false,"more":1}`))
	case "absent though found":
		say("%s", result(`,"outputs":{"count":1,"found":true}`))
	case "size without unit":
		say("%s", result(`,"outputs":{"count":1,"found":false,"size":12}`))
	case "outside the enum":
		say("%s", result(`,"outputs":{"count":1,"found":false,"mode":"c"}`))
	case "all outputs":
		say("%s", result(`,"outputs":{"count":1,"found":true,"where":"/x","size":"3KiB","mode":"b"}`))
	case "huge output":
		say("%s", result(`,"outputs":{"count":1,"found":true,"where":"/`+strings.Repeat("x", 300<<10)+`"}`))
	case "error":
		say("%s", failure(`,"class":"refused","code":"not-today","message":"it is Sunday","hint":"come back tomorrow"`))
	case "error and exit 1":
		say("%s", failure(`,"class":"failed","code":"liar-lost","message":"it is lost"`))
		os.Exit(1)
	case "error of no class":
		say("%s", failure(`,"class":"sad","code":"not-today","message":"it is Sunday"`))
	case "error without code":
		say("%s", failure(`,"class":"failed","message":"it is Sunday"`))
	case "leftover":
		say("%s", failure(`,"class":"failed","code":"left","message":"a file is left","leftover":true`))
	}
}

// install puts the test binary into a directory of its own as that plugin.
func install(t *testing.T, name string) string {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), plugin.Prefix+name)
	if err := os.Symlink(binary, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// describe does what gwe steps describe does.
func describe(t *testing.T, path string) *plugin.Type {
	t.Helper()
	description, err := plugin.Ask(t.Context(), path)
	if err == nil {
		_, err = plugin.Save(path, description)
	}
	if err != nil {
		t.Fatal(err)
	}
	opened, err := plugin.Open(path, true)
	if err != nil {
		t.Fatal(err)
	}
	return opened
}

func running(t *testing.T, sink tasklog.Sink) *step.Run {
	return &step.Run{
		ID: "20260102-030405.678", Step: "tried", Machine: step.Local{}, Directory: t.TempDir(), Log: tasklog.Begin(sink, "step", "tried"),
		Leased: func(string) bool { return false }, Started: func(int) {}, Environment: []string{"GWE_RUN_ID=20260102-030405.678"},
	}
}

// recorded keeps what is logged.
type recorded struct{ lines []string }

func (r *recorded) Handle(told tasklog.Event) {
	if told.Kind == tasklog.Line {
		r.lines = append(r.lines, string(told.Level)+": "+told.Text)
	}
}

func TestLies(t *testing.T) {
	t.Parallel()
	liar := describe(t, install(t, "liar"))
	for how, want := range map[string]string{
		"honest":                        "",
		"no newline":                    "",
		"closes stdin":                  "",
		"all outputs":                   "",
		"garbage":                       "plugin-garbage: hello",
		"half a line":                   "plugin-garbage: ",
		"a list":                        "plugin-garbage: []",
		"unknown member":                "plugin-garbage: unknown field \"output\"",
		"unknown event":                 "plugin-garbage: news",
		"unknown level":                 "plugin-garbage: loud",
		"bytes":                         "plugin-garbage: not UTF-8",
		"giant line":                    "plugin-line-too-long: 1024 KiB",
		"endless line":                  "plugin-line-too-long: 1024 KiB",
		"floods stdout":                 "plugin-flood: 16 MiB",
		"floods stderr":                 "plugin-flood: standard error",
		"floods progress":               "plugin-flood: 16 MiB",
		"other type":                    "plugin-other-answer: saint",
		"other operation":               "plugin-other-answer: answers to undo",
		"other protocol":                "plugin-protocol: version 2",
		"silent":                        "plugin-silent: without a result",
		"exits 0 after stderr":          "plugin-silent: without a result",
		"closes stdin and stays silent": "plugin-silent: without a result",
		"closes stdout":                 "plugin-silent: without a result",
		"crashes":                       "plugin-exit: exited with 1 and gave no result; its last line was: Traceback: no such thing",
		"killed":                        "plugin-exit: SIGKILL",
		"crashes after the result":      "plugin-exit: exited with 9",
		"twice":                         "plugin-after-result: ",
		"talks on":                      "plugin-after-result: another thing",
		"wrong type of output":          "plugin-output-invalid: count",
		"float for int":                 "plugin-output-invalid: count",
		"no outputs":                    "plugin-output-invalid: does not give the output count",
		"outputs a list":                "plugin-output-invalid: not an object",
		"missing output":                "plugin-output-invalid: count",
		"null output":                   "plugin-output-invalid: count",
		"undescribed output":            "plugin-output-invalid: more",
		"absent though found":           "plugin-output-invalid: where",
		"size without unit":             "plugin-output-invalid: size",
		"outside the enum":              "plugin-output-invalid: mode",
		"huge output":                   "plugin-output-invalid: 256 KiB",
		"error":                         "liar-not-today: it is Sunday",
		"error and exit 1":              "liar-lost: it is lost",
		"error of no class":             "plugin-garbage: sad",
		"error without code":            "plugin-garbage: kebab-case code",
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			kept := &recorded{}
			run := running(t, kept)
			arguments := map[string]any{"how": how}
			memo, err := liar.Prepare(t.Context(), run, arguments)
			if err != nil {
				t.Fatal(err)
			}
			_, err = liar.Do(t.Context(), run, arguments, memo)
			code, message, _ := strings.Cut(want, ": ")
			switch f := fault.As(err); {
			case want == "" && err != nil:
				t.Errorf("got %v", err)
			case want == "":
			case f == nil || f.Code != code || !strings.Contains(err.Error(), message):
				t.Errorf("got %v (%+v), want %s", err, f, want)
			case f.Class == fault.Interrupted || f.Class == fault.Errored:
				t.Errorf("it is of the class %s", f.Class)
			}
			size := 0
			for _, line := range kept.lines {
				size += len(line)
			}
			if size > 3<<20 {
				t.Errorf("%d bytes went to the log", size)
			}
		})
	}
}

// A plugin that does not end is ended, with what it started, also where that ignores SIGTERM.
func TestHangs(t *testing.T) {
	t.Parallel()
	liar := describe(t, install(t, "liar"))
	for _, how := range []string{"hangs", "hangs after the result", "leaves a child that ignores SIGTERM"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			run := running(t, &recorded{})
			mark := "GWE_TEST=" + filepath.Base(t.TempDir()) + how
			run.Environment = append(run.Environment, mark)
			_, err := liar.Do(ctx, run, map[string]any{"how": how}, json.RawMessage(`{}`))
			if f := fault.As(err); f == nil || f.Code != "process-timeout" {
				t.Errorf("got %v", err)
			}
			if left, err := process.KillLeft(context.Background(), nil, mark); err != nil || left > 0 {
				t.Errorf("%d processes were left (%v)", left, err)
			}
		})
	}
	t.Run("told to stop", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		run := running(t, &recorded{})
		run.Started = func(int) { cancel() }
		_, err := liar.Do(ctx, run, map[string]any{"how": "hangs"}, json.RawMessage(`{}`))
		if fault.ClassOf(err) != fault.Interrupted {
			t.Errorf("got %v", err)
		}
	})
}

// What a plugin started is ended with it, wherever it hides.
func TestHidingChild(t *testing.T) {
	t.Parallel()
	if process.Cgroup() == "" {
		need.Missing(t, need.Cgroups, "only there can gwe find such a child")
	}
	liar := describe(t, install(t, "liar"))
	ctx, cancel := context.WithCancel(t.Context())
	file := filepath.Join(t.TempDir(), "child")
	go func() {
		defer cancel()
		for begun := time.Now(); time.Since(begun) < time.Minute; time.Sleep(10 * time.Millisecond) {
			if _, err := os.Stat(file); err == nil {
				return
			}
		}
	}()
	run := running(t, &recorded{})
	run.Environment = append(run.Environment, process.PlaceVariable+"="+t.Name()+"/1")
	_, err := liar.Do(ctx, run, map[string]any{"how": "leaves a child that hides", "file": value.Path(file)}, json.RawMessage(`{}`))
	if fault.ClassOf(err) != fault.Interrupted {
		t.Errorf("got %v", err)
	}
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		if text, _ := os.ReadFile(line); strings.Contains(string(text), file) {
			t.Errorf("%s lives: %q", line, text)
		}
	}
}

func TestLiesOfPrepare(t *testing.T) {
	liar := describe(t, install(t, "liar"))
	for how, want := range map[string]string{"betrays": "holds a secret", "huge memo": "256 KiB", "relative lease": "not absolute: etc/x"} {
		_, err := liar.Prepare(t.Context(), running(t, &recorded{}), map[string]any{"how": how, "token": value.NewSecret("s3cret")})
		if f := fault.As(err); f == nil || f.Code != "plugin-memo-invalid" || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", how, err)
		}
	}
}

func TestLeftover(t *testing.T) {
	liar := describe(t, install(t, "liar"))
	for how, want := range map[string]bool{"leftover": true, "error": false, "silent": false} {
		err := liar.Undo(t.Context(), running(t, &recorded{}), map[string]any{"how": how}, json.RawMessage(`{}`))
		if err == nil || step.IsLeftover(err) != want {
			t.Errorf("%s: got %v", how, err)
		}
	}
	if both := errors.Join(&step.Leftover{Err: errors.New("a")}, errors.New("b")); step.IsLeftover(both) {
		t.Error("one that is none counts")
	}
}
