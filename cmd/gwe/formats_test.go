package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/journal"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/tasklog"
	"github.com/gwe-project/gwe/steps"
)

var update = flag.Bool("update", false, "make the state directories of today's format again; those of older formats stay for ever")

const (
	// formatsDirectory is where the kept runs worked: their journals hold absolute paths.
	formatsDirectory = "/var/tmp/gwe-formats"
	keptFormats      = "../../testdata/formats"
)

// keptRecipe has no step whose undo knows its files by their inodes: those of the kept runs are long gone.
const keptRecipe = `gwe: 1
name: kept
inputs:
  dir: { type: path, default: /var/tmp/gwe-formats }
lock: ["${{ inputs.dir }}"]
steps:
  - id: old
    read-link: ${{ inputs.dir }}/current
  - parallel:
      - run: { argv: [touch, "${{ inputs.dir }}/left"] }
        undo:
          - run: { argv: [rm, "${{ inputs.dir }}/left"] }
      - run: { argv: [touch, "${{ inputs.dir }}/right"] }
        undo:
          - run: { argv: [rm, "${{ inputs.dir }}/right"] }
  - for-each: [1, 2]
    run: { argv: [touch, "${{ inputs.dir }}/each-${{ item }}"] }
    undo:
      - run: { argv: [rm, "${{ inputs.dir }}/each-${{ item }}"] }
  - steps:
      - swap-link: { link: "${{ inputs.dir }}/current", to: "${{ inputs.dir }}/two" }
  - commit: two is in place
outputs:
  before: ${{ steps.old.target ?? "" }}
`

// TestFormats lets today's gwe continue with runs of every format that there ever was: one that committed is
// shown and rolled back, and one that was killed just before that is shown and recovered.
func TestFormats(t *testing.T) {
	if *update {
		keepToday(t)
	}
	formats, err := filepath.Glob(keptFormats + "/*")
	if err != nil || len(formats) < journal.Format {
		t.Fatalf("of %d formats runs of %d are kept: %v", journal.Format, len(formats), err)
	}
	for _, format := range formats {
		for kind, c := range map[string]struct{ status, command, end string }{
			"committed": {"done", "rollback", "rolled back by hand"},
			"killed":    {"pending", "recover", "rolled back"},
		} {
			t.Run(filepath.Base(format)+" "+kind, func(t *testing.T) {
				before := layOld(t)
				layNew(t)
				state := filepath.Join(t.TempDir(), "state")
				copyKept(t, filepath.Join(format, kind), state)
				wantSaid(t, state, "show", "kept", c.status, "swap-link")
				wantSaid(t, state, c.command, c.end)
				wantSaid(t, state, "show", "kept", c.end)
				if now := names(t); now != before {
					t.Errorf("there is %s, and before the run there was %s", now, before)
				}
				wantSaid(t, state, "status")
			})
		}
	}
}

// layOld makes the directory as it was before the kept runs, and tells what is in it.
func layOld(t *testing.T) string {
	t.Helper()
	must(t, os.RemoveAll(formatsDirectory))
	t.Cleanup(func() { _ = os.RemoveAll(formatsDirectory) })
	must(t, errors.Join(os.MkdirAll(formatsDirectory+"/one", 0o755), os.Mkdir(formatsDirectory+"/two", 0o755), os.Symlink("one", formatsDirectory+"/current")))
	return names(t)
}

// layNew makes it as the kept runs left it.
func layNew(t *testing.T) {
	t.Helper()
	for _, name := range []string{"left", "right", "each-1", "each-2"} {
		must(t, os.WriteFile(filepath.Join(formatsDirectory, name), nil, 0o644))
	}
	must(t, errors.Join(os.Remove(formatsDirectory+"/current"), os.Symlink("two", formatsDirectory+"/current")))
}

// names lists what is in the directory.
func names(t *testing.T) string {
	t.Helper()
	entries, err := os.ReadDir(formatsDirectory)
	must(t, err)
	var list []string
	for _, entry := range entries {
		name := entry.Name()
		if target, err := os.Readlink(filepath.Join(formatsDirectory, name)); err == nil {
			name += " -> " + target
		}
		list = append(list, name)
	}
	return strings.Join(list, ", ")
}

func wantSaid(t *testing.T, state, command string, texts ...string) {
	t.Helper()
	gwe := &exec.Cmd{Path: self(t), Args: []string{"gwe", "--state-dir", state, command}, Env: append(os.Environ(), "GORACE=atexit_sleep_ms=0")}
	said, err := gwe.CombinedOutput()
	if err != nil {
		t.Errorf("gwe %s: %v", command, err)
	}
	for _, text := range texts {
		if !strings.Contains(string(said), text) {
			t.Errorf("gwe %s does not say %q", command, text)
		}
	}
	if t.Failed() {
		t.Fatalf("%s", said)
	}
}

// copyKept copies a state directory but for its lock, with the modes that a repository does not keep.
func copyKept(t *testing.T, from, to string) {
	t.Helper()
	must(t, filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		switch {
		case entry.IsDir():
			return os.MkdirAll(filepath.Join(to, name), 0o700)
		case name == "lock": // it names its holder
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), content, 0o600)
	}))
}

// keepToday carries the recipe out with a journal that tells nothing of this machine. The state directory
// just before its commit record is that of a run that was killed there.
func keepToday(t *testing.T) {
	t.Helper()
	layOld(t)
	kept := filepath.Join(keptFormats, fmt.Sprint(journal.Format))
	must(t, os.RemoveAll(kept))
	state := filepath.Join(t.TempDir(), "state")
	keeps := func(w journal.Writer) journal.Writer {
		return keeper{w, func() { copyKept(t, state, filepath.Join(kept, "killed")) }}
	}
	program, _ := engine.Load("kept.yaml", []byte(keptRecipe), steps.Catalog())
	if program == nil {
		t.Fatal("the recipe is invalid")
	}
	machine := &engine.Engine{
		State: engine.State{Directory: state}, Catalog: steps.Catalog(), Machine: step.Local{}, Sink: nothing{}, Version: "kept", Journals: keeps,
	}
	if result, err := machine.Run(context.Background(), program, nil); err != nil || result.Status != engine.StatusDone {
		t.Fatalf("the run to be kept ended as %q: %v, %v", result.Status, result.Err, err)
	}
	copyKept(t, state, filepath.Join(kept, "committed"))
}

type nothing struct{}

func (nothing) Handle(tasklog.Event) {}

// keeper puts invented values in the place of what a journal tells of the machine.
type keeper struct {
	journal.Writer
	beforeCommit func()
}

func (k keeper) Append(kind string, data any) error {
	if kind == "committed" {
		k.beforeCommit()
	}
	invented, err := invent(data)
	if err != nil {
		return err
	}
	return k.Writer.Append(kind, invented)
}

func (k keeper) Note(kind string, data any) error {
	invented, err := invent(data)
	if err != nil {
		return err
	}
	return k.Writer.Note(kind, invented)
}

func invent(data any) (any, error) {
	text, err := json.Marshal(data)
	if err != nil || !bytes.HasPrefix(text, []byte("{")) {
		return data, err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return nil, err
	}
	for name, value := range map[string]string{
		"pid": "4321", "start": "1234567", "boot": `"00000000-0000-4000-8000-000000000000"`, "mark": `"AAAAAAAAAAAAAAAAAAAAAAAAAA"`,
		"host": `{"architecture":"amd64","kernel":"6.1.0","memory":"1048576KiB","name":"gateway","os":"linux"}`,
	} {
		if members[name] != nil {
			members[name] = json.RawMessage(value)
		}
	}
	return members, nil
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
