package engine_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/fault"
)

func TestRetryMakesAttemptsAndUndoesBetween(t *testing.T) {
	b := newBench(t)
	result := b.run("steps:\n  - note: {file: D/log, line: try, fail: true}\n    retry: {attempts: 3, delay: 1ms}\n")
	b.wantStatus(result, engine.StatusRestored, 3)
	b.wantFile("log", "try\ntry\ntry\n")
}

func TestRetryWhenDecides(t *testing.T) {
	b := newBench(t)
	result := b.run("steps:\n  - note: {file: D/log, line: try, fail: true}\n    retry: {attempts: 3, when: error.code != 'note-failed'}\n")
	b.wantStatus(result, engine.StatusRestored, 3)
	b.wantFile("log", "try\n")
	b = newBench(t)
	result = b.run("steps:\n  - put: {path: D/x, text: seen, fail: [do]}\n    retry: {attempts: 2, when: \"(result.text ?? '') == 'seen'\"}\n")
	b.wantStatus(result, engine.StatusRestored, 3)
	if got := strings.Count(b.events.text(), `"type":"attempt"`); got != 2 {
		t.Errorf("%d attempts, want 2", got)
	}
}

func TestRetryTotalBoundsAllAttempts(t *testing.T) {
	b := newBench(t)
	began := time.Now()
	result := b.run("steps:\n  - note: {file: D/log, line: try, fail: true}\n    retry: {attempts: 1000, delay: 10s, total: 50ms}\n")
	b.wantStatus(result, engine.StatusRestored, 3)
	if time.Since(began) > 9*time.Second {
		t.Error("the delay was waited out in spite of the total")
	}
}

func TestARefusalIsNotRetried(t *testing.T) {
	b := newBench(t)
	b.run("steps:\n  - put: {path: D/a, fail: [refuse]}\n    retry: {attempts: 3}\n")
	if got := strings.Count(b.events.text(), `"type":"attempt"`); got != 1 {
		t.Errorf("%d attempts, want 1", got)
	}
}

func TestASignalPutsEverythingBack(t *testing.T) {
	b := newBench(t)
	ctx, cancel := context.WithCancelCause(context.Background())
	go func() {
		for {
			if _, err := os.Stat(filepath.Join(b.directory, "b")); err == nil {
				cancel(&engine.Stopped{Signal: syscall.SIGTERM})
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	result := b.runWith(ctx, "steps:\n  - put: {path: D/a}\n  - put: {path: D/b, fail: [hang]}\n    retry: {attempts: 5}\n", nil)
	b.wantStatus(result, engine.StatusRestored, 128+15)
	b.wantFile("a", "-")
	b.wantFile("b", "-")
}

func TestASecretIsNowhere(t *testing.T) {
	b := newBench(t)
	const secret = "correct-horse-battery"
	// put's text takes no secrets, so a path that is allowed to is needed: the value arrives by an input and
	// is refused.
	_, diagnostics := engine.Load("secret.yaml", []byte("gwe: 1\nname: s\ninputs:\n  token: {type: secret, required: true}\nsteps:\n  - put: {path: /x, text: \"${{ inputs.token }}\"}\n"), b.engine.Catalog)
	if !diagnostics.HasErrors() {
		t.Error("a secret may be written where everyone reads it")
	}
	program := b.load("inputs:\n  token: {type: secret, required: true}\nsteps:\n  - put: {path: D/a}\n")
	if _, err := b.engine.Run(context.Background(), program, engine.Inputs{"token": {Value: secret, Open: true}}); fault.As(err) == nil || fault.As(err).Code != "input-invalid" {
		t.Errorf("a secret on the command line: %v", err)
	}
	result := b.runWith(context.Background(), "inputs:\n  token: {type: secret, required: true}\nsteps:\n  - put: {path: D/a}\n  - commit: yes sir\n", engine.Inputs{"token": {Value: secret}})
	b.wantStatus(result, engine.StatusDone, 0)
	err := filepath.Walk(b.engine.State.Directory, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if strings.Contains(string(content), secret) && filepath.Base(filepath.Dir(path)) != "secrets" {
			t.Errorf("%s holds the secret", path)
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestInputsAreCheckedAllAtOnce(t *testing.T) {
	b := newBench(t)
	program := b.load("inputs:\n  count: {type: int, required: true, min: 1}\n  mode: {type: string, enum: [a, b], default: a}\n  where: {type: path, default: /x}\nsteps:\n  - put: {path: D/a}\n")
	_, err := program.Resolve(engine.Inputs{"mode": {Value: "c"}, "wheer": {Value: "/y"}})
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{"input count is required", "mode", `did you mean "where"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q says nothing of %q", err, want)
		}
	}
	values, err := program.Resolve(engine.Inputs{"count": {Value: "3"}, "where": {Value: "sub/file", Directory: "/base"}})
	if err != nil || values["count"] != 3 || values["where"] != "/base/sub/file" || values["mode"] != "a" {
		t.Errorf("resolved %v, %v", values, err)
	}
}

func TestLocksNameTheirHolder(t *testing.T) {
	b := newBench(t)
	held := claimed(t, b.directory)
	defer held.Release()
	_, err := b.engine.Run(context.Background(), b.load("lock: [D/]\nsteps:\n  - put: {path: D/a}\n"), nil)
	if err == nil || fault.ClassOf(err) != fault.Refused || !strings.Contains(err.Error(), "process") {
		t.Errorf("a locked target: %v", err)
	}
	b.wantFile("a", "-")
	// A directory that is not there yet is locked at its parent.
	_, err = b.engine.Run(context.Background(), b.load("lock: [D/not/yet]\nsteps:\n  - put: {path: D/a}\n"), nil)
	if err == nil || fault.ClassOf(err) != fault.Refused {
		t.Errorf("a locked parent: %v", err)
	}
}

func TestLeasesLastUntilTheNextCommitWithTheSameLock(t *testing.T) {
	b := newBench(t)
	first := b.run("lock: [one]\nsteps:\n  - put: {path: D/a}\n  - commit: first\n")
	b.wantStatus(first, engine.StatusDone, 0)
	b.wantFile("a.released", "-")
	b.wantStatus(b.run("lock: [other]\nsteps:\n  - put: {path: D/b}\n  - commit: other\n"), engine.StatusDone, 0)
	b.wantFile("a.released", "-")
	b.wantStatus(b.run("lock: [one]\nsteps:\n  - put: {path: D/c, fail: [do]}\n  - commit: failed\n"), engine.StatusRestored, 3)
	b.wantFile("a.released", "-")
	b.wantStatus(b.run("lock: [one]\nsteps:\n  - put: {path: D/d}\n  - commit: second\n"), engine.StatusDone, 0)
	b.wantFile("a.released", "")
	b.wantFile("d.released", "-")
	// What a step after the commit kept is given up at once: nobody can undo it by hand.
	b.wantStatus(b.run("lock: [one]\nsteps:\n  - commit: third\n  - put: {path: D/e}\n"), engine.StatusDone, 0)
	b.wantFile("e.released", "")
}

func TestPlanChangesNothingAndSaysWhatItKnows(t *testing.T) {
	b := newBench(t)
	program := b.load("inputs:\n  go: {type: bool, default: false}\nsteps:\n  - id: seen\n    look: {path: D/old}\n  - put: {path: D/a, text: \"${{ steps.seen.found }}\"}\n    undo: [{note: {file: D/log, line: back}}]\n  - put: {path: D/b}\n    when: inputs.go\n  - put: {path: D/c}\n    when: steps.seen.found\n  - commit: there\nfinally:\n  - note: {file: D/log, line: end}\n")
	rows, err := b.engine.Plan(context.Background(), program, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(rows)
	if err != nil {
		t.Fatal(err)
	}
	shown := strings.ReplaceAll(string(text), b.directory, "D")
	for _, want := range []string{
		`"text=\u003csteps.seen.found\u003e"`, `"guard":"skipped"`, `"guard":"decided at run time"`, `"needs":["steps.seen.found"]`, `"commit":true`, `"section":"finally"`, `"undo":["note","takes it back"]`,
	} {
		if !strings.Contains(shown, strings.Trim(want, `"`)) && !strings.Contains(shown, want) {
			t.Errorf("the plan has no %s:\n%s", want, shown)
		}
	}
	entries, err := os.ReadDir(b.directory)
	if err != nil || len(entries) != 0 {
		t.Errorf("the plan made %v, %v", entries, err)
	}
}

func TestRunIdsSortEvenWhenTheClockGoesBack(t *testing.T) {
	b := newBench(t)
	first := b.run("steps:\n  - put: {path: D/a}\n")
	const future = "29991231-235959.999"
	runs := filepath.Join(b.engine.State.Directory, "runs")
	if err := os.Rename(filepath.Join(runs, first.Run), filepath.Join(runs, future)); err != nil {
		t.Fatal(err)
	}
	if second := b.run("steps:\n  - put: {path: D/a}\n"); second.Run <= future {
		t.Errorf("%s does not sort behind %s", second.Run, future)
	}
}

func TestARunThatNeverBeganIsSweptAway(t *testing.T) {
	b := newBench(t)
	empty := filepath.Join(b.engine.State.Directory, "runs", "20200101-000000.000")
	if err := os.MkdirAll(empty, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(empty, "journal"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	b.wantStatus(b.run("steps:\n  - put: {path: D/a}\n"), engine.StatusDone, 0)
	if _, err := os.Stat(empty); err == nil {
		t.Error("the directory of a run that never began is still there")
	}
}

// What a step can never do is not attempted again, unless the recipe says so, or another step may do in
// between what it lacks.
func TestPermanentFailuresAreNotRetried(t *testing.T) {
	for name, test := range map[string]struct {
		recipe string
		want   string
	}{
		"a step":        {"steps:\n  - put: {path: D/a, fail: [never, count]}\n    retry: {attempts: 3, delay: 1h}\n", "prepare\ndo\nundo\n"},
		"retry.when":    {"steps:\n  - put: {path: D/a, fail: [never, count]}\n    retry: {attempts: 2, when: error.code == 'put-failed'}\n", "prepare\ndo\nundo\ndo\nundo\n"},
		"in a group":    {"steps:\n  - steps: [{put: {path: D/a, fail: [never, count]}}]\n    retry: {attempts: 2}\n", "prepare\ndo\nundo\nprepare\ndo\nundo\n"},
		"another error": {"steps:\n  - put: {path: D/a, fail: [do, count]}\n    retry: {attempts: 2}\n", "prepare\ndo\nundo\ndo\nundo\n"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.wantStatus(b.run(test.recipe), engine.StatusRestored, 3)
			b.wantFile("a.calls", test.want)
		})
	}
}
