package main_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gwe-project/gwe/steps/steptest/recipetest"
)

// handsOver is a recipe that replaces gwe. What the hook finds in the directory decides what becomes of it.
const handsOver = `
gwe: 1
name: self
inputs: { dir: { type: path, required: true }, new: { type: path, required: true } }
steps:
  - write: { path: "${{ inputs.dir }}/one", content: "1" }
  - id: hands
    hand-over: { program: "${{ inputs.new }}", within: 1m }
  - copy: { from: "${{ inputs.new }}", to: "${{ inputs.dir }}/bin/gwe" }
  - run: { argv: [sh, -c, "set -e; echo $PPID >behind; test ! -e fail; while test -e wait; do sleep 0.1; done"], dir: "${{ inputs.dir }}" }
    undo:
      - run: { argv: [rm, -f, behind], dir: "${{ inputs.dir }}" }
  - commit: in place
finally:
  - run: { argv: [sh, -c, "echo end >>end"], dir: "${{ inputs.dir }}" }
outputs: { where: "${{ inputs.dir }}/bin/gwe" }
`

// versions are gwes that were really built: "1" and "2" die where a test says so, "3" writes journals of
// a newer format, and "4" undo data of a newer version for each step type.
type versions struct{ directory string }

func buildVersions(t *testing.T) versions {
	t.Helper()
	root, err := filepath.Abs("../..")
	check(t, err)
	built := versions{t.TempDir()}
	mortal := built.overlay(t, root, "cmd/gwe/main.go", "Release: release}", "Release: release, Journals: recipetest.Mortal}",
		`"github.com/gwe-project/gwe/steps"`, `"github.com/gwe-project/gwe/steps"`+"\n"+`"github.com/gwe-project/gwe/steps/steptest/recipetest"`)
	newer := built.overlay(t, root, "engine/journal/record.go", "const Format = 2", "const Format = 3")
	undo := built.overlay(t, root, "engine/step/about.go", "max(a.UndoData, 1)", "max(a.UndoData, 1) + 1")
	for version, overlay := range map[string]string{"1": mortal, "2": mortal, "3": newer, "4": undo} {
		build := exec.Command("go", "build", "-trimpath", "-overlay", overlay, "-ldflags", "-X main.release="+version+".0.0", "-o", built.gwe(version), "./cmd/gwe")
		build.Dir = root
		if said, err := build.CombinedOutput(); err != nil {
			t.Fatalf("gwe %s cannot be built: %v\n%s", version, err, said)
		}
	}
	return built
}

func (v versions) gwe(version string) string { return filepath.Join(v.directory, version, "gwe") }

// overlay makes a file of the source another one for a build.
func (v versions) overlay(t *testing.T, root, file string, replaced ...string) string {
	t.Helper()
	source, err := os.ReadFile(filepath.Join(root, file))
	check(t, err)
	changed := strings.NewReplacer(replaced...).Replace(string(source))
	if changed == string(source) {
		t.Fatalf("%s is not what it was: the overlay changes nothing", file)
	}
	directory := t.TempDir()
	check(t, os.WriteFile(directory+"/file.go", []byte(changed), 0o644))
	text, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(root, file): directory + "/file.go"}})
	check(t, err)
	check(t, os.WriteFile(directory+"/overlay.json", text, 0o644))
	return directory + "/overlay.json"
}

// selfUpdate is a machine with a gwe that is to be replaced.
type selfUpdate struct {
	*testing.T
	versions
	root, state, recipe string
	// old is what the machine's gwe is at the beginning.
	old string
}

func (v versions) machine(t *testing.T, old string) *selfUpdate {
	t.Helper()
	m := &selfUpdate{T: t, versions: v, root: t.TempDir(), old: old}
	m.state, m.recipe = m.root+"-state", m.root+"-recipe.yaml"
	check(t, os.WriteFile(m.recipe, []byte(handsOver), 0o644))
	t.Cleanup(func() { _ = os.RemoveAll(m.state); _ = os.Remove(m.recipe) })
	m.reset()
	return m
}

func (m *selfUpdate) reset() {
	m.Helper()
	for _, path := range []string{m.root, m.state} {
		check(m, os.RemoveAll(path))
	}
	check(m, os.MkdirAll(m.root+"/bin", 0o755))
	// By a program of its own: while this one writes it, a parallel test's fork may take the open file along,
	// and then it is busy.
	check(m, exec.Command("cp", m.gwe(m.old), m.root+"/bin/gwe").Run())
}

func (m *selfUpdate) touch(name string) {
	m.Helper()
	check(m, os.WriteFile(filepath.Join(m.root, name), nil, 0o644))
}

// script makes a program.
func (m *selfUpdate) script(name, text string) string {
	m.Helper()
	path := filepath.Join(m.root+"-state", "..", filepath.Base(m.root)+"-"+name)
	check(m, os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o755))
	m.Cleanup(func() { _ = os.Remove(path) })
	return path
}

// run runs what is the machine's gwe at the moment.
func (m *selfUpdate) run(environment []string, arguments ...string) outcome {
	m.Helper()
	return m.wait(m.command(environment, arguments...))
}

func (m *selfUpdate) update(new string) []string {
	return []string{"run", m.recipe, "-i", "dir=" + m.root, "-i", "new=" + new}
}

func (m *selfUpdate) command(environment []string, arguments ...string) *exec.Cmd {
	command := exec.Command(m.root+"/bin/gwe", append([]string{"--state-dir", m.state}, arguments...)...)
	command.Env = append(os.Environ(), environment...)
	return command
}

func (m *selfUpdate) wait(command *exec.Cmd) outcome {
	m.Helper()
	said := &bytes.Buffer{}
	command.Stdout, command.Stderr = said, said
	check(m, command.Start())
	return m.end(command, said)
}

func (m *selfUpdate) end(command *exec.Cmd, said *bytes.Buffer) outcome {
	m.Helper()
	late := time.AfterFunc(2*time.Minute, func() { _ = command.Process.Kill() })
	defer late.Stop()
	err := command.Wait()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		m.Fatal(err)
	}
	return outcome{code: command.ProcessState.ExitCode(), text: said.String()}
}

// start starts the update, and comes back when the new gwe is in the step after the hand-over.
func (m *selfUpdate) start(new string, environment ...string) (command *exec.Cmd, said *bytes.Buffer) {
	m.Helper()
	m.touch("wait")
	command, said = m.command(environment, m.update(new)...), &bytes.Buffer{}
	command.Stdout, command.Stderr = said, said
	check(m, command.Start())
	m.Cleanup(func() { _ = command.Process.Kill() })
	waitForText(m, m.root+"/behind", "\n")
	return command, said
}

// successor is the process of the new gwe: the hook's parent.
func (m *selfUpdate) successor() int {
	m.Helper()
	text, err := os.ReadFile(m.root + "/behind")
	check(m, err)
	var pid int
	_, err = fmt.Sscan(string(text), &pid)
	check(m, err)
	return pid
}

// is checks that the machine is wholly as before, or wholly as it should be, and that the journal says which.
func (m *selfUpdate) is(done bool) {
	m.Helper()
	want, status := m.gwe(m.old), "rolled back"
	var names []string
	if done {
		want, status = m.gwe("2"), "done"
		names = []string{"behind", "one"}
	}
	if !sameContent(m, want, m.root+"/bin/gwe") {
		m.Errorf("the gwe at the path is not %s", want)
	}
	entries, err := os.ReadDir(m.root)
	check(m, err)
	for _, entry := range entries {
		switch name := entry.Name(); {
		case name == "bin", name == "end", name == "fail", name == "wait":
		case len(names) > 0 && name == names[0]:
			names = names[1:]
		default:
			m.Errorf("%s is there", name)
		}
	}
	if len(names) > 0 {
		m.Errorf("there is no %s", names)
	}
	in, err := os.ReadDir(m.root + "/bin")
	check(m, err)
	for _, entry := range in {
		if entry.Name() != "gwe" && !done {
			m.Errorf("bin/%s is there", entry.Name())
		}
	}
	var runs []struct{ Status string }
	listed := m.run(nil, "runs", "--output", "json")
	if err := json.Unmarshal([]byte(listed.text), &runs); err != nil || len(runs) != 1 || runs[0].Status != status {
		m.Errorf("the run is not %q: %s", status, listed.text)
	}
	if busy := m.run(nil, "status"); strings.Contains(busy.text, "running   run") {
		m.Errorf("somebody still works: %s", busy.text)
	}
}

func sameContent(t testing.TB, one, other string) bool {
	t.Helper()
	a, err := os.ReadFile(one)
	check(t, err)
	b, err := os.ReadFile(other)
	check(t, err)
	return bytes.Equal(a, b)
}

// TestHandOver replaces gwe while it runs, with gwes that are sound and with such that are not.
func TestHandOver(t *testing.T) {
	built := buildVersions(t)
	t.Run("the new gwe finishes the run", func(t *testing.T) {
		t.Parallel()
		m := built.machine(t, "1")
		m.run(nil, m.update(m.gwe("2"))...).said(t, 0, "handing over to gwe 2.0.0", "Continue run", "where: "+m.root+"/bin/gwe")
		m.is(true)
		m.run(nil, "show").said(t, 0, "hand-over  done", "began", "by gwe 1.0.0")
		m.run(nil, "version").said(t, 0, "gwe 2.0.0")
		// The new gwe undoes what both did.
		m.run(nil, "rollback").said(t, 0)
		if !sameContent(t, m.gwe("1"), m.root+"/bin/gwe") {
			t.Error("the rollback did not bring the old gwe back")
		}
	})
	t.Run("a step after it fails", func(t *testing.T) {
		t.Parallel()
		m := built.machine(t, "1")
		m.touch("fail")
		m.run(nil, m.update(m.gwe("2"))...).said(t, 3, "Continue run", "everything was rolled back")
		m.is(false)
	})
	for name, c := range map[string]struct{ program, says string }{
		"ends at once":                 {"exit 9", "exited with 9"},
		"is not a gwe":                 {"echo hello", "does not answer as a gwe does"},
		"is of another machine":        {"", "cannot continue the run"},
		"ends when it should continue": {`case "$*" in *--check*) echo '{"gwe":"9","journal":1}';; *) exit 9;; esac`, "did not take the run over"},
		"hangs when it should continue": {`case "$*" in *--check*) echo '{"gwe":"9","journal":1}';; *) sleep 1000;; esac`,
			"did not take the run over: it had 1s for that"},
		"hangs when it is asked": {"sleep 1000", "did not end in time"},
		"lets go of the pipe":    {`case "$*" in *--check*) echo '{"gwe":"9","journal":1}';; *) exec 3>&-; sleep 1000;; esac`, "did not take the run over"},
	} {
		t.Run("a new gwe that "+name, func(t *testing.T) {
			t.Parallel()
			m := built.machine(t, "1")
			program := m.script("bad", c.program+"\n")
			if c.program == "" {
				check(t, os.WriteFile(program, []byte("\x7fELF\x02\x01\x01 of a machine that nobody has built yet"), 0o755))
			}
			if strings.Contains(c.program, "sleep") {
				check(t, os.WriteFile(m.recipe, []byte(strings.Replace(handsOver, "within: 1m", "within: 1s", 1)), 0o644))
			}
			m.run(nil, m.update(program)...).said(t, 3, c.says, "step hands", "everything was rolled back")
			m.is(false)
			m.run(nil, "recover").said(t, 0)
			m.run(nil, m.update(m.gwe("2"))...).said(t, 0)
		})
	}
	t.Run("a gwe that reads older journals only", func(t *testing.T) {
		t.Parallel()
		m := built.machine(t, "3")
		m.run(nil, m.update(m.gwe("1"))...).said(t, 3, "has format 3, and this gwe reads up to format 2", "hand-over-refused")
		m.is(false)
	})
	t.Run("a gwe that writes undo data which the old one does not know", func(t *testing.T) {
		t.Parallel()
		m := built.machine(t, "1")
		m.run(nil, m.update(m.gwe("4"))...).said(t, 3, "reads undo data of copy up to version 3, and this gwe writes version 4", "hand-over-refused")
		m.is(false)
	})
	t.Run("a gwe that does not know the undo data of the old one", func(t *testing.T) {
		t.Parallel()
		m := built.machine(t, "4")
		m.run(nil, m.update(m.gwe("1"))...).said(t, 3, "has version 4, and this gwe reads up to version 3", "hand-over-refused")
		m.is(false)
	})
	t.Run("the new gwe is killed", func(t *testing.T) {
		t.Parallel()
		m := built.machine(t, "1")
		command, said := m.start(m.gwe("2"))
		check(t, syscall.Kill(m.successor(), syscall.SIGKILL))
		m.end(command, said).said(t, 3, "gwe 2.0.0, which continued run", "everything was rolled back")
		m.is(false)
	})
	t.Run("the new gwe is killed, and the old one cannot end the run either", func(t *testing.T) {
		t.Parallel()
		m := built.machine(t, "1")
		command, said := m.start(m.gwe("2"))
		frozen, err := filepath.Glob(m.state + "/runs/*/recipe.yaml")
		check(t, err)
		check(t, os.Rename(frozen[0], m.state+"/away"))
		check(t, syscall.Kill(m.successor(), syscall.SIGKILL))
		m.end(command, said).said(t, 5, "cannot be recovered")
		check(t, os.Rename(m.state+"/away", frozen[0]))
		m.run(nil, "recover").said(t, 0, "rolled back")
		m.is(false)
	})
	t.Run("the old gwe is killed, and the new one with it", func(t *testing.T) {
		t.Parallel()
		m := built.machine(t, "1")
		command, said := m.start(m.gwe("2"))
		check(t, command.Process.Kill())
		m.end(command, said)
		m.run(nil, "version").said(t, 0, "gwe 2.0.0")
		m.run(nil, "recover").said(t, 0, "rolled back")
		m.is(false)
	})
	t.Run("no other run slips in, and it is cancelled", func(t *testing.T) {
		t.Parallel()
		m := built.machine(t, "1")
		command, said := m.start(m.gwe("2"))
		m.run(nil, m.update(m.gwe("2"))...).said(t, 6, fmt.Sprintf("locked by process %d, run ", command.Process.Pid))
		m.run(nil, "status").said(t, 75, "running   run", "of self", fmt.Sprintf("process %d", command.Process.Pid), "step: run")
		m.run(nil, "cancel").said(t, 0, "rolled back")
		m.end(command, said).said(t, 128+int(syscall.SIGTERM), "everything was rolled back")
		m.is(false)
	})
	t.Run("Ctrl-C", func(t *testing.T) {
		t.Parallel()
		m := built.machine(t, "1")
		command, said := m.start(m.gwe("2"))
		check(t, command.Process.Signal(syscall.SIGINT))
		m.end(command, said).said(t, 128+int(syscall.SIGINT), "everything was rolled back")
		m.is(false)
	})
	t.Run("the run's own time-out", func(t *testing.T) {
		t.Parallel()
		m := built.machine(t, "1")
		check(t, os.WriteFile(m.recipe, []byte(strings.Replace(handsOver, "name: self\n", "name: self\ntimeout: 2s\n", 1)), 0o644))
		m.touch("wait")
		m.run(nil, m.update(m.gwe("2"))...).said(t, 3, "longer than its timeout of 2s", "everything was rolled back")
		m.is(false)
	})
	t.Run("after a confirmation", func(t *testing.T) {
		t.Parallel()
		m := built.machine(t, "1")
		check(t, os.WriteFile(m.recipe, []byte(strings.Replace(handsOver, "  - id: hands", "  - confirm: { within: 1h }\n  - id: hands", 1)), 0o644))
		m.run(nil, m.update(m.gwe("2"))...).said(t, 75, "waits for a confirmation")
		m.run(nil, "confirm").said(t, 0, "handing over to gwe 2.0.0", "Continue run")
		m.is(true)
	})
	t.Run("the shipped recipe", func(t *testing.T) {
		t.Parallel()
		m := built.machine(t, "1")
		content, err := os.ReadFile(m.gwe("2"))
		check(t, err)
		directory := t.TempDir()
		check(t, os.MkdirAll(directory+"/gwe-2", 0o755))
		check(t, os.WriteFile(directory+"/gwe-2/gwe", content, 0o755))
		m.run(nil, "keys", "new", "vendor", "--to", directory).said(t, 0)
		m.run(nil, "keys", "import", directory+"/vendor.asc", "--keyring", directory+"/keys").said(t, 0)
		m.run(nil, "pack", directory+"/gwe-2", "--key", directory+"/vendor.key", "--to", directory).said(t, 0)
		m.run(nil, "run", "self-update", "-i", "package="+directory+"/gwe-2.tar.zst.gpg", "-i", "keyring="+directory+"/keys", "-i", "target="+m.root+"/releases",
			"-i", "program="+m.root+"/bin/gwe").said(t, 0, "handing over to gwe 2.0.0", "the gwe of gwe-2 is in place", "program: "+m.root)
		if !sameContent(t, m.gwe("2"), m.root+"/bin/gwe") || !sameContent(t, m.gwe("1"), m.root+"/bin/gwe.before") {
			t.Error("the new gwe is not in place, or the old one not beside")
		}
		m.run(nil, "rollback").said(t, 0)
		if !sameContent(t, m.gwe("1"), m.root+"/bin/gwe") {
			t.Error("the rollback did not bring the old gwe back")
		}
	})
	t.Run("killed at every record", func(t *testing.T) {
		t.Parallel()
		olds, news := 0, 0
		for _, moment := range []string{recipetest.DieBefore, recipetest.DieAt} {
			for record, died := 1, true; died; record++ {
				m := built.machine(t, "1")
				ended := m.run([]string{fmt.Sprintf("%s=%d", moment, record)}, m.update(m.gwe("2"))...)
				died = ended.code != 0 || strings.Contains(ended.text, "Recover run")
				if begun := m.run(nil, "recover"); begun.code != 0 {
					t.Fatalf("%s=%d: recovery ended with %d: %s\n%s", moment, record, begun.code, begun.text, ended.text)
				}
				if entries, _ := os.ReadDir(m.state + "/runs"); len(entries) == 0 {
					olds++
					continue // it never began
				}
				done := sameContent(t, m.gwe("2"), m.root+"/bin/gwe")
				if done {
					news++
				} else {
					olds++
				}
				m.is(done)
				if t.Failed() {
					t.Fatalf("%s=%d; before the kill:\n%s", moment, record, ended.text)
				}
			}
		}
		t.Logf("%d kills ended in the old state, %d in the new one", olds, news)
		if olds < 10 || news < 4 {
			t.Errorf("%d in the old state and %d in the new one are too few to prove anything", olds, news)
		}
	})
	t.Run("a newer gwe writes an older journal to its end as it began", func(t *testing.T) {
		t.Parallel()
		m := built.machine(t, "1")
		command, said := m.start(m.gwe("2"))
		check(t, command.Process.Kill())
		m.end(command, said)
		journals, err := filepath.Glob(m.state + "/runs/*/journal")
		check(t, err)
		before, err := os.ReadFile(journals[0])
		check(t, err)
		newer := m.command(nil, "recover")
		newer.Path = m.gwe("3")
		m.wait(newer).said(t, 0, "rolled back")
		after, err := os.ReadFile(journals[0])
		check(t, err)
		begun, _, _ := bytes.Cut(before, []byte("\x00"))
		if !bytes.HasPrefix(after, begun) || !bytes.Contains(begun, []byte(`"format":2`)) || bytes.Contains(after, []byte(`"format":3`)) {
			t.Errorf("the journal does not continue as it began:\n%s", after)
		}
		m.is(false)
		older := m.command(nil, "show")
		older.Path = m.gwe("1")
		m.wait(older).said(t, 0, "rolled back")
	})
	t.Run("the journal of a newer gwe", func(t *testing.T) {
		t.Parallel()
		m := built.machine(t, "3")
		command, said := m.start(m.gwe("3"))
		check(t, command.Process.Kill())
		m.end(command, said)
		run, err := os.ReadDir(m.state + "/runs")
		check(t, err)
		path := filepath.Join(m.state, "runs", run[0].Name(), "journal")
		before, err := os.ReadFile(path)
		check(t, err)
		older := func(arguments ...string) outcome {
			command := m.command(nil, arguments...)
			command.Path = m.gwe("1")
			return m.wait(command)
		}
		older("recover").said(t, 5, "has format 3, and this gwe reads up to format 2", "gwe 3.0.0")
		older(m.update(m.gwe("2"))...).said(t, 5, "has format 3, and this gwe reads up to format 2", "gwe 3.0.0")
		older("rollback").said(t, 5, "has format 3")
		older("status").said(t, 5, "has format 3")
		after, err := os.ReadFile(path)
		check(t, err)
		if !bytes.Equal(before, after) {
			t.Error("the journal was changed")
		}
		m.run(nil, "recover").said(t, 0, "rolled back")
		m.is(false)
	})
}
