package release_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/steps/release"
	"github.com/gwe-project/gwe/steps/steptest"
)

func TestPruneConforms(t *testing.T) {
	for name, suite := range map[string]steptest.Suite{
		"some": {Arrange: func(t testing.TB, root string) map[string]any {
			build(t, root, map[string]string{"r1/deep/f": "1", "r2/f": "2", "r3/f": "3", "r4/f": "4", "current": "-> r2", "file": ""})
			if err := os.Link(root+"/r1/deep/f", root+"/r4/same"); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(root+"/r1/deep", 0o500); err != nil {
				t.Fatal(err)
			}
			return map[string]any{"dir": root, "keep": 1}
		}},
		"none": {Idle: true, Arrange: func(t testing.TB, root string) map[string]any {
			build(t, root, map[string]string{"r1/f": "1"})
			return map[string]any{"dir": root, "keep": 2}
		}},
	} {
		suite.Type = release.Prune()
		t.Run(name, func(t *testing.T) { steptest.Run(t, suite) })
	}
}

func TestPruneChooses(t *testing.T) {
	for name, c := range map[string]struct {
		tree    map[string]string // built in the order of the names
		keep    int
		protect []any
		leased  string
		removed string
		kept    string
	}{
		"newest":               {tree: map[string]string{"r1/f": "", "r2/f": "", "r3/f": ""}, keep: 2, removed: "r1", kept: "r3 r2"},
		"all":                  {tree: map[string]string{"r1/f": ""}, keep: 5, kept: "r1"},
		"nothing there":        {keep: 1},
		"no releases":          {tree: map[string]string{".hidden/f": "", "file": "", "zlink": "-> file"}, keep: 1},
		"current":              {tree: map[string]string{"r1/f": "", "r2/f": "", "r3/f": "", "current": "-> r1"}, keep: 1, removed: "r2", kept: "r3 r1"},
		"failsafe a directory": {tree: map[string]string{"failsafe/f": "", "r1/f": "", "r2/f": ""}, keep: 1, removed: "r1", kept: "r2 failsafe"},
		"failsafe a link":      {tree: map[string]string{"failsafe": "-> r1", "r1/f": "", "r2/f": "", "r3/f": ""}, keep: 1, removed: "r2", kept: "r3 r1"},
		"link to a link":       {tree: map[string]string{"current": "-> via", "via": "-> r1", "r1/f": "", "r2/f": "", "r3/f": ""}, keep: 1, removed: "r2", kept: "r3 r1"},
		"link into":            {tree: map[string]string{"current": "-> r1/sub", "r1/sub/f": "", "r2/f": "", "r3/f": ""}, keep: 1, removed: "r2", kept: "r3 r1"},
		"through a release":    {tree: map[string]string{"current": "-> r1/next", "r1/next": "-> ../r2", "r2/f": "", "r3/f": "", "r4/f": ""}, keep: 1, removed: "r3", kept: "r4 r2 r1"},
		"absolute":             {tree: map[string]string{"current": "-> ROOT/r1", "r1/f": "", "r2/f": "", "r3/f": ""}, keep: 1, removed: "r2", kept: "r3 r1"},
		"by an alias":          {tree: map[string]string{"current": "-> ALIAS/r1", "r1/f": "", "r2/f": "", "r3/f": ""}, keep: 1, removed: "r2", kept: "r3 r1"},
		"other names":          {tree: map[string]string{"gold": "-> r1", "r1/f": "", "r2/f": "", "r3/f": "", "current": "-> r2"}, keep: 1, protect: []any{"gold"}, kept: "r3 r2 r1"},
		"leased":               {tree: map[string]string{"r1/f": "", "r2/f": "", "r3/f": ""}, keep: 1, leased: "r1", removed: "r2", kept: "r3 r1"},
		"any link":             {tree: map[string]string{"stable": "-> r1", "r1/f": "", "r2/f": "", "r3/f": ""}, keep: 1, removed: "r2", kept: "r3 r1"},
		"a link to nowhere":    {tree: map[string]string{"stable": "-> r1/gone", "r1/f": "", "r2/f": "", "r3/f": ""}, keep: 1, removed: "r2", kept: "r3 r1"},
		"by a path":            {tree: map[string]string{"p0/a": "-> ../r1", "r1/f": "", "r2/f": "", "r3/f": "", "p0/b": ""}, keep: 1, protect: []any{"p0/a", "ROOT/r2/f", "/nowhere/x"}, kept: "r3 r2 r1 p0"},
		"outside":              {tree: map[string]string{"current": "-> /usr", "r1/f": "", "r2/f": ""}, keep: 1, removed: "r1", kept: "r2"},
	} {
		t.Run(name, func(t *testing.T) {
			root, alias := t.TempDir(), filepath.Join(t.TempDir(), "alias")
			if err := os.Symlink(root, alias); err != nil {
				t.Fatal(err)
			}
			tree := map[string]string{}
			for at, content := range c.tree {
				tree[at] = strings.NewReplacer("ROOT", root, "ALIAS", alias).Replace(content)
			}
			build(t, root, tree)
			arguments := map[string]any{"dir": root, "keep": c.keep}
			if c.protect != nil {
				for _, path := range c.protect {
					arguments["protect"] = append(list(arguments["protect"]), strings.ReplaceAll(path.(string), "ROOT", root))
				}
			}
			run := runOf(t)
			run.Leased = func(path string) bool { return c.leased != "" && path == filepath.Join(root, c.leased) }
			outputs, memo, err := act(t, release.Prune(), run, arguments)
			if err != nil {
				t.Fatal(err)
			}
			for output, want := range map[string]string{"removed": c.removed, "kept": c.kept} {
				if got := strings.Trim(fmt.Sprint(outputs[output]), "[]"); got != want {
					t.Errorf("%s: %q, want %q", output, got, want)
				}
			}
			if err := release.Prune().Release(t.Context(), run, arguments, memo); err != nil {
				t.Error(err)
			}
			for gone := range strings.FieldsSeq(c.removed) {
				if _, err := os.Lstat(filepath.Join(root, gone)); err == nil {
					t.Errorf("%s is still there", gone)
				}
			}
		})
	}
}

// TestPruneGoesByTheTimeOfInstallation: neither the name nor the time that a package gave counts.
func TestPruneGoesByTheTimeOfInstallation(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"b", "c", "a"} {
		build(t, root, map[string]string{name + "/f": ""})
		waitForClock(t, root)
	}
	outputs, _, err := act(t, release.Prune(), runOf(t), map[string]any{"dir": root, "keep": 1})
	if err != nil || fmt.Sprint(outputs["kept"], outputs["removed"]) != "[a] [c b]" {
		t.Errorf("%v, %v", outputs, err)
	}
}

func TestPruneRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		tree      map[string]string
		arguments map[string]any
		class     fault.Class
		code      string
	}{
		"keep nothing":        {arguments: map[string]any{"keep": 0}, class: fault.Refused, code: "prune-keep"},
		"current dangles":     {tree: map[string]string{"r1/f": "", "current": "-> gone"}, class: fault.Refused, code: "prune-protect-dangling"},
		"current is a loop":   {tree: map[string]string{"r1/f": "", "current": "-> current"}, class: fault.Refused, code: "prune-protect-dangling"},
		"dir to protect":      {arguments: map[string]any{"protect": []any{"."}}, class: fault.Refused, code: "prune-protect-name"},
		"above to protect":    {arguments: map[string]any{"protect": []any{"x/.."}}, class: fault.Refused, code: "prune-protect-name"},
		"a path dangles":      {tree: map[string]string{"r1/x": "-> gone"}, arguments: map[string]any{"protect": []any{"r1/x"}}, class: fault.Refused, code: "prune-protect-dangling"},
		"dir is not there":    {arguments: map[string]any{"dir": "/nowhere/at/all"}, class: fault.Failed, code: "releases-unlisted"},
		"nothing to protect ": {arguments: map[string]any{"protect": []any{""}}, class: fault.Refused, code: "prune-protect-name"},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			build(t, root, c.tree)
			arguments := map[string]any{"dir": root, "keep": 1}
			for key, argument := range c.arguments {
				arguments[key] = argument
			}
			_, _, err := act(t, release.Prune(), runOf(t), arguments)
			failsWith(t, err, c.class, c.code)
			_, err = release.Prune().Plan(t.Context(), step.Local{}, arguments)
			failsWith(t, err, c.class, c.code)
		})
	}
}

// TestPruneUndoKeepsWhatCameBetween: a name that was taken meanwhile is not overwritten, the others come
// back.
func TestPruneUndoKeepsWhatCameBetween(t *testing.T) {
	root := t.TempDir()
	build(t, root, map[string]string{"r1/f": "old", "r2/f": "", "r3/f": ""})
	arguments, run := map[string]any{"dir": root, "keep": 1}, runOf(t)
	_, memo, err := act(t, release.Prune(), run, arguments)
	if err != nil {
		t.Fatal(err)
	}
	build(t, root, map[string]string{"r1/f": "new"})
	if err := release.Prune().Undo(t.Context(), run, arguments, memo); err == nil {
		t.Error("undo says that all is back")
	}
	if content, _ := os.ReadFile(root + "/r1/f"); string(content) != "new" {
		t.Errorf("r1 holds %q", content)
	}
	if _, err := os.Stat(root + "/r2/f"); err != nil {
		t.Error(err)
	}
}

// TestPruneUndoMissesWhatIsGone: a release that somebody removed for good does not count as restored; one
// that this undo has restored before, and an older one has taken away since, does.
func TestPruneUndoMissesWhatIsGone(t *testing.T) {
	root := t.TempDir()
	build(t, root, map[string]string{"r1/f": "", "r2/f": ""})
	run, arguments := runOf(t), map[string]any{"dir": root, "keep": 1}
	_, memo, err := act(t, release.Prune(), run, arguments)
	if err != nil {
		t.Fatal(err)
	}
	leases, err := release.Prune().Leases(arguments, memo)
	if err != nil || len(leases) != 1 {
		t.Fatalf("leases are %q, %v", leases, err)
	}
	if err := os.Rename(leases[0], root+"/away"); err != nil {
		t.Fatal(err)
	}
	failsWith(t, release.Prune().Undo(t.Context(), run, arguments, memo), fault.Failed, "prune-kept-gone")
	if err := os.Rename(root+"/away", leases[0]); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := release.Prune().Undo(t.Context(), run, arguments, memo); err != nil {
			t.Error(err)
		}
		_ = os.RemoveAll(root + "/r1")
	}
}
