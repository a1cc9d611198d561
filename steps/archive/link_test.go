package archive

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/need"
)

// linked reports whether two names are one file.
func linked(t testing.TB, one, other string) bool {
	t.Helper()
	first, err := os.Lstat(one)
	check(t, err)
	second, err := os.Lstat(other)
	check(t, err)
	return os.SameFile(first, second)
}

// TestLinks: a file is linked only when content, mode, owner and times are the same, and has the package's
// content in any case.
func TestLinks(t *testing.T) {
	need.Root(t, "it gives files to another user")
	large := strings.Repeat("0123456789abcdef", 50_000) // several blocks
	late := large[:len(large)-1] + "!"
	with := func(change func(*tar.Header)) func(*tar.Header) { return change }
	for name, one := range map[string]struct {
		old, new item
		linked   bool
	}{
		"same":            {item{content: large}, item{content: large}, true},
		"empty":           {item{}, item{}, true},
		"content":         {item{content: "one"}, item{content: "two"}, false},
		"content, late":   {item{content: large}, item{content: late}, false},
		"longer":          {item{content: large}, item{content: large + "x"}, false},
		"shorter":         {item{content: large}, item{content: large[1:]}, false},
		"mode":            {item{content: large}, item{content: large, header: with(func(h *tar.Header) { h.Mode = 0o755 })}, false},
		"setuid":          {item{content: large}, item{content: large, header: with(func(h *tar.Header) { h.Mode = 0o4644 })}, false},
		"owner":           {item{content: large}, item{content: large, header: with(func(h *tar.Header) { h.Uid = 7 })}, false},
		"group":           {item{content: large}, item{content: large, header: with(func(h *tar.Header) { h.Gid = 7 })}, false},
		"time":            {item{content: large}, item{content: large, header: with(func(h *tar.Header) { h.ModTime = time.Unix(1_000_000_001, 0) })}, false},
		"nanoseconds":     {item{content: large}, item{content: large, header: with(func(h *tar.Header) { h.ModTime, h.Format = time.Unix(1_000_000_000, 1), tar.FormatPAX })}, false},
		"was a symlink":   {item{link: "elsewhere", kind: tar.TypeSymlink}, item{content: large}, false},
		"was a directory": {item{kind: tar.TypeDir}, item{content: large}, false},
	} {
		t.Run(name, func(t *testing.T) {
			one.old.name, one.new.name = "one/d/f", "two/d/f"
			b := benchFor(t, one.old, file("one/d/elsewhere"))
			b.install()
			b.pack(one.new)
			outputs := b.install()
			if is := linked(t, b.path("one/d/f"), b.path("two/d/f")); is != one.linked || outputs.Linked != map[bool]int{true: 1}[is] {
				t.Errorf("linked: %v, counted: %d", is, outputs.Linked)
			}
			content, err := os.ReadFile(b.path("two/d/f"))
			check(t, err)
			if string(content) != one.new.content {
				t.Errorf("the content is wrong (%d bytes)", len(content))
			}
			if info, err := os.Stat(b.path("two/d/f")); err != nil || one.new.header == nil && info.ModTime().Unix() != 1_000_000_000 {
				t.Errorf("%v %v", info, err)
			}
		})
	}
}

// TestLinksNowhere: without a running release, or with one on another file system, all is copied.
func TestLinksNowhere(t *testing.T) {
	need.Root(t, "it mounts")
	b := benchFor(t, file("one/f"))
	check(t, os.Symlink("nowhere", b.path("current")))
	if outputs := b.install(); outputs.Linked != 0 {
		t.Error("linked to nothing")
	}
	other := t.TempDir()
	check(t, unix.Mount("tmpfs", other, "tmpfs", 0, ""))
	t.Cleanup(func() { check(t, unix.Unmount(other, unix.MNT_DETACH)) })
	command(t, "cp", "-a", b.path("one"), other)
	b.pack(file("two/f"))
	b.arguments.LinkDest = pathOf(filepath.Join(other, "one"))
	if outputs, err := b.try(t.Context()); err != nil || outputs.Linked != 0 {
		t.Error(outputs, err)
	}
	// A bind mount is the same file system, but no link crosses it.
	b.pack(file("three/f"))
	check(t, unix.Mount(b.path("one"), b.mkdir("bound"), "", unix.MS_BIND, ""))
	t.Cleanup(func() { check(t, unix.Unmount(b.path("bound"), unix.MNT_DETACH)) })
	b.arguments.LinkDest = pathOf(b.path("bound"))
	outputs, err := b.try(t.Context())
	check(t, err)
	content, err := os.ReadFile(b.path("three/f"))
	if err != nil || outputs.Linked != 0 || string(content) != "content of three/f" {
		t.Error(outputs, string(content), err)
	}
}

func (b *bench) mkdir(name string) string {
	b.Helper()
	check(b, os.Mkdir(b.path(name), 0o755))
	return b.path(name)
}

// same is a file whose content does not depend on its name.
func same(name string) item { return item{name: name, content: "the same"} }

// TestCopies: what a pattern names is never linked, wherever the package's own list comes.
func TestCopies(t *testing.T) {
	files := func(top string) []item {
		return []item{same(top + "/a.db"), same(top + "/b"), same(top + "/etc/state/x"), same(top + "/lib/b.db"), same(top + "/z")}
	}
	list := func(top, text string) item { return item{name: top + "/.gwe/copy", content: text} }
	for name, one := range map[string]struct {
		items []item
		copy  []string
		want  string
	}{
		"none":             {files("two"), nil, "a.db b etc/state/x lib/b.db z"},
		"of the step":      {files("two"), []string{"*.db"}, "b etc/state/x z"},
		"a directory":      {files("two"), []string{"etc/"}, "a.db b lib/b.db z"},
		"a path":           {files("two"), []string{"lib/*.db"}, "a.db b etc/state/x z"},
		"from the top":     {files("two"), []string{"/b"}, "a.db etc/state/x lib/b.db z"},
		"of the package":   {append([]item{list("two", "# no\n\n*.db\r\nstate\n")}, files("two")...), nil, "b z"},
		"of both":          {append([]item{list("two", "*.db\n")}, files("two")...), []string{"b"}, "etc/state/x z"},
		"late in the list": {append(files("two"), list("two", "*.db\nb\n")), []string{"state"}, "z"},
	} {
		t.Run(name, func(t *testing.T) {
			b := benchFor(t, files("one")...)
			b.install()
			b.pack(one.items...)
			b.arguments.Copy = one.copy
			outputs := b.install()
			is := []string{}
			for _, name := range []string{"a.db", "b", "etc/state/x", "lib/b.db", "z"} {
				if linked(t, b.path("one", name), b.path("two", name)) {
					is = append(is, name)
				}
			}
			if strings.Join(is, " ") != one.want || outputs.Linked != len(is) {
				t.Errorf("linked: %q, counted %d, want %q", is, outputs.Linked, one.want)
			}
		})
	}
}

// TestCopyOfAHardLink: a name that must not be shared is not shared by way of another name either.
func TestCopyOfAHardLink(t *testing.T) {
	b := benchFor(t, same("one/a"), hardLink("one/b", "one/a"), hardLink("one/c", "one/b"))
	b.install()
	if !linked(t, b.path("one/a"), b.path("one/c")) {
		t.Error("hard links within the package are lost")
	}
	b.pack(same("two/a"), hardLink("two/b", "two/a"), hardLink("two/c", "two/a"))
	b.arguments.Copy = []string{"b"}
	b.install()
	if !linked(t, b.path("one/a"), b.path("two/a")) || !linked(t, b.path("two/a"), b.path("two/c")) {
		t.Error("files that may be shared are not")
	}
	if linked(t, b.path("one/a"), b.path("two/b")) {
		t.Error("the file to copy shares the running release's")
	}
	if content, err := os.ReadFile(b.path("two/b")); err != nil || string(content) != "the same" {
		t.Error(string(content), err)
	}
}

// TestTooManyLinks: the file system's limit of links for one file is no failure.
func TestTooManyLinks(t *testing.T) {
	b := benchFor(t, same("one/a"))
	b.install()
	many := b.mkdir("many")
	for i := range 70_000 {
		if err := os.Link(b.path("one/a"), fmt.Sprintf("%s/%d", many, i)); errors.Is(err, unix.EMLINK) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	b.pack(same("two/a"))
	b.install()
	if content, err := os.ReadFile(b.path("two/a")); err != nil || string(content) != "the same" {
		t.Error(string(content), err)
	}
}

// TestVerify: what was written to in place between the unpacking and the commit is found; what was replaced
// is no harm.
func TestVerify(t *testing.T) {
	need.Root(t, "it gives files to another user")
	overwrite := func(path, text string, keepTime bool) func(b *bench) {
		return func(b *bench) {
			info, err := os.Stat(b.path(path))
			check(b, err)
			time.Sleep(10 * time.Millisecond) // the change time ticks slower than a program runs
			check(b, os.WriteFile(b.path(path), []byte(text), 0))
			if keepTime {
				check(b, os.Chtimes(b.path(path), info.ModTime(), info.ModTime()))
			}
		}
	}
	for name, one := range map[string]struct {
		act func(b *bench)
		bad bool
	}{
		"nothing":                     {func(*bench) {}, false},
		"longer":                      {overwrite("two/d/a", "longer than before", false), true},
		"same length":                 {overwrite("two/d/a", "the SAME", false), true},
		"same length, time restored":  {overwrite("two/d/a", "the SAME", true), true},
		"by the old name":             {overwrite("one/d/a", "the SAME", true), true},
		"same content, time restored": {overwrite("two/d/a", "the same", true), false},
		"touched":                     {func(b *bench) { check(b, os.Chtimes(b.path("two/d/a"), time.Now(), time.Now())) }, true},
		"mode":                        {func(b *bench) { check(b, os.Chmod(b.path("two/d/a"), 0o600)) }, true},
		"owner":                       {func(b *bench) { check(b, os.Chown(b.path("two/d/a"), 7, 7)) }, true},
		"one more link":               {func(b *bench) { check(b, os.Link(b.path("two/d/a"), b.path("link"))) }, false},
		"old release removed":         {func(b *bench) { check(b, os.RemoveAll(b.path("one"))) }, false},
		"removed":                     {func(b *bench) { check(b, os.Remove(b.path("two/d/a"))) }, false},
		"directory removed":           {func(b *bench) { check(b, os.RemoveAll(b.path("two/d"))) }, false},
		"replaced": {func(b *bench) {
			check(b, os.WriteFile(b.path("two/d/a~"), []byte("something else"), 0o600))
			check(b, os.Rename(b.path("two/d/a~"), b.path("two/d/a")))
		}, false},
		"not linked, overwritten": {overwrite("two/new", "whatever", false), false},
	} {
		t.Run(name, func(t *testing.T) {
			b := benchFor(t, same("one/d/a"), same("one/b"))
			b.install()
			b.pack(same("two/d/a"), same("two/b"), file("two/new"))
			b.install()
			one.act(b)
			err := unpack{}.Verify(t.Context(), b.run, b.arguments, b.memo)
			if found := fault.As(err); one.bad != (found != nil && found.Code == "linked-file-changed") {
				t.Fatal(err)
			}
			if one.bad && !strings.Contains(err.Error(), "d/a") {
				t.Errorf("the file is not named: %v", err)
			}
			check(t, os.Remove(b.path("current")))
			b.lines = nil
			check(t, b.undo())
			if told := strings.Contains(strings.Join(b.lines, "\n"), "stays changed"); told != one.bad {
				t.Errorf("the undo told: %q", b.lines)
			}
		})
	}
}

// TestChangingUnderway: a running release whose file changes while it is compared never gets its content into
// the new one.
func TestChangingUnderway(t *testing.T) {
	large := strings.Repeat("0123456789abcdef", 3*blockSize/16)
	for name, one := range map[string]struct {
		content string
		change  func(path string) error
		code    string
	}{
		"written to, then a difference": {large[:len(large)-1] + "!", func(path string) error {
			file, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = file.WriteAt([]byte("X"), 0)
			return errors.Join(err, file.Close())
		}, "release-changing"},
		"cut, then a difference": {large[:len(large)-1] + "!", func(path string) error { return os.Truncate(path, 10) }, "release-changing"},
		"replaced": {large, func(path string) error {
			return errors.Join(os.WriteFile(path+"~", []byte("another"), 0o644), os.Rename(path+"~", path))
		}, ""},
		"removed": {large, os.Remove, ""},
	} {
		t.Run(name, func(t *testing.T) {
			base := t.TempDir()
			old, is := filepath.Join(base, "old"), filepath.Join(base, "is")
			_, err := extractInto(t, bytes.NewReader(archiveOf(t, item{name: "fw/a", content: large})), old, lax())
			check(t, err)
			handle, err := os.Open(old)
			check(t, err)
			defer handle.Close()
			shares, err := newSharedList(filepath.Join(base, "linked"))
			check(t, err)
			defer shares.close()
			blocks := 0
			made, err := extractInto(t, bytes.NewReader(archiveOf(t, item{name: "fw/a", content: one.content})), is, options{
				oneTop: true, limit: 1 << 30, beside: int(handle.Fd()), shares: shares, here: func() {
					if blocks++; blocks == 2 {
						check(t, one.change(filepath.Join(old, "a")))
					}
				},
			})
			if one.code != "" {
				if found := fault.As(err); found == nil || found.Code != one.code {
					t.Errorf("want %s, got %v", one.code, err)
				}
				return
			}
			check(t, err)
			if content, err := os.ReadFile(filepath.Join(is, "a")); err != nil || string(content) != one.content || made.linked != 0 {
				t.Errorf("%d bytes, %d linked, %v", len(content), made.linked, err)
			}
		})
	}
}
