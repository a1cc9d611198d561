package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNotesOfEndedRuns: the note that a run has begun, for other state directories, goes where the run has
// ended, though its gwe died before it took the note away. The note of a run that may owe an undo stays.
func TestNotesOfEndedRuns(t *testing.T) {
	t.Parallel()
	d := newDevice(t)
	gwe := func(arguments ...string) outcome {
		command := d.command(arguments...)
		command.Env = append(command.Env, "GWE_LOCK_DIR="+d.root+"/meet")
		return d.end(command)
	}
	gwe("run", d.changing("first", d.target, d.target+"/first")).said(t, 0)
	ended := newest(d.state)
	gwe("run", d.dying("second", d.target, d.target+"/second")).said(t, 1009)
	owing := newest(d.state)
	records, err := filepath.Glob(d.root + "/meet/targets/*.json")
	check(t, err)
	note := func(run string) string { return strings.TrimSuffix(records[0], "json") + run }
	const removed = "20260101-000000.000"
	for _, run := range []string{ended, removed} {
		check(t, os.WriteFile(note(run), nil, 0o600))
	}
	journal := d.state + "/runs/" + owing + "/journal"
	text, err := os.ReadFile(journal)
	check(t, err)
	check(t, os.WriteFile(journal, append([]byte("x"), text...), 0o600)) // it cannot be recovered, and may owe an undo
	gwe("recover").said(t, 5)
	for run, stays := range map[string]bool{ended: false, removed: false, owing: true} {
		if _, err := os.Lstat(note(run)); (err == nil) != stays {
			t.Errorf("the note of %s: %v", run, err)
		}
	}
	check(t, os.WriteFile(journal, text, 0o600))
	gwe("recover").said(t, 0)
	if _, err := os.Lstat(note(owing)); err == nil {
		t.Error("the note of the recovered run stays")
	}
}
