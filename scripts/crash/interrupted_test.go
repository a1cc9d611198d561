//go:build amd64

package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/scripts/crash/trace"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "launch" {
		panic(trace.Launch(os.Args[2:]))
	}
	os.Exit(m.Run())
}

// What the recipes of the campaigns do not do: a tree is copied, with holes, links, modes and times.
const copying = `gwe: 1
name: copying
steps:
  - copy: {from: ROOT/from, to: ROOT/to}
  - copy: {from: ROOT/from/file, to: ROOT/file}
`

// TestInterruptedCallsAreMadeAgain lets every call of a copy return EINTR once: nobody may notice.
func TestInterruptedCallsAreMadeAgain(t *testing.T) {
	program := filepath.Join(t.TempDir(), "gwe")
	if err := build(context.Background(), program); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	tracer := trace.Start()
	defer tracer.Close()
	run := func(decide func(trace.Point) trace.Action) (code int, said string) {
		root := t.TempDir()
		recipe := filepath.Join(root, "copying.yaml")
		output := filepath.Join(root, "output")
		file, err := os.Create(output)
		err = errors.Join(err,
			os.MkdirAll(filepath.Join(root, "from/deep"), 0o750),
			os.WriteFile(filepath.Join(root, "from/file"), []byte("content"), 0o640),
			os.Link(filepath.Join(root, "from/file"), filepath.Join(root, "from/deep/again")),
			os.Symlink("file", filepath.Join(root, "from/link")),
			os.WriteFile(filepath.Join(root, "from/holes"), nil, 0o600),
			os.Truncate(filepath.Join(root, "from/holes"), 1<<20),
			os.WriteFile(recipe, []byte(strings.ReplaceAll(copying, "ROOT", root)), 0o600))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		status, err := tracer.Run(trace.Program{
			Arguments:   []string{program, "--state-dir", filepath.Join(root, "state"), "--output", "plain", "run", recipe},
			Environment: os.Environ(), Output: file, Root: root, Launcher: []string{self, "launch"},
		}, decide)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(output)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(root, "to/deep/again")); err != nil && status.ExitStatus() == 0 {
			t.Error(err)
		}
		return status.ExitStatus(), string(text)
	}
	var points []string
	if code, said := run(func(point trace.Point) trace.Action {
		if !strings.Contains(point.String(), " state/") { // those are the campaigns'
			points = append(points, point.String())
		}
		return trace.GoOn()
	}); code != 0 || len(points) < 15 {
		t.Fatalf("undisturbed, it ended with %d at %d points:\n%s", code, len(points), said)
	}
	tried := 0
	for _, point := range points {
		d := disturbance{"EINTR", point}
		if !d.applies() {
			continue
		}
		happened := false
		if code, said := run(d.decide(&happened)); code != 0 {
			t.Errorf("%s: it ended with %d:\n%s", d, code, said)
		}
		if happened {
			tried++
		}
	}
	if tried < 15 {
		t.Errorf("only %d of %d points came again", tried, len(points))
	}
}
