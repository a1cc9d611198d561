package release_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/steps/release"
	"github.com/gwe-project/gwe/steps/steptest"
)

func TestFailsafeConforms(t *testing.T) {
	leads := func(t testing.TB, root string, outputs map[string]any) {
		text, err := os.Readlink(root + "/current")
		if content, _ := os.ReadFile(root + "/current/bin/f"); err != nil || text != "failsafe" || string(content) != "1" {
			t.Errorf("current is %q, %v, and holds %q", text, err, content)
		}
		if info, err := os.Lstat(root + "/failsafe"); err != nil || !info.IsDir() || outputs["path"] != root+"/failsafe" {
			t.Errorf("failsafe is %v, %v; outputs %v", info, err, outputs)
		}
	}
	for name, suite := range map[string]steptest.Suite{
		"a directory": {AfterDo: leads, Arrange: func(t testing.TB, root string) map[string]any {
			build(t, root, map[string]string{"current/bin/f": "1", "other": "x"})
			return map[string]any{"dir": root}
		}},
		"another name": {Arrange: func(t testing.TB, root string) map[string]any {
			build(t, root, map[string]string{"app/bin/f": "1"})
			return map[string]any{"dir": root, "link": "app"}
		}},
		"adopted": {Idle: true, AfterDo: leads, Arrange: func(t testing.TB, root string) map[string]any {
			build(t, root, map[string]string{"failsafe/bin/f": "1", "current": "-> failsafe"})
			return map[string]any{"dir": root}
		}},
		"adopted long ago": {Idle: true, Arrange: func(t testing.TB, root string) map[string]any {
			build(t, root, map[string]string{"failsafe": "-> r1", "r1/f": "1", "r2/f": "2", "current": "-> r2"})
			return map[string]any{"dir": root}
		}},
	} {
		suite.Type = release.Failsafe()
		t.Run(name, func(t *testing.T) { steptest.Run(t, suite) })
	}
}

func TestFailsafeRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		tree map[string]string
		link string
		code string
	}{
		"both there":            {tree: map[string]string{"current/f": "", "failsafe/f": ""}, code: "failsafe-taken"},
		"a failsafe link":       {tree: map[string]string{"current/f": "", "failsafe": "-> gone"}, code: "failsafe-taken"},
		"nothing there":         {code: "failsafe-nothing-there"},
		"current is gone":       {tree: map[string]string{"failsafe/f": ""}, code: "failsafe-not-enabled"},
		"a link, no failsafe":   {tree: map[string]string{"current": "-> r1", "r1/f": ""}, code: "failsafe-already-a-link"},
		"a file":                {tree: map[string]string{"current": "x"}, code: "failsafe-not-a-directory"},
		"a failsafe to nowhere": {tree: map[string]string{"current": "-> r1", "r1/f": "", "failsafe": "-> gone"}, code: "failsafe-dangling"},
		"its own name":          {tree: map[string]string{"failsafe/f": ""}, link: "failsafe", code: "link-name"},
		"a path as name":        {link: "../current", code: "link-name"},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			build(t, root, c.tree)
			arguments := map[string]any{"dir": root, "link": "current"}
			if c.link != "" {
				arguments["link"] = c.link
			}
			_, _, err := act(t, release.Failsafe(), runOf(t), arguments)
			failsWith(t, err, fault.Refused, c.code)
			_, err = release.Failsafe().Plan(t.Context(), step.Local{}, arguments)
			failsWith(t, err, fault.Refused, c.code)
		})
	}
}

// TestFailsafeIsUndoneFromEveryMoment arranges what a crash can leave at each moment of do, of the way in two
// renames too, and undoes it.
func TestFailsafeIsUndoneFromEveryMoment(t *testing.T) {
	for name, leave := range map[string]func(t *testing.T, root string){
		"not begun": func(*testing.T, string) {},
		"the link":  func(t *testing.T, root string) { build(t, root, map[string]string{"failsafe": "-> failsafe"}) },
		"renamed": func(t *testing.T, root string) {
			if err := os.Rename(root+"/current", root+"/failsafe"); err != nil {
				t.Fatal(err)
			}
		},
		"done": func(t *testing.T, root string) {
			if err := os.Rename(root+"/current", root+"/failsafe"); err != nil {
				t.Fatal(err)
			}
			build(t, root, map[string]string{"current": "-> failsafe"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			build(t, root, map[string]string{"current/f": "1"})
			arguments, run := map[string]any{"dir": root, "link": "current"}, runOf(t)
			memo, err := release.Failsafe().Prepare(t.Context(), run, arguments)
			if err != nil {
				t.Fatal(err)
			}
			leave(t, root)
			for range 2 {
				if err := release.Failsafe().Undo(t.Context(), run, arguments, memo); err != nil {
					t.Fatal(err)
				}
				info, err := os.Lstat(root + "/current")
				if err != nil || !info.IsDir() {
					t.Errorf("current is %v, %v", info, err)
				}
				if _, err := os.Lstat(root + "/failsafe"); err == nil {
					t.Error("failsafe is left")
				}
			}
		})
	}
}

func TestFailsafeUndoLeavesWhatOthersDid(t *testing.T) {
	root := t.TempDir()
	build(t, root, map[string]string{"current/f": "1", "r2/f": "2"})
	arguments, run := map[string]any{"dir": root, "link": "current"}, runOf(t)
	_, memo, err := act(t, release.Failsafe(), run, arguments)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(root + "/current"); err != nil {
		t.Fatal(err)
	}
	build(t, root, map[string]string{"current": "-> r2"})
	err = release.Failsafe().Undo(t.Context(), run, arguments, memo)
	failsWith(t, err, fault.Failed, "failsafe-changed")
	if text, _ := os.Readlink(root + "/current"); text != "r2" {
		t.Errorf("current holds %q", text)
	}
	leases, err := release.Failsafe().Leases(arguments, memo)
	if err != nil || len(leases) != 1 || leases[0] != root+"/failsafe" {
		t.Errorf("leases are %v, %v", leases, err)
	}
}

func TestFindFallbackConforms(t *testing.T) {
	steptest.Run(t, steptest.Suite{Type: release.FindFallback(), Arrange: func(t testing.TB, root string) map[string]any {
		build(t, root, map[string]string{"r1/f": "", "r2/f": "", "current": "-> r2"})
		return map[string]any{"dir": root}
	}})
}

func TestFindFallbackChooses(t *testing.T) {
	for name, c := range map[string]struct {
		tree map[string]string // built in the order of the names
		want string            // "" is refused, with code
		from string
		safe bool
		code string
	}{
		"previous":                  {tree: map[string]string{"r1/f": "", "r2/f": "", "r3/f": "", "current": "-> r3"}, want: "r2", from: "r3"},
		"older than the running":    {tree: map[string]string{"r1/f": "", "r2/f": "", "r3/f": "", "current": "-> r2"}, want: "r1", from: "r2"},
		"previous, not failsafe":    {tree: map[string]string{"failsafe/f": "", "r1/f": "", "r2/f": "", "current": "-> r2"}, want: "r1", from: "r2"},
		"failsafe":                  {tree: map[string]string{"failsafe/f": "", "r1/f": "", "current": "-> r1"}, want: "failsafe", from: "r1", safe: true},
		"failsafe a link":           {tree: map[string]string{"failsafe": "-> r1", "r1/f": "", "r2/f": "", "current": "-> r2"}, want: "failsafe", from: "r2", safe: true},
		"only newer ones":           {tree: map[string]string{"failsafe/f": "", "r1/f": "", "r2/f": "", "current": "-> r1"}, want: "failsafe", from: "r1", safe: true},
		"nothing runs":              {tree: map[string]string{"failsafe/f": "", "r1/f": "", "r2/f": ""}, want: "r2"},
		"current leads nowhere":     {tree: map[string]string{"r1/f": "", "r2/f": "", "current": "-> r3"}, want: "r2"},
		"nothing runs, failsafe":    {tree: map[string]string{"failsafe/f": ""}, want: "failsafe", safe: true},
		"runs from elsewhere":       {tree: map[string]string{"r1/f": "", "r2/f": "", "current": "-> /usr"}, want: "r2", from: "/usr"},
		"by way of another link":    {tree: map[string]string{"r1/f": "", "r2/f": "", "via": "-> r2", "current": "-> via"}, want: "r1", from: "via"},
		"failsafe runs":             {tree: map[string]string{"failsafe/f": "", "r1/f": "", "current": "-> failsafe"}, code: "fallback-is-running"},
		"failsafe runs, as a link":  {tree: map[string]string{"failsafe": "-> r1", "r1/f": "", "current": "-> r1"}, code: "fallback-is-running"},
		"none":                      {tree: map[string]string{"r1/f": "", "current": "-> r1"}, code: "fallback-none"},
		"a failsafe to nowhere":     {tree: map[string]string{"failsafe": "-> gone", "r1/f": "", "current": "-> r1"}, code: "fallback-none"},
		"a failsafe that is a file": {tree: map[string]string{"failsafe": "x", "r1/f": "", "current": "-> r1"}, code: "fallback-none"},
		"not adopted yet":           {tree: map[string]string{"current/f": ""}, code: "fallback-not-a-link"},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			build(t, root, c.tree)
			arguments := map[string]any{"dir": root, "link": "current"}
			outputs, _, err := act(t, release.FindFallback(), runOf(t), arguments)
			if c.code != "" {
				failsWith(t, err, fault.Refused, c.code)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if outputs["target"] != filepath.Join(root, c.want) || outputs["name"] != c.want || outputs["is_failsafe"] != c.safe {
				t.Errorf("outputs are %v", outputs)
			}
			if c.from != "" && !filepath.IsAbs(c.from) {
				c.from = filepath.Join(root, c.from)
			}
			if from, _ := outputs["from"].(string); from != c.from || outputs["leaves"] != (c.from != "") {
				t.Errorf("it leaves %v, %q, want %q", outputs["leaves"], from, c.from)
			}
		})
	}
}

// TestPruneNeverTakesTheFailsafe: whatever protect says, and however the directory and the failsafe are
// reached.
func TestPruneNeverTakesTheFailsafe(t *testing.T) {
	for name, c := range map[string]struct {
		tree map[string]string
		want string
	}{
		"a directory":       {tree: map[string]string{"failsafe/f": "", "r1/f": "", "r2/f": ""}, want: "failsafe"},
		"a link":            {tree: map[string]string{"failsafe": "-> r0", "r0/f": "", "r1/f": "", "r2/f": ""}, want: "r0"},
		"an absolute link":  {tree: map[string]string{"failsafe": "-> ROOT/r0", "r0/f": "", "r1/f": "", "r2/f": ""}, want: "r0"},
		"through the alias": {tree: map[string]string{"failsafe": "-> ALIAS/r0", "r0/f": "", "r1/f": "", "r2/f": ""}, want: "r0"},
		"a link to a link":  {tree: map[string]string{"failsafe": "-> golden", "golden": "-> r0", "r0/f": "", "r1/f": "", "r2/f": ""}, want: "r0"},
	} {
		for _, by := range []string{"itself", "alias"} {
			t.Run(name+" by "+by, func(t *testing.T) {
				root, alias := t.TempDir(), filepath.Join(t.TempDir(), "alias")
				if err := os.Symlink(root, alias); err != nil {
					t.Fatal(err)
				}
				tree := map[string]string{}
				for at, content := range c.tree {
					tree[at] = strings.NewReplacer("ROOT", root, "ALIAS", alias).Replace(content)
				}
				build(t, root, tree)
				arguments := map[string]any{"dir": root, "keep": 1, "protect": []any{}}
				if by == "alias" {
					arguments["dir"] = alias
				}
				run := runOf(t)
				outputs, memo, err := act(t, release.Prune(), run, arguments)
				if err != nil {
					t.Fatal(err)
				}
				if err := release.Prune().Release(t.Context(), run, arguments, memo); err != nil {
					t.Fatal(err)
				}
				if _, err := os.Stat(root + "/" + c.want + "/f"); err != nil {
					t.Error(err)
				}
				if _, err := os.Stat(root + "/r1"); err == nil {
					t.Errorf("nothing was removed: %v", outputs)
				}
			})
		}
	}
}
