package transfer

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/gwe-project/gwe/steps/steptest/randomtree"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/durable/durabletest"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/steps/steptest"
)

// childVariable names, in the environment of a test binary, the order that it carries out instead of tests.
const childVariable = "GWE_TRANSFER_CHILD"

// errand is what another process is told to do.
type errand struct {
	Undo           bool
	Source, Target string
	LinkDest       []value.Path
	Delete         bool
	Memo           memo
	Directory      string
}

func TestMain(m *testing.M) {
	path := os.Getenv(childVariable)
	if path == "" {
		steptest.Main(m, Rsync(), Download())
	}
	var told errand
	raw, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(raw, &told)
	}
	if err == nil {
		run := &step.Run{ID: "20260102T030405Z-abcdef", Step: "tried", Machine: step.Local{}, Directory: told.Directory, Started: func(int) {}}
		given := arguments{Source: told.Source, Target: told.Target, LinkDest: told.LinkDest, Delete: told.Delete}
		if told.Undo {
			err = rsync{}.Undo(context.Background(), run, given, told.Memo)
		} else if _, err = (rsync{}).Do(context.Background(), run, given, told.Memo); err == nil {
			err = rsync{}.Sync(context.Background(), run, given, told.Memo)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// child starts another process with the frame's order.
func (f *frame) child(undo bool, environment ...string) *exec.Cmd {
	f.Helper()
	raw, err := json.Marshal(errand{undo, f.arguments.Source, f.arguments.Target, f.arguments.LinkDest, f.arguments.Delete, f.memo, f.run.Directory})
	check(f, err)
	path := filepath.Join(f.TempDir(), "order")
	check(f, os.WriteFile(path, raw, 0o600))
	binary, err := os.Executable()
	check(f, err)
	command := exec.Command(binary)
	command.Env = append(append(os.Environ(), environment...), childVariable+"="+path)
	command.Stderr = &bytes.Buffer{}
	return command
}

// killed runs another process and kills it after a while. It reports whether it was killed.
func (f *frame) killed(undo bool, after time.Duration) bool {
	f.Helper()
	command := f.child(undo)
	check(f, command.Start())
	timer := time.AfterFunc(after, func() { _ = command.Process.Kill() })
	err := command.Wait()
	timer.Stop()
	if err != nil && command.ProcessState.Exited() {
		f.Fatalf("%v: %s", err, command.Stderr)
	}
	return err != nil
}

// crashFrame is an update of a random tree with everything in it.
func crashFrame(t *testing.T, directory string, seed uint64) (*frame, map[string]string) {
	t.Helper()
	g := randomtree.New(t, seed)
	source, target, links := directory+"/source", directory+"/target", directory+"/links"
	check(t, os.Mkdir(source, 0o755))
	g.Fill(source, 3)
	plant(t, source+"/many", many(150))
	copied(t, source, target)
	copied(t, source, links)
	g.Mutate(source)
	randomtree.New(t, seed+1).Mutate(target)
	f := newFrame(t, arguments{Source: source, Target: target, Delete: true, LinkDest: []value.Path{value.Path(links)}})
	var err error
	f.memo, err = rsync{}.Prepare(t.Context(), f.run, f.arguments)
	check(t, err)
	return f, snapshot(t, target)
}

func many(count int) map[string]string {
	files := map[string]string{}
	for i := range count {
		files[fmt.Sprintf("file%03d", i)] = fmt.Sprint("content ", i)
	}
	return files
}

// TestKilledAtAnyMoment kills the process that does, and the ones that undo, at random moments; the last
// undo, in this process, gives the old tree.
func TestKilledAtAnyMoment(t *testing.T) {
	f, before := crashFrame(t, t.TempDir(), 42)
	begun := time.Now()
	if f.killed(false, time.Minute) {
		t.Fatal("it took longer than a minute")
	}
	whole := time.Since(begun)
	f.undo()
	differ(t, "undo after all was done", before, snapshot(t, f.memo.Target))
	random := rand.New(rand.NewPCG(1, 2))
	kills, sealedAt := 0, 0
	for range 40 {
		if f.killed(false, time.Duration(random.Int64N(int64(whole)))) {
			kills++
		}
		if done, err := sealed(f.run.Directory); err != nil || done {
			sealedAt++
		}
		for range random.IntN(3) {
			f.killed(true, time.Duration(random.Int64N(int64(whole))))
		}
		f.undo()
		differ(t, "undo after a kill", before, snapshot(t, f.memo.Target))
		if t.Failed() {
			return
		}
	}
	t.Logf("%d of 40 were killed, %d undos had something to restore", kills, sealedAt)
	if kills == 0 || sealedAt == 0 {
		t.Error("the kills came at the wrong moments: the test tests nothing")
	}
}

// TestPowerCuts takes the power away at every change, and wants the old tree after the undo.
func TestPowerCuts(t *testing.T) {
	disk := durabletest.NewDisk(t, 64)
	for moment := range 24 {
		t.Run(fmt.Sprint(moment), func(t *testing.T) {
			directory := filepath.Join(disk.Directory, fmt.Sprint(moment))
			check(t, os.Mkdir(directory, 0o755))
			defer func() { check(t, os.RemoveAll(directory)) }()
			f, before := crashFrame(t, directory, 7)
			f.run.Directory = directory + "/frame"
			check(t, os.Mkdir(f.run.Directory, 0o700))
			check(t, exec.Command("sync", "-f", directory).Run())
			ctx := &countdown{Context: t.Context(), left: moment * moment}
			_, err := (rsync{}).Do(ctx, f.run, f.arguments, f.memo)
			if err == nil && moment%2 == 0 {
				check(t, rsync{}.Sync(t.Context(), f.run, f.arguments, f.memo))
			} else {
				// Something else that is synced takes the renames so far to the disk, but no file's content.
				check(t, durable.WriteFile(directory+"/unrelated", nil, 0o600))
			}
			disk.Cut()
			wantWhole(t, snapshot(t, f.memo.Target), before, snapshot(t, f.arguments.Source))
			if moment%3 == 0 {
				_ = rsync{}.Undo(&countdown{Context: t.Context(), left: 7 * moment}, f.run, f.arguments, f.memo)
				disk.Cut()
			}
			f.undo()
			disk.Cut()
			differ(t, "undo after a power cut", before, snapshot(t, f.memo.Target))
		})
	}
}

// wantWhole fails the test where a file has neither its old nor its new content: an empty one, say, whose
// rename came to the disk before its content.
func wantWhole(t *testing.T, is, before, source map[string]string) {
	t.Helper()
	content := func(tree map[string]string, way string) string {
		return regexp.MustCompile(`[0-9a-f]{64}`).FindString(tree[way])
	}
	for way := range is {
		if found := content(is, way); found != "" && found != content(before, way) && found != content(source, way) {
			t.Errorf("after the power cut %q is neither the old nor the new file", way)
		}
	}
}

// countdown is a context that is cancelled after so many looks at it.
type countdown struct {
	context.Context
	left int
}

func (c *countdown) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}
