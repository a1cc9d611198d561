package main_test

import (
	"os"
	"strings"
	"testing"
)

// TestAParentThatChanged: an undo whose directory is another one by then stays open. gwe ends with 5, names
// the directory and says what to do; after that was done the next recovery continues, and ends well.
func TestAParentThatChanged(t *testing.T) {
	const begin = "gwe: 1\nname: r\nlock: [DIR]\nsteps:\n  - write: { path: DIR/theirs/first, content: new }\n  - write: { path: DIR/theirs/file, content: new }\n"
	ending := func(script string) string {
		return begin + "  - run: { dir: DIR, script: \"" + script + "\" }\n    undo: none\n  - commit: it is in place\n"
	}
	const swap = "mv theirs away; cp -a victim theirs; "
	for name, c := range map[string]struct {
		recipe   string
		commands [][]string
		codes    []int
	}{
		"run":     {ending(swap + "exit 1"), [][]string{{"run", "RECIPE"}}, []int{5}},
		"recover": {ending(swap + "kill -9 $PPID"), [][]string{{"run", "RECIPE"}, {"recover"}, {"recover"}}, []int{1009, 5, 5}},
		"early":   {ending(swap + "kill -9 $PPID"), [][]string{{"run", "RECIPE"}, {"recover", "--early"}, {"recover"}}, []int{1009, 5, 5}},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDevice(t)
			dir := d.root + "/dir"
			for _, path := range []string{dir + "/theirs", dir + "/victim"} {
				check(t, os.MkdirAll(path, 0o755))
				check(t, os.WriteFile(path+"/file", []byte("old"), 0o644))
			}
			d.giveAway(dir)
			recipe := d.recipe("r.yaml", strings.ReplaceAll(c.recipe, "DIR", dir))
			for i, arguments := range c.commands {
				ended := d.gwe(strings.Split(strings.ReplaceAll(strings.Join(arguments, " "), "RECIPE", recipe), " ")...)
				if ended.said(t, c.codes[i]); c.codes[i] == 5 && i < 2 {
					ended.said(t, 5, "cannot work in "+dir+"/theirs", "move the directory back to "+dir+"/theirs", "gwe recover")
				}
			}
			d.gwe("status").said(t, 5)
			if text := d.content(dir+"/theirs/file") + " " + d.content(dir+"/away/file"); text != "old new" {
				t.Errorf("the files are %s", text)
			}
			check(t, os.RemoveAll(dir+"/theirs"))
			check(t, os.Rename(dir+"/away", dir+"/theirs"))
			d.gwe("recover").said(t, 0)
			if text := d.content(dir+"/theirs/file") + " " + d.content(dir+"/theirs/first"); text != "old -" {
				t.Errorf("the files are %s", text)
			}
			d.gwe("status").said(t, 0)
			d.clean()
		})
	}
	for name, last := range map[string]string{
		"write": "write: { path: DIR/theirs/third, content: new }", "remove": "remove: DIR/theirs/gone", "chmod": "chmod: { path: DIR/theirs/file, mode: \"0600\" }",
		"copy": "copy: { from: DIR/source, to: DIR/theirs/copy }", "mkdir": "mkdir: DIR/theirs/made", "move": "move: { from: DIR/theirs/gone, to: DIR/theirs/moved }",
		"symlink": "symlink: { link: DIR/theirs/link, to: file }", "rsync": "rsync: { source: DIR/source, target: DIR/theirs/synced }",
		"swap-link": "swap-link: { link: DIR/theirs/current, to: DIR/source }",
	} {
		const undone = "\n  - run: { argv: [/bin/true] }\n    undo:\n      - run: { argv: [/bin/echo, back] }" // a program might have put the directory back
		for how, c := range map[string]struct {
			plant func(path, other string) error
			after string
		}{
			"another directory":                    {func(path, _ string) error { return os.Mkdir(path, 0o755) }, ""},
			"a link":                               {func(path, other string) error { return os.Symlink(other, path) }, ""},
			"a link and a program is to undo":      {func(path, other string) error { return os.Symlink(other, path) }, undone},
			"a directory and a program is to undo": {func(path, _ string) error { return os.Mkdir(path, 0o755) }, undone},
		} {
			t.Run("rollback "+name+" "+how, func(t *testing.T) {
				d := newDevice(t)
				dir := d.root + "/dir"
				for _, path := range []string{dir + "/theirs", dir + "/source", dir + "/victim"} {
					check(t, os.MkdirAll(path, 0o755))
					check(t, os.WriteFile(path+"/file", []byte("old"), 0o644))
					check(t, os.WriteFile(path+"/gone", []byte("old"), 0o644))
				}
				d.giveAway(dir + "/theirs")
				check(t, os.Chown(dir, nobody, nobody))
				d.gwe("run", d.recipe("r.yaml", strings.ReplaceAll(begin+"  - "+last+c.after+"\n  - commit: it is in place\n", "DIR", dir))).said(t, 0)
				check(t, os.Rename(dir+"/theirs", dir+"/away"))
				check(t, c.plant(dir+"/theirs", "victim"))
				check(t, os.Lchown(dir+"/theirs", nobody, nobody))
				refused := d.gwe("rollback")
				again, code := "rollback", 6
				if c.after != "" && refused.code == 5 { // it had to begin to find out
					again, code = "recover", 5
				}
				refused.said(t, code, "cannot work in "+dir+"/theirs", "move the directory back to "+dir+"/theirs")
				if d.content(dir+"/away/first") != "new" {
					t.Error("something was undone elsewhere")
				}
				check(t, os.Remove(dir+"/theirs"))
				check(t, os.Rename(dir+"/away", dir+"/theirs"))
				d.gwe(again).said(t, 0)
				if text := d.content(dir+"/theirs/file") + " " + d.content(dir+"/theirs/first"); text != "old -" {
					t.Errorf("the files are %s", text)
				}
			})
		}
	}
	t.Run("rollback in the middle", func(t *testing.T) {
		d := newDevice(t)
		dir := d.root + "/dir"
		check(t, os.MkdirAll(dir+"/theirs", 0o755))
		check(t, os.WriteFile(dir+"/theirs/file", []byte("old"), 0o644))
		d.giveAway(dir)
		d.gwe("run", d.recipe("r.yaml", strings.ReplaceAll(begin+"  - run: { argv: [/bin/true] }\n    undo:\n      - run: { dir: DIR, script: \"[ -e away ] || { mv theirs away; mkdir theirs; }\" }\n"+
			"  - commit: it is in place\n", "DIR", dir))).said(t, 0)
		d.gwe("rollback").said(t, 5, "cannot work in "+dir+"/theirs", "move the directory back to "+dir+"/theirs")
		d.gwe("recover").said(t, 5)
		check(t, os.Remove(dir+"/theirs"))
		check(t, os.Rename(dir+"/away", dir+"/theirs"))
		d.gwe("recover").said(t, 0)
		if text := d.content(dir+"/theirs/file") + " " + d.content(dir+"/theirs/first"); text != "old -" {
			t.Errorf("the files are %s", text)
		}
	})
}
