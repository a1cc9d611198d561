package gateway

import (
	_ "embed"
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// restarting is the recipe that everybody writes first: switch the link, restart the program, check. It
// installs a release whose name is behind restarts.
const (
	restarting = "restart.yaml"
	restarts   = "restart "
)

// isRestart reports whether the release is installed by that recipe.
func isRestart(release string) bool { return strings.HasPrefix(release, restarts) }

//go:embed gwe-step-cache
var cachePlugin []byte

// installPlugin gives the machine a step type that refreshes: gwe-step-cache writes the version of the linked
// release to marks/cache.
func (g *Gateway) installPlugin() {
	g.Helper()
	plugin := g.Path("bin/steps/gwe-step-cache")
	g.Check(errors.Join(os.Mkdir(filepath.Dir(plugin), 0o755), os.WriteFile(plugin, cachePlugin, 0o755)))
	if e := g.Gwe(nil, "steps", "describe", plugin); e.Code != 0 {
		g.Fatalf("the plugin is not described: %s", e.Said)
	}
	for _, name := range []string{"gwe-step-cache", "gwe-step-cache.json", ""} {
		g.Check(os.Chtimes(g.Path("bin/steps", name), made, made))
	}
}

// restartService makes the service run the release that is linked, and none where none is.
var restartService = "set -- \"$TARGET/current\"\n" + strings.TrimPrefix(StopService, "#!/bin/sh\n") +
	"[ -L \"$1\" ] || exit 0\nset -- \"$(readlink -f \"$1\")\"\n" + strings.TrimSuffix(StartService, lastOfStart)

// lastOfStart is the check of a post-install; the recipe has a step of its own for that.
const lastOfStart = "[ \"${1##*/}\" != app-bad ]\n"

// provideRestart puts the recipe there. Its optional part fails each time, and is undone alone while the new
// release is linked.
func (g *Gateway) provideRestart() {
	g.Helper()
	inline := func(indent string) string {
		return strings.ReplaceAll("\nINscript: |\nIN  "+strings.ReplaceAll(strings.TrimSuffix(restartService, "\n"), "\n", "\nIN  ")+
			"\nINenv: { TARGET: \"${{ inputs.target }}\" }\n", "IN", indent)
	}
	recipe := `gwe: 1
name: restart
inputs:
  package: { type: path, required: true }
  target:  { type: path, required: true }
  keyring: { type: path, required: true }
  keep:    { type: int, default: 1 }
lock: ["${{ inputs.target }}"]
steps:
  - id: fw
    unpack: { package: "${{ inputs.package }}", keyring: "${{ inputs.keyring }}", into: "${{ inputs.target }}", link-dest: "${{ inputs.target }}/current" }
  - swap-link: { link: "${{ inputs.target }}/current", to: "${{ steps.fw.path }}" }
  - name: Restart
    run:` + inline("      ") + `    undo-last:
      - run:` + inline("          ") + `  - name: Optional
    allow-failure: true
    steps:
      - cache: { link: "${{ inputs.target }}/current", file: "${{ inputs.target }}/../marks/cache" }
      - run: { argv: ["false"] }
        effects: none
  - name: Check
    run: { argv: [grep, -qvx, app-bad, "${{ inputs.target }}/../marks/runs"] }
    effects: none
  - commit: it runs
  - prune: { dir: "${{ inputs.target }}", keep: "${{ inputs.keep }}", protect: [current] }
    allow-failure: true
`
	g.Check(os.WriteFile(g.Path(restarting), []byte(recipe), 0o644))
}
