package release_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/steps/release"
	"github.com/gwe-project/gwe/steps/steptest/randomtree"
)

// TestLinkTreeLikeTheRealCp mirrors random trees with the step and with cp -al or cp -as, and wants the same
// links: a first time, and in place of an older tree's links. Then it undoes, and wants what was there, link
// counts included.
func TestLinkTreeLikeTheRealCp(t *testing.T) {
	for seed := range uint64(12) {
		kind, options := "hard", []string{"-al"}
		if seed%2 == 0 {
			kind, options = "symbolic", []string{"-as", "--no-preserve=links"}
		}
		t.Run(fmt.Sprint(seed, " ", kind), func(t *testing.T) {
			root := t.TempDir()
			at := func(name string) string { return root + "/" + name }
			for _, directory := range []string{"old", "new", "ours"} {
				if err := os.Mkdir(at(directory), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			for i, tree := range []string{"old", "new"} {
				g := randomtree.New(t, seed+uint64(i)*100)
				g.Fill(at(tree), 3)
			}
			empty := randomtree.Snapshot(t, root)
			undo := mirror(t, map[string]any{"from": []any{at("old")}, "into": at("ours"), "links": kind})
			likeCp(t, options, at("old"), at("theirs-old"), at("ours"), false)
			if err := os.RemoveAll(at("theirs-old")); err != nil {
				t.Fatal(err)
			}
			undo()
			now := randomtree.Snapshot(t, root)
			delete(empty, "ours") // the time of the directory itself
			delete(now, "ours")
			delete(empty, "")
			delete(now, "")
			randomtree.Differ(t, "undo", empty, now)

			mirror(t, map[string]any{"from": []any{at("old")}, "into": at("ours"), "links": kind})
			before := links(t, at("ours"))
			arguments := map[string]any{"from": []any{at("new")}, "into": at("ours"), "links": kind, "previous": []any{at("old")}}
			if refused(t, arguments) {
				return // a directory of the old tree is in the place of a file
			}
			undo = mirror(t, arguments)
			likeCp(t, options, at("new"), at("theirs-new"), at("ours"), true)
			undo()
			randomtree.Differ(t, "undo of the update", before, links(t, at("ours")))
		})
	}
}

// refused reports whether the two trees cannot be in one place.
func refused(t *testing.T, given map[string]any) bool {
	t.Helper()
	converted, err := value.Convert(release.LinkTree().Arguments(), given)
	if err != nil {
		t.Fatal(err)
	}
	_, err = release.LinkTree().Prepare(t.Context(), runOf(t), converted.(map[string]any))
	return err != nil
}

func mirror(t *testing.T, given map[string]any) (undo func()) {
	t.Helper()
	converted, err := value.Convert(release.LinkTree().Arguments(), given)
	if err != nil {
		t.Fatal(err)
	}
	run, arguments := runOf(t), converted.(map[string]any)
	_, memo, err := act(t, release.LinkTree(), run, arguments)
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if err := release.LinkTree().Undo(t.Context(), run, arguments, memo); err != nil {
			t.Fatal(err)
		}
	}
}

// links tells of each entry what a tree of links consists of: the file or the target, and of directories mode
// and owner.
func links(t *testing.T, root string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for way := range randomtree.Snapshot(t, root) {
		var status unix.Stat_t
		if err := unix.Lstat(root+"/"+way, &status); err != nil {
			t.Fatal(err)
		}
		target, _ := os.Readlink(root + "/" + way)
		switch {
		case way == "": // was there
		case status.Mode&unix.S_IFMT == unix.S_IFDIR:
			found[way] = fmt.Sprintf("%o %d:%d", status.Mode, status.Uid, status.Gid)
		case target != "" && status.Nlink == 1:
			found[way] = "-> " + target
		default:
			found[way] = fmt.Sprintf("file %d", status.Ino)
		}
	}
	return found
}

// likeCp compares our tree with what cp makes. Directories of the tree before stay with us.
func likeCp(t *testing.T, options []string, tree, theirs, ours string, stay bool) {
	t.Helper()
	if out, err := exec.Command("cp", append(options, tree, theirs)...).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v: %s", err, out)
	}
	want, got := links(t, theirs), links(t, ours)
	for way, entry := range got {
		if stay && (entry[0] != 'f' && entry[0] != '-' || strings.Contains(way, ".gwe-link-")) { // directories stay, and what the undo needs
			delete(want, way)
			delete(got, way)
		}
	}
	randomtree.Differ(t, "cp "+options[0], want, got)
}
