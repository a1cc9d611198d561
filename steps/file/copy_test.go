package file

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/need"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/steps/placement"
	"github.com/gwe-project/gwe/steps/steptest"
)

// forest makes a tree of all that a tree can hold.
func forest(t testing.TB, path string) {
	t.Helper()
	for _, directory := range []string{path, path + "/sub", path + "/sub/deep", path + "/closed", path + "/empty"} {
		must(t, os.Mkdir(directory, 0o755))
	}
	for name, content := range map[string]string{
		"/file": "content", "/sub/run\n\xff": "x", "/sub/deep/big": strings.Repeat("0123456789", 1<<12), "/closed/secret": "s", "/none": "",
	} {
		must(t, os.WriteFile(path+name, []byte(content), 0o644))
	}
	must(t, os.Chmod(path+"/sub/run\n\xff", 0o755|os.ModeSetuid))
	must(t, os.Chown(path+"/file", 12, 34))
	must(t, os.Chmod(path+"/file", 0o640|os.ModeSetgid))
	must(t, os.Link(path+"/file", path+"/sub/other-name"))
	must(t, os.Symlink("../nowhere", path+"/sub/link"))
	must(t, os.Lchown(path+"/sub/link", 5, 6))
	must(t, os.Link(path+"/sub/link", path+"/link-again"))
	must(t, syscall.Mkfifo(path+"/sub/fifo", 0o620))
	must(t, syscall.Mknod(path+"/sub/null", syscall.S_IFCHR|0o666, 1<<8|3))
	holes, err := os.Create(path + "/sub/holes")
	must(t, err)
	must(t, holes.Truncate(192<<10))
	_, err = holes.WriteAt([]byte("island"), 64<<10)
	must(t, err)
	must(t, holes.Close())
	must(t, unix.Setxattr(path+"/none", "user.note", []byte("kept\x00whole"), 0))
	must(t, unix.Setxattr(path+"/sub/deep", "user.folder", nil, 0))
	must(t, unix.Lsetxattr(path+"/sub/link", "trusted.link", []byte("l"), 0))
	must(t, os.Chmod(path+"/closed", 0o500))
	must(t, os.Chmod(path, 0o751))
	at := int64(1_000_000_000)
	must(t, filepath.WalkDir(path, func(name string, _ os.DirEntry, err error) error {
		at++
		times := []unix.Timespec{unix.NsecToTimespec(at*1e9 + 1), unix.NsecToTimespec(at*1e9 + at%999_999_937)}
		must(t, unix.UtimesNanoAt(unix.AT_FDCWD, name, times, unix.AT_SYMLINK_NOFOLLOW))
		return err
	}))
}

func TestCopyConforms(t *testing.T) {
	need.Root(t, "it gives files to another user")
	source := func(t testing.TB, root string) string {
		forest(t, root+"/source")
		return root + "/source"
	}
	cases := map[string]steptest.Suite{
		"file": {
			Forget: []string{"source"},
			Arrange: func(t testing.TB, root string) map[string]any {
				return map[string]any{"from": source(t, root) + "/none", "to": root + "/copy"}
			},
			AfterDo: func(t testing.TB, root string, outputs map[string]any) {
				if !alike(step.Local{}, root+"/source/none", root+"/copy", asItIs) || outputs["changed"] != true {
					t.Error("the copy is not the same")
				}
			},
		},
		"over a file, by a link, with mode and owner": {
			Forget: []string{"source", "link"},
			Arrange: func(t testing.TB, root string) map[string]any {
				must(t, os.Symlink(source(t, root)+"/file", root+"/link"))
				return map[string]any{"from": root + "/link", "to": old(t, root), "mode": "u=rw,g=r,o=", "owner": "7:8"}
			},
			AfterDo: func(t testing.TB, root string, _ map[string]any) {
				info, err := os.Lstat(root + "/file")
				must(t, err)
				if uid, gid := placement.OwnerOf(info); info.Mode() != 0o640 || uid != 7 || gid != 8 {
					t.Errorf("mode %v, owner %d:%d", info.Mode(), uid, gid)
				}
				if content, _ := os.ReadFile(root + "/other-name"); string(content) != "old content" {
					t.Error("the old file was written in place")
				}
			},
		},
		"tree": {
			Forget: []string{"source"},
			Arrange: func(t testing.TB, root string) map[string]any {
				return map[string]any{"from": source(t, root), "to": root + "/copy"}
			},
			AfterDo: func(t testing.TB, root string, _ map[string]any) { sameForest(t, root+"/source", root+"/copy") },
		},
		"tree over a tree": {
			Arrange: func(t testing.TB, root string) map[string]any {
				forest(t, root+"/old")
				return map[string]any{"from": source(t, root), "to": root + "/old", "replace": true, "mode": "g=rX,o=", "owner": "3:4"}
			},
		},
		"tree over a file": {
			Arrange: func(t testing.TB, root string) map[string]any {
				return map[string]any{"from": source(t, root) + "/closed", "to": old(t, root), "replace": true}
			},
		},
		"file over a link": {
			Arrange: func(t testing.TB, root string) map[string]any {
				must(t, os.Symlink("elsewhere", root+"/link"))
				return map[string]any{"from": source(t, root) + "/file", "to": root + "/link", "replace": true}
			},
		},
		"file over a directory": {
			Arrange: func(t testing.TB, root string) map[string]any {
				forest(t, root+"/old")
				return map[string]any{"from": source(t, root) + "/file", "to": root + "/old", "replace": true}
			},
		},
		"already so": {
			Idle: true,
			Arrange: func(t testing.TB, root string) map[string]any {
				from := source(t, root)
				must(t, copyPath(t.Context(), from, root+"/copy", asItIs, nil))
				return map[string]any{"from": from, "to": root + "/copy"}
			},
		},
	}
	for name, suite := range cases {
		suite.Type = Copy()
		t.Run(name, func(t *testing.T) { steptest.Run(t, suite) })
	}
}

// sameForest compares two trees by the real GNU tar: names, kinds, modes, owners, times, links, attributes,
// holes.
func sameForest(t testing.TB, a, b string) {
	t.Helper()
	listing := func(root string) string {
		command := exec.Command("sh", "-c", `find . -print0 | sort -z | tar -c --no-recursion --null -T - --xattrs --xattrs-include='*' `+
			`--format=pax --pax-option=delete=atime,delete=ctime,exthdr.name=x,globexthdr.name=x --sparse --sparse-version=0.0 --numeric-owner | sha256sum; `+
			`find . -type f -name holes -printf '%b\n'; find . -printf '%p %n\n' | sort`)
		command.Dir = root
		out, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	if want, got := listing(a), listing(b); want != got {
		t.Errorf("the copy is not the same:\n%s\n%s", want, got)
	}
}

// TestCopyIsCps: the real cp -a makes the same of the same tree.
func TestCopyIsCps(t *testing.T) {
	need.Root(t, "it gives files to another user")
	root := t.TempDir()
	forest(t, root+"/source")
	must(t, copyPath(t.Context(), root+"/source", root+"/ours", asItIs, nil))
	if out, err := exec.Command("cp", "-a", root+"/source", root+"/theirs").CombinedOutput(); err != nil {
		t.Fatalf("cp: %s", out)
	}
	sameForest(t, root+"/theirs", root+"/ours")
	if !alike(step.Local{}, root+"/theirs", root+"/ours", asItIs) {
		t.Error("alike sees a difference that tar does not")
	}
}

// TestAlikeSeesAll changes one thing at a time.
func TestAlikeSeesAll(t *testing.T) {
	need.Root(t, "it gives files to another user")
	keepTime := func(path string, change func()) {
		info, err := os.Lstat(path)
		must(t, err)
		change()
		must(t, os.Chtimes(path, time.Time{}, info.ModTime()))
	}
	for name, change := range map[string]func(root string){
		"content": func(root string) {
			keepTime(root+"/file", func() { must(t, os.WriteFile(root+"/file", []byte("CONTENT"), 0)) })
		},
		"mode":      func(root string) { must(t, os.Chmod(root+"/sub", 0o700)) },
		"owner":     func(root string) { must(t, os.Lchown(root+"/sub/link", 9, 9)) },
		"time":      func(root string) { must(t, os.Chtimes(root+"/none", time.Time{}, time.Unix(5, 5))) },
		"attribute": func(root string) { must(t, unix.Setxattr(root+"/none", "user.note", []byte("other"), 0)) },
		"more": func(root string) {
			keepTime(root+"/empty", func() { must(t, os.WriteFile(root+"/empty/x", nil, 0o600)) })
		},
		"less":   func(root string) { keepTime(root+"/closed", func() { must(t, os.Remove(root+"/closed/secret")) }) },
		"device": func(root string) { keepTime(root+"/sub", func() { redo(t, root+"/sub/null") }) },
		"hard link": func(root string) {
			keepTime(root+"/sub", func() {
				must(t, os.Remove(root+"/sub/other-name"))
				must(t, copyPath(t.Context(), root+"/file", root+"/sub/other-name", asItIs, nil))
			})
		},
	} {
		root := t.TempDir()
		forest(t, root+"/a")
		must(t, copyPath(t.Context(), root+"/a", root+"/b", asItIs, nil))
		if !alike(step.Local{}, root+"/a", root+"/b", asItIs) {
			t.Fatalf("%s: not alike to begin with", name)
		}
		change(root + "/b")
		if alike(step.Local{}, root+"/a", root+"/b", asItIs) {
			t.Errorf("%s: not seen", name)
		}
	}
}

// redo makes the device another one with the same time.
func redo(t *testing.T, path string) {
	info, err := os.Lstat(path)
	must(t, err)
	must(t, os.Remove(path))
	must(t, syscall.Mknod(path, syscall.S_IFCHR|0o666, 1<<8|5))
	must(t, os.Chmod(path, info.Mode().Perm()))
	must(t, os.Chtimes(path, time.Time{}, info.ModTime()))
}

// TestCopyUndoLeavesWhatOthersDid: what somebody else put in the place is neither removed nor overwritten.
func TestCopyUndoLeavesWhatOthersDid(t *testing.T) {
	need.Root(t, "it gives files to another user")
	for _, before := range []bool{false, true} {
		root := t.TempDir()
		forest(t, root+"/source")
		to := root + "/to"
		if before {
			must(t, os.Mkdir(to, 0o755))
		}
		run, arguments := runOf(t), map[string]any{"from": root + "/source", "to": to, "replace": true}
		memo, err := Copy().Prepare(t.Context(), run, arguments)
		must(t, err)
		_, err = Copy().Do(t.Context(), run, arguments, memo)
		must(t, err)
		must(t, os.Rename(to, root+"/away"))
		must(t, os.Mkdir(to, 0o700))
		if found := fault.As(Copy().Undo(t.Context(), run, arguments, memo)); found == nil || found.Code != "copy-changed" {
			t.Errorf("there before %v: %v", before, found)
		}
		if info, err := os.Lstat(to); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("there before %v: theirs is gone", before)
		}
	}
}

// TestCopySeesAChangingSource: a file that grows while it is copied is not taken for whole.
func TestCopySeesAChangingSource(t *testing.T) {
	root := t.TempDir()
	must(t, os.WriteFile(root+"/from", make([]byte, 3*(4<<20)), 0o600))
	grown := false
	ctx := &watched{Context: t.Context(), asked: func(times int) {
		if times == 3 && !grown {
			grown = true
			file, err := os.OpenFile(root+"/from", os.O_APPEND|os.O_WRONLY, 0)
			must(t, err)
			_, err = file.WriteString("more")
			must(t, err)
			must(t, file.Close())
		}
	}}
	err := copyPath(ctx, root+"/from", root+"/to", asItIs, nil)
	if found := fault.As(err); found == nil || found.Code != "copy-changing" {
		t.Errorf("%v (grown: %v)", err, grown)
	}
}

// TestCopyLeavesOutWhatIsOurs: what an earlier step keeps beside a file for its undo is not copied with the
// directory, and the log says so. What only starts like it is.
func TestCopyLeavesOutWhatIsOurs(t *testing.T) {
	root := t.TempDir()
	must(t, os.Mkdir(root+"/from", 0o755))
	for _, name := range []string{"file", ".gwe-old-20260131-093015.120-steps[0]", ".gwe", ".gwe-settings"} {
		must(t, os.WriteFile(root+"/from/"+name, nil, 0o600))
	}
	arguments := map[string]any{"from": root + "/from", "to": root + "/to"}
	for _, changed := range []bool{true, false} {
		run := runOf(t)
		memo, err := Copy().Prepare(t.Context(), run, arguments)
		must(t, err)
		outputs, err := Copy().Do(t.Context(), run, arguments, memo)
		must(t, err)
		if outputs["changed"] != changed {
			t.Errorf("changed: %v, want %v", outputs["changed"], changed)
		}
		entries, err := os.ReadDir(root + "/to")
		must(t, err)
		if len(entries) != 3 || entries[0].Name() != ".gwe" || entries[1].Name() != ".gwe-settings" || entries[2].Name() != "file" {
			t.Errorf("the copy holds %v", entries)
		}
	}
}
