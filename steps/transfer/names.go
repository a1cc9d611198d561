package transfer

import (
	"bytes"
	"encoding/binary"
	"iter"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
)

// names are those in a directory, sorted by bytes. They lie in few large pieces: 200,000 strings of their own
// would take more memory than everything else.
type names struct {
	pieces [][]byte
	// places tell for each name the piece, in the upper half, and where it starts there: with its length,
	// then its bytes.
	places []uint32
}

// pieceSize is the size of all pieces but the first, which is small as most directories are.
const (
	firstPieceSize = 1 << 10
	pieceSize      = 1 << 16
)

func (n *names) add(name []byte) {
	last := len(n.pieces) - 1
	if last < 0 || len(n.pieces[last])+1+len(name) > cap(n.pieces[last]) {
		size := pieceSize
		if last < 0 {
			size = firstPieceSize
		}
		n.pieces = append(n.pieces, make([]byte, 0, size))
		last++
	}
	piece := n.pieces[last]
	n.places = append(n.places, uint32(last)<<16|uint32(len(piece)))
	n.pieces[last] = append(append(piece, byte(len(name))), name...)
}

func (n *names) bytes(place uint32) []byte {
	piece := n.pieces[place>>16][place&0xffff:]
	return piece[1 : 1+int(piece[0])]
}

// first is the first name that is left, "" where none is.
func (n *names) first() string {
	if len(n.places) == 0 {
		return ""
	}
	return string(n.bytes(n.places[0]))
}

// drop takes the first name away.
func (n *names) drop() { n.places = n.places[1:] }

// all goes through the names that are left.
func (n *names) all() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, place := range n.places {
			if !yield(string(n.bytes(place))) {
				return
			}
		}
	}
}

// namesIn lists a freshly opened directory; none has no names.
func namesIn(directory int) (*names, error) {
	found := &names{}
	if directory == none {
		return found, nil
	}
	buffer := make([]byte, 32<<10)
	for {
		var size int
		err := durable.Repeat(func() (err error) { size, err = unix.ReadDirent(directory, buffer); return err })
		if err != nil {
			return nil, os.NewSyscallError("getdents", err)
		}
		if size <= 0 {
			break
		}
		found.parse(buffer[:size])
	}
	slices.SortFunc(found.places, func(a, b uint32) int { return bytes.Compare(found.bytes(a), found.bytes(b)) })
	return found, nil
}

// parse takes what getdents64 gives: inode and offset of 8 bytes each, the record's length of 2, the kind of
// 1, then the name up to a NUL.
func (n *names) parse(records []byte) {
	for len(records) > 0 {
		length := binary.NativeEndian.Uint16(records[16:])
		name, _, _ := bytes.Cut(records[19:length], []byte{0})
		if inode := binary.NativeEndian.Uint64(records); inode != 0 && string(name) != "." && string(name) != ".." {
			n.add(name)
		}
		records = records[length:]
	}
}
