package release_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/steps"
	"github.com/gwe-project/gwe/steps/order"
	"github.com/gwe-project/gwe/steps/release"
	"github.com/gwe-project/gwe/steps/steptest/recipetest"
)

// catalog is all that the recipes need.
func catalog() step.Catalog {
	whole := steps.Catalog()
	for _, one := range []step.Type{release.Failsafe(), release.FindFallback(), release.LinkTree()} {
		if _, there := whole.Find(one.About().Name); !there {
			whole = append(whole, one)
		}
	}
	return whole
}

// target is a directory with releases whose hooks write down what they were told:
//
//	opt/...   the releases, and current
//	runs      the release whose post-install ran last, "-" after a pre-install
//	told      one line a hook: RELEASE HOOK GWE_RECOVERING
//
// The hook of a release with a file named broken.HOOK fails: broken.post-install, say.
type target struct {
	*recipetest.Bench
	root string
}

func newTarget(t testing.TB) *target {
	t.Helper()
	return &target{recipetest.New(t, catalog()), t.TempDir()}
}

func (g *target) arrange(entries map[string]string) {
	g.Helper()
	if err := os.RemoveAll(g.root); err != nil {
		g.Fatal(err)
	}
	build(g, g.root, entries)
	releases, _ := filepath.Glob(g.root + "/opt/*")
	for _, one := range releases {
		if info, err := os.Lstat(one); err != nil || !info.IsDir() {
			continue
		}
		for hook, runs := range map[string]string{".pre-install": "-", ".post-install": "${1##*/}"} {
			text := "#!/bin/sh\necho \"${1##*/} " + hook + " $GWE_RECOVERING\" >> " + g.root + "/told\necho \"" + runs + "\" > " + g.root + "/runs\n" +
				"[ ! -e broken" + hook + " ]\n"
			if err := os.WriteFile(one+"/"+hook, []byte(text), 0o755); err != nil {
				g.Fatal(err)
			}
		}
	}
}

func (g *target) read(name string) string {
	content, _ := os.ReadFile(filepath.Join(g.root, name))
	return strings.TrimSpace(string(content))
}

// wantRunning checks the link and what the hooks wrote down.
func (g *target) wantRunning(link, runs string) {
	g.Helper()
	if text, err := os.Readlink(g.root + "/opt/current"); err != nil || text != link {
		g.Errorf("current holds %q, %v, want %q", text, err, link)
	}
	if got := g.read("runs"); got != runs {
		g.Errorf("the hooks say that %q runs, want %q", got, runs)
	}
	g.WantNothingHidden(g.root + "/opt")
}

func (g *target) inputs() map[string]string { return map[string]string{"target": g.root + "/opt"} }

const rollback = "../../recipes/rollback.yaml"

func TestRollbackRecipe(t *testing.T) {
	three := map[string]string{"opt/r1/f": "", "opt/r2/f": "", "opt/failsafe/f": "", "opt/current": "-> r2", "runs": "r2"}
	g := newTarget(t)
	g.arrange(three)
	if outputs := g.WantExit(0, rollback, g.inputs()).Outputs; outputs["path"] != g.root+"/opt/r1" || outputs["is_failsafe"] != false {
		t.Errorf("outputs are %v", outputs)
	}
	g.wantRunning("r1", "r1")
	if told := g.read("told"); told != "r1 .pre-install 1\nr1 .post-install 1" {
		t.Errorf("the hooks were told:\n%s", told)
	}
	if outputs := g.WantExit(0, rollback, g.inputs()).Outputs; outputs["is_failsafe"] != true {
		t.Errorf("outputs are %v", outputs)
	}
	g.wantRunning("failsafe", "failsafe")
	g.WantExit(6, rollback, g.inputs())
	g.wantRunning("failsafe", "failsafe")
}

func TestRollbackRecipeFromALinkToNowhere(t *testing.T) {
	g := newTarget(t)
	g.arrange(map[string]string{"opt/r1/f": "", "opt/r2/f": "", "opt/current": "-> r3", "runs": "-"})
	g.WantExit(0, rollback, g.inputs())
	g.wantRunning("r2", "r2")

	g.arrange(map[string]string{"opt/r1/f": "", "opt/r2/f": "", "opt/r2/broken.post-install": "", "opt/current": "-> r3", "runs": "-"})
	g.WantExit(3, rollback, g.inputs())
	g.wantRunning("r3", "-")
}

func TestRollbackRecipeFails(t *testing.T) {
	g := newTarget(t)
	arrange := func() {
		g.arrange(map[string]string{"opt/r1/f": "", "opt/r2/f": "", "opt/current": "-> r2", "runs": "r2"})
	}
	failures := g.FailEverywhere(rollback, g.inputs(), arrange, func(committed bool) {
		if committed {
			g.wantRunning("r1", "r1")
		} else {
			g.wantRunning("r2", "r2")
		}
	})
	if failures != 5 {
		t.Errorf("it failed after %d steps", failures)
	}
	for _, hook := range []string{".pre-install", ".post-install"} {
		g.arrange(map[string]string{"opt/r1/broken" + hook: "", "opt/r2/f": "", "opt/current": "-> r2", "runs": "r2"})
		g.WantExit(3, rollback, g.inputs())
		g.wantRunning("r2", "r2")
	}
}

func TestRollbackRecipeKilled(t *testing.T) {
	g := newTarget(t)
	for _, tree := range []map[string]string{
		{"opt/r1/f": "", "opt/r2/f": "", "opt/current": "-> r2", "runs": "r2"},
		{"opt/r1/broken.post-install": "", "opt/r2/f": "", "opt/current": "-> r2", "runs": "r2"},
	} {
		arrange := func() { g.arrange(tree) }
		check := func(committed bool) {
			if committed {
				g.wantRunning("r1", "r1")
			} else {
				g.wantRunning("r2", "r2")
			}
			if known, err := order.Read(step.Local{}, g.root+"/opt"); err != nil || known.Bad("r2") != committed || known.Marked != committed {
				t.Errorf("committed is %v, and the record %+v, %v", committed, known, err)
			}
		}
		kills := g.KillEverywhere(rollback, g.inputs(), arrange, check)
		if kills < 15 {
			t.Errorf("%d kills are too few to prove anything", kills)
		}
	}
}

const failsafe = "../../recipes/failsafe.yaml"

func TestFailsafeRecipe(t *testing.T) {
	g := newTarget(t)
	g.arrange(map[string]string{"opt/current/f": "factory", "runs": "factory"})
	for range 2 {
		if outputs := g.WantExit(0, failsafe, g.inputs()).Outputs; outputs["path"] != g.root+"/opt/failsafe" {
			t.Errorf("outputs are %v", outputs)
		}
		g.wantRunning("failsafe", "factory")
	}
	g.arrange(map[string]string{"opt/current/f": "factory", "opt/failsafe/f": "another"})
	g.WantExit(6, failsafe, g.inputs())
	if g.read("opt/current/f") != "factory" || g.read("opt/failsafe/f") != "another" {
		t.Error("something was changed")
	}
}

func TestFailsafeRecipeDisturbed(t *testing.T) {
	g := newTarget(t)
	arrange := func() { g.arrange(map[string]string{"opt/current/f": "factory", "runs": "factory"}) }
	check := func(committed bool) {
		info, err := os.Lstat(g.root + "/opt/current")
		if err != nil || g.read("opt/current/f") != "factory" || info.IsDir() == committed {
			t.Errorf("current is %v, %v", info, err)
		}
		if _, err := os.Lstat(g.root + "/opt/failsafe"); (err == nil) != committed {
			t.Errorf("failsafe: %v", err)
		}
	}
	if failures := g.FailEverywhere(failsafe, g.inputs(), arrange, check); failures != 2 {
		t.Errorf("it failed after %d steps", failures)
	}
	if kills := g.KillEverywhere(failsafe, g.inputs(), arrange, check); kills < 8 {
		t.Errorf("%d kills are too few to prove anything", kills)
	}
}
