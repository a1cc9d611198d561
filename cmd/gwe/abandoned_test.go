package main_test

import (
	"errors"
	"os"
	"strings"
	"testing"
)

// TestAbandoned: what a run kept in a directory that is another one by the time at which no undo needs it any
// more is named once in the log of the commit, and by status and show from then on. It keeps nothing else
// from going, and is not tried again.
func TestAbandoned(t *testing.T) {
	t.Parallel()
	d := newDevice(t)
	for _, name := range []string{"conf", "other"} {
		check(t, errors.Join(os.Mkdir(d.target+"/"+name, 0o755), os.WriteFile(d.target+"/"+name+"/file", []byte("old\n"), 0o644)))
	}
	first := d.recipe("first.yaml", "gwe: 1\nname: first\nlock: [\""+d.target+"\"]\nsteps:\n"+
		"  - write: { path: \""+d.target+"/conf/file\", content: new }\n  - write: { path: \""+d.target+"/other/file\", content: new }\n")
	d.gwe("run", first).said(t, 0)
	old := newest(d.state)
	check(t, errors.Join(os.Rename(d.target+"/conf", d.root+"/moved"), os.Mkdir(d.target+"/conf", 0o755)))
	kept := func(directory string) int {
		entries, err := os.ReadDir(directory)
		check(t, err)
		count := 0
		for _, entry := range entries {
			if strings.HasPrefix(entry.Name(), ".gwe-old-"+old) {
				count++
			}
		}
		return count
	}
	if kept(d.root+"/moved") != 1 || kept(d.target+"/other") != 1 {
		t.Fatal("nothing is kept")
	}
	d.gwe("run", d.changing("second", d.target, d.target+"/second")).said(t, 0, "not removed, and not tried again", d.target+"/conf/.gwe-old-"+old, "another directory is there now")
	if kept(d.root+"/moved") != 1 || kept(d.target+"/other") != 0 {
		t.Error("what lies in the other directory stays, or what lies in this one does not")
	}
	for _, name := range []string{"third", "fourth"} {
		got := d.gwe("run", d.changing(name, d.target, d.target+"/"+name))
		got.said(t, 0)
		if strings.Contains(got.text, ".gwe-old-"+old) {
			t.Errorf("it is tried again:\n%s", got.text)
		}
	}
	d.gwe("status").said(t, 0, "stays", d.target+"/conf/.gwe-old-"+old, "gwe show "+old)
	d.gwe("status", "--output", "json").said(t, 0, `"abandoned"`)
	d.gwe("show", old).said(t, 0, "not removed", d.target+"/conf/.gwe-old-"+old, "another directory is there now")
}

// TestForgetAbandons: gwe forget says what it cannot remove, and the run is given up all the same.
func TestForgetAbandons(t *testing.T) {
	t.Parallel()
	d := newDevice(t)
	check(t, errors.Join(os.Mkdir(d.target+"/conf", 0o755), os.WriteFile(d.target+"/conf/file", []byte("old\n"), 0o644)))
	d.gwe("run", d.changing("first", d.target, d.target+"/conf/file")).said(t, 0)
	check(t, errors.Join(os.Rename(d.target+"/conf", d.root+"/moved"), os.Mkdir(d.target+"/conf", 0o755)))
	d.gwe("forget", newest(d.state)).said(t, 1, "could not be removed", "remove it by hand")
	d.gwe("rollback", newest(d.state)).said(t, 6, "released")
	d.gwe("recover").said(t, 0)
}
