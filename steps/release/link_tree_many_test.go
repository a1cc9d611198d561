package release_test

import (
	"fmt"
	"io/fs"
	"os"
	"testing"

	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/steps/release"
)

// counting is a machine that counts how often it is asked.
type counting struct {
	step.Local
	asked int
}

func (c *counting) Lstat(path string) (fs.FileInfo, error)  { c.asked++; return c.Local.Lstat(path) }
func (c *counting) Stat(path string) (fs.FileInfo, error)   { c.asked++; return c.Local.Stat(path) }
func (c *counting) ReadLink(path string) (string, error)    { c.asked++; return c.Local.ReadLink(path) }
func (c *counting) Open(path string) (fs.File, error)       { c.asked++; return c.Local.Open(path) }
func (c *counting) ReadFile(path string) ([]byte, error)    { c.asked++; return c.Local.ReadFile(path) }
func (c *counting) ReadDir(p string) ([]fs.DirEntry, error) { c.asked++; return c.Local.ReadDir(p) }

// bytesRead is how many bytes this process has read by now, of anything.
func bytesRead(t *testing.T) (count int) {
	text, err := os.ReadFile("/proc/self/io")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscanf(string(text), "rchar: %d", &count); err != nil {
		t.Fatal(err)
	}
	return count
}

// TestLinkTreeOfMany: ten times the files are ten times the work, there, there again and back, with a list of
// changes that is longer than what is read of it at once.
func TestLinkTreeOfMany(t *testing.T) {
	work := func(files int) (asked []int) {
		root := t.TempDir()
		entries := map[string]string{}
		for i := range files {
			entries[fmt.Sprintf("new/root/usr/share/folder-%d/file-%d", i/20, i)] = ""
		}
		arguments := linked(t, root, entries, nil)
		machine := &counting{}
		done := func() {
			asked = append(asked, machine.asked)
			machine.asked = 0
		}
		run := runOf(t)
		run.Machine = machine
		outputs, memo, err := act(t, release.LinkTree(), run, arguments)
		if err != nil || outputs["made"] != files {
			t.Fatalf("%v, %v", outputs, err)
		}
		done()
		again := runOf(t)
		again.Machine = machine
		if outputs, _, err := act(t, release.LinkTree(), again, arguments); err != nil || outputs["unchanged"] != files || outputs["made"] != 0 {
			t.Fatalf("again: %v, %v", outputs, err)
		}
		done()
		before := bytesRead(t)
		if err := release.LinkTree().Undo(t.Context(), run, arguments, memo); err != nil {
			t.Fatal(err)
		}
		if machine.asked > 0 {
			t.Errorf("undo asks the machine by path, %d times", machine.asked)
		}
		asked = append(asked, bytesRead(t)-before) // the undo acts on descriptors alone
		if left, err := os.ReadDir(root + "/into"); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
		return asked
	}
	few, many := work(200), work(2000)
	for i, what := range []string{"the first time", "again", "undo"} {
		limit := 10 * few[i]
		if i == 2 {
			limit += few[i] / 5 // names and numbers of changes have one digit more: two hundredths of what is read
		}
		if few[i] == 0 || many[i] > limit {
			t.Errorf("%s: %d for 200 files, and %d for 2,000: how often the machine is asked, or what an undo reads", what, few[i], many[i])
		}
	}
}
