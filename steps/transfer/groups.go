package transfer

import (
	"encoding/binary"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/regular"
)

// groups remembers where the first name of each file with several names has gone, so that the others become
// links of it. Of 200,000 such files the map keeps numbers alone; the paths lie in a file of the frame's
// directory.
type groups struct {
	// known maps device and inode to an offset in the file; in a plan, which writes no file, to the inode in
	// the target.
	known map[uint64]map[uint64]int64
	// path is that of the file, which is made when there is much to write; "" in a plan.
	path string
	file *os.File
	// pending are the last records, from the offset flushed on.
	pending []byte
	flushed int64
}

// settled is where a file has gone: a path in the target, where it was already, or one in the hidden
// directory.
type settled struct {
	staged bool
	way    string
	// inode is that in the target, 0 for a staged one.
	inode uint64
}

const groupsName = "links.draft"

// newGroups writes into a directory; "" is for a plan.
func newGroups(directory string) *groups {
	g := &groups{known: map[uint64]map[uint64]int64{}}
	if directory != "" {
		g.path = filepath.Join(directory, groupsName)
	}
	return g
}

// close removes the file: nothing asks for it after the walk.
func (g *groups) close() {
	if g.file != nil {
		_ = os.Remove(g.file.Name())
		_ = g.file.Close()
	}
}

// note is told where the first name of a file has gone.
func (g *groups) note(status *unix.Stat_t, at settled) error {
	if status.Nlink < 2 {
		return nil
	}
	device := uint64(status.Dev)
	if g.known[device] == nil {
		g.known[device] = map[uint64]int64{}
	}
	if g.path == "" {
		g.known[device][status.Ino] = int64(at.inode)
		return nil
	}
	g.known[device][status.Ino] = g.flushed + int64(len(g.pending))
	g.pending = binary.LittleEndian.AppendUint64(g.pending, at.inode)
	g.pending = binary.LittleEndian.AppendUint32(g.pending, uint32(len(at.way)))
	g.pending = append(g.pending, at.way...)
	if len(g.pending) < 32<<10 {
		return nil
	}
	err := g.open()
	if err == nil {
		_, err = g.file.WriteAt(g.pending, g.flushed)
	}
	if err != nil {
		return explain(err, "cannot write the list of links")
	}
	g.flushed += int64(len(g.pending))
	g.pending = g.pending[:0]
	return nil
}

func (g *groups) open() (err error) {
	if g.file == nil {
		g.file, err = regular.Open(g.path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	}
	return err
}

// find tells where another name of the same file has gone.
func (g *groups) find(status *unix.Stat_t) (at settled, known bool, err error) {
	if status.Nlink < 2 {
		return at, false, nil
	}
	offset, known := g.known[uint64(status.Dev)][status.Ino]
	if !known {
		return at, false, nil
	}
	if g.path == "" {
		return settled{inode: uint64(offset), staged: offset == 0}, true, nil
	}
	var head [12]byte
	if err := g.read(head[:], offset); err != nil {
		return at, false, err
	}
	way := make([]byte, binary.LittleEndian.Uint32(head[8:]))
	if err := g.read(way, offset+int64(len(head))); err != nil {
		return at, false, err
	}
	inode := binary.LittleEndian.Uint64(head[:])
	return settled{inode: inode, staged: inode == 0, way: string(way)}, true, nil
}

func (g *groups) read(into []byte, offset int64) error {
	if offset >= g.flushed {
		copy(into, g.pending[offset-g.flushed:])
		return nil
	}
	_, err := g.file.ReadAt(into, offset)
	return explain(err, "cannot read the list of links")
}
