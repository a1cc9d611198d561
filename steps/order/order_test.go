package order_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/steps/order"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// at is the record of a step in dir.
func at(dir, name string) order.Record {
	return order.In(&step.Run{ID: "run", Step: name, Machine: step.Local{}}, dir)
}

func mkdir(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		check(t, os.Mkdir(filepath.Join(dir, name), 0o755))
	}
}

// sorted lists the names from the oldest to the newest; those of one rank stand together.
func sorted(t *testing.T, dir string, names ...string) string {
	t.Helper()
	known, err := order.Read(step.Local{}, dir)
	check(t, err)
	slices.Sort(names)
	slices.SortStableFunc(names, func(a, b string) int {
		switch ra, rb := known.Rank(a), known.Rank(b); {
		case ra < rb:
			return -1
		case ra > rb:
			return 1
		}
		return 0
	})
	said := names[0]
	for i, name := range names[1:] {
		separator := " "
		if known.Rank(names[i]) == known.Rank(name) {
			separator = "="
		}
		said += separator + name
	}
	return said
}

// TestOrder: what is recorded counts; what was there before is older, and what was made by other means since
// is newer than the installation before it and older than the one after it.
func TestOrder(t *testing.T) {
	dir := t.TempDir()
	mkdir(t, dir, "old-b", "old-a")
	if got := sorted(t, dir, "old-a", "old-b"); got != "old-a=old-b" {
		t.Errorf("without a record: %s", got)
	}
	install := func(name string) {
		t.Helper()
		check(t, at(dir, name).Install(name))
		mkdir(t, dir, name)
	}
	install("z")
	install("y")
	mkdir(t, dir, "by-hand")
	all := []string{"old-a", "old-b", "z", "y", "by-hand"}
	if got := sorted(t, dir, all...); got != "old-a=old-b z y by-hand" {
		t.Errorf("one was made by hand: %s", got)
	}
	install("x")
	all = append(all, "x")
	if got := sorted(t, dir, all...); got != "old-a=old-b z y by-hand x" {
		t.Errorf("and one was installed: %s", got)
	}
	before := time.Unix(1e9, 5)
	check(t, os.Chtimes(filepath.Join(dir, order.Directory), before, before))
	again := at(dir, "again")
	check(t, again.Install("z"))
	if got := sorted(t, dir, all...); got != "old-a=old-b y by-hand x z" {
		t.Errorf("one was installed again: %s", got)
	}
	defer func() {
		if info, err := os.Stat(filepath.Join(dir, order.Directory)); err != nil || !info.ModTime().Equal(before) {
			t.Errorf("the undo leaves the record as of %v, not %v: %v", info.ModTime(), before, err)
		}
	}()
	check(t, again.Undo())
	check(t, again.Undo())
	if got := sorted(t, dir, all...); got != "old-a=old-b z y by-hand x" {
		t.Errorf("and that was undone: %s", got)
	}
}

// TestUndoInAnyOrder: each undo takes its own part away, and the last one the record, where it made that.
func TestUndoInAnyOrder(t *testing.T) {
	dir := t.TempDir()
	one, two := at(dir, "one"), at(dir, "two")
	check(t, one.Install("a"))
	check(t, two.Install("b"))
	check(t, one.Undo())
	if got := sorted(t, dir, "a", "b"); got != "b a" {
		t.Errorf("after one undo: %s", got)
	}
	check(t, two.Undo())
	if _, err := os.Lstat(filepath.Join(dir, order.Directory)); !os.IsNotExist(err) {
		t.Errorf("the record is left: %v", err)
	}
	check(t, at(filepath.Join(dir, "gone"), "one").Undo())
	check(t, order.Record{}.Undo())
	check(t, order.Record{}.Install("a"))
}

func TestBad(t *testing.T) {
	dir := t.TempDir()
	bad := func() string {
		known, err := order.Read(step.Local{}, dir)
		check(t, err)
		return fmt.Sprint(known.Bad("a"), known.Bad("b"))
	}
	mkdir(t, dir, "a", "b")
	leave := at(dir, "leave")
	check(t, leave.Leave("b", ""))
	if got := bad(); got != "false true" {
		t.Error(got)
	}
	choose := at(dir, "choose")
	check(t, choose.Leave("a", "b"))
	if got := bad(); got != "true false" {
		t.Error(got)
	}
	check(t, choose.Undo())
	check(t, at(dir, "install").Install("b"))
	if got := bad(); got != "false false" {
		t.Errorf("installed again: %s", got)
	}
	check(t, at(dir, "leave").Leave("b", ""))
	if got := bad(); got != "false true" {
		t.Errorf("left again by a step of the same name: %s", got)
	}
}

// TestDamaged: a file that cannot be understood is named and takes nothing else down, whatever it is.
func TestDamaged(t *testing.T) {
	dir := t.TempDir()
	mkdir(t, dir, "a", "b", "odd \xff\n\"name")
	check(t, at(dir, "one").Install("odd \xff\n\"name"))
	check(t, at(dir, "two").Install("b"))
	directory := filepath.Join(dir, order.Directory)
	for name, text := range map[string]string{
		"empty": "", "zeros": strings.Repeat("\x00", 40), "cut": "9 installed \"a\"", "cut-name": "9 installed \"a\n", "negative": "-1 installed \"a\"\n",
		"huge": "9223372036854775807 installed \"a\"\n", "unknown": "9 praised \"a\"\n", "half": "9 installed \"a\"\nx",
	} {
		check(t, os.WriteFile(filepath.Join(directory, name), []byte(text), 0o644))
	}
	check(t, syscall.Mkfifo(filepath.Join(directory, "fifo"), 0o644))
	check(t, os.Mkdir(filepath.Join(directory, "directory"), 0o755))
	check(t, os.Symlink("/dev/zero", filepath.Join(directory, "link")))
	known, err := order.Read(step.Local{}, dir)
	check(t, err)
	if len(known.Damaged) != 11 {
		t.Errorf("damaged are %d: %q", len(known.Damaged), known.Damaged)
	}
	if got := sorted(t, dir, "a", "b", "odd \xff\n\"name"); got != "a odd \xff\n\"name b" {
		t.Errorf("%q", got)
	}
	check(t, at(dir, "three").Install("a"))
	if got := sorted(t, dir, "a", "b"); got != "b a" {
		t.Error(got)
	}
}

// TestNoWayOut: a record that is a link out of the directory is not written to.
func TestNoWayOut(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	check(t, os.Symlink(elsewhere, filepath.Join(dir, order.Directory)))
	if err := at(dir, "one").Install("a"); err == nil {
		t.Error("it was followed")
	}
	if entries, _ := os.ReadDir(elsewhere); len(entries) > 0 {
		t.Errorf("%v", entries)
	}
}

// TestForget: what is recorded of releases that are gone goes, and the order of the others stays.
func TestForget(t *testing.T) {
	dir := t.TempDir()
	mkdir(t, dir, "hand")
	for _, name := range []string{"a", "b", "c"} {
		check(t, at(dir, name).Install(name))
		mkdir(t, dir, name)
	}
	check(t, at(dir, "leave").Leave("a", ""))
	check(t, os.Remove(filepath.Join(dir, "a")))
	opened, err := openat.Open(dir)
	check(t, err)
	defer opened.Close()
	order.Forget(opened, []string{"a", "b"})
	order.Forget(opened, []string{"a"})
	entries, err := os.ReadDir(filepath.Join(dir, order.Directory))
	check(t, err)
	if len(entries) != 2 {
		t.Errorf("%d files are left", len(entries))
	}
	if got := sorted(t, dir, "hand", "b", "c"); got != "hand b c" {
		t.Error(got)
	}
}
