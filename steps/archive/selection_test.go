package archive

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine/fault"
)

// TestUnpackSelection: unpack takes what strip, include and exclude leave, below its top-level directory, and
// the package's own list of files to copy counts though it is not taken itself.
func TestUnpackSelection(t *testing.T) {
	files := func(top string) []item {
		return []item{{name: top + "/.gwe/copy", content: "*.db\n"}, {name: top + "/usr/"}, same(top + "/usr/a"), same(top + "/usr/a.db"), same(top + "/usr/b.map"), same(top + "/etc/c")}
	}
	b := benchFor(t, files("one")...)
	b.arguments.Strip, b.arguments.Include = 1, []string{"a*", "b.map"}
	b.install()
	if got := strings.Join(filesIn(t, b.path("one")), " "); got != ". a a.db b.map" {
		t.Errorf("stripped: %s", got)
	}
	b.pack(files("two")...)
	b.arguments.Include, b.arguments.Exclude = []string{"/a", "/a.db", "b*"}, []string{"*.map"}
	b.install()
	if got := strings.Join(filesIn(t, b.path("two")), " "); got != ". a a.db" {
		t.Errorf("selected: %s", got)
	}
	if !linked(t, b.path("one/a"), b.path("two/a")) || linked(t, b.path("one/a.db"), b.path("two/a.db")) {
		t.Error("the package's own list does not count where strip takes it off")
	}
	b.pack(files("three")...)
	b.arguments.Strip, b.arguments.Include, b.arguments.Exclude = 0, []string{"usr"}, []string{"*.map"}
	b.arguments.LinkDest = pathOf(b.path("two"))
	check(t, os.Mkdir(b.path("two/usr"), 0o755))
	for _, name := range []string{"a", "a.db"} {
		check(t, os.Link(b.path("two", name), b.path("two/usr", name)))
	}
	outputs, err := b.try(t.Context())
	check(t, err)
	if got := strings.Join(filesIn(t, b.path("three")), " "); got != ". usr usr/a usr/a.db" || outputs.Files != 2 {
		t.Errorf("included: %s, %d files", got, outputs.Files)
	}
	if !linked(t, b.path("two/usr/a"), b.path("three/usr/a")) || linked(t, b.path("two/usr/a.db"), b.path("three/usr/a.db")) {
		t.Error("the package's own list does not count where it is not included")
	}
	b.frame()
	b.arguments.Include = []string{"nothing"}
	if _, err := b.try(t.Context()); fault.As(err) == nil || fault.As(err).Code != "archive-empty" {
		t.Errorf("nothing is left: %v", err)
	}
}

// TestStripAgainstBothTars: strip takes off what --strip-components of GNU tar and of bsdtar take off, also
// where paths begin with "./" or have empty and dotted parts in them.
func TestStripAgainstBothTars(t *testing.T) {
	base := t.TempDir()
	for _, path := range []string{"fw/a", "fw/d/b", "fw/d/e/c", "top"} {
		check(t, os.MkdirAll(filepath.Join(base, "tree", filepath.Dir(path)), 0o755))
		check(t, os.WriteFile(filepath.Join(base, "tree", path), []byte(path), 0o644))
	}
	check(t, os.Link(filepath.Join(base, "tree/fw/a"), filepath.Join(base, "tree/fw/d/twin")))
	forms := map[string][]byte{
		"by hand":        rawArchive(plainRaw("./a/b/./c"), plainRaw("././d/e"), plainRaw("f/g")),
		"no directories": rawArchive(plainRaw("./fw/a"), plainRaw("./fw/b/c"), raw("./fw/z", '1', 0).put(157, "./fw/a").with("")),
	}
	for name, members := range map[string][]string{"dot": {"."}, "dot and name": {"./fw", "./top"}, "name": {"fw", "top"}} {
		archive := filepath.Join(base, "archive")
		command(t, "tar", append([]string{"-cf", archive, "-C", filepath.Join(base, "tree")}, members...)...)
		content, err := os.ReadFile(archive)
		check(t, err)
		forms[name] = content
	}
	_, err := extractInto(t, bytes.NewReader(rawArchive(plainRaw("a//b"))), filepath.Join(base, "empty part"), options{selection: selection{strip: 1}, limit: 1 << 20, beside: -1})
	if fault.As(err) == nil || fault.As(err).Code != "archive-ambiguous" {
		t.Errorf("an empty part, which programs count in different ways: %v", err)
	}
	for name, content := range forms {
		for strip := range 5 {
			where := t.TempDir()
			archive, is := filepath.Join(where, "archive"), filepath.Join(where, "is")
			check(t, os.WriteFile(archive, content, 0o644))
			_, err := runExtract(t, map[string]any{"archive": archive, "to": is, "strip": strip})
			found := fault.As(err)
			switch {
			case found != nil && found.Code == "archive-empty":
				check(t, os.Mkdir(is, 0o755))
			case found == nil || found.Code != "archive-hard-link":
				check(t, err)
			}
			hard := found != nil && found.Code == "archive-hard-link" // bsdtar leaves such a link out in silence
			for _, program := range []string{"tar", "bsdtar"} {
				want := filepath.Join(where, program)
				check(t, os.Mkdir(want, 0o755))
				extract := exec.Command(program, "-xpf", archive, "-C", want, fmt.Sprintf("--strip-components=%d", strip))
				if output, failed := extract.CombinedOutput(); (failed == nil) == hard && !(hard && program == "bsdtar") {
					t.Errorf("%s, strip %d: %s says %v %s, and gwe %v", name, strip, program, failed, output, err)
				}
				if hard {
					continue
				}
				if wanted, found := filesIn(t, want), filesIn(t, is); !slices.Equal(wanted, found) {
					t.Errorf("%s, strip %d: %s has %q, and gwe %q", name, strip, program, wanted, found)
				}
			}
		}
	}
}
