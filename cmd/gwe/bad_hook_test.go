package main_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"
)

// withHook is a release whose post-install is another one. mode 0 is 0755.
func withHook(name, script string, mode int64) []item {
	items := release(name)
	hook := &items[len(items)-1]
	hook.content = script
	if mode != 0 {
		hook.mode = mode
	}
	return items
}

// shipped is a copy of the shipped recipe, with another time-out of its hooks.
func (d *device) shipped(timeout string) string {
	d.Helper()
	text, err := os.ReadFile("../../recipes/ota.yaml")
	check(d, err)
	return d.recipe("ota.yaml", strings.ReplaceAll(string(text), "timeout: 10m", "timeout: "+timeout))
}

// TestBadHooks: a hook that cannot run, or does not end well. The old release runs again, and what the hook
// started is gone.
func TestBadHooks(t *testing.T) {
	backAgain := []string{".pre-install of fw-2", ".pre-install of fw-1", ".post-install of fw-1"}
	for name, test := range map[string]struct {
		script string
		mode   int64
		words  []string
		// marks are the hooks that ran. Where it was clear that this one cannot run, it has nothing to undo.
		marks []string
	}{
		"no execute bit":      {"#!/bin/sh\n", 0o644, []string{".post-install", "execute bit", "chmod +x"}, []string{".pre-install of fw-2", ".post-install of fw-1"}},
		"missing interpreter": {"#!/usr/bin/no-such-shell\n", 0, []string{"/usr/bin/no-such-shell", "interpreter"}, []string{".pre-install of fw-2", ".post-install of fw-1"}},
		"carriage returns":    {"#!/bin/sh\r\necho hello\r\n", 0, []string{".post-install"}, []string{".pre-install of fw-2", ".post-install of fw-1"}},
		"no first line":       {"echo hello\n", 0, []string{".post-install", "#!"}, backAgain},
		"fails":               {"#!/bin/sh\nexit 21\n", 0, []string{"exited with 21"}, backAgain},
		"kills itself":        {"#!/bin/sh\nkill -9 $$\n", 0, []string{"SIGKILL"}, backAgain},
		"hangs":               {"#!/bin/sh\necho still here\nsleep 1000\n", 0, []string{"did not end in time", "still here"}, backAgain},
		"hangs with a family": {"#!/bin/sh\nsetsid sh -c 'sleep 1000 & sleep 1000' & sleep 1000\n", 0, []string{"did not end in time"}, backAgain},
		"daemon, then fails":  {"#!/bin/sh\nsetsid sleep 1000 & exit 1\n", 0, []string{"exited with 1"}, backAgain},
		"reads its input":     {"#!/bin/sh\nread line || exit 9\n", 0, []string{"exited with 9"}, backAgain},
		"invalid UTF-8":       {"#!/bin/sh\nprintf 'caf\\351 \\033[31m \\000 \\377\\n'; exit 1\n", 0, []string{"caf", "exited with 1"}, backAgain},
		"one endless line":    {"#!/bin/sh\nhead -c 3000000 /dev/zero | tr '\\0' x; exit 1\n", 0, []string{"left out", "exited with 1"}, backAgain},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDevice(t)
			path := d.packItems("fw-2", withHook("fw-2", test.script, test.mode)...)
			asBefore := d.holds()
			timeout := "1m"
			if slices.Contains(test.words, "did not end in time") {
				timeout = "1s"
			}
			ended := d.gwe("run", d.shipped(timeout), "-i", "package="+path, "-i", "target="+d.target, "-i", "keyring="+d.keys)
			ended.said(t, 3, append(test.words, "everything was rolled back", "hint: ")...)
			asBefore()
			d.running("fw-1", test.marks...)
			d.soundLog(4 << 20)
		})
	}
}

// soundLog fails the test where the log of the newest run is longer than that or is not valid JSON.
func (d *device) soundLog(longest int) {
	d.Helper()
	runs := d.runs()
	paths, err := filepath.Glob(filepath.Join(d.state, "runs", runs[len(runs)-1], "log", "*"))
	check(d, err)
	if len(paths) == 0 {
		d.Fatal("the run has no log")
	}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		check(d, err)
		if len(content) > longest {
			d.Errorf("%s has %d bytes", path, len(content))
		}
		for line := range bytes.Lines(content) {
			if !json.Valid(line) || !utf8.Valid(line) {
				d.Errorf("%s holds the line %.200q", path, line)
			}
		}
	}
}

// TestDaemonHoldsThePipe: a hook that ends well and leaves a daemon with its output open does not hold the
// run up, and the daemon lives on.
func TestDaemonHoldsThePipe(t *testing.T) {
	d := newDevice(t)
	script := "#!/bin/sh\nsetsid sh -c 'echo $$ > \"$0/../../pid\"; while :; do echo I am here; sleep 0.1; done' \"$1\" &\nwhile [ ! -s \"$1/../../pid\" ]; do sleep 0.05; done\n"
	began := time.Now()
	d.update(d.packItems("fw-2", withHook("fw-2", script, 0)...)).said(t, 0)
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("the run waited %v for the daemon", took)
	}
	text, err := os.ReadFile(d.root + "/pid")
	check(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	check(t, err)
	defer syscall.Kill(pid, syscall.SIGKILL)
	check(t, syscall.Kill(pid, 0))
	if !strings.Contains(d.gwe("log", "-v").text, "I am here") {
		t.Error("what the hook said is not in the log")
	}
}

// TestFlood: a hook that prints without end, on both streams. Neither gwe nor the log grows with it.
func TestFlood(t *testing.T) {
	d := newDevice(t)
	script := "#!/bin/sh\n(yes 'to standard error' | head -c 500000000 >&2) &\nyes 'to standard output' | head -c 500000000\nwait\necho the last word\nexit 1\n"
	path := d.packItems("fw-2", withHook("fw-2", script, 0)...)
	asBefore := d.holds()
	ended := d.update(path)
	ended.said(t, 3, "left out", "the last word", "everything was rolled back")
	if ended.memory > mostMemory {
		t.Errorf("it took %d bytes of memory", ended.memory)
	}
	if len(ended.text) > 8<<20 {
		t.Errorf("it said %d bytes", len(ended.text))
	}
	asBefore()
	d.running("fw-1", ".pre-install of fw-2", ".pre-install of fw-1", ".post-install of fw-1")
	d.soundLog(24 << 20)
}
