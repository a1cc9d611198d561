package main_test

import (
	"os"
	"strings"
	"testing"
	"time"
)

// TestLockOfANewTarget: two state directories do not work on one target at once, also where the first run has
// made the target, and had to lock the directory above.
func TestLockOfANewTarget(t *testing.T) {
	d := newDevice(t)
	recipe := func(name, lock string) string {
		return d.recipe(name+".yaml", "gwe: 1\nname: "+name+"\nlock: [\""+d.root+"/"+lock+"\"]\nsteps:\n"+
			"  - mkdir: { path: \""+d.root+"/"+lock+"\" }\n"+
			"  - run: { dir: \""+d.root+"\", script: \": >made; until [ -e go ]; do sleep 0.01; done\" }\n    undo: none\n")
	}
	first := d.command("run", recipe("first", "new"))
	check(t, first.Start())
	for begun := time.Now(); time.Since(begun) < time.Minute; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(d.root + "/made"); err == nil {
			break
		}
	}
	d.gwe("--state-dir", d.root+"/other", "run", recipe("second", "new")).said(t, 6, "is locked by process", "run 20")
	d.gwe("--state-dir", d.root+"/other", "run", recipe("third", "new/below")).said(t, 6, "is locked by process")
	beside := d.recipe("beside.yaml", "gwe: 1\nname: beside\nlock: [\""+d.target+"\"]\nsteps:\n  - mkdir: { path: \""+d.target+"/more\" }\n")
	d.gwe("--state-dir", d.root+"/other", "run", beside).said(t, 0)
	check(t, os.WriteFile(d.root+"/go", nil, 0o644))
	check(t, first.Wait())
	d.gwe("--state-dir", d.root+"/other", "run", recipe("second", "new")).said(t, 0)
}

// TestLockOfADirectoryAbove: a lock is on one directory. Who holds that above keeps nobody from those below,
// not even the gwe that a step of his starts.
func TestLockOfADirectoryAbove(t *testing.T) {
	d := newDevice(t)
	inner := d.recipe("inner.yaml", "gwe: 1\nname: inner\nlock: [\""+d.target+"\"]\nsteps:\n  - mkdir: { path: \""+d.target+"/more\" }\n")
	call := strings.Join([]string{d.command().Path, "--state-dir", d.root + "/other", "run", inner}, `", "`)
	outer := d.recipe("outer.yaml", "gwe: 1\nname: outer\nlock: [\""+d.root+"\"]\nsteps:\n  - run: { argv: [\""+call+"\"] }\n    undo: none\n")
	d.gwe("run", outer).said(t, 0)
}
