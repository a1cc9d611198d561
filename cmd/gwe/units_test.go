package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// The drop-ins for self-updates run the previous gwe where the new one does not start, or breaks, and only
// there.
func TestTheGweOfBeforeTakesOverAtBoot(t *testing.T) {
	for _, unit := range []string{"recover", "resume"} {
		script := scriptOf(t, "../../examples/systemd/self-update/"+unit+".conf")
		for _, want := range []struct {
			version, recover, before int // exit codes; before is -1 where there is none
			ran                      string
			code                     int
		}{
			{0, 0, 0, "new", 0}, {0, 4, 0, "new", 4}, {0, 5, 0, "new", 5}, {0, 75, 0, "new", 75},
			{0, 143, 0, "new", 143}, {0, 130, 0, "new", 130},
			{0, 2, 0, "new before", 0}, {0, 1, 3, "new before", 3}, {0, 134, 75, "new before", 75}, {0, 139, 0, "new before", 0},
			{127, 0, 0, "before", 0}, {1, 0, 4, "before", 4},
			{0, 2, -1, "new", 2}, {1, 0, -1, "new", 0},
		} {
			directory := t.TempDir()
			fake := func(name, text string) {
				if err := os.WriteFile(filepath.Join(directory, name), []byte("#!/bin/sh\n"+text), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			fake("gwe", "test $1 = version && exit "+strconv.Itoa(want.version)+"\necho new $* >>"+directory+"/ran\nexit "+strconv.Itoa(want.recover))
			if want.before >= 0 {
				fake("gwe.before", "echo before $* >>"+directory+"/ran\nexit "+strconv.Itoa(want.before))
			}
			err := exec.Command("/bin/sh", "-c", strings.ReplaceAll(script, "/usr/bin", directory)).Run()
			code, exit := 0, (*exec.ExitError)(nil)
			if errors.As(err, &exit) {
				code = exit.ExitCode()
			}
			text, _ := os.ReadFile(directory + "/ran")
			arguments := map[string]string{"recover": " recover --early", "resume": " recover"}[unit]
			wanted := strings.ReplaceAll(want.ran, " ", arguments+"\n") + arguments + "\n"
			if code != want.code || string(text) != wanted {
				t.Errorf("%s, %+v: it ended with %d, and ran %q", unit, want, code, text)
			}
		}
	}
}

// scriptOf gives what the last ExecStart= of a unit hands to the shell, as systemd.service(5) reads it.
func scriptOf(t *testing.T, unit string) string {
	t.Helper()
	text, err := os.ReadFile(unit)
	if err != nil {
		t.Fatal(err)
	}
	_, script, ok := strings.Cut(strings.ReplaceAll(string(text), "\\\n", " "), "ExecStart=/bin/sh -c '")
	script, _, quoted := strings.Cut(script, "'")
	if !ok || !quoted {
		t.Fatalf("%s has no script", unit)
	}
	return strings.ReplaceAll(script, "$$", "$")
}
