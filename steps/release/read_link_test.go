package release_test

import (
	"path/filepath"
	"testing"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/steps/release"
	"github.com/gwe-project/gwe/steps/steptest"
)

func TestReadLinkConforms(t *testing.T) {
	steptest.Run(t, steptest.Suite{Type: release.ReadLink(), Arrange: func(t testing.TB, root string) map[string]any {
		build(t, root, map[string]string{"one": "/", "current": "-> one"})
		return map[string]any{"path": filepath.Join(root, "current")}
	}})
}

func TestReadLink(t *testing.T) {
	for name, c := range map[string]struct {
		tree    map[string]string
		path    string
		missing string
		target  string // relative to the root
		none    bool
		class   fault.Class
		code    string
	}{
		"bare name":               {tree: map[string]string{"one/f": "", "current": "-> one"}, target: "one"},
		"trailing slash":          {tree: map[string]string{"one/f": "", "current": "-> one"}, path: "current/", target: "one"},
		"target with slash":       {tree: map[string]string{"one/f": "", "current": "-> one/"}, target: "one"},
		"one hop only":            {tree: map[string]string{"one/f": "", "two": "-> one", "current": "-> two"}, target: "two"},
		"leads nowhere":           {tree: map[string]string{"current": "-> gone"}, target: "gone"},
		"to itself":               {tree: map[string]string{"current": "-> current"}, target: "current"},
		"above":                   {tree: map[string]string{"one/f": "", "links/current": "-> ../one"}, path: "links/current", target: "one"},
		"by way of a link":        {tree: map[string]string{"real/deep/x": "", "one/f": "", "real/one/f": "", "alias": "-> real/deep", "real/deep/current": "-> ../one"}, path: "alias/current", class: fault.Failed, code: "link-unclear"},
		"missing":                 {class: fault.Failed, code: "read-link-missing"},
		"missing and fine":        {missing: "ok", none: true},
		"missing directory, fine": {path: "a/b/current", missing: "ok", none: true},
		"a directory":             {tree: map[string]string{"current/f": ""}, missing: "ok", class: fault.Refused, code: "read-link-not-a-link"},
		"a file":                  {tree: map[string]string{"current": "x"}, class: fault.Refused, code: "read-link-not-a-link"},
		"below a file, no link":   {tree: map[string]string{"a": "x"}, path: "a/current", class: fault.Failed, code: "not-a-directory"},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			build(t, root, c.tree)
			if c.path == "" {
				c.path = "current"
			}
			arguments := map[string]any{"path": root + "/" + c.path}
			if c.missing != "" {
				arguments["missing"] = c.missing
			}
			outputs, _, err := act(t, release.ReadLink(), runOf(t), arguments)
			plan, planErr := release.ReadLink().Plan(t.Context(), step.Local{}, arguments)
			if c.code != "" {
				failsWith(t, err, c.class, c.code)
				failsWith(t, planErr, c.class, c.code)
				return
			}
			if err != nil || planErr != nil {
				t.Fatal(err, planErr)
			}
			if plan.Outputs["found"] != outputs["found"] || plan.Outputs["target"] != outputs["target"] {
				t.Errorf("the plan foresees %v, do gives %v", plan.Outputs, outputs)
			}
			if c.none {
				if outputs["found"] != false || outputs["target"] != nil || outputs["name"] != nil {
					t.Errorf("outputs are %v", outputs)
				}
				return
			}
			want := filepath.Join(root, c.target)
			if outputs["found"] != true || outputs["target"] != want || outputs["name"] != filepath.Base(want) {
				t.Errorf("outputs are %v, want %s", outputs, want)
			}
		})
	}
}
