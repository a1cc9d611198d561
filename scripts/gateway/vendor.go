package gateway

import (
	"context"
	"os"
	"strings"
	"time"

	"github.com/gwe-project/gwe/bundle"
)

// Vendor holds packed releases, app-1 to app-3 and app-bad, and the keyring that trusts them.
type Vendor string

// NewVendor packs the releases. Each has the same files, but for its version, as a package of the field has:
// most of an update becomes links.
func NewVendor(t Reporter) Vendor {
	t.Helper()
	directory := t.TempDir()
	g := Gateway{Reporter: t, Root: directory}
	key, err := bundle.NewKey("vendor", "", bundle.NewKeyOptions{Directory: directory})
	g.Check(err)
	_, err = bundle.ImportKeys(g.Path("keys"), key.Public)
	g.Check(err)
	for _, name := range []string{"app-1", "app-2", "app-3", "app-bad"} {
		g.build(name, nil)
		g.pack(name, key.Secret)
	}
	return Vendor(directory)
}

// PackMore packs a release with other hooks, and gives its name.
func (v Vendor) PackMore(t Reporter, name string, hooks map[string]string) {
	t.Helper()
	g := Gateway{Reporter: t, Root: string(v)}
	g.build(name, hooks)
	g.pack(name, g.Path("vendor.key"))
}

const (
	// StopService stops whatever service runs. It bears a pid file of a service that is gone, even one whose
	// number it has itself now, and being run twice.
	StopService = `#!/bin/sh
set -eu
root=${1%/*/*} marks=${1%/*/*}/marks
running() { [ "$1" != $$ ] && grep -qs "$root/opt/" "/proc/$1/cmdline"; }
if [ -s "$marks/pid" ] && read -r pid <"$marks/pid" && running "$pid"; then
	kill "$pid"
	while running "$pid"; do sleep 0.01; done
fi
rm -f "$marks/pid" "$marks/runs"
`
	// StartService is the rest of a post-install: the release app-bad finds that its service does not come
	// up.
	StartService = `tail -f "$1/version" </dev/null >/dev/null 2>&1 &
echo $! >"$marks/pid"
until grep -qs ^tail /proc/$!/cmdline; do sleep 0.01; done
echo "${1##*/}" >"$marks/runs"
[ "${1##*/}" != app-bad ]
`
)

// build makes the tree of a release. What does not differ has one time in all releases.
func (g *Gateway) build(name string, hooks map[string]string) {
	g.Helper()
	type entry struct {
		content string
		mode    os.FileMode
		owner   int
	}
	entries := map[string]entry{
		"version":            {name + "\n", 0o644, 0},
		"bin/tool":           {"a program\n", 0o755 | os.ModeSetuid, 0},
		"share/words":        {strings.Repeat("words ", 2000), 0o640, 7},
		"share/deep/numbers": {"1 2 3\n", 0o444, 8},
		".pre-install":       {StopService, 0o755, 0},
		".post-install":      {StopService + StartService, 0o755, 0},
	}
	for hook, text := range hooks {
		entries[hook] = entry{text, 0o755, 0}
	}
	g.Check(os.MkdirAll(g.Path(name, "share/deep"), 0o755))
	g.Check(os.MkdirAll(g.Path(name, "bin"), 0o755))
	g.Check(os.Symlink("../words", g.Path(name, "share/deep/link")))
	for at, entry := range entries {
		g.Check(os.WriteFile(g.Path(name, at), []byte(entry.content), 0o600))
		g.Check(os.Chown(g.Path(name, at), entry.owner, entry.owner))
		g.Check(os.Chmod(g.Path(name, at), entry.mode))
		g.Check(os.Chtimes(g.Path(name, at), made, made))
	}
	for _, directory := range []string{"share/deep", "share", "bin", ""} {
		g.Check(os.Chtimes(g.Path(name, directory), made, made))
	}
}

// made is when the files of all releases were made.
var made = time.Date(2026, 1, 1, 12, 0, 0, 123456789, time.UTC)

func (g *Gateway) pack(name, key string) {
	g.Helper()
	_, err := bundle.Pack(context.Background(), bundle.PackOptions{Directory: g.Path(name), SigningKey: key, Output: g.Path(name + ".tar.zst.gpg")})
	g.Check(err)
}
