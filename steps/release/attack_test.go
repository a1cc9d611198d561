package release_test

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/steps/release"
	"github.com/gwe-project/gwe/steps/steptest/attack"
)

var threeReleases = map[string]string{"r1/f": "1", "r2/f": "2", "r3/f": "3", "current": "-> r2", ".gwe-releases/one": "1 installed \"r1\"\n2 installed \"r2\"\n3 installed \"r3\"\n"}

func TestSwapLinkUnderAttack(t *testing.T) {
	attack.Run(t, attack.Case{
		Type: release.SwapLink(), Parents: []string{"."}, Leaves: []string{"current", "r1", ".gwe-releases"},
		Arrange: func(t testing.TB, work, _ string) map[string]any {
			build(t, work, threeReleases)
			return map[string]any{"link": work + "/current", "to": work + "/r1", "leave-as": "bad"}
		},
	})
}

func TestSwapLinkThatIsNewUnderAttack(t *testing.T) {
	attack.Run(t, attack.Case{
		Type: release.SwapLink(), Parents: []string{"."}, Leaves: []string{"current"},
		Arrange: func(t testing.TB, work, _ string) map[string]any {
			build(t, work, map[string]string{"r1/f": "1", "r2/f": "2"})
			return map[string]any{"link": work + "/current", "to": work + "/r1", "leave-as": "auto"}
		},
	})
}

func TestPruneUnderAttack(t *testing.T) {
	attack.Run(t, attack.Case{
		Type: release.Prune(), Parents: []string{"."}, Leaves: []string{"r1", "r3", "current"},
		Arrange: func(t testing.TB, work, _ string) map[string]any {
			build(t, work, threeReleases)
			return map[string]any{"dir": work, "keep": 1, "protect": []any{}}
		},
	})
}

func TestFailsafeUnderAttack(t *testing.T) {
	attack.Run(t, attack.Case{
		Type: release.Failsafe(), Parents: []string{"."}, Leaves: []string{"current", "failsafe"},
		Arrange: func(t testing.TB, work, _ string) map[string]any {
			build(t, work, map[string]string{"current/bin/f": "1", "other": "x"})
			return map[string]any{"dir": work, "link": "current"}
		},
	})
}

func TestLinkTreeUnderAttack(t *testing.T) {
	for _, links := range []string{"symbolic", "hard"} {
		t.Run(links, func(t *testing.T) {
			attack.Run(t, attack.Case{
				Type: release.LinkTree(), Parents: []string{".", "etc", "etc/app"}, Leaves: []string{"etc", "etc/app/a", "etc/app/gone", "etc/made"},
				Arrange: func(t testing.TB, work, root string) map[string]any {
					build(t, root, map[string]string{"new/etc/app/a": "a", "new/etc/app/b": "b", "new/etc/made/deep/c": "c", "old/etc/app/gone": "gone"})
					build(t, work, map[string]string{"etc/app/a": "old", "etc/app/gone": "-> " + root + "/old/etc/app/gone"})
					return map[string]any{"from": []any{root + "/new"}, "into": work, "previous": []any{root + "/old"}, "links": links}
				},
			})
		})
	}
}

func TestLookingUnderAttack(t *testing.T) {
	arrange := func(t testing.TB, work, _ string) map[string]any {
		build(t, work, threeReleases)
		return map[string]any{"dir": work, "link": "current", "release": ""}
	}
	attack.Run(t, attack.Case{Type: release.FindFallback(), Parents: []string{"."}, Leaves: []string{"current", "r1", ".gwe-releases"}, Looks: true, Arrange: arrange})
	attack.Run(t, attack.Case{
		Type: release.ReadLink(), Parents: []string{"."}, Leaves: []string{"current"}, Looks: true,
		Arrange: func(t testing.TB, work, root string) map[string]any {
			arrange(t, work, root)
			return map[string]any{"path": work + "/current", "missing": "error"}
		},
	})
}

// astray is a machine on which a user swaps a directory for another one while it is looked at.
type astray struct {
	step.Local
	from, to string
}

func (a astray) Lstat(path string) (fs.FileInfo, error) {
	return a.Local.Lstat(strings.Replace(path, a.from, a.to, 1))
}

// TestLinkTreeSurveyLedAstray: what the survey saw in another tree begins nothing, for its undo would never
// find its places.
func TestLinkTreeSurveyLedAstray(t *testing.T) {
	root := t.TempDir()
	build(t, root, map[string]string{
		"new/etc/app/a": "a", "into/etc/app/a": "old", "deep/etc/app/a": "another's", "empty/etc/app/other": "x", "gone/etc/x": "x", "none/x": "x",
	})
	for _, other := range []string{"into", "deep", "empty", "gone", "none"} {
		arguments := attack.Arguments(t, release.LinkTree(), map[string]any{"from": []any{root + "/new"}, "into": root + "/into"})
		run := &step.Run{
			ID: "r", Step: "s", Machine: astray{from: root + "/into/etc/app", to: root + "/" + other + "/etc/app"}, Directory: t.TempDir(), Parents: step.NewParents(),
			Leased: func(string) bool { return false },
		}
		_, err := release.LinkTree().Prepare(t.Context(), run, arguments)
		if found := fault.As(err); (err == nil) != (other == "into") || err != nil && (found == nil || found.Code != "parent-changed" && found.Code != "link-tree-changed") {
			t.Errorf("led to %s: %v", other, err)
		}
	}
}
