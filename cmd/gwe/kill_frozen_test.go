package main

import (
	"os"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine/need"
	"github.com/gwe-project/gwe/scripts/gateway"
)

// TestRecipeEditedMeanwhile: a run goes by the recipe as it was when it began, and so does its recovery.
func TestRecipeEditedMeanwhile(t *testing.T) {
	need.Root(t, "a gateway has files of several owners")
	vendor := gateway.NewVendor(t)
	edit := func(g *gateway.Gateway) {
		recipe, err := os.ReadFile(g.Path("ota.yaml"))
		g.Check(err)
		// It is still a good recipe, but it would undo nothing and break the service.
		edited := strings.ReplaceAll(string(recipe), "script: .pre-install", "script: bin/tool")
		edited = strings.ReplaceAll(edited, "swap-link:", "remove: { path: /nowhere }\n    #")
		g.Check(os.WriteFile(g.Path("ota.yaml"), []byte(edited), 0o644))
		g.Check(os.WriteFile(g.Path("package"), []byte("another package"), 0o644))
	}

	t.Run("killed", func(t *testing.T) {
		g, want := gateway.Changes[1].Arrange(t, vendor, self(t))
		g.Provide("app-3")
		if e := g.Gwe([]string{dieAt + "=11"}, g.Arguments(gateway.Changes[1])...); !e.Killed {
			t.Fatalf("gwe ended with %d:\n%s", e.Code, e.Said)
		}
		edit(g)
		if e := g.Gwe(nil, "recover"); e.Code != 0 {
			t.Errorf("recovery ended with %d:\n%s", e.Code, e.Said)
		}
		g.WantOldOrNew(want)
	})

	for _, d := range []gateway.Change{
		{Name: "running", From: []string{"app-1", "app-2"}, To: "app-slow"},
		{Name: "failing", From: []string{"app-1", "app-2"}, To: "app-slow-bad", Fails: true},
	} {
		t.Run(d.Name, func(t *testing.T) {
			hook := gateway.StopService + gateway.StartService
			if d.Fails {
				hook += "exit 1\n"
			}
			vendor.PackMore(t, d.To, map[string]string{
				".pre-install":  gateway.StopService + "touch \"$root/begun\"\n[ ! -e \"$root/hold\" ] || until [ -e \"$root/edited\" ]; do sleep 0.01; done\n",
				".post-install": hook,
			})
			g, want := d.Arrange(t, vendor, self(t))
			g.Check(os.WriteFile(g.Path("hold"), nil, 0o644))
			_ = os.Remove(g.Path("begun"))
			g.Restore()
			g.Provide(d.To)
			_, wait := g.Start(nil, g.Arguments(gateway.Changes[1])...)
			waitForFile(g, "begun")
			edit(g)
			g.Check(os.WriteFile(g.Path("edited"), nil, 0o644))
			code := 0
			if d.Fails {
				code = 3
			}
			if e := wait(); e.Code != code {
				t.Errorf("gwe ended with %d, want %d:\n%s", e.Code, code, e.Said)
			}
			if g.WantOldOrNew(want) == d.Fails {
				t.Error("it went the wrong way")
			}
		})
	}
}
