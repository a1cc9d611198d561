package release_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/need"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/steps/release"
	"github.com/gwe-project/gwe/steps/steptest"
)

// swapOf arranges a tree with the releases one and two.
func swapOf(entries map[string]string) func(t testing.TB, root string) map[string]any {
	return func(t testing.TB, root string) map[string]any {
		t.Helper()
		build(t, root, map[string]string{"one/f": "1", "two/f": "2"})
		build(t, root, entries)
		if _, err := os.Lstat(filepath.Join(root, "current")); err == nil {
			need.Owner(t, filepath.Join(root, "current"), 7, 8)
		}
		return map[string]any{"link": filepath.Join(root, "current"), "to": filepath.Join(root, "two")}
	}
}

func TestSwapLinkConforms(t *testing.T) {
	leads := func(t testing.TB, root string, _ map[string]any) {
		if text, err := os.Readlink(filepath.Join(root, "current")); err != nil || text != "two" {
			t.Errorf("the link holds %q, %v", text, err)
		}
	}
	for name, suite := range map[string]steptest.Suite{
		"swap":          {Arrange: swapOf(map[string]string{"current": "-> one"}), AfterDo: leads},
		"first":         {Arrange: swapOf(nil), AfterDo: leads},
		"odd old text":  {Arrange: swapOf(map[string]string{"current": "-> ./one//"}), AfterDo: leads},
		"dangling":      {Arrange: swapOf(map[string]string{"current": "-> gone"}), AfterDo: leads},
		"itself before": {Arrange: swapOf(map[string]string{"current": "-> current"}), AfterDo: leads},
		"already":       {Arrange: swapOf(map[string]string{"current": "-> two"}), AfterDo: leads, Idle: true},
	} {
		suite.Type = release.SwapLink()
		t.Run(name, func(t *testing.T) { steptest.Run(t, suite) })
	}
}

func TestSwapLinkText(t *testing.T) {
	root := t.TempDir()
	build(t, root, map[string]string{"here/one/f": "", "there/two/f": ""})
	for to, want := range map[string]string{
		"here/one":           "one",
		"here/one/":          "one",
		"here/../here/./one": "one",
		"there/two":          root + "/there/two",
		"here":               root + "/here",
	} {
		arguments := map[string]any{"link": root + "/here/current", "to": root + "/" + to}
		if _, _, err := act(t, release.SwapLink(), runOf(t), arguments); err != nil {
			t.Errorf("%s: %v", to, err)
		}
		if text, err := os.Readlink(root + "/here/current"); err != nil || text != want {
			t.Errorf("%s: the link holds %q, want %q, %v", to, text, want, err)
		}
	}
}

func TestSwapLinkRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		tree  map[string]string
		to    string
		class fault.Class
		code  string
	}{
		"a directory in the way": {tree: map[string]string{"one/f": "", "current/f": ""}, to: "one", class: fault.Refused, code: "swap-link-not-a-link"},
		"a file in the way":      {tree: map[string]string{"one/f": "", "current": "x"}, to: "one", class: fault.Refused, code: "swap-link-not-a-link"},
		"no target":              {to: "one", class: fault.Failed, code: "swap-link-no-target"},
		"a dangling target":      {tree: map[string]string{"one": "-> gone"}, to: "one", class: fault.Failed, code: "swap-link-no-target"},
		"itself":                 {tree: map[string]string{"one/f": "", "current": "-> one"}, to: "current", class: fault.Refused, code: "swap-link-to-itself"},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			build(t, root, c.tree)
			arguments := map[string]any{"link": root + "/current", "to": root + "/" + c.to}
			_, _, err := act(t, release.SwapLink(), runOf(t), arguments)
			failsWith(t, err, c.class, c.code)
			if c.class == fault.Refused {
				_, err := release.SwapLink().Plan(t.Context(), step.Local{}, arguments)
				failsWith(t, err, c.class, c.code)
			}
		})
	}
}

// TestSwapLinkLeavesWhatOthersDid: what came between is neither overwritten nor removed.
func TestSwapLinkLeavesWhatOthersDid(t *testing.T) {
	for name, c := range map[string]struct {
		old    string // "" if there is not a link
		others string // "" removes the link
		done   bool
		want   string
		fails  bool
	}{
		"another target after do":         {old: "-> one", others: "-> three", done: true, want: "three", fails: true},
		"another target, first":           {others: "-> three", done: true, want: "three", fails: true},
		"a directory after do":            {old: "-> one", others: "/", done: true, fails: true},
		"removed after do":                {old: "-> one", done: true, want: "one"},
		"removed after do, first":         {done: true},
		"restore by hand":                 {old: "-> one", others: "-> one", done: true, want: "one"},
		"another target, do did not come": {old: "-> one", others: "-> three", want: "three", fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			build(t, root, map[string]string{"one/f": "", "two/f": "", "three/f": ""})
			link := filepath.Join(root, "current")
			if c.old != "" {
				build(t, root, map[string]string{"current": c.old})
			}
			arguments := map[string]any{"link": link, "to": root + "/two"}
			run := runOf(t)
			memo, err := release.SwapLink().Prepare(t.Context(), run, arguments)
			if err != nil {
				t.Fatal(err)
			}
			if c.done {
				if _, err := release.SwapLink().Do(t.Context(), run, arguments, memo); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.RemoveAll(link); err != nil {
				t.Fatal(err)
			}
			if c.others != "" {
				build(t, root, map[string]string{"current": c.others})
			}
			if !c.done {
				if _, err := release.SwapLink().Do(t.Context(), run, arguments, memo); err == nil {
					t.Error("do went over what others did")
				}
			}
			if err := release.SwapLink().Undo(t.Context(), run, arguments, memo); (err != nil) != c.fails {
				t.Errorf("undo: %v", err)
			}
			if text, _ := os.Readlink(link); text != c.want {
				t.Errorf("the link holds %q, want %q", text, c.want)
			}
		})
	}
}

// A temporary link that cannot be removed is a leftover only as long as the link itself is as it was.
func TestSwapLinkCallsNothingALeftoverThatIsNotPutBack(t *testing.T) {
	root := t.TempDir()
	build(t, root, map[string]string{"one/f": "", "two/f": "", "current": "-> one"})
	run, arguments := runOf(t), map[string]any{"link": root + "/current", "to": root + "/two"}
	_, memo, err := act(t, release.SwapLink(), run, arguments)
	if err != nil {
		t.Fatal(err)
	}
	var names struct{ Temporary string }
	if err := json.Unmarshal(memo, &names); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(names.Temporary); err != nil {
		t.Fatal(err)
	}
	build(t, names.Temporary, map[string]string{"in the way": ""})
	var leftover *step.Leftover
	if err := release.SwapLink().Undo(t.Context(), run, arguments, memo); err == nil || errors.As(err, &leftover) {
		t.Errorf("the link points at the new release still: %v", err)
	}
	if err := errors.Join(os.Remove(root+"/current"), os.Symlink("one", root+"/current")); err != nil {
		t.Fatal(err)
	}
	if err := release.SwapLink().Undo(t.Context(), run, arguments, memo); !errors.As(err, &leftover) {
		t.Errorf("the link is as it was: %v", err)
	}
}

func TestSwapLinkLeasesTheOldTarget(t *testing.T) {
	root := t.TempDir()
	build(t, root, map[string]string{"one/f": "", "two/f": "", "current": "-> one"})
	_, memo, err := act(t, release.SwapLink(), runOf(t), map[string]any{"link": root + "/current", "to": root + "/two"})
	if err != nil {
		t.Fatal(err)
	}
	leases, err := release.SwapLink().Leases(map[string]any{"link": root + "/current", "to": root + "/two"}, memo)
	if err != nil || len(leases) != 2 || leases[0] != root+"/one" || !strings.HasPrefix(leases[1], root+"/.gwe-old-") {
		t.Errorf("leases are %v, %v", leases, err)
	}
}

func TestSwapLinkPlan(t *testing.T) {
	root := t.TempDir()
	build(t, root, map[string]string{"firmware-1/f": "", "firmware-2/f": "", "current": "-> firmware-1"})
	plan, err := release.SwapLink().Plan(t.Context(), step.Local{}, map[string]any{"link": root + "/current", "to": root + "/firmware-2"})
	if err != nil {
		t.Fatal(err)
	}
	if want := "point " + root + "/current at firmware-2 (now firmware-1)"; plan.Do[0] != want {
		t.Errorf("do is %q, want %q", plan.Do[0], want)
	}
	if want := "point " + root + "/current back at firmware-1"; plan.Undo[0] != want {
		t.Errorf("undo is %q, want %q", plan.Undo[0], want)
	}
}
