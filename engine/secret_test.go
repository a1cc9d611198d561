package engine_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/fault"
)

const theSecret = "correct-horse-battery"

const withToken = "inputs:\n  token: {type: secret, required: true}\n"

// holders are the files of the state folder that hold the secret; each must be for its owner alone.
func (b *bench) holders() []string {
	b.Helper()
	var found []string
	err := filepath.WalkDir(b.engine.State.Folder, func(path string, entry fs.DirEntry, err error) error {
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
