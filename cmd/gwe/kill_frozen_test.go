package main

import (
	"os"
	"strings"
	"testing"
)

// TestRecipeEditedMeanwhile: a run goes by the recipe as it was when it began, and so does its recovery.
func TestRecipeEditedMeanwhile(t *testing.T) {
	vendor := newVendor(t)
	edit := func(g *gateway) {
		recipe, err := os.ReadFile(g.path("ota.yaml"))
		g.check(err)
		// It is still a good recipe, but it would undo nothing and break the service.
		edited := strings.ReplaceAll(string(recipe), "script: .pre-install", "script: bin/tool")
		edited = strings.ReplaceAll(edited, "swap-link:", "remove: { path: /nowhere }\n    #")
		g.check(os.WriteFile(g.path("ota.yaml"), []byte(edited), 0o644))
		g.check(os.WriteFile(g.path("package"), []byte("another package"), 0o644))
	}

	t.Run("killed", func(t *testing.T) {
		g, want := disturbances[1].arrange(t, vendor)
		g.provide("app-3")
		if e := g.gwe([]string{dieAt + "=11"}, g.updating()...); !e.killed {
			t.Fatalf("gwe ended with %d:\n%s", e.code, e.said)
		}
		edit(g)
		if e := g.gwe(nil, "recover"); e.code != 0 {
			t.Errorf("recovery ended with %d:\n%s", e.code, e.said)
		}
		g.wantOldOrNew(want)
	})

	for _, d := range []disturbed{
		{name: "running", from: []string{"app-1", "app-2"}, to: "app-slow"},
		{name: "failing", from: []string{"app-1", "app-2"}, to: "app-slow-bad", fails: true},
	} {
		t.Run(d.name, func(t *testing.T) {
			hook := stopService + startService
			if d.fails {
				hook += "exit 1\n"
			}
			vendor.packMore(t, d.to, map[string]string{
				".pre-install":  stopService + "touch \"$root/begun\"\n[ ! -e \"$root/hold\" ] || until [ -e \"$root/edited\" ]; do sleep 0.01; done\n",
				".post-install": hook,
			})
			g, want := d.arrange(t, vendor)
			g.check(os.WriteFile(g.path("hold"), nil, 0o644))
			_ = os.Remove(g.path("begun"))
			g.restore()
			g.provide(d.to)
			_, wait := g.start(nil, g.updating()...)
			g.waitFor("begun")
			edit(g)
			g.check(os.WriteFile(g.path("edited"), nil, 0o644))
			code := 0
			if d.fails {
				code = 3
			}
			if e := wait(); e.code != code {
				t.Errorf("gwe ended with %d, want %d:\n%s", e.code, code, e.said)
			}
			if g.wantOldOrNew(want) == d.fails {
				t.Error("it went the wrong way")
			}
		})
	}
}
