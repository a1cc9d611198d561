package engine_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/fault"
)

const theSecret = "correct-horse-battery"

const withToken = "inputs:\n  token: {type: secret, required: true}\n"

// holders are the files of the state directory that hold the secret; each must be for its owner alone.
func (b *bench) holders() []string {
	b.Helper()
	var found []string
	err := filepath.WalkDir(b.engine.State.Directory, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if !strings.Contains(string(content), theSecret) {
			return err
		}
		if info, err := entry.Info(); err != nil || info.Mode().Perm() != 0o600 {
			b.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
		found = append(found, filepath.Base(path))
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return found
}

func (b *bench) runSecret(recipe string) engine.Result {
	b.Helper()
	return b.runWith(context.Background(), withToken+recipe, engine.Inputs{"token": {Value: theSecret}})
}

func TestArgumentsWithASecretAreEvaluatedAgainForTheUndo(t *testing.T) {
	b := newBench(t)
	program := b.load(withToken + "steps:\n  - put: {path: D/a, token: \"-${{ inputs.token }}-\"}\n  - put: {path: D/b}\n")
	b.killAt(moment{record: 4}, func(e *engine.Engine) {
		_, _ = e.Run(context.Background(), program, engine.Inputs{"token": {Value: theSecret}})
	})
	b.wantFile("a.token", "23")
	if found := b.holders(); strings.Join(found, " ") != "token" {
		t.Errorf("the secret is in %v", found)
	}
	results, err := b.engine.Recover(context.Background())
	if err != nil || len(results) != 1 || results[0].Status != engine.StatusRestored {
		t.Fatalf("%v, %v", results, err)
	}
	b.wantFile("a.token", "-")
	if found := b.holders(); len(found) > 0 {
		t.Errorf("the run has ended, and the secret is still in %v", found)
	}
}

func TestSecretsGoWithTheLeases(t *testing.T) {
	b := newBench(t)
	b.wantStatus(b.runSecret("steps:\n  - put: {path: D/a, token: \"${{ inputs.token }}\"}\n"), engine.StatusDone, 0)
	if found := b.holders(); len(found) != 1 {
		t.Errorf("an undo by hand needs the secret; it is in %v", found)
	}
	b.wantStatus(b.run("steps:\n  - put: {path: D/b}\n"), engine.StatusDone, 0)
	if found := b.holders(); len(found) > 0 {
		t.Errorf("the lease has ended, and the secret is still in %v", found)
	}
}

func TestSecretsStayForALeftoverAndGoWithIt(t *testing.T) {
	b := newBench(t)
	b.wantStatus(b.runSecret("steps:\n  - put: {path: D/a}\n  - commit: in\n  - put: {path: D/b, fail: [do, leftover], token: \"${{ inputs.token }}\"}\n"), engine.StatusCommitted, 7)
	// The next commit ends the lease, but not what the leftover needs.
	b.wantStatus(b.run("steps:\n  - put: {path: D/c}\n"), engine.StatusDone, 0)
	if found := b.holders(); len(found) != 1 {
		t.Errorf("the secret is in %v", found)
	}
	b.write("b.heal", "")
	b.wantStatus(b.run("steps:\n  - put: {path: D/d}\n"), engine.StatusDone, 0)
	if found := b.holders(); len(found) > 0 {
		t.Errorf("all is cleaned up, and the secret is still in %v", found)
	}
}

func TestSecretsGoEvenAfterAKillBehindTheLastRecord(t *testing.T) {
	for record := 1; ; record++ {
		b := newBench(t)
		program := b.load(withToken + "steps:\n  - put: {path: D/a, fail: [do], token: \"${{ inputs.token }}\"}\n")
		died := b.killAt(moment{record: record}, func(e *engine.Engine) {
			_, _ = e.Run(context.Background(), program, engine.Inputs{"token": {Value: theSecret}})
		})
		if _, err := b.engine.Recover(context.Background()); err != nil {
			t.Fatal(err)
		}
		if found := b.holders(); len(found) > 0 {
			t.Errorf("killed at record %d: the secret is still in %v", record, found)
		}
		if !died {
			return
		}
	}
}

func TestNoErrorTellsASecret(t *testing.T) {
	b := newBench(t)
	result := b.runSecret("steps:\n  - put: {path: D/a, fail: [tell, undo], token: \"${{ inputs.token }}\"}\nfinally:\n  - put: {path: D/f, fail: [tell], token: \"${{ inputs.token }}\"}\n")
	b.wantStatus(result, engine.StatusBroken, 5)
	f := fault.As(result.Err)
	if f == nil || f.Code != "put-told" || !strings.Contains(result.Err.Error(), "the world said ***") || f.Hint != "not ***" {
		t.Errorf("the error: %v, %+v", result.Err, f)
	}
	told := b.events.text()
	for _, other := range result.Others {
		told += other.Error()
		if f := fault.As(other); f != nil {
			told += f.Hint
		}
	}
	if strings.Contains(told, theSecret) {
		t.Error("the secret shows in an error or an event")
	}
}

func TestNoPlanTellsASecret(t *testing.T) {
	b := newBench(t)
	program := b.load(withToken + "steps:\n  - put: {path: D/a, token: \"${{ inputs.token }}\"}\n")
	plan, err := b.engine.Plan(context.Background(), program, engine.Inputs{"token": {Value: theSecret}})
	if err != nil || len(plan.Steps) != 1 || !strings.HasSuffix(plan.Steps[0].Do[0], "/a***") {
		t.Errorf("planned %+v, %v", plan.Steps, err)
	}
}

// While a process of gwe knows a secret, no core file is made of it, and no other process of its user reads
// its memory.
func TestSecretsComeIntoNoCoreFile(t *testing.T) {
	check := func(want int) {
		t.Helper()
		if got, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0); err != nil || got != want {
			t.Errorf("dumpable is %d, %v; want %d", got, err, want)
		}
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	b := newBench(t)
	b.wantStatus(b.run("steps:\n  - put: {path: D/a}\n"), engine.StatusDone, 0)
	check(1)
	b.wantStatus(b.runSecret("steps:\n  - put: {path: D/b, token: \"${{ inputs.token }}\"}\n"), engine.StatusDone, 0)
	check(0)
}

func TestAShortSecretIsNamed(t *testing.T) {
	b := newBench(t)
	result := b.runWith(context.Background(), withToken+"steps:\n  - put: {path: D/a, token: \"${{ inputs.token }}\"}\n", engine.Inputs{"token": {Value: "12345"}})
	b.wantStatus(result, engine.StatusDone, 0)
	if !strings.Contains(b.events.text(), "the input token is too short to be masked") {
		t.Errorf("nothing is said: %s", b.events.text())
	}
}

// A secret that came by a variable is in the environment of nothing that gwe starts later.
func TestASecretLeavesTheEnvironment(t *testing.T) {
	t.Setenv("GWE_TEST_TOKEN", theSecret)
	t.Setenv("GWE_TEST_PLAIN", "x")
	b := newBench(t)
	program := b.load(withToken + "  plain: {type: string, default: a}\nsteps:\n  - put: {path: D/a, token: \"${{ inputs.token }}\"}\n  - put: {path: \"D/${{ inputs.plain }}\"}\n")
	_, err := program.Resolve(engine.Inputs{"token": {Value: theSecret, Variable: "GWE_TEST_TOKEN"}, "plain": {Value: "x", Variable: "GWE_TEST_PLAIN"}})
	if err != nil || os.Getenv("GWE_TEST_TOKEN") != "" || os.Getenv("GWE_TEST_PLAIN") != "x" {
		t.Errorf("%v, %q, %q", err, os.Getenv("GWE_TEST_TOKEN"), os.Getenv("GWE_TEST_PLAIN"))
	}
}
