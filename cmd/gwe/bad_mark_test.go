package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine/need"
)

// TestImmutable: a target of which nothing could be changed needs no manual intervention, and a release that
// a script has protected goes with the run that brought it.
func TestImmutable(t *testing.T) {
	for name, recipe := range map[string]string{
		"target":           `rsync: { source: ROOT/from/new, target: ROOT/target/old, delete: true }`,
		"release":          "extract: { archive: ROOT/new.tar, to: ROOT/target/new, strip: 1, unverified: allow }\n" + protect,
		"release-by-rsync": "rsync: { source: ROOT/from/new, target: ROOT/target/new }\n" + protect,
		"directory-of-a-release": "extract: { archive: ROOT/new.tar, to: ROOT/target/new, strip: 1, unverified: allow }\n" +
			strings.ReplaceAll(protect, "target/new", "target/new/within"),
	} {
		t.Run(name, func(t *testing.T) {
			d := newDevice(t)
			for _, directory := range []string{"from/new/within", "target/old"} {
				check(t, os.MkdirAll(filepath.Join(d.root, directory), 0o755))
			}
			check(t, os.WriteFile(d.root+"/from/new/within/file", nil, 0o644))
			if said, err := exec.Command("tar", "-C", d.root+"/from", "-cf", d.root+"/new.tar", "new").CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, said)
			}
			if said, err := exec.Command("chattr", "+i", d.root+"/target/old").CombinedOutput(); err != nil {
				need.Missing(t, need.Chattr, fmt.Sprintf("%v: %s", err, said))
			}
			t.Cleanup(func() { _ = exec.Command("chattr", "-R", "-i", d.root+"/target").Run() })
			recipe := "gwe: 1\nname: immutable\nsteps:\n  - " + strings.ReplaceAll(recipe, "ROOT", d.root) +
				"\n  - run: { argv: [\"false\"] }\n    undo: none\n"
			d.gwe("run", d.recipe("immutable.yaml", recipe)).said(t, 3, "everything was rolled back")
			if got := d.names("target"); !slices.Equal(got, []string{"old"}) || len(d.names("target/old")) > 0 {
				t.Errorf("the target has %q", got)
			}
		})
	}
}

const protect = "  - run: { script: chattr -R +i ROOT/target/new }\n    undo: none\n"
