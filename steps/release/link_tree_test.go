package release_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/need"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/steps/release"
	"github.com/gwe-project/gwe/steps/steptest"
)

// linked arranges a system below root/into and the trees beside it, and gives the arguments; ROOT in an entry
// or an argument is the root.
func linked(t testing.TB, root string, entries map[string]string, more map[string]any) map[string]any {
	t.Helper()
	filled := map[string]string{"into": "/"}
	for at, content := range entries {
		filled[at] = strings.ReplaceAll(content, "ROOT", root)
	}
	build(t, root, filled)
	arguments := map[string]any{"from": []any{root + "/new/root"}, "into": root + "/into"}
	for key, argument := range more {
		switch argument := argument.(type) {
		case []string:
			var list []any
			for _, one := range argument {
				list = append(list, root+"/"+one)
			}
			arguments[key] = list
		case string:
			arguments[key] = strings.ReplaceAll(argument, "ROOT", root)
		}
	}
	converted, err := value.Convert(release.LinkTree().Arguments(), arguments)
	if err != nil {
		t.Fatal(err)
	}
	return converted.(map[string]any)
}

// busy is a system with something of everything.
var busy = map[string]string{
	"new/root/etc/app/a": "a", "new/root/etc/app/deep/er/b": "b", "new/root/bin/tool": "tool", "new/root/lib/so": "-> so.1", "new/root/lib/so.1": "so",
	"new/root/bad\xff\nname/f": "f", "new/root/empty": "/", "new/root/.hidden": "h",
	"old/root/etc/app/gone": "gone", "old/root/etc/app/a": "a", "old/root/kept/f": "f",
	"into/etc/app/gone": "-> ROOT/old/root/etc/app/gone", "into/etc/app/a": "-> ROOT/old/root/etc/app/a", "into/bin/tool": "the system's own",
	"into/kept/f": "of somebody", "into/usr/lib/x": "x", "into/lib": "-> usr/lib", "into/.hidden": "-> ROOT/new/root/.hidden",
}

func TestLinkTreeConforms(t *testing.T) {
	for name, suite := range map[string]steptest.Suite{
		"symbolic": {
			Arrange: func(t testing.TB, root string) map[string]any {
				arguments := linked(t, root, busy, map[string]any{"previous": []string{"old/root"}, "releases": "ROOT"})
				need.Owner(t, root+"/into/bin/tool", 7, 8)
				if err := os.Link(root+"/into/bin/tool", root+"/into/bin/same"); err != nil {
					t.Fatal(err)
				}
				return arguments
			},
			AfterDo: func(t testing.TB, root string, outputs map[string]any) {
				if got := fmt.Sprint(outputs["made"], outputs["replaced"], outputs["removed"], outputs["unchanged"]); got != "4 2 1 1" {
					t.Errorf("made, replaced, removed, unchanged: %s", got)
				}
				if text, err := os.Readlink(root + "/into/usr/lib/so"); err != nil || text != root+"/new/root/lib/so" {
					t.Errorf("so leads to %q, %v", text, err)
				}
				if content, err := os.ReadFile(root + "/into/bad\xff\nname/f"); err != nil || string(content) != "f" {
					t.Errorf("%q, %v", content, err)
				}
			},
			Forget: []string{"old"},
		},
		"hard": {
			Arrange: func(t testing.TB, root string) map[string]any {
				entries := map[string]string{"new/root/etc/a": "a", "new/root/etc/b": "b", "new/root/l": "-> etc/a", "new/root/same": "s", "old/root/etc/c": "c", "into/etc/b": "other"}
				arguments := linked(t, root, entries, map[string]any{"links": "hard", "previous": []string{"old/root"}})
				for from, to := range map[string]string{"new/root/same": "into/same", "old/root/etc/c": "into/etc/c"} {
					if err := os.Link(root+"/"+from, root+"/"+to); err != nil {
						t.Fatal(err)
					}
				}
				return arguments
			},
			AfterDo: func(t testing.TB, root string, outputs map[string]any) {
				if got := fmt.Sprint(outputs["made"], outputs["replaced"], outputs["removed"], outputs["unchanged"]); got != "2 1 1 1" {
					t.Errorf("made, replaced, removed, unchanged: %s", got)
				}
				for _, at := range []string{"etc/a", "etc/b", "l", "same"} {
					one, _ := os.Lstat(root + "/new/root/" + at)
					other, err := os.Lstat(root + "/into/" + at)
					if err != nil || !os.SameFile(one, other) {
						t.Errorf("%s is not a hard link: %v", at, err)
					}
				}
			},
		},
		"two trees": {
			Arrange: func(t testing.TB, root string) map[string]any {
				return linked(t, root, map[string]string{"a/x/one": "1", "b/x/two": "2"}, map[string]any{"from": []string{"a", "b"}})
			},
		},
		"already right": {
			Idle: true,
			Arrange: func(t testing.TB, root string) map[string]any {
				return linked(t, root, map[string]string{"new/root/etc/a": "a", "new/root/d": "/", "into/d": "/", "into/etc/a": "-> ROOT/new/root/etc/a", "into/etc/more": "x"}, nil)
			},
		},
	} {
		suite.Type = release.LinkTree()
		t.Run(name, func(t *testing.T) { steptest.Run(t, suite) })
	}
}

// TestLinkTreeFollowsTheLink: links through the link to the running release stay right when it is switched.
func TestLinkTreeFollowsTheLink(t *testing.T) {
	root := t.TempDir()
	entries := map[string]string{"r1/root/etc/a": "1", "r1/root/etc/gone": "1", "r2/root/etc/a": "2", "r2/root/etc/b": "2", "current": "-> r1"}
	arguments := linked(t, root, entries, map[string]any{"from": []string{"current/root"}, "releases": "ROOT", "previous": []string{"r1/root"}})
	if _, _, err := act(t, release.LinkTree(), runOf(t), arguments); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(root + "/current"); err != nil {
		t.Fatal(err)
	}
	build(t, root, map[string]string{"current": "-> r2"})
	outputs, _, err := act(t, release.LinkTree(), runOf(t), arguments)
	if err != nil || fmt.Sprint(outputs["made"], outputs["replaced"], outputs["removed"], outputs["unchanged"]) != "1 0 1 1" {
		t.Errorf("%v, %v", outputs, err)
	}
	if _, err := os.Lstat(root + "/into/etc/gone"); err == nil {
		t.Error("the stale link is still there")
	}
	if content, err := os.ReadFile(root + "/into/etc/a"); err != nil || string(content) != "2" {
		t.Errorf("%q, %v", content, err)
	}
}

// TestLinkTreeStale: what was made for an older release goes, and nothing else.
func TestLinkTreeStale(t *testing.T) {
	for name, c := range map[string]struct {
		link  string
		more  map[string]any
		stale bool
	}{
		"into the previous tree":          {link: "-> ROOT/r1/root/etc/x", more: map[string]any{"previous": []string{"r1/root"}}, stale: true},
		"into the tree itself":            {link: "-> ROOT/new/root/etc/x", stale: true},
		"into a release that is gone":     {link: "-> ROOT/r0/root/etc/x", more: map[string]any{"releases": "ROOT"}, stale: true},
		"gone, releases not given":        {link: "-> ROOT/r0/root/etc/x"},
		"into another tree that is there": {link: "-> ROOT/other/root/etc/x", more: map[string]any{"releases": "ROOT", "previous": []string{"r1/root"}}},
		"another place in the release":    {link: "-> ROOT/r0/share/x", more: map[string]any{"releases": "ROOT"}},
		"elsewhere":                       {link: "-> /nowhere/etc/x", more: map[string]any{"releases": "ROOT"}},
		"relative":                        {link: "-> ../../r0/root/etc/x", more: map[string]any{"releases": "ROOT"}},
		"a file":                          {link: "x", more: map[string]any{"releases": "ROOT", "previous": []string{"r1/root"}}},
		"the previous tree is gone":       {link: "-> ROOT/gone/root/etc/x", more: map[string]any{"previous": []string{"gone/root"}}, stale: true},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			arguments := linked(t, root, map[string]string{"new/root/etc/a": "a", "r1/root/etc/x": "x", "other/root/etc/x": "x", "into/etc/x": c.link}, c.more)
			outputs, _, err := act(t, release.LinkTree(), runOf(t), arguments)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := os.Lstat(root + "/into/etc/x"); (err != nil) != c.stale || outputs["removed"] != map[bool]int{true: 1}[c.stale] {
				t.Errorf("%v; removed: %v", err, outputs["removed"])
			}
		})
	}
}

func TestLinkTreeRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		tree  map[string]string
		more  map[string]any
		class fault.Class
		code  string
		says  []string
	}{
		"two want one place": {
			tree: map[string]string{"a/x/one": "1", "a/x/two": "1", "b/x/one": "2", "b/x/two": "2"}, more: map[string]any{"from": []string{"a", "b"}},
			class: fault.Refused, code: "link-tree-conflict", says: []string{"a/x/one", "b/x/one", "a/x/two"},
		},
		"a file and a directory": {
			tree: map[string]string{"a/x/one": "1", "b/x": "2"}, more: map[string]any{"from": []string{"a", "b"}},
			class: fault.Refused, code: "link-tree-conflict",
		},
		"one place by two ways": {
			tree: map[string]string{"new/root/lib/f": "1", "new/root/usr/lib/f": "2", "into/lib": "-> usr/lib", "into/usr/lib": "/"}, class: fault.Refused, code: "link-tree-conflict",
		},
		"a directory in the way": {
			tree: map[string]string{"new/root/x": "1", "new/root/y": "1", "into/x": "/", "into/y/z": ""}, class: fault.Refused, code: "link-tree-in-the-way", says: []string{"into/x", "into/y"},
		},
		"a file in the way":   {tree: map[string]string{"new/root/x/y/z": "1", "into/x": "f"}, class: fault.Refused, code: "link-tree-in-the-way", says: []string{"into/x"}},
		"a link to a file":    {tree: map[string]string{"new/root/x/y": "1", "into/x": "-> f", "into/f": "f"}, class: fault.Refused, code: "link-tree-in-the-way"},
		"a link to nowhere":   {tree: map[string]string{"new/root/x/y": "1", "into/x": "-> nowhere"}, class: fault.Refused, code: "link-tree-in-the-way"},
		"out of into":         {tree: map[string]string{"new/root/x/y": "1", "into/x": "-> ../out", "out": "/"}, class: fault.Refused, code: "link-tree-in-the-way", says: []string{"out of"}},
		"into the tree":       {tree: map[string]string{"into/new/root/x/y": "1", "into/x": "-> new/root/x"}, more: map[string]any{"from": []string{"into/new/root"}}, class: fault.Refused, code: "link-tree-in-the-way", says: []string{"into the tree"}},
		"nothing to link":     {more: map[string]any{"from": []string{}}, class: fault.Refused, code: "link-tree-none"},
		"the tree is missing": {class: fault.Failed, code: "link-tree-no-tree"},
		"the tree is a file":  {tree: map[string]string{"new/root": "f"}, class: fault.Failed, code: "link-tree-no-tree"},
		"into is missing":     {tree: map[string]string{"new/root/f": "f"}, more: map[string]any{"into": "ROOT/none"}, class: fault.Failed, code: "not-found"},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			arguments := linked(t, root, c.tree, c.more)
			_, _, err := act(t, release.LinkTree(), runOf(t), arguments)
			if c.code == "not-found" {
				if found := fault.As(err); found == nil || found.Code != c.code {
					t.Errorf("%v", err)
				}
				return
			}
			failsWith(t, err, c.class, c.code)
			for _, said := range c.says {
				if !strings.Contains(err.Error(), said) {
					t.Errorf("%v does not name %s", err, said)
				}
			}
			if c.class == fault.Refused {
				_, err := release.LinkTree().Plan(t.Context(), step.Local{}, arguments)
				failsWith(t, err, c.class, c.code)
			}
		})
	}
}

// TestLinkTreeHardLinksNeedOneFileSystem: seen before anything is changed.
func TestLinkTreeHardLinksNeedOneFileSystem(t *testing.T) {
	need.Root(t, "it mounts")
	root := t.TempDir()
	arguments := linked(t, root, map[string]string{"new/root/a": "a", "new/root/sub/deep/f": "f", "into/sub": "/"}, map[string]any{"links": "hard"})
	if err := syscall.Mount("tmpfs", root+"/into/sub", "tmpfs", 0, "size=1m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(root+"/into/sub", syscall.MNT_DETACH) })
	_, _, err := act(t, release.LinkTree(), runOf(t), arguments)
	failsWith(t, err, fault.Refused, "link-tree-in-the-way")
	if _, err := os.Lstat(root + "/into/a"); err == nil {
		t.Error("something was linked all the same")
	}
}

// TestLinkTreeLeavesWhatOthersDid: a place that changed after do stays, and all others are restored.
func TestLinkTreeLeavesWhatOthersDid(t *testing.T) {
	root := t.TempDir()
	arguments := linked(t, root, map[string]string{"new/root/a": "a", "new/root/b": "b", "new/root/c": "c", "new/root/d/e": "e", "into/a": "was a", "into/b": "was b"}, nil)
	run := runOf(t)
	_, memo, err := act(t, release.LinkTree(), run, arguments)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{"a", "c"} {
		if err := os.Remove(filepath.Join(root, "into", at)); err != nil {
			t.Fatal(err)
		}
		build(t, root, map[string]string{"into/" + at: "of somebody else", "into/d/more": "of somebody else"})
	}
	err = release.LinkTree().Undo(t.Context(), run, arguments, memo)
	if err == nil || strings.Count(err.Error(), "another program changed it") != 2 || !strings.Contains(err.Error(), "is not empty") {
		t.Errorf("undo: %v", err)
	}
	for at, want := range map[string]string{"a": "of somebody else", "b": "was b", "c": "of somebody else", "d/more": "of somebody else"} {
		if content, _ := os.ReadFile(filepath.Join(root, "into", at)); string(content) != want {
			t.Errorf("%s holds %q, want %q", at, content, want)
		}
	}
	if _, err := os.Lstat(root + "/into/d/e"); err == nil {
		t.Error("a link is left")
	}
}

func TestLinkTreePlan(t *testing.T) {
	root := t.TempDir()
	entries := map[string]string{"into/x": "old", "new/root/x": "", "new/root/sub/s": "", "into/gone": "-> ROOT/new/root/gone"}
	for i := range 7 {
		entries[fmt.Sprintf("new/root/f%d", i)] = ""
	}
	arguments := linked(t, root, entries, nil)
	plan, err := release.LinkTree().Plan(t.Context(), step.Local{}, arguments)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`make 1 directories: "ROOT/into/sub"`,
		`make 8 links: "ROOT/into/f0", "ROOT/into/f1", "ROOT/into/f2", "ROOT/into/f3", "ROOT/into/f4", ...`,
		`replace 1 files by links: "ROOT/into/x"`,
		`remove 1 stale links: "ROOT/into/gone"`,
	}
	if got := strings.ReplaceAll(strings.Join(plan.Do, "\n"), root, "ROOT"); got != strings.Join(want, "\n") {
		t.Errorf("the plan is\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	if len(plan.Undo) != 4 {
		t.Errorf("the undo is %v", plan.Undo)
	}
	if err := os.RemoveAll(root + "/new"); err != nil {
		t.Fatal(err)
	}
	plan, err = release.LinkTree().Plan(t.Context(), step.Local{}, arguments)
	if err != nil || plan.Nothing || !strings.Contains(plan.Do[0], "once it is there") {
		t.Errorf("the plan is %v, %v", plan, err)
	}
}
