package transfer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/regular"
)

// shared lists the files that are one with those of link-dest, as they were: what is written to them in place
// changes both trees, and no undo can restore that.
type shared struct {
	path string
	// file and buffer are nil before the first entry: most lists have none, and no file.
	file   *os.File
	buffer *bufio.Writer
}

const (
	sharedName = "shared"
	// mostTold is how many files are named in the log.
	mostTold = 20
)

// newShared begins a list anew: one of an attempt before is removed.
func newShared(directory string) (*shared, error) {
	s := &shared{path: filepath.Join(directory, sharedName)}
	if err := unix.Unlink(s.path); err != nil && !errors.Is(err, unix.ENOENT) {
		return nil, explain(&fs.PathError{Op: "remove", Path: s.path, Err: err}, "cannot write the list of shared files")
	}
	return s, nil
}

func (s *shared) open() (err error) {
	if s.file == nil {
		if s.file, err = regular.Open(s.path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600); err == nil {
			s.buffer = bufio.NewWriterSize(s.file, 16<<10)
		}
	}
	return err
}

func (s *shared) note(way string, status *unix.Stat_t) error {
	if !isRegular(status) {
		return nil
	}
	err := s.open()
	if err == nil {
		_, err = s.buffer.WriteString(strconv.Quote(way) + "\t" + state(status) + "\n")
	}
	return explain(err, "cannot write the list of shared files")
}

// seal writes the list to its end.
func (s *shared) seal() error {
	if s.file == nil {
		return nil
	}
	return explain(s.buffer.Flush(), "cannot write the list of shared files")
}

func (s *shared) close() {
	if s.file != nil {
		_ = s.file.Close()
	}
}

// state is what changes when a file is written to in place; the inode reports whether it was replaced
// instead.
func state(status *unix.Stat_t) string {
	return fmt.Sprintf("%d %d %d %d", status.Ino, status.Size, status.Mtim.Sec, status.Mtim.Nsec)
}

// verifyShared fails where a shared file of the target was written to in place.
func verifyShared(ctx context.Context, s *site) error {
	file, err := regular.Open(filepath.Join(s.run.Directory, sharedName), os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return explain(err, "cannot read the list of shared files")
	}
	defer file.Close()
	if s.target == nil {
		return nil // all of it was removed: the other tree keeps its files
	}
	at, err := newMover(s)
	if err != nil {
		return explain(err, "cannot open the target %s", s.m.Target)
	}
	defer at.close()
	changed, count := "", 0
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if err := ctx.Err(); err != nil {
			return err
		}
		quoted, was, _ := strings.Cut(lines.Text(), "\t")
		way, err := strconv.Unquote(quoted)
		if err != nil {
			return explain(err, "cannot read the list of shared files")
		}
		status, err := at.look(way)
		if err != nil || status == nil {
			continue // removed or replaced: the other tree keeps its file
		}
		inode, _, _ := strings.Cut(was, " ")
		if is := state(status); is == was || !strings.HasPrefix(is, inode+" ") {
			continue
		}
		if count++; count == 1 {
			changed = way
		}
		if count <= mostTold {
			s.run.Log.Warn(fmt.Sprintf("%q was written to in place: it has changed in link-dest too", way))
		}
	}
	if err := lines.Err(); err != nil || count == 0 {
		return explain(err, "cannot read the list of shared files")
	}
	return fault.New(fault.Failed, "linked-file-changed",
		"%q was written to in place after it had been linked, and %d more such files: the tree of link-dest has changed with it, which undo cannot restore",
		changed, count-1).WithHint("see that hooks replace files instead of writing to them, or leave link-dest out")
}
