package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// flipRecipe has a step of each type that keeps files for its undo beside the journal.
const flipRecipe = `gwe: 1
name: flips
inputs:
  dir: { type: path, required: true }
  token: { type: secret, required: true }
lock: ["${{ inputs.dir }}"]
steps:
  - chmod: { path: "${{ inputs.dir }}/d", mode: "go=", recursive: true }
  - rsync: { source: "${{ inputs.dir }}/new", target: "${{ inputs.dir }}/d/t", delete: true }
  - copy: { from: "${{ inputs.dir }}/new/f", to: "${{ inputs.dir }}/d/copied" }
  - copy: { from: "${{ inputs.dir }}/new", to: "${{ inputs.dir }}/d/tree" }
  - extract: { archive: "${{ inputs.dir }}/a.tar", to: "${{ inputs.dir }}/d/extracted", unverified: allow }
  - write: { path: "${{ inputs.dir }}/d/a", content: new, mode: "0600" }
  - template: { from: "${{ inputs.dir }}/page", to: "${{ inputs.dir }}/d/page", values: { word: new } }
  - link-tree: { from: ["${{ inputs.dir }}/new"], into: "${{ inputs.dir }}/d/linked" }
  - swap-link: { link: "${{ inputs.dir }}/d/current", to: "${{ inputs.dir }}/d/tree" }
  - move: { from: "${{ inputs.dir }}/d/moving", to: "${{ inputs.dir }}/d/moved" }
  - remove: "${{ inputs.dir }}/d/gone"
  - mkdir: "${{ inputs.dir }}/d/made"
END
`

// flipped is a directory with a run whose files lose a bit.
type flipped struct {
	*testing.T
	root, state, kept, run string
	committed              bool
	old, new               string
}

// arrange makes the run: killed before its commit, or committed.
func (f *flipped) arrange() {
	f.Helper()
	for _, path := range []string{f.root, f.state, f.kept} {
		must(f.T, os.RemoveAll(path))
	}
	for _, name := range []string{"d/t", "d/linked", "new"} {
		must(f.T, os.MkdirAll(filepath.Join(f.root, name), 0o755))
	}
	for name, text := range map[string]string{
		"d/a": "old", "d/t/f": "old", "d/t/g": "g", "d/copied": "old", "d/moving": "m", "d/gone": "g", "d/linked/f": "new", "new/f": "new", "token": "a-long-token", "page": "{{ .word }}",
	} {
		must(f.T, os.WriteFile(filepath.Join(f.root, name), []byte(text), 0o644))
	}
	must(f.T, os.Symlink("t", filepath.Join(f.root, "d/current")))
	said, err := exec.Command("tar", "-C", filepath.Join(f.root, "new"), "-cf", filepath.Join(f.root, "a.tar"), "f").CombinedOutput()
	if err != nil {
		f.Fatalf("%v: %s", err, said)
	}
	end := "  - run: { script: \"kill -9 $PPID; sleep 10\" }\n    undo: none\n"
	if f.committed {
		end = "  - commit: there\n"
	}
	recipe := filepath.Join(f.root, "recipe.yaml")
	must(f.T, os.WriteFile(recipe, []byte(strings.Replace(flipRecipe, "END\n", end, 1)), 0o644))
	f.old = f.tree()
	code, text := f.gwe("run", recipe, "-i", "dir="+f.root, "-i", "token=@"+filepath.Join(f.root, "token"))
	if want := map[bool]int{true: 0, false: -1}[f.committed]; code != want {
		f.Fatalf("the run ended with %d\n%s", code, text)
	}
	f.new = f.tree()
	runs, err := os.ReadDir(filepath.Join(f.state, "runs"))
	must(f.T, err)
	f.run = runs[0].Name()
	f.copyState(f.state, f.kept)
}

func (f *flipped) copyState(from, to string) {
	f.Helper()
	must(f.T, os.RemoveAll(to))
	if said, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
		f.Fatalf("%v: %s", err, said)
	}
}

// gwe runs it; a process that was killed has the code -1.
func (f *flipped) gwe(arguments ...string) (code int, said string) {
	f.Helper()
	command := &exec.Cmd{Path: self(f.T), Args: append([]string{"gwe", "--state-dir", f.state}, arguments...), Env: append(os.Environ(), "GORACE=atexit_sleep_ms=0")}
	text, err := command.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		f.Fatal(err)
	}
	return command.ProcessState.ExitCode(), string(text)
}

// tree tells what is in the directory that the run changed.
func (f *flipped) tree() string {
	f.Helper()
	var all strings.Builder
	must(f.T, filepath.WalkDir(filepath.Join(f.root, "d"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		text := ""
		switch {
		case info.Mode().IsRegular():
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text = string(content)
		case info.Mode()&fs.ModeSymlink != 0:
			text, _ = os.Readlink(path)
		}
		fmt.Fprintf(&all, "%s %s %s\n", strings.TrimPrefix(path, f.root), info.Mode(), text)
		return nil
	}))
	return all.String()
}

// TestABitOfARun: wherever a bit of a file of a run flips, what comes is the old state, or the new one and an
// error that names the file. It tries a sample of the bytes; with GWE_FLIPS=all it tries them all.
func TestABitOfARun(t *testing.T) {
	for _, committed := range []bool{false, true} {
		name, undo := "killed", []string{"recover"}
		if committed {
			name, undo = "committed", []string{"rollback"}
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			f := &flipped{T: t, root: root + "/root", state: root + "/state", kept: root + "/kept", committed: committed}
			f.arrange()
			if code, said := f.gwe(undo...); code != 0 || f.tree() != f.old {
				t.Fatalf("without a flipped bit it ends with %d\n%s\n%s", code, said, f.tree())
			}
			f.arrange()
			tried := 0
			for _, file := range f.files() {
				tried += f.each(file, undo)
			}
			t.Logf("%d flips in %d files", tried, len(f.files()))
		})
	}
}

// files are those of the run, relative to its directory, without its logs.
func (f *flipped) files() (files []string) {
	f.Helper()
	root := filepath.Join(f.kept, "runs", f.run)
	must(f.T, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		name := strings.TrimPrefix(path, root+"/")
		if err == nil && entry.Type().IsRegular() && !strings.HasPrefix(name, "log/") && !strings.HasSuffix(name, ".reserve") {
			files = append(files, name)
		}
		return err
	}))
	return files
}

// each flips one bit at some bytes of a file.
func (f *flipped) each(file string, undo []string) (tried int) {
	f.Helper()
	whole, err := os.ReadFile(filepath.Join(f.kept, "runs", f.run, file))
	must(f.T, err)
	whole = bytes.TrimRight(whole, "\x00")
	stride := max(1, len(whole)/2)
	if os.Getenv("GWE_FLIPS") == "all" {
		stride = 1
	}
	for at := len(whole) - 1; at >= 0; at -= stride {
		tried++
		path := filepath.Join(f.state, "runs", f.run, file)
		content, err := os.ReadFile(path)
		if err != nil || len(content) <= at {
			f.arrange()
			path = filepath.Join(f.state, "runs", f.run, file)
			if content, err = os.ReadFile(path); err != nil || len(content) <= at {
				continue // another run's file is a little shorter
			}
		}
		content[at] ^= 1 << (at % 8)
		must(f.T, os.WriteFile(path, content, 0o600))
		command := undo
		if f.committed {
			command = append(undo, f.run)
		}
		code, said := f.gwe(command...)
		now := f.tree()
		switch {
		case now == f.old:
		case code == 0 || code == 3:
			f.Errorf("%s, byte %d: it ends with %d in a third state\n%s\n%s", file, at, code, said, now)
		case !strings.Contains(said, path) && !strings.Contains(said, strings.TrimSuffix(path, ".sum")):
			f.Errorf("%s, byte %d: it ends with %d and does not name the file\n%s", file, at, code, said)
		}
		if now != f.new {
			f.arrange()
		} else {
			f.copyState(f.kept, f.state)
		}
	}
	return tried
}
