package release_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/steps/order"
	"github.com/gwe-project/gwe/steps/release"
)

// restored makes the directory anew, the newest entry first, as a backup, a copy-up or a wrong clock may
// leave it: from here on the age of the directories in it tells the contrary of what happened.
func restored(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	fresh := dir + ".restored"
	if err := os.Mkdir(fresh, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, entry := range slices.Backward(entries) {
		if strings.HasPrefix(entry.Name(), ".gwe-old-") {
			continue // what an undo keeps: in another directory it is of no use, and the next commit says so
		}
		if output, err := exec.Command("cp", "-a", filepath.Join(dir, entry.Name()), fresh).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, output)
		}
		waitForClock(t, fresh)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(fresh, dir); err != nil {
		t.Fatal(err)
	}
}

// TestNoClockDecides: whichever step type installs releases, the order in which it did so decides what is the
// previous release and what prune removes, though the directories are as old as they may be.
func TestNoClockDecides(t *testing.T) {
	for name, install := range map[string]string{
		"rsync":               "rsync: { source: ROOT/new, target: ROOT/opt/NAME }",
		"rsync and link-dest": "rsync: { source: ROOT/new, target: ROOT/opt/NAME, link-dest: [ROOT/opt/current] }",
		"extract":             "extract: { archive: ROOT/new.tar, unverified: allow, to: ROOT/opt/NAME }",
		"copy":                "copy: { from: ROOT/new, to: ROOT/opt/NAME }",
		"move":                "move: { from: ROOT/moved, to: ROOT/opt/NAME }",
		"mkdir":               "mkdir: { path: ROOT/opt/NAME }",
	} {
		t.Run(name, func(t *testing.T) {
			g := newTarget(t)
			build(t, g.root, map[string]string{"new/f": "1", "opt/": "/"})
			if output, err := exec.Command("tar", "-C", g.root+"/new", "-cf", g.root+"/new.tar", ".").CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, output)
			}
			for _, name := range []string{"r1", "r2", "r3"} { // the last one is newest by its name too, the first the oldest
				recipe := strings.NewReplacer("ROOT", g.root, "NAME", name).Replace("gwe: 1\nname: install\nlock: [ROOT]\nsteps:\n  - " + install +
					"\n  - swap-link: { link: ROOT/opt/current, to: ROOT/opt/NAME }\n  - commit: ok\n")
				build(t, g.root, map[string]string{"install.yaml": recipe, "moved/f": "1"})
				g.WantExit(0, g.root+"/install.yaml", nil)
			}
			restored(t, g.root+"/opt")
			planned, err := release.FindFallback().Plan(t.Context(), step.Local{}, map[string]any{"dir": g.root + "/opt", "link": "current", "release": ""})
			if err != nil || planned.Outputs["name"] != "r2" {
				t.Errorf("the previous release is %v, %v", planned.Outputs, err)
			}
			outputs, _, err := act(t, release.Prune(), runOf(t), map[string]any{"dir": g.root + "/opt", "keep": 1, "protect": []any{}})
			if err != nil || fmt.Sprint(outputs["kept"], outputs["removed"]) != "[r3] [r2 r1]" {
				t.Errorf("prune: %v, %v", outputs, err)
			}
		})
	}
}

// TestReleasesFromBefore: what was there before the first record is older than all that is recorded, in its
// own old order; and what another program made last is the newest.
func TestReleasesFromBefore(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"z1", "z2"} {
		build(t, root, map[string]string{name + "/f": ""})
		waitForClock(t, root)
	}
	run := runOf(t)
	if err := order.In(run, root).Install("a1"); err != nil {
		t.Fatal(err)
	}
	build(t, root, map[string]string{"a1/f": "", "b/f": "", "current": "-> b"})
	for _, want := range []string{"a1", "z2", "z1"} {
		outputs, _, err := act(t, release.FindFallback(), runOf(t), map[string]any{"dir": root, "link": "current", "release": ""})
		if err != nil || outputs["name"] != want {
			t.Errorf("the previous release is %v, %v, want %s", outputs["name"], err, want)
		}
		_ = os.Remove(root + "/current")
		build(t, root, map[string]string{"current": "-> " + want})
	}
}

// TestABadReleaseIsNotChosenAgain: a release that was rolled back from is passed over by the next rollback
// and goes first in prune, until it is asked for by name.
func TestABadReleaseIsNotChosenAgain(t *testing.T) {
	g := newTarget(t)
	g.arrange(map[string]string{"opt/r1/f": ""})
	if err := os.Rename(g.root+"/opt/r1", g.root+"/template"); err != nil {
		t.Fatal(err)
	}
	g.addRelease("r1")
	g.addRelease("r2")
	g.WantExit(0, rollback, g.inputs())
	g.wantRunning("r1", "r1")
	restored(t, g.root+"/opt")
	g.addRelease("r3")
	if said := g.Said(); !strings.Contains(said, "r2 is left as bad") {
		t.Errorf("nothing said that r2 is bad:\n%s", said)
	}
	g.WantExit(0, rollback, g.inputs())
	g.wantRunning("r1", "r1")
	if said := g.Said(); !strings.Contains(said, "pass over r2, which was left as bad") {
		t.Errorf("nothing said why r2 was not chosen:\n%s", said)
	}
	g.WantExit(6, rollback, g.inputs())
	asked := g.inputs()
	asked["release"] = "r2"
	g.WantExit(0, rollback, asked)
	g.wantRunning("r2", "r2")
	g.addRelease("r4")
	g.WantExit(0, rollback, g.inputs()) // r2 was chosen outright, and committed
	g.wantRunning("r2", "r2")
	outputs, _, err := act(t, release.Prune(), runOf(t), map[string]any{"dir": g.root + "/opt", "keep": 2, "protect": []any{"current"}})
	if err != nil || fmt.Sprint(outputs["kept"], outputs["removed"]) != "[r2 r1] [r4 r3]" {
		t.Errorf("prune: %v, %v", outputs, err)
	}
	for _, name := range []string{"r2", "r7", "../opt", ".gwe-releases", "file"} {
		asked["release"] = name
		g.WantExit(6, rollback, asked)
	}
}

// addRelease installs a release and lets current lead to it.
func (g *target) addRelease(name string) {
	g.Helper()
	_ = os.RemoveAll(g.root + "/made")
	if err := os.CopyFS(g.root+"/made/"+name, os.DirFS(g.root+"/template")); err != nil {
		g.Fatal(err)
	}
	recipe := strings.NewReplacer("ROOT", g.root, "NAME", name).Replace("gwe: 1\nname: install\nlock: [ROOT/opt]\nsteps:\n" +
		"  - rsync: { source: ROOT/made/NAME, target: ROOT/opt/NAME }\n  - swap-link: { link: ROOT/opt/current, to: ROOT/opt/NAME }\n  - commit: ok\n")
	build(g, g.root, map[string]string{"install.yaml": recipe})
	g.WantExit(0, g.root+"/install.yaml", nil)
}

// TestNobodyIsBadByAccident: a switch to a newer release, and one that is undone, marks nothing; nor does a
// clock.
func TestNobodyIsBadByAccident(t *testing.T) {
	root := t.TempDir()
	build(t, root, map[string]string{"r1/f": "", "r2/f": "", "current": "-> r2", "failsafe/f": ""})
	bad := func() (names string) {
		known, err := order.Read(step.Local{}, root)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"failsafe", "r1", "r2", "r3"} {
			if known.Bad(name) {
				names += " " + name
			}
		}
		return names
	}
	swap := func(to, as string) (*step.Run, map[string]any, []byte) {
		t.Helper()
		run, arguments := runOf(t), map[string]any{"link": root + "/current", "to": root + "/" + to, "leave-as": as}
		run.ID += to + as
		_, memo, err := act(t, release.SwapLink(), run, arguments)
		if err != nil {
			t.Fatal(err)
		}
		return run, arguments, memo
	}
	swap("r1", "auto") // both are from before the record: only a clock could tell
	if got := bad(); got != "" {
		t.Errorf("bad are%s", got)
	}
	if err := order.In(runOf(t), root).Install("r3"); err != nil {
		t.Fatal(err)
	}
	build(t, root, map[string]string{"r3/f": ""})
	swap("r3", "auto")
	if got := bad(); got != "" {
		t.Errorf("bad are%s", got)
	}
	run, arguments, memo := swap("r2", "auto")
	if got := bad(); got != " r3" {
		t.Errorf("bad are%s", got)
	}
	for range 2 {
		if err := release.SwapLink().Undo(t.Context(), run, arguments, memo); err != nil {
			t.Fatal(err)
		}
		if got := bad(); got != "" {
			t.Errorf("after the undo bad are%s", got)
		}
	}
	swap("r1", "good")
	if got := bad(); got != "" {
		t.Errorf("bad are%s", got)
	}
	swap("failsafe", "auto")
	if got := bad(); got != " r1" {
		t.Errorf("bad are%s", got)
	}
	swap("r1", "bad") // the failsafe itself is never bad
	if got := bad(); got != "" {
		t.Errorf("bad are%s", got)
	}
}
