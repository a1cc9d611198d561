package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gwe-project/gwe/engine/need"
)

// working is a recipe that locks a directory, does something in it, and waits until the file go is there;
// then it ends with the code.
func (d *device) working(name, lock, step, code string) string {
	return d.recipe(name+".yaml", "gwe: 1\nname: "+name+"\nlock: [\""+lock+"\"]\nsteps:\n  - "+step+
		"\n  - run: { dir: \""+d.root+"\", script: \": >at-"+name+"; until [ -e go ]; do sleep 0.01; done; exit "+code+"\" }\n    undo: none\n")
}

// changing is a recipe that locks a directory, and writes a file.
func (d *device) changing(name, lock, path string) string {
	return d.recipe(name+".yaml", "gwe: 1\nname: "+name+"\nlock: [\""+lock+"\"]\nsteps:\n  - write: { path: \""+path+"\", content: "+name+" }\n    allow: { lock-uncovered: by another name it does }\n  - commit: it is in place\n")
}

// dying is the same, whose gwe is killed before the commit.
func (d *device) dying(name, lock, path string) string {
	return d.recipe(name+".yaml", "gwe: 1\nname: "+name+"\nlock: [\""+lock+"\"]\nsteps:\n  - write: { path: \""+path+"\", content: "+name+" }\n    allow: { lock-uncovered: by another name it does }\n"+
		"  - run: { script: \"kill -9 $PPID; sleep 5\" }\n    undo: none\n  - commit: it is in place\n")
}

func (d *device) waitFor(name string) {
	d.Helper()
	for begun := time.Now(); time.Since(begun) < time.Minute; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(d.root, name)); err == nil {
			return
		}
	}
	d.Fatalf("%s never came", name)
}

func (d *device) content(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return "-"
	}
	return strings.TrimSpace(string(text))
}

// bind mounts a directory at another place until the end of the test.
func (d *device) bind(from, at string) {
	d.Helper()
	need.Root(d, "it mounts")
	check(d, syscall.Mount(from, at, "", syscall.MS_BIND, ""))
	d.Cleanup(func() { _ = syscall.Unmount(at, syscall.MNT_DETACH) })
}

// newest is the id of the newest run in a state directory.
func newest(state string) string {
	runs, _ := filepath.Glob(state + "/runs/*")
	return filepath.Base(runs[len(runs)-1])
}

// elsewhere is gwe with another state directory.
func (d *device) elsewhere(arguments ...string) outcome {
	return d.gwe(append([]string{"--state-dir", d.root + "/other"}, arguments...)...)
}

// TestALockCoversWhatLiesBelow: two runs of two state directories do not work on one tree at once, whatever
// names their locks have for it.
func TestALockCoversWhatLiesBelow(t *testing.T) {
	d := newDevice(t)
	check(t, os.MkdirAll(d.target+"/sub/dir", 0o755))
	check(t, os.Symlink("opt/sub", d.root+"/link"))
	check(t, os.Mkdir(d.root+"/bound", 0o755))
	d.bind(d.target+"/sub", d.root+"/bound")
	first := d.command("run", d.working("first", d.target+"/sub", "mkdir: \""+d.target+"/sub/new\"", "1"))
	check(t, first.Start())
	d.waitFor("at-first")
	for name, lock := range map[string]string{
		"the same": d.target + "/sub", "a link": d.root + "/link", "below": d.target + "/sub/dir", "below, not there": d.target + "/sub/new/below",
		"below a link": d.root + "/link/dir", "a bind mount": d.root + "/bound", "below a bind mount": d.root + "/bound/new", "above": d.target, "far above": "/",
	} {
		recipe := d.changing("second", lock, d.target+"/sub/new/file")
		t.Run(name, func(t *testing.T) {
			d.elsewhere("run", recipe).said(t, 6, "is locked by process", "run 20", "gwe status --state-dir "+d.state)
			d.elsewhere("plan", recipe).said(t, 6, "is locked by process")
		})
	}
	d.elsewhere("run", d.changing("beside", d.target+"/subway", d.target+"/subway")).said(t, 0)
	check(t, os.WriteFile(d.root+"/go", nil, 0o644))
	if err := first.Wait(); err == nil || first.ProcessState.ExitCode() != 3 {
		t.Errorf("the first run ended with %v", err)
	}
	d.elsewhere("run", d.changing("second", d.root+"/bound", d.target+"/sub/file")).said(t, 0)
}

// TestARecoveryWaitsForNoStranger: who may read a target may lock it, by flock or by fcntl, and keeps no run
// and no recovery from it.
func TestARecoveryWaitsForNoStranger(t *testing.T) {
	need.Root(t, "strangers hold its locks")
	d := newDevice(t)
	file := d.target + "/file"
	check(t, os.WriteFile(file, []byte("old"), 0o644))
	d.gwe("run", d.dying("dying", d.target, file)).said(t, 1009)
	if got := d.content(file); got != "dying" {
		t.Fatalf("the file has %q", got)
	}
	var strangers []*exec.Cmd
	for _, path := range []string{d.target, file, d.root, "/run/gwe", "/run/gwe/locks", "/run/gwe/locks/lock", d.state, d.state + "/lock"} {
		stranger := exec.Command("/bin/sh", "-c", `exec 9<"$0" && flock 9 && exec sleep 60`, path)
		stranger.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}, Pdeathsig: syscall.SIGKILL}
		check(t, stranger.Start())
		strangers = append(strangers, stranger)
	}
	t.Cleanup(func() {
		for _, stranger := range strangers {
			_ = stranger.Process.Kill()
			_ = stranger.Wait()
		}
	})
	time.Sleep(300 * time.Millisecond)
	d.gwe("recover").said(t, 0)
	if got := d.content(file); got != "old" {
		t.Errorf("the file has %q", got)
	}
	d.gwe("run", d.changing("next", d.target, file)).said(t, 0)
	d.gwe("rollback").said(t, 0)
}

// TestLocksThatCannotBe: where gwe cannot lock safely, a plan and a run are refused, with what to do.
func TestLocksThatCannotBe(t *testing.T) {
	d := newDevice(t)
	check(t, os.Mkdir(d.root+"/theirs", 0o755))
	check(t, os.WriteFile(d.root+"/file", nil, 0o644))
	d.giveAway(d.root + "/theirs")
	recipe := d.changing("next", d.target, d.target+"/next")
	for place, words := range map[string][]string{
		d.root + "/theirs": {"cannot lock in " + d.root + "/theirs/locks", "user 65534 owns " + d.root + "/theirs", "chown root: "},
		"relative":         {"is not an absolute path", "give GWE_LOCK_DIR as a path from the root"},
		d.root + "/file":   {"cannot use the directory of locks " + d.root + "/file/locks", "not a directory", "GWE_LOCK_DIR"},
	} {
		for _, verb := range []string{"plan", "run"} {
			command := d.command(verb, recipe)
			command.Env = append(command.Env, "GWE_LOCK_DIR="+place)
			d.end(command).said(t, 6, words...)
		}
	}
	command := d.command("run", recipe)
	command.Env = append(command.Env, "GWE_LOCK_DIR="+d.root+"/own")
	d.end(command).said(t, 0)
	if _, err := os.Stat(d.root + "/own/targets"); err != nil {
		t.Error(err)
	}
}

// TestWhatADeadRunElsewhereOwes: what a dead run of another state directory still owes is known before
// anything runs.
func TestWhatADeadRunElsewhereOwes(t *testing.T) {
	d := newDevice(t)
	file := d.target + "/file"
	check(t, os.WriteFile(file, []byte("old"), 0o644))
	check(t, os.Symlink("opt", d.root+"/link"))
	d.elsewhere("run", d.dying("dying", d.root+"/link", file)).said(t, 1009)
	for _, lock := range []string{d.target, d.target + "/fw-1", d.root} {
		recipe := d.changing("next", lock, file)
		for _, command := range []string{"plan", "run"} {
			d.gwe(command, recipe).said(t, 6, "of dying in the state directory "+d.root+"/other has not ended", "gwe recover --state-dir "+d.root+"/other")
		}
	}
	if got := d.content(file); got != "dying" {
		t.Errorf("the file has %q", got)
	}
	d.gwe("run", d.changing("beside", d.root+"/beside", d.root+"/beside")).said(t, 0)
	// It is known by what the lock led to when the run began.
	check(t, os.Remove(d.root+"/link"))
	d.gwe("run", d.changing("next", d.target, file)).said(t, 6, "has not ended")
	check(t, os.Symlink("opt", d.root+"/link"))
	d.elsewhere("recover").said(t, 0)
	d.gwe("run", d.changing("next", d.target, file)).said(t, 0)
	d.gwe("rollback").said(t, 0)
	if got := d.content(file); got != "old" {
		t.Errorf("the file has %q", got)
	}
}

// TestWhatASuspendedRunElsewhereOwes: while a run waits, no process of it is there, and its target is not
// free.
func TestWhatASuspendedRunElsewhereOwes(t *testing.T) {
	d := newDevice(t)
	waits := d.recipe("waits.yaml", "gwe: 1\nname: waits\nlock: [\""+d.target+"\"]\nsteps:\n  - write: { path: \""+d.target+"/file\", content: new }\n"+
		"  - confirm: { within: 1h }\n  - commit: ok\n")
	d.elsewhere("run", waits).said(t, 75)
	d.gwe("run", d.changing("next", d.target+"/sub", d.target+"/sub")).said(t, 6, "has not ended", "waits for", "gwe confirm --state-dir "+d.root+"/other")
	d.elsewhere("confirm").said(t, 0)
	d.gwe("run", d.changing("next", d.target+"/sub", d.target+"/sub")).said(t, 0)
}

// TestALostStateElsewhere: a state directory that was removed keeps nobody out for ever, and is named.
func TestALostStateElsewhere(t *testing.T) {
	d := newDevice(t)
	d.elsewhere("run", d.dying("dying", d.target, d.target+"/file")).said(t, 1009)
	check(t, os.RemoveAll(d.root+"/other"))
	d.gwe("run", d.changing("next", d.target, d.target+"/next")).said(t, 0, "warning", d.root+"/other", "was removed")
	again := d.gwe("run", d.changing("next", d.target, d.target+"/next"))
	again.said(t, 0)
	if strings.Contains(again.text, d.root+"/other") {
		t.Errorf("it is named again:\n%s", again.text)
	}
}

// TestAStateElsewhereThatIsNotMounted: not mounted is not removed. The state directory on a stick is asked
// for, until its record is removed.
func TestAStateElsewhereThatIsNotMounted(t *testing.T) {
	d := newDevice(t)
	check(t, os.Mkdir(d.root+"/stick", 0o755))
	check(t, os.Mkdir(d.root+"/kept", 0o755))
	d.bind(d.root+"/kept", d.root+"/stick")
	stick := func(arguments ...string) outcome {
		return d.gwe(append([]string{"--state-dir", d.root + "/stick/gwe"}, arguments...)...)
	}
	stick("run", d.dying("dying", d.target, d.target+"/file")).said(t, 1009)
	unmount(t, d.root+"/stick")
	next := d.changing("next", d.target, d.target+"/next")
	d.gwe("run", next).said(t, 6, "in the state directory "+d.root+"/stick/gwe has not ended, and its file system is not mounted on "+d.root+"/stick", "gwe recover --state-dir")
	d.bind(d.root+"/kept", d.root+"/stick")
	stick("recover").said(t, 0)
	unmount(t, d.root+"/stick")
	d.gwe("run", next).said(t, 0) // a run that has ended owes nothing

	d.bind(d.root+"/kept", d.root+"/stick")
	stick("run", d.dying("dying", d.target, d.target+"/file")).said(t, 1009)
	unmount(t, d.root+"/stick")
	refused := d.gwe("run", next)
	refused.said(t, 6, "remove its record: rm ")
	_, cure, _ := strings.Cut(refused.text, "remove its record: ")
	cure, _, _ = strings.Cut(cure, "\n")
	check(t, exec.Command("/bin/sh", "-c", cure).Run())
	d.gwe("run", next).said(t, 0)
}

// TestCommittedOnTopElsewhere: a rollback by hand takes no later run's work along: not of a run below, above
// or under another name, of whatever state directory.
func TestCommittedOnTopElsewhere(t *testing.T) {
	for name, locks := range map[string][2]string{
		"the same": {"opt", "opt"}, "below": {"opt", "opt/sub"}, "above": {"opt/sub", "opt"}, "a link": {"opt", "link"}, "below a bind mount": {"opt", "bound"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDevice(t)
			check(t, os.MkdirAll(d.target+"/sub", 0o755))
			check(t, os.Symlink("opt", d.root+"/link"))
			check(t, os.Mkdir(d.root+"/bound", 0o755))
			d.bind(d.target+"/sub", d.root+"/bound")
			first := d.recipe("first.yaml", "gwe: 1\nname: first\nlock: [\""+d.root+"/"+locks[0]+"\"]\nsteps:\n  - mkdir: \""+d.target+"/sub/new\"\n    allow: { lock-uncovered: by another name it does }\n  - commit: ok\n")
			d.gwe("run", first).said(t, 0)
			d.elsewhere("run", d.changing("second", d.root+"/"+locks[1], d.target+"/sub/new/file")).said(t, 0)
			for _, more := range [][]string{{"--dry-run"}, nil} {
				d.gwe(append([]string{"rollback"}, more...)...).said(t, 6, "was committed on top of run", "of the state directory "+d.root+"/other", "gwe rollback 20")
			}
			if got := d.content(d.target + "/sub/new/file"); got != "second" {
				t.Errorf("the file has %q", got)
			}
			d.elsewhere("rollback").said(t, 0)
			d.gwe("rollback").said(t, 0)
			if _, err := os.Stat(d.target + "/sub/new"); err == nil {
				t.Error("the directory is there")
			}
			// What was given up cannot be rolled back, and is in place.
			d.gwe("run", first).said(t, 0)
			d.elsewhere("run", d.changing("second", d.root+"/"+locks[1], d.target+"/sub/new/file")).said(t, 0)
			d.elsewhere("forget", newest(d.root+"/other")).said(t, 0)
			d.gwe("rollback").said(t, 6, "was committed on top of run", "install a version on top")
		})
	}
}

// TestCommittedOnTopInOneState: the same for two locks of one state directory. A lock by another name for one
// directory takes its place; one below or above leaves what the older run's undo needs, and keeps it from
// being rolled back first.
func TestCommittedOnTopInOneState(t *testing.T) {
	d := newDevice(t)
	check(t, os.MkdirAll(d.target+"/sub", 0o755))
	check(t, os.Symlink("opt", d.root+"/link"))
	first := d.changing("first", d.target, d.target+"/sub/file")
	d.gwe("run", first).said(t, 0)
	one := d.runs()[0]
	d.gwe("run", d.changing("below", d.target+"/sub", d.target+"/sub/file")).said(t, 0)
	d.gwe("rollback", one).said(t, 6, "was committed on top of run "+one, "roll that one back first")
	d.gwe("rollback").said(t, 0)
	d.gwe("run", d.changing("below", d.target+"/sub", d.target+"/sub/file")).said(t, 0)
	d.gwe("forget", newest(d.state)).said(t, 0)
	d.gwe("rollback", one).said(t, 6, "was committed on top of run "+one, "install a version on top")
	d.gwe("run", d.changing("again", d.root+"/link", d.target+"/sub/file")).said(t, 0)
	d.gwe("rollback", one).said(t, 6, "was released then")
}
