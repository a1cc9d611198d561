package main_test

import (
	"os"
	"path/filepath"
	"testing"
)

// TestForgetFollowsNobody: what a rollback moved aside is removed where it is, and not where the user who
// owns the directory above it leads.
func TestForgetFollowsNobody(t *testing.T) {
	t.Parallel()
	d := newDevice(t)
	parent, victim := d.target+"/theirs/parent", d.root+"/victim"
	check(t, os.MkdirAll(parent+"/new", 0o755))
	check(t, os.Mkdir(d.root+"/source", 0o755))
	d.giveAway(d.target + "/theirs")
	d.gwe("run", d.recipe("r.yaml", "gwe: 1\nname: r\nlock: [\""+d.target+"\"]\nsteps:\n  - copy: { from: \""+d.root+"/source\", to: \""+parent+"/new\", replace: true }\n  - commit: it is in place\n")).said(t, 0)
	check(t, os.WriteFile(parent+"/new/came-later", nil, 0o644))
	d.gwe("rollback").said(t, 0)
	aside, err := filepath.Glob(parent + "/*/came-later")
	check(t, err)
	if len(aside) != 1 {
		t.Fatalf("moved aside is %q", aside)
	}
	name := filepath.Base(filepath.Dir(aside[0]))
	check(t, os.MkdirAll(victim+"/"+name, 0o755))
	check(t, os.Rename(parent, parent+"-moved"))
	check(t, os.Symlink(victim, parent))
	check(t, os.Lchown(parent, nobody, nobody))
	d.gwe("forget", d.runs()[0]).said(t, 1, "cannot remove "+parent)
	if _, err := os.Lstat(victim + "/" + name); err != nil {
		t.Error(err)
	}
	check(t, os.Remove(parent))
	check(t, os.Rename(parent+"-moved", parent))
	d.gwe("forget", d.runs()[0]).said(t, 0)
	if _, err := os.Lstat(aside[0]); err == nil {
		t.Error("it is still there")
	}
}
