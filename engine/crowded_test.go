package engine_test

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/journal"
	"github.com/gwe-project/gwe/engine/need"
)

// crowded lets no file and no directory be made any more on a file system once the run turns back.
type crowded struct {
	journal.Writer
	t         *testing.T
	directory string
}

func (c *crowded) Append(kind string, data any) error {
	if kind == "unwind" {
		var now unix.Statfs_t
		if err := unix.Statfs(c.directory, &now); err != nil {
			c.t.Error(err)
		}
		if err := unix.Mount("", c.directory, "", unix.MS_REMOUNT, "nr_inodes="+strconv.FormatUint(now.Files-now.Ffree, 10)); err != nil {
			c.t.Error(err)
		}
	}
	return c.Writer.Append(kind, data)
}

// The way back needs no new file and no new directory in the state directory: what its steps work in was made
// on the way forward.
func TestTheWayBackFindsRoom(t *testing.T) {
	need.Root(t, "it mounts")
	b := newBench(t)
	directory := filepath.Join(b.directory, "crowded")
	if err := os.Mkdir(directory, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", directory, "tmpfs", 0, "size=4m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(directory, unix.MNT_DETACH) })
	b.engine.State.Directory = filepath.Join(directory, "state")
	b.engine.VolatileState = true // its file system stands for a full one
	b.engine.Journals = func(w journal.Writer) journal.Writer { return &crowded{w, t, directory} }
	b.wantStatus(b.run(`steps:
  - steps:
      - put: {path: D/a}
        undo: [{note: {file: D/notes, line: step}}]
    undo: [{note: {file: D/notes, line: group}}]
    finally: [{note: {file: D/notes, line: its finally}}]
  - put: {path: D/b, fail: [do]}
finally:
  - note: {file: D/notes, line: finally}
`), engine.StatusRestored, 3)
	b.wantFile("a", "-")
	b.wantFile("notes", "its finally\ngroup\nstep\nfinally\n")
}
