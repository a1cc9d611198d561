package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine/need"
)

// forged is a recipe whose run its user kills, so that an undo is left which would run as root.
const forged = `gwe: 1
name: r
steps:
  - run: { script: "kill -9 $PPID; sleep 3" }
    undo:
      - run: { script: "touch ROOT/who" }
`

// TestUntrustedState: a run that another user forged is not root's to carry out, by whichever command.
// Nothing of it is run, and the cure is told; who only looks may look.
func TestUntrustedState(t *testing.T) {
	t.Parallel()
	d := newDevice(t)
	check(t, os.MkdirAll(d.root+"/theirs", 0o755))
	check(t, os.Mkdir(d.root+"/open", 0o777))
	check(t, os.Chmod(d.root+"/open", 0o777))
	d.giveAway(d.root + "/theirs")
	d.state = d.root + "/theirs/state"
	recipe := d.recipe("r.yaml", strings.ReplaceAll(forged, "ROOT", d.root+"/open"))
	d.asNobody("run", recipe)
	if len(d.runs()) != 1 {
		t.Fatalf("the runs are %q", d.runs())
	}
	for _, arguments := range [][]string{{"recover"}, {"recover", "--early"}, {"rollback"}, {"confirm"}, {"resolve", d.runs()[0], "--reason", "x"}, {"forget", d.runs()[0]}, {"run", recipe}} {
		d.gwe(arguments...).said(t, 6, "cannot use the state directory", "user 65534 owns "+d.root+"/theirs", "chown root: "+d.root+"/theirs")
	}
	for _, arguments := range [][]string{{"status"}, {"runs"}, {"show"}} {
		if got := d.gwe(arguments...); strings.Contains(got.text, "cannot use") {
			t.Errorf("%q: %s", arguments, got.text)
		}
	}
	d.gwe("plan", recipe).said(t, 6, "state directory")
	if _, err := os.Lstat(d.root + "/open/who"); err == nil {
		t.Error("root ran the undo of another user's run")
	}
	// The user recovers it.
	d.asNobody("recover").said(t, 0)
	if _, err := os.Lstat(d.root + "/open/who"); err != nil {
		t.Error(err)
	}
}

// TestUntrustedRun: in a state directory of root's, one run's directory is another user's.
func TestUntrustedRun(t *testing.T) {
	t.Parallel()
	need.Root(t, "what others can write is refused by root alone")
	for name, spoil := range map[string]func(run string) (string, error){
		"directory":     func(run string) (string, error) { return run, os.Chown(run, nobody, nobody) },
		"writable":      func(run string) (string, error) { return run, os.Chmod(run, 0o777) },
		"journal":       func(run string) (string, error) { return run + "/journal", os.Chown(run+"/journal", nobody, nobody) },
		"frozen recipe": func(run string) (string, error) { return run + "/recipe.yaml", os.Chmod(run+"/recipe.yaml", 0o666) },
	} {
		t.Run(name, func(t *testing.T) {
			d := newDevice(t)
			d.gwe("run", d.recipe("r.yaml", strings.ReplaceAll(forged, "ROOT", d.root)))
			path, err := spoil(filepath.Join(d.state, "runs", d.runs()[0]))
			check(t, err)
			d.gwe("recover").said(t, 6, "cannot use the state directory", path)
			if _, err := os.Lstat(d.root + "/who"); err == nil {
				t.Error("the undo ran")
			}
			check(t, os.Chown(path, 0, 0))
			check(t, os.Chmod(path, 0o700))
			d.gwe("recover").said(t, 0)
			if _, err := os.Lstat(d.root + "/who"); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestUntrustedRecipe: root runs no recipe, used recipe or program of a fact that another user can change,
// unless it is told to.
func TestUntrustedRecipe(t *testing.T) {
	t.Parallel()
	d := newDevice(t)
	home := d.root + "/home"
	check(t, os.MkdirAll(home, 0o755))
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(home, name)
		check(t, os.WriteFile(path, []byte(text), mode))
		return path
	}
	touch := "  - write: { path: " + d.root + "/ran, content: x }\n"
	recipe := write("r.yaml", "gwe: 1\nname: r\nsteps:\n"+touch, 0o644)
	write("used.yaml", "gwe: 1\nname: used\nsteps:\n"+touch, 0o644)
	program := write("fact", "#!/bin/sh\ntouch "+d.root+"/ran\necho x\n", 0o755)
	d.giveAway(home)
	uses := d.recipe("uses.yaml", "gwe: 1\nname: u\nsteps:\n  - use: ./home/used.yaml\n")
	facts := d.recipe("facts.yaml", "gwe: 1\nname: f\nfacts:\n  x: { type: string, run: ["+program+"] }\nsteps:\n  - write: { path: "+d.root+"/ran, content: \"${{ facts.x }}\" }\n")
	d.gwe("run", recipe).said(t, 6, "cannot run the recipe", "user 65534 owns "+home, "install -D -m 644 "+recipe, "GWE_UNTRUSTED=accept")
	d.gwe("run", uses).said(t, 6, "user 65534 owns "+home, "chown root: "+home)
	d.gwe("run", facts).said(t, 6, "fact-program-untrusted", "user 65534 owns "+home)
	d.gwe("facts", recipe).said(t, 6, "cannot run the recipe")
	d.gwe("facts", facts).said(t, 6, "chown root: "+home)
	d.gwe("plan", recipe).said(t, 6, "cannot run the recipe "+recipe+" as root")
	d.gwe("validate", recipe).said(t, 0)
	if _, err := os.Lstat(d.root + "/ran"); err == nil {
		t.Error("it ran")
	}
	for _, one := range []string{recipe, uses, facts} {
		accepted := d.command("run", one)
		accepted.Env = append(accepted.Env, "GWE_UNTRUSTED=accept")
		d.end(accepted).said(t, 0)
		check(t, os.Remove(d.root+"/ran"))
	}
	// Standard input, and a copy of root's, are root's word.
	piped := d.command("run", "-")
	piped.Stdin = strings.NewReader("gwe: 1\nname: r\nsteps:\n" + touch)
	d.end(piped).said(t, 0)
	d.gwe("run", d.recipe("copy.yaml", "gwe: 1\nname: r\nsteps:\n"+touch)).said(t, 0)
}
