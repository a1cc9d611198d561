package engine_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/host"
	"github.com/gwe-project/gwe/engine/journal"
)

// lacking are the errors of a resource that a step of the tests meets where a file beside its own names one.
var lacking = map[string]syscall.Errno{
	"EMFILE": syscall.EMFILE, "ENFILE": syscall.ENFILE, "EAGAIN": syscall.EAGAIN, "ENOMEM": syscall.ENOMEM, "ETXTBSY": syscall.ETXTBSY,
	"ENOSPC": syscall.ENOSPC, "EDQUOT": syscall.EDQUOT, "EFBIG": syscall.EFBIG,
}

// TestAnUndoThatLackedAResourceIsNotSpent: whatever part of a rollback met the lack, the run stays
// unfinished, nothing newer begins on it, and when there is enough the next recovery ends it as if nothing
// had been.
func TestAnUndoThatLackedAResourceIsNotSpent(t *testing.T) {
	const fails = "  - put: {path: D/z, fail: [do]}\n"
	tests := map[string]struct {
		recipe string
		// met is the file whose step lacks, and processes is set where only a lack of processes, files and
		// memory counts.
		met       string
		processes bool
		status    engine.Status
		files     string
	}{
		"a type's own undo":        {"steps:\n  - put: {path: D/a, text: new}\n  - put: {path: D/b, text: new}\n" + fails, "b", false, engine.StatusRestored, "a=old b=old"},
		"the newest undo":          {"steps:\n  - put: {path: D/a, text: new}\n" + fails, "z", false, engine.StatusRestored, "a=old z=-"},
		"a step of an undo":        {"steps:\n  - put: {path: D/a, text: new}\n    undo: [{note: {file: D/n, line: undo}}]\n" + fails, "n", false, engine.StatusRestored, "a=old n=undo\n"},
		"one that is allowed to":   {"steps:\n  - put: {path: D/a, text: new}\n    undo: [{note: {file: D/n, line: undo}, allow-failure: true}]\n" + fails, "n", true, engine.StatusRestored, "a=old n=undo\n"},
		"a step of undo-last":      {"steps:\n  - put: {path: D/a, text: new}\n  - put: {path: D/b, text: new}\n    undo-last: [{note: {file: D/n, line: last}}]\n" + fails, "n", false, engine.StatusRestored, "a=old b=old n=last\n"},
		"the undo of a group":      {"steps:\n  - put: {path: D/a, text: new}\n  - steps:\n      - put: {path: D/b, text: new}\n    undo: [{note: {file: D/n, line: group}}]\n" + fails, "n", false, engine.StatusRestored, "a=old b=old n=group\n"},
		"the finally of a group":   {"steps:\n  - put: {path: D/a, text: new}\n  - steps:\n      - put: {path: D/b, text: new, fail: [do]}\n    finally: [{note: {file: D/n, line: finally}}]\n", "n", true, engine.StatusRestored, "a=old b=old n=finally\n"},
		"before a rescue":          {"steps:\n  - put: {path: D/a, text: new}\n  - steps:\n      - put: {path: D/b, text: new}\n" + strings.ReplaceAll(fails, "  -", "      -") + "    rescue: [{note: {file: D/n, line: rescue}}]\n", "b", false, engine.StatusRestored, "a=old b=old n=-"},
		"of an allowed failure":    {"steps:\n  - put: {path: D/a, text: new}\n  - steps:\n      - put: {path: D/b, text: new}\n" + strings.ReplaceAll(fails, "  -", "      -") + "    allow-failure: true\n", "b", false, engine.StatusRestored, "a=old b=old"},
		"between attempts":         {"steps:\n  - put: {path: D/a, text: new}\n  - put: {path: D/b, text: new, fail: [do]}\n    retry: {attempts: 3}\n", "b", false, engine.StatusRestored, "a=old b=old"},
		"between those of a group": {"steps:\n  - put: {path: D/a, text: new}\n  - steps:\n      - put: {path: D/b, text: new}\n" + strings.ReplaceAll(fails, "  -", "      -") + "    retry: {attempts: 3}\n", "b", false, engine.StatusRestored, "a=old b=old"},
		"the failsafe":             {"steps:\n  - put: {path: D/c, fail: [undo]}\n" + fails + "failsafe: [{note: {file: D/n, line: safe}}]\n", "n", false, engine.StatusFailsafe, "n=safe\n"},
		"finally":                  {"steps:\n  - put: {path: D/a, text: new}\n" + fails + "finally: [{note: {file: D/n, line: finally}}]\n", "n", true, engine.StatusRestored, "a=old n=finally\n"},
	}
	for name, test := range tests {
		for number, errno := range lacking {
			if lack, _ := fault.Scarce(errno); test.processes && lack.Storage || name != "a type's own undo" && number != "EMFILE" && number != "ENOSPC" {
				continue
			}
			t.Run(name+" "+number, func(t *testing.T) {
				t.Parallel()
				b := newBench(t)
				b.write("a", "old")
				b.write("b", "old")
				b.write(test.met+".lacks", number)
				b.wantLacking(b.run(test.recipe))
				results, err := b.engine.Recover(context.Background())
				if err != nil || len(results) != 1 {
					t.Fatalf("the recovery that lacks too: %+v, %v", results, err)
				}
				b.wantLacking(results[0])
				b.wantBlocked()
				b.remove(test.met + ".lacks")
				if results, err = b.engine.Recover(context.Background()); err != nil || len(results) != 1 {
					t.Fatalf("the recovery with enough: %+v, %v", results, err)
				}
				b.wantStatus(results[0], test.status, results[0].ExitCode())
				for _, one := range strings.Split(test.files, " ") {
					file, content, _ := strings.Cut(one, "=")
					b.wantFile(file, content)
				}
				if seen, err := b.engine.Overview(context.Background()); err != nil || len(seen.Pending) > 0 {
					t.Errorf("it is pending still: %+v, %v", seen.Pending, err)
				}
			})
		}
	}
}

// wantLacking checks that a run is unfinished, and that its result and the status say what was lacking and
// what to do.
func (b *bench) wantLacking(result engine.Result) {
	b.Helper()
	f := fault.As(result.Err)
	if result.ExitCode() != engine.ExitBroken || f == nil || f.Code != "resources-exhausted" || !strings.Contains(f.Hint, "gwe recover") {
		b.Fatalf("%s, exit %d: %v", result.Status, result.ExitCode(), result.Err)
	}
	seen, err := b.engine.Overview(context.Background())
	if err != nil || len(seen.Pending) != 1 || seen.Pending[0].RecoveryFailed.IsZero() || !strings.Contains(seen.Pending[0].Error, "cannot undo now") || seen.ExitCode() != engine.ExitBroken {
		b.Fatalf("the status: %+v, %v", seen.Pending, err)
	}
}

// wantBlocked checks that no run begins on one that is unfinished, and none is rolled back.
func (b *bench) wantBlocked() {
	b.Helper()
	var unsettled *engine.Unsettled
	if _, err := b.engine.Run(context.Background(), b.load("steps:\n  - put: {path: D/new}\n"), nil); !errors.As(err, &unsettled) {
		b.Errorf("a run on top: %v", err)
	}
	if _, err := b.engine.Rollback(context.Background(), ""); !errors.As(err, &unsettled) {
		b.Errorf("a rollback beside it: %v", err)
	}
	b.wantFile("new", "-")
}

// A manual rollback, too, continues when there is enough.
func TestARollbackThatLackedAResourceGoesOn(t *testing.T) {
	b := newBench(t)
	b.write("a", "old")
	b.write("b", "old")
	b.wantStatus(b.run("steps:\n  - put: {path: D/a, text: new}\n  - put: {path: D/b, text: new}\n"), engine.StatusDone, 0)
	b.write("a.lacks", "ENOMEM")
	result, err := b.engine.Rollback(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	b.wantLacking(result)
	b.wantFile("a", "new")
	b.remove("a.lacks")
	if result, err = b.engine.Rollback(context.Background(), ""); err != nil {
		t.Fatal(err)
	}
	b.wantStatus(result, engine.StatusRolledBack, 0)
	b.wantFile("a", "old")
	b.wantFile("b", "old")
}

// A lack that lasts over many boots is not a machine that goes down in its recovery: nothing is given up. A
// timer that tries again and again does not eat the journal's reserve.
func TestALackThatLastsIsNoRebootLoop(t *testing.T) {
	b := newBench(t)
	b.write("a", "old")
	b.write("a.lacks", "ENOSPC")
	boot := 0
	b.engine.Clock = func() host.Moment { return host.Moment{Boot: "boot-" + strconv.Itoa(boot)} }
	b.wantLacking(b.run("steps:\n  - put: {path: D/a, text: new}\n  - put: {path: D/z, fail: [do]}\n"))
	var records int
	for range 12 {
		boot++
		for range 1 + boot%6/5 {
			results, err := b.engine.Recover(context.Background())
			if err != nil || len(results) != 1 {
				t.Fatalf("%+v, %v", results, err)
			}
			b.wantLacking(results[0])
		}
		read, err := journal.Read(b.glob("runs/*/journal")[0])
		if err != nil || records > 0 && len(read)-records > 2 {
			t.Fatalf("%d records became %d, %v", records, len(read), err)
		}
		records = len(read)
	}
	b.remove("a.lacks")
	results, err := b.engine.Recover(context.Background())
	if err != nil || len(results) != 1 {
		t.Fatalf("%+v, %v", results, err)
	}
	b.wantStatus(results[0], engine.StatusRestored, 3)
	b.wantFile("a", "old")
}

func (b *bench) remove(name string) {
	b.Helper()
	if err := os.Remove(filepath.Join(b.directory, name)); err != nil {
		b.Fatal(err)
	}
}
