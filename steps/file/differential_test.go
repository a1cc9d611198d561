package file

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/need"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/steps/steptest/randomtree"
)

// TestCopyLikeTheRealCp copies random trees with the step and with cp -a, and wants the same of both, entry
// by entry and with the counts of links; then the next tree takes the place of the copy, and the undo brings
// the old one back.
func TestCopyLikeTheRealCp(t *testing.T) {
	need.Root(t, "it gives files to another user")
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			root := t.TempDir()
			source, ours := root+"/source", root+"/ours"
			must(t, os.Mkdir(source, 0o755))
			g := randomtree.New(t, seed)
			g.Fill(source, 3)
			g.Dress(source)
			doCopy(t, source, ours)
			compareWithCp(t, source, ours, root+"/theirs")

			before := randomtree.Snapshot(t, ours)
			g.Mutate(source)
			undo := doCopy(t, source, ours)
			compareWithCp(t, source, ours, root+"/theirs-2")
			undo()
			randomtree.Differ(t, "undo", before, randomtree.Snapshot(t, ours))
		})
	}
}

// doCopy carries the step out, and gives its undo.
func doCopy(t *testing.T, from, to string) (undo func()) {
	t.Helper()
	run, arguments := runOf(t), map[string]any{"from": from, "to": to, "replace": true}
	memo, err := Copy().Prepare(t.Context(), run, arguments)
	must(t, err)
	_, err = Copy().Do(t.Context(), run, arguments, memo)
	must(t, err)
	return func() { t.Helper(); must(t, Copy().Undo(t.Context(), run, arguments, memo)) }
}

func compareWithCp(t *testing.T, source, ours, theirs string) {
	t.Helper()
	if out, err := exec.Command("cp", "-a", source, theirs).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v: %s", err, out)
	}
	want, got := randomtree.Snapshot(t, theirs), randomtree.Snapshot(t, ours)
	randomtree.Differ(t, "cp -a", want, got)
	if !alike(step.Local{}, source, ours, asItIs) {
		t.Error("the step itself sees a difference")
	}
	for way := range want {
		var there, here unix.Stat_t
		must(t, unix.Lstat(theirs+"/"+way, &there))
		must(t, unix.Lstat(ours+"/"+way, &here))
		if here.Mode&unix.S_IFMT == unix.S_IFREG && here.Blocks > there.Blocks {
			t.Errorf("%q takes %d blocks, with cp %d: its holes are filled", way, here.Blocks, there.Blocks)
		}
	}
}
