package main_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// interrupted is a device with a run that was killed in its second step. begun is what the first one made.
func interrupted(t testing.TB) (d *device, journal string) {
	t.Helper()
	d = newDevice(t)
	command := d.command("run", d.recipe("slow.yaml", slow), "-i", "dir="+d.root)
	check(t, command.Start())
	waitFor(t, d.root+"/begun")
	run := filepath.Join(d.state, "runs", d.runs()[0])
	waitForText(t, run+"/log/0001.jsonl", `"first"`)
	check(t, command.Process.Signal(syscall.SIGKILL))
	_ = command.Wait()
	return d, run + "/journal"
}

// change writes a file anew.
func change(t testing.TB, path string, how func([]byte) []byte) {
	t.Helper()
	content, err := os.ReadFile(path)
	check(t, err)
	check(t, os.WriteFile(path, how(bytes.TrimRight(content, "\x00")), 0o600))
}

// TestTornJournals: what a power cut does to the end of a journal is not damage.
func TestTornJournals(t *testing.T) {
	for name, how := range map[string]func([]byte) []byte{
		"as it is":      func(text []byte) []byte { return text },
		"cut":           func(text []byte) []byte { return text[:len(text)-7] },
		"half a record": func(text []byte) []byte { return append(text, `{"number":99,"synced":`...) },
		"zeros":         func(text []byte) []byte { return append(text, make([]byte, 8192)...) },
		"rubbish":       func(text []byte) []byte { return append(text, "\xff\xfe rubbish \n\n"...) },
	} {
		t.Run(name, func(t *testing.T) {
			d, journal := interrupted(t)
			change(t, journal, how)
			d.gwe("runs").said(t, 0, "pending")
			d.gwe("show").said(t, 0, "pending", "begun")
			d.gwe("recover").said(t, 0, "everything was rolled back", "rolled back")
			if _, err := os.Stat(d.root + "/begun"); err == nil {
				t.Error("the first step was not rolled back")
			}
			d.gwe("runs").said(t, 0, "rolled back: gwe died")
			d.gwe("recover").said(t, 0)
			d.clean()
		})
	}
}

// TestDamagedJournals: what no power cut can have done is named, and nothing is in progress by itself until a
// person has looked.
func TestDamagedJournals(t *testing.T) {
	for name, test := range map[string]struct {
		how   func([]byte) []byte
		code  int
		words []string
	}{
		"a flipped bit": {func(text []byte) []byte { text[len(text)/3] ^= 4; return text },
			5, []string{"is damaged at record", "by hand", "gwe log"}},
		"zeros inside": {func(text []byte) []byte { clear(text[len(text)/3 : len(text)/2]); return text },
			5, []string{"is damaged at record", "by hand"}},
		"a record taken out": {func(text []byte) []byte {
			lines := bytes.SplitAfter(text, []byte("\n"))
			return bytes.Join(append(lines[:2:2], lines[3:]...), nil)
		}, 5, []string{"is damaged at record 3", "by hand"}},
		"zeros all over": {func(text []byte) []byte { return make([]byte, len(text)) }, 5, []string{"by hand"}},
		"emptied":        {func([]byte) []byte { return nil }, 5, []string{"by hand"}},
		"another file":   {func([]byte) []byte { return []byte("dear diary\n") }, 5, []string{"by hand"}},
		"a newer format": {func(text []byte) []byte {
			return bytes.Replace(text, []byte(`"format":2`), []byte(`"format":3`), 1)
		}, 5, []string{"has format 3", "or a newer one"}},
	} {
		t.Run(name, func(t *testing.T) {
			d, journal := interrupted(t)
			change(t, journal, test.how)
			damaged, err := os.ReadFile(journal)
			check(t, err)
			path := d.packItems("fw-2", release("fw-2")...)
			asBefore := d.snapshot()
			run := d.runs()[0]
			for _, command := range [][]string{{"recover"}, d.updating(path), {"show", run}} {
				d.gwe(command...).said(t, test.code, append(test.words, run)...)
			}
			d.gwe("runs").said(t, 0, run, "damaged")
			d.gwe("runs", "--output", "json").said(t, 0, run, "damaged")
			d.gwe("log", run).said(t, 0, "slow", "first")
			for name, is := range d.snapshot() {
				if asBefore[name] != is {
					t.Errorf("%s is %s", name, is)
				}
			}
			if now, err := os.ReadFile(journal); err != nil || !bytes.Equal(now, damaged) {
				t.Errorf("the damaged journal was touched (%v)", err)
			}
			// The way out that the hint tells.
			check(t, os.Remove(d.root+"/begun"))
			check(t, os.Rename(filepath.Dir(journal), d.root+"/put-aside"))
			d.update(path).said(t, 0)
			d.running("fw-2", ".pre-install of fw-2", ".post-install of fw-2")
		})
	}
}

// TestDamagedJournalOfAnEndedRun: whatever became of the journal of a run that had ended, it is named, and
// blocks nothing but its own rollback. What is left of it goes when an operator has resolved it.
func TestDamagedJournalOfAnEndedRun(t *testing.T) {
	rewrite := func(how func([]byte) []byte) func(*testing.T, string) {
		return func(t *testing.T, journal string) { change(t, journal, how) }
	}
	for name, spoil := range map[string]func(t *testing.T, journal string){
		"a flipped bit":                     rewrite(func(text []byte) []byte { text[len(text)/3] ^= 4; return text }),
		"a flipped bit in the first record": rewrite(func(text []byte) []byte { text[20] ^= 4; return text }),
		"a flipped bit in the begin record": rewrite(func(text []byte) []byte { text[bytes.IndexByte(text, '\n')+20] ^= 4; return text }),
		"zeros inside":                      rewrite(func(text []byte) []byte { clear(text[len(text)/3 : len(text)/2]); return text }),
		"zeros all over":                    rewrite(func(text []byte) []byte { return make([]byte, len(text)) }),
		"emptied":                           rewrite(func([]byte) []byte { return nil }),
		"another file":                      rewrite(func([]byte) []byte { return []byte("dear diary\n") }),
		"gone":                              func(t *testing.T, journal string) { check(t, os.Remove(journal)) },
		"a FIFO": func(t *testing.T, journal string) {
			check(t, os.Remove(journal))
			check(t, syscall.Mkfifo(journal, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDevice(t)
			d.update(d.packItems("fw-2", release("fw-2")...)).said(t, 0)
			d.gwe("run", d.recipe("note.yaml", note), "-i", "dir="+d.root).said(t, 0)
			run := d.runs()[0]
			spoil(t, filepath.Join(d.state, "runs", run, "journal"))
			d.gwe("status").said(t, 0, "damaged   run "+run, "the run had ended", "gwe resolve "+run)
			d.gwe("rollback", run).said(t, 5, "the run had ended, so only its own rollback is lost")
			d.gwe("recover").said(t, 0, run)
			d.gwe("forget", d.runs()[1]).said(t, 0)
			d.update(d.packItems("fw-3", release("fw-3")...)).said(t, 0, "run "+run+" has a damaged journal")
			if link, _ := os.Readlink(d.target + "/current"); link != "fw-3" {
				t.Errorf("%s runs", link)
			}
			d.gwe("rollback").said(t, 0)
			if link, _ := os.Readlink(d.target + "/current"); link != "fw-2" {
				t.Errorf("%s runs", link)
			}
			d.gwe("resolve", run, "--reason", "the flash was replaced").said(t, 0, "closed by")
			d.gwe("status").said(t, 0, "running   nothing")
			d.update(d.packItems("fw-4", release("fw-4")...)).said(t, 0)
			d.gwe("rollback", run).said(t, 5, "the flash was replaced")
		})
	}
}

// note is a recipe with a lock of its own.
const note = `
gwe: 1
name: note
inputs:
  dir: { type: path, required: true }
steps:
  - write: { path: "${{ inputs.dir }}/note", content: x }
`

// TestSpoiltState: other things in the state directory that are not as gwe left them.
func TestSpoiltState(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(t *testing.T, run string)
		code  int
		words []string
	}{
		"frozen recipe changed": {func(t *testing.T, run string) {
			check(t, os.WriteFile(run+"/recipe.yaml", []byte(strings.Replace(slow, "begun", "gone", 1)), 0o600))
		}, 5, []string{"not the one that it began with", "SHA-256"}},
		"frozen recipe gone": {func(t *testing.T, run string) { check(t, os.Remove(run+"/recipe.yaml")) },
			5, []string{"frozen recipe", "cannot be read"}},
		"journal is a directory": {func(t *testing.T, run string) {
			check(t, os.Remove(run+"/journal"))
			check(t, os.Mkdir(run+"/journal", 0o700))
		}, 5, []string{"cannot read the journal", "is a directory"}},
		"journal is a FIFO": {func(t *testing.T, run string) {
			check(t, os.Remove(run+"/journal"))
			check(t, syscall.Mkfifo(run+"/journal", 0o600))
		}, 5, []string{"cannot read the journal", "is a FIFO"}},
		"journal is a link": {func(t *testing.T, run string) {
			check(t, os.Rename(run+"/journal", run+"/moved"))
			check(t, os.Symlink("moved", run+"/journal"))
		}, 5, []string{"cannot read the journal", "is a symbolic link"}},
		"frozen recipe is a FIFO": {func(t *testing.T, run string) {
			check(t, os.Remove(run+"/recipe.yaml"))
			check(t, syscall.Mkfifo(run+"/recipe.yaml", 0o600))
		}, 5, []string{"frozen recipe", "cannot be read", "is a FIFO"}},
		"run's directory is a link": {func(t *testing.T, run string) {
			check(t, os.Rename(run, filepath.Dir(run)+"-moved"))
			check(t, os.Symlink("../runs-moved", run))
		}, 5, []string{"is not a directory"}},
		"journal is gone": {func(t *testing.T, run string) { check(t, os.Remove(run+"/journal")) },
			5, []string{"journal", "by hand"}},
	} {
		t.Run(name, func(t *testing.T) {
			d, journal := interrupted(t)
			test.spoil(t, filepath.Dir(journal))
			d.gwe("recover").said(t, test.code, append(test.words, d.runs()[0], "  = ")...)
			d.update(d.packItems("fw-2", release("fw-2")...)).said(t, test.code, append(test.words, d.runs()[0], "  = ")...)
			d.running("fw-1")
		})
	}
}

// TestReplacedJournal: what somebody put in the place of one run's journal keeps no other run from being put
// back, or told of.
func TestReplacedJournal(t *testing.T) {
	d, _ := interrupted(t)
	spoilt := filepath.Join(d.state, "runs", "20200101-000000.000")
	check(t, os.Mkdir(spoilt, 0o700))
	check(t, syscall.Mkfifo(spoilt+"/journal", 0o600))
	check(t, os.Symlink("20200101-000000.000", filepath.Join(d.state, "runs", "20200101-000001.000")))
	d.gwe("status").said(t, 5, "pending   run "+d.runs()[2], "damaged   run 20200101-000000.000", "is a FIFO", "damaged   run 20200101-000001.000", "is not a directory")
	d.gwe("recover").said(t, 5, "run "+d.runs()[2]+": rolled back", "is a FIFO", "is not a directory", "  = ")
	if _, err := os.Stat(d.root + "/begun"); err == nil {
		t.Error("the first step was not rolled back")
	}
}

// TestReplacedFiles: other files of a state directory in whose place is something else.
func TestReplacedFiles(t *testing.T) {
	for name, replace := range map[string]func(path string) error{
		"FIFO":          func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"directory":     func(path string) error { return os.Mkdir(path, 0o700) },
		"symbolic link": func(path string) error { return os.Symlink("none", path) },
	} {
		t.Run(name, func(t *testing.T) {
			d := newDevice(t)
			begun := filepath.Join(d.state, "runs", "20200101-000000.000")
			check(t, os.MkdirAll(begun, 0o700))
			check(t, replace(begun+"/mark"))
			d.gwe("recover").said(t, 5, begun+"/mark is a "+name)
			check(t, os.RemoveAll(begun))

			d.update(d.packItems("fw-2", release("fw-2")...)).said(t, 0)
			log := filepath.Join(d.state, "runs", d.runs()[0], "log")
			check(t, os.Remove(log+"/0001.jsonl"))
			check(t, replace(log+"/0001.jsonl"))
			d.gwe("log").said(t, 5, "is a "+name, "  = ")
			check(t, replace(log+"/0003.jsonl"))
			d.gwe("rollback").said(t, 0)

			check(t, os.Remove(d.state+"/lock"))
			check(t, replace(d.state+"/lock"))
			for _, command := range []string{"status", "recover", "cancel"} {
				d.gwe(command).said(t, 5, "lock is a "+name, "  = ")
			}
		})
	}
}

// TestStateRemoved: the journal goes away in the middle of a run, alone or with all around it. The run
// notices before its commit, turns back, and does not say that all is well.
func TestStateRemoved(t *testing.T) {
	for name, remove := range map[string]func(d *device) error{
		"saved removed":           func(d *device) error { return os.RemoveAll(filepath.Join(d.state, "runs", d.runs()[0], "frames")) },
		"state directory removed": func(d *device) error { return os.RemoveAll(d.state) },
		"state directory moved":   func(d *device) error { return os.Rename(d.state, d.state+"-moved") },
		"run removed":             func(d *device) error { return os.RemoveAll(filepath.Join(d.state, "runs", d.runs()[0])) },
		"journal removed":         func(d *device) error { return os.Remove(filepath.Join(d.state, "runs", d.runs()[0], "journal")) },
		"journal replaced": func(d *device) error {
			journal := filepath.Join(d.state, "runs", d.runs()[0], "journal")
			content, err := os.ReadFile(journal)
			return errors.Join(err, os.Remove(journal), os.WriteFile(journal, content, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // each one tries its journal again for some seconds
			d := newDevice(t)
			command := d.command("run", d.recipe("slow.yaml", slow), "-i", "dir="+d.root)
			ended := make(chan outcome)
			go func() { ended <- d.end(command) }()
			waitFor(t, d.root+"/begun")
			waitForText(t, filepath.Join(d.state, "runs", d.runs()[0])+"/log/0001.jsonl", `"first"`)
			check(t, remove(d))
			if name == "saved removed" { // nothing but the undo needs that: the next step has to fail
				check(t, os.Mkdir(d.root+"/done", 0o700))
			}
			check(t, os.WriteFile(d.root+"/go", nil, 0o600))
			said := <-ended
			said.said(t, 5, "manual intervention required")
			if name != "saved removed" {
				said.said(t, 5, "is not there any more", "find out who did")
			}
			if _, err := os.Lstat(d.root + "/begun"); err == nil && !strings.Contains(said.text, "all that the step had saved") {
				t.Errorf("it is not told that this is left:\n%s", said.text)
			}
			if status, err := os.Lstat(d.root + "/done"); err == nil && !status.IsDir() {
				t.Error("it continued")
			}
		})
	}
}

// TestWithoutOriginals: recovery needs neither the recipe's file, nor the package, nor the keys.
func TestWithoutOriginals(t *testing.T) {
	d := newDevice(t)
	script := "#!/bin/sh\necho x > \"$1/../../begun\"\nsleep 1000\n"
	path := d.packItems("fw-2", withHook("fw-2", script, 0)...)
	asBefore := d.holds()
	command := d.command(d.updating(path)...)
	command.Args[2] = d.shipped("10m")
	check(t, command.Start())
	waitFor(t, d.root+"/begun")
	check(t, command.Process.Signal(syscall.SIGKILL))
	_ = command.Wait()
	check(t, os.Remove(path))
	check(t, os.Remove(command.Args[2]))
	check(t, os.RemoveAll(d.keys))
	d.gwe("recover").said(t, 0, "everything was rolled back")
	asBefore()
	d.running("fw-1", ".pre-install of fw-2", ".pre-install of fw-1", ".post-install of fw-1")
}

// TestRecipeEdited: the run goes by the recipe as it was at the start.
func TestRecipeEdited(t *testing.T) {
	d := newDevice(t)
	path := d.recipe("slow.yaml", slow)
	command := d.command("run", path, "-i", "dir="+d.root)
	check(t, command.Start())
	waitFor(t, d.root+"/begun")
	check(t, os.WriteFile(path, []byte(strings.ReplaceAll(slow, "/done", "/elsewhere")), 0o644))
	check(t, os.WriteFile(d.root+"/go", nil, 0o644))
	check(t, command.Wait())
	if _, err := os.Stat(d.root + "/done"); err != nil {
		t.Error(err)
	}

	// Nor does recovery look at the file.
	d, _ = interrupted(t)
	check(t, os.WriteFile(d.root+"/slow.yaml", []byte("not: a recipe"), 0o644))
	d.gwe("recover").said(t, 0, "everything was rolled back")
	if _, err := os.Stat(d.root + "/begun"); err == nil {
		t.Error("the first step was not rolled back")
	}
}
