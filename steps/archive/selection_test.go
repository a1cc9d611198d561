package archive

import (
	"os"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine/fault"
)

// TestUnpackSelection: unpack takes what strip, include and exclude leave, below its top-level folder, and the package's own
// list of files to copy counts though it is not taken itself.
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
