package process

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/need"
)

func TestProgramsThatCannotStart(t *testing.T) {
	need.Root(t, "it mounts")
	directory, noexec := t.TempDir(), t.TempDir()
	if err := unix.Mount("tmpfs", noexec, "tmpfs", unix.MS_NOEXEC, "size=64k"); err != nil {
		t.Fatalf("these tests run as root: %v", err)
	}
	defer func() { _ = unix.Unmount(noexec, 0) }()
	file := func(directory, name, text string, mode os.FileMode) string {
		path := filepath.Join(directory, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	self, err := os.ReadFile("/bin/true")
	if err != nil {
		t.Fatal(err)
	}
	otherMachine := bytes.Clone(self)
	otherMachine[18], otherMachine[19] = 8, 0 // e_machine: MIPS
	otherLoader := bytes.Replace(self, []byte("/lib64/ld-linux"), []byte("/lib64/LD-linux"), 1)
	for _, test := range []struct {
		name, program, code, message, hint string
	}{
		{"nothing there", directory + "/none", "process-not-found", "cannot run " + directory + "/none", ""},
		{"not in PATH", "no-such-program", "process-not-found", "there is no program no-such-program in PATH=/usr", "install it"},
		{"a directory", directory, "process-not-executable", "not a regular file", ""},
		{"no execute bit", file(directory, "plain", "#!/bin/sh\n", 0o644), "process-not-executable", "has no execute bit", "chmod +x plain"},
		{"noexec", file(noexec, "script", "#!/bin/sh\n", 0o755), "process-no-exec", "mounted noexec", "another file system"},
		{"no interpreter", file(directory, "lost", "#!/opt/none/python -u\n", 0o755), "process-interpreter-missing", "its interpreter /opt/none/python does not exist", "install /opt/none/python"},
		{"plain interpreter", file(directory, "odd", "#! \t/etc/passwd\tx\n", 0o755), "process-interpreter-missing", "its interpreter /etc/passwd cannot be executed", ""},
		{"carriage return", file(directory, "dos", "#!/bin/sh\r\nexit 0\r\n", 0o755), "process-interpreter-missing", "ends in a carriage return", "line ends of Windows"},
		{"no name", file(directory, "nameless", "#!\nexit 0\n", 0o755), "process-no-shebang", "neither a program nor a script", "#!/bin/sh"},
		{"no first line", file(directory, "bare", "echo hello\n", 0o755), "process-no-shebang", "neither a program nor a script", "#!/bin/sh"},
		{"empty", file(directory, "empty", "", 0o755), "process-no-shebang", "neither a program nor a script", "#!/bin/sh"},
		{"another machine", file(directory, "mips", string(otherMachine), 0o755), "process-wrong-format", "another machine (EM_MIPS)", "build for this machine"},
		{"another C library", file(directory, "libc", string(otherLoader), 0o755), "process-interpreter-missing", "its dynamic loader /lib64/LD-linux", "another C library"},
		{"nothing", "", "process-arguments-invalid", "no program", ""},
		{"NUL", "a\x00b", "process-arguments-invalid", "NUL", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := openFiles(t)
			_, err := Run(t.Context(), Command{Arguments: []string{test.program}, Environment: BaseEnvironment()})
			if code(err) != test.code || fault.ClassOf(err) != fault.Failed || !strings.Contains(err.Error(), test.message) ||
				!strings.Contains(fault.As(err).Hint, test.hint) {
				t.Errorf("got %s: %v (%s)", code(err), err, fault.As(err).Hint)
			}
			if after := openFiles(t); after != before {
				t.Errorf("%d descriptors became %d", before, after)
			}
		})
	}
	if _, err := Run(t.Context(), Command{Arguments: []string{"true", strings.Repeat("x", 1<<18)}, Environment: BaseEnvironment()}); code(err) != "process-arguments-too-long" {
		t.Errorf("a long argument: %v", err)
	}
	for _, missing := range []string{directory + "/none", directory + "/plain"} {
		if _, err := Run(t.Context(), Command{Arguments: []string{"true"}, Directory: missing, Environment: BaseEnvironment()}); code(err) != "process-directory-missing" {
			t.Errorf("in %s: %v", missing, err)
		}
	}
	script := file(directory, "good", "#!/usr/bin/env no-such-python\n", 0o755)
	if err := Examine(script, BaseEnvironment()); code(err) != "process-interpreter-missing" || !strings.Contains(err.Error(), "no-such-python") {
		t.Errorf("env: %v", err)
	}
	relative := Command{Arguments: []string{"./good"}, Directory: directory, Environment: BaseEnvironment()}
	if result, err := Run(t.Context(), relative); err != nil || result.ExitCode != 127 {
		t.Errorf("a relative program: %+v, %v", result, err)
	}
	if err := Examine(directory+"/nameless", BaseEnvironment()); code(err) != "process-no-shebang" || !strings.Contains(err.Error(), "names no interpreter") {
		t.Errorf("no name: %v", err)
	}
	if err := Examine("/bin/sh", BaseEnvironment()); err != nil {
		t.Errorf("/bin/sh: %v", err)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// The directory that a program is looked for in does not depend on where gwe stands.
func TestLookPath(t *testing.T) {
	directory := t.TempDir()
	t.Chdir(directory)
	if err := errors.Join(os.WriteFile("tool", []byte("#!/bin/sh\n"), 0o755), os.Mkdir("sub", 0o755), os.WriteFile("sub/plain", nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	for search, want := range map[string]string{
		".::sub": "", directory + "/sub:" + directory: directory + "/tool", directory: directory + "/tool", "": "",
	} {
		if got, err := LookPath("tool", []string{"PATH=/nowhere", "PATH=" + search}); got != want || want == "" && code(err) != "process-not-found" {
			t.Errorf("%q: got %q, %v", search, got, err)
		}
	}
	if _, err := LookPath("plain", []string{"PATH=" + directory + "/sub"}); code(err) != "process-not-executable" {
		t.Errorf("got %v", err)
	}
}

// TestNeverBegan: a child that is seen in the middle of execve lives on and becomes the program; only one
// that is dead by then never began. The first would be started twice.
func TestNeverBegan(t *testing.T) {
	const forkedOnly = 0x400040
	for name, c := range map[string]struct {
		states []status
		want   bool
	}{
		"a program":             {[]status{{state: 'R', flags: 0x400000}}, false},
		"one that has ended":    {[]status{{state: 'Z', flags: 0x400004}}, false},
		"one about to begin":    {[]status{{state: 'R', flags: forkedOnly}, {state: 'R', flags: forkedOnly}, {state: 'S', flags: 0x400000}}, false},
		"killed before":         {[]status{{state: 'Z', flags: forkedOnly | 4}}, true},
		"killed when about to":  {[]status{{state: 'R', flags: forkedOnly}, {state: 'Z', flags: forkedOnly | 4}}, true},
		"one that nobody knows": {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			got := neverBegan(func() (status, error) {
				if len(c.states) == 0 {
					return status{}, os.ErrNotExist
				}
				now := c.states[0]
				c.states = c.states[1:]
				return now, nil
			})
			if got != c.want || len(c.states) > 0 {
				t.Errorf("%v, with %d looks left", got, len(c.states))
			}
		})
	}
}
