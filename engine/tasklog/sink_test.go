package tasklog_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// kept is a sink that keeps events.
type kept []tasklog.Event

func (k *kept) Handle(event tasklog.Event) { *k = append(*k, event) }

func (k *kept) texts() []string {
	var all []string
	for _, event := range *k {
		for _, text := range []string{event.Name, event.Text, event.Error, event.Hint} {
			if text != "" {
				all = append(all, text)
			}
		}
	}
	return all
}

func TestTextIsMadeFitForATerminal(t *testing.T) {
	for text, want := range map[string]string{
		"plain\ttab":                  "plain\ttab",
		"\x1b[1;31mred\x1b[0m":        "red",
		"\x1b]0;title\x07after":       "after",
		"\x1b]8;;http://x\x1b\\link":  "link",
		"bell\x07, bad\xff, c1\u0085": "bell\uFFFD, bad\uFFFD, c1\uFFFD",
		"half\x1b":                    "half\uFFFD",
		"dos\r":                       "dos",
		"äöü €":                       "äöü €",
	} {
		var events kept
		tasklog.Begin(&events, "run", "x").Output(text)
		if got := events[1].Text; got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

func TestEndsAreOneLine(t *testing.T) {
	var events kept
	task := tasklog.Begin(&events, "run", "two\nlines")
	task.Info("one\ntwo\n")
	task.Fail(fault.New(fault.Failed, "code", "it broke").WithHint("do\nthis").
		WithCause(errors.Join(errors.New("first"), errors.New("second"))))
	want := []string{"two; lines", "one", "two", "it broke: first; second", "do; this"}
	if diff := cmp.Diff(want, events.texts()); diff != "" {
		t.Error(diff)
	}
	if end := events[len(events)-1]; end.Status != tasklog.Failed || end.Code != "code" {
		t.Errorf("the end is %+v", end)
	}
}

func TestNilTaskSwallowsAll(t *testing.T) {
	var task *tasklog.Task
	below := task.Begin("step", "x")
	below.Info("x")
	below.Warn("x")
	below.Output("x")
	below.Progress(1, 2, "bytes")
	below.Done("")
	below.Skip("")
	below.Fail(errors.New("x"))
}

func TestMask(t *testing.T) {
	var events kept
	mask := tasklog.NewMask(&events, "hunter22", "hunter22-long", "short", "-----BEGIN-----\r\nline one of it\n\n", "tab\x01bed secret")
	run := tasklog.Begin(mask, "run", "with hunter22")
	run.Info("hunter22-long and short")
	run.Output("-----BEGIN-----")
	run.Output("xline one of itx")
	run.Output("tab\x01bed secret")
	run.Info("later-secret")
	mask.Add("later-secret")
	run.Info("later-secret")
	run.Fail(fault.New(fault.Failed, "x", "no hunter22").WithHint("not hunter22"))
	want := []string{"with ***", "*** and short", "***", "x***x", "***", "later-secret", "***", "no ***", "not ***"}
	if diff := cmp.Diff(want, events.texts()); diff != "" {
		t.Error(diff)
	}
	if got := mask.Text("a hunter22"); got != "a ***" {
		t.Errorf("Text gives %q", got)
	}
}

func TestFileIsReplayedAsItWas(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	var straight bytes.Buffer
	for round := range 2 {
		file, err := tasklog.OpenFile(path)
		if err != nil {
			t.Fatal(err)
		}
		sceneCrash(tasklog.Fanout{file, tasklog.NewJSON(&straight)})
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
		if round == 0 {
			tear(t, path)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the log's mode is %v, %v", info.Mode(), err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var replayed bytes.Buffer
	damaged, err := tasklog.Replay(file, tasklog.NewJSON(&replayed))
	if err != nil || damaged != 1 {
		t.Errorf("replay: %d damaged, %v", damaged, err)
	}
	if diff := cmp.Diff(straight.String(), replayed.String()); diff != "" {
		t.Error(diff)
	}
}

// All programs of a run together have a part of the log, and no more. What a failing one said last is there
// all the same.
func TestFileIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	file, err := tasklog.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	run := tasklog.Begin(file, "run", "r")
	line := strings.Repeat("\\", 4000)
	for number := range 100 {
		step := run.Begin("step", fmt.Sprintf("step %d", number))
		for range 25 {
			step.Output(line)
		}
		step.Info(fmt.Sprintf("step %d says this", number))
		step.Output(fmt.Sprintf("last line of %d", number))
		if number%10 == 9 {
			step.Fail(fault.New(fault.Failed, "code", "it broke"))
		} else {
			step.Done("")
		}
	}
	run.Done("")
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if most := tasklog.OutputLimit + 2<<20; len(content) > most || len(content) < tasklog.OutputLimit {
		t.Errorf("the log has %d bytes, more than %d", len(content), most)
	}
	for text, want := range map[string]int{"last line of 3\"": 1, "last line of 98\"": 0, "last line of 99\"": 1, "step 98 says this": 1, "is left out": 1, `"kind":"ended"`: 101} {
		if got := strings.Count(string(content), text); got != want {
			t.Errorf("%d times %s, want %d", got, text, want)
		}
	}
}

// tear adds to the file what a crash within a line leaves.
func tear(t *testing.T, path string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := io.WriteString(file, `{"time":"2026-01-01T00:00:00Z","kind":"li`); err != nil {
		t.Fatal(err)
	}
}

func TestReplayMakesForeignTextFit(t *testing.T) {
	var events kept
	log := `{"kind":"started","task":1,"name":"a\u001b[2Jb"}` + "\n" + strings.Repeat("x", 5<<20) + "\n" +
		`{"kind":"line","task":1,"text":"bell\u0007"}`
	damaged, err := tasklog.Replay(strings.NewReader(log), &events)
	if err != nil || damaged != 1 {
		t.Errorf("%d damaged, %v", damaged, err)
	}
	if diff := cmp.Diff([]string{"ab", "bell\uFFFD"}, events.texts()); diff != "" {
		t.Error(diff)
	}
}

var errFull = errors.New("no space left")

// full is a device without space.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestRenderersRememberAnErrorAndGoOn(t *testing.T) {
	for name, renderer := range map[string]closer{
		"tree":  tasklog.NewTree(full{}, tasklog.TreeOptions{}),
		"plain": tasklog.NewPlain(full{}, 0),
		"json":  tasklog.NewJSON(full{}),
	} {
		scenes["retry"](renderer)
		if err := renderer.Close(); !errors.Is(err, errFull) {
			t.Errorf("%s: Close gives %v", name, err)
		}
	}
	device, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	file, err := tasklog.NewFile(device)
	if err != nil {
		t.Fatal(err)
	}
	scenes["retry"](file)
	if err := file.Close(); err == nil {
		t.Error("file: Close gives no error")
	}
}

// TestNothingIsToldTwice: whatever the depth, a failing run shows every line of the failing branch once, in
// order, and the same for branches side by side. The line that ends the run says again why.
func TestNothingIsToldTwice(t *testing.T) {
	for depth := range 6 {
		var out bytes.Buffer
		tree := tasklog.NewTree(&out, tasklog.TreeOptions{Depth: depth})
		run := tasklog.Begin(tree, "run", "r")
		var tasks []*tasklog.Task
		above := run
		for level := range 4 {
			above.Info(fmt.Sprintf("line %d.", level))
			above = above.Begin("step", "same name")
			tasks = append(tasks, above)
		}
		above.Info("line 4.")
		for i := len(tasks) - 1; i >= 0; i-- {
			tasks[i].Fail(errors.New("deep down"))
		}
		run.Fail(errors.New("deep down"))
		last := -1
		for level := range 5 {
			line := fmt.Sprintf("line %d.", level)
			if count := strings.Count(out.String(), line); count != 1 {
				t.Errorf("depth %d: %q is told %d times:\n%s", depth, line, count, out.String())
			}
			at := strings.Index(out.String(), line)
			if at < last {
				t.Errorf("depth %d: %q is out of order:\n%s", depth, line, out.String())
			}
			last = at
		}
		story, end, _ := strings.Cut(out.String(), "r: ERROR")
		if !strings.Contains(end, "deep down") {
			t.Errorf("depth %d: the last line does not say why:\n%s", depth, out.String())
		}
		if count := strings.Count(story, "deep down"); count != 1 {
			t.Errorf("depth %d: the error is told %d times:\n%s", depth, count, out.String())
		}
		if count := strings.Count(out.String(), "same name: ERROR"); count != 4 {
			t.Errorf("depth %d: %d of 4 tasks are closed:\n%s", depth, count, out.String())
		}
	}
}

// TestAnAllowedFailureIsAWarning: it is told, and nothing of it looks like an error.
func TestAnAllowedFailureIsAWarning(t *testing.T) {
	var tree, plain bytes.Buffer
	for out, sink := range map[*bytes.Buffer]tasklog.Sink{
		&tree: tasklog.NewTree(&tree, tasklog.TreeOptions{Color: true}), &plain: tasklog.NewPlain(&plain, 0),
	} {
		run := tasklog.Begin(sink, "run", "r")
		run.Begin("step", "Prune").Forgive(fault.New(fault.Failed, "prune-failed", "it is busy"))
		run.Done("")
		told := out.String()
		if strings.Contains(told, "ERROR") || strings.Contains(told, "31m") || !strings.Contains(told, "it is busy") || !strings.Contains(told, "failed, as allowed") {
			t.Errorf("it says:\n%s", told)
		}
	}
}

// TestPartsOfAnAllowedFailureAreWarnings: at every depth, in sight or not; and what may fail and was not
// allowed to is an error.
func TestPartsOfAnAllowedFailureAreWarnings(t *testing.T) {
	for depth := range 6 {
		for _, allowed := range []bool{true, false} {
			var tree, plain bytes.Buffer
			for out, sink := range map[*bytes.Buffer]tasklog.Sink{
				&tree: tasklog.NewTree(&tree, tasklog.TreeOptions{Color: true, Depth: depth}), &plain: tasklog.NewPlain(&plain, depth),
			} {
				run := tasklog.Begin(sink, "run", "r")
				group := run.BeginStep("group", "Clean up", tasklog.Step{MayFail: true})
				step := group.BeginStep("step", "Prune", tasklog.Step{})
				attempt := step.BeginCounted("attempt", "Attempt 1 of 2", 1, 2)
				busy := fault.New(fault.Failed, "prune-failed", "it is busy")
				attempt.Fail(busy)
				step.Fail(busy)
				if allowed {
					group.Forgive(busy)
					run.Done("")
				} else {
					group.Fail(busy)
					run.Fail(busy)
				}
				told := out.String()
				if !strings.Contains(told, "it is busy") || strings.Count(told, "it is busy") > 2 {
					t.Errorf("depth %d: why it failed is told %d times:\n%s", depth, strings.Count(told, "it is busy"), told)
				}
				if wrong := strings.Contains(told, "ERROR") || strings.Contains(told, "31m"); wrong == allowed {
					t.Errorf("depth %d, allowed %v:\n%s", depth, allowed, told)
				}
				if _, end, _ := strings.Cut(told, "r\x1b[0m: \x1b[1;31mERROR"); !allowed && out == &tree && !strings.Contains(end, "it is busy") {
					t.Errorf("depth %d: the last line does not say why:\n%s", depth, told)
				}
			}
		}
	}
}

// TestStoriesAreBounded: neither a flood of lines, nor of bytes, nor of failed attempts makes a story grow,
// and the context of the tasks around stays.
func TestStoriesAreBounded(t *testing.T) {
	for name, flood := range map[string]func(step *tasklog.Task){
		"lines": func(step *tasklog.Task) {
			noisy := step.Begin("attempt", "noisy")
			for range 100_000 {
				noisy.Output("again")
			}
			noisy.Fail(errors.New("noise"))
		},
		"bytes": func(step *tasklog.Task) {
			noisy := step.Begin("attempt", "noisy")
			for range 100 {
				noisy.Output(strings.Repeat("x", 100_000))
			}
			noisy.Fail(errors.New("noise"))
		},
		"attempts": func(step *tasklog.Task) {
			for i := range 5_000 {
				noisy := step.Begin("attempt", "noisy")
				noisy.Output("again")
				noisy.Fail(fmt.Errorf("noise %d.", i))
			}
		},
	} {
		var out bytes.Buffer
		tree := tasklog.NewTree(&out, tasklog.TreeOptions{Depth: 2})
		run := tasklog.Begin(tree, "run", "r")
		step := run.Begin("step", "s")
		step.Info("context before")
		flood(step)
		step.Info("context after")
		step.Fail(errors.New("over"))
		text := out.String()
		if len(text) > 1_200_000 || strings.Count(text, "\n") > 2_100 {
			t.Errorf("%s: %d bytes in %d lines", name, len(text), strings.Count(text, "\n"))
		}
		for _, wanted := range []string{"context before", "context after", "left out"} {
			if strings.Count(text, wanted) < 1 {
				t.Errorf("%s: %q is missing", name, wanted)
			}
		}
	}
}

func TestTasksSideBySideNeverShareALine(t *testing.T) {
	var out bytes.Buffer
	tree := tasklog.NewTree(&out, tasklog.TreeOptions{})
	run := tasklog.Begin(tree, "run", "r")
	var group sync.WaitGroup
	for i := range 8 {
		task := run.Begin("step", fmt.Sprintf("branch%d", i))
		group.Go(func() {
			for range 200 {
				task.Output(fmt.Sprintf("from %d", i))
			}
			task.Done("")
		})
	}
	group.Wait()
	run.Done("")
	for line := range strings.Lines(out.String()) {
		_, from, isOutput := strings.Cut(line, "| from ")
		if isOutput && !strings.Contains(line, "[branch"+strings.TrimSpace(from)+"]") {
			// Before the second branch began there was nothing to tell apart.
			if strings.TrimSpace(from) != "0" {
				t.Fatalf("the line is not labelled: %q", line)
			}
		}
	}
}

func FuzzReplay(f *testing.F) {
	for _, scene := range []string{"parallel", "crash", "retry"} {
		var log bytes.Buffer
		scenes[scene](tasklog.NewJSON(&log))
		f.Add(log.Bytes())
	}
	f.Add([]byte(`{"kind":"ended","task":1,"status":"failed","error":"x"}` + "\n" + `{"kind":"started","task":2,"parent":9}`))
	f.Fuzz(func(t *testing.T, log []byte) {
		tree := tasklog.NewTree(io.Discard, tasklog.TreeOptions{Depth: 2, Live: true, Color: true})
		plain := tasklog.NewPlain(io.Discard, 1)
		if _, err := tasklog.Replay(bytes.NewReader(log), tasklog.Fanout{tree, plain}); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(tree.Close(), plain.Close()); err != nil {
			t.Fatal(err)
		}
	})
}
