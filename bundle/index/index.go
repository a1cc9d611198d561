package index

import (
	"crypto/sha256"
	"iter"
	"time"

	"github.com/gwe-project/gwe/engine/fault"
)

// Tag begins the body of each index. It names the format and its version, so that a signature over
// something else never counts for an index.
const Tag = "gwe package index 1\n"

// The limits of the format. An index beyond one of them is refused with the code index-limit.
const (
	// BodyMaximum is the most bytes of an index without its signature.
	BodyMaximum = 64 << 20
	// EntriesMaximum and FramesMaximum are the most entries and frames.
	EntriesMaximum = 1 << 20
	FramesMaximum  = 1 << 20
	// FrameMaximum is the most bytes that a frame has, compressed as well as decoded.
	FrameMaximum = 8 << 20
	// NameMaximum is the most bytes of the package's name, product and version.
	NameMaximum = 200
	// PathMaximum is the most bytes of a path or of a link's target, PartMaximum those of a name in a path.
	// DepthMaximum is the most names in a path.
	PathMaximum  = 4095
	PartMaximum  = 255
	DepthMaximum = 199
	// AttributesMaximum is the most extended attributes of an entry, AttributeBytes the most bytes of their
	// values together.
	AttributesMaximum = 512
	AttributeBytes    = 512 << 10
	// NotesMaximum is the most notes of an entry, NoteMaximum the most bytes of one.
	NotesMaximum = 16
	NoteMaximum  = 256
	// TarMaximum is the most bytes of the tar and of the compressed content.
	TarMaximum = 1 << 50
)

// Digest is a SHA-256.
type Digest = [sha256.Size]byte

// Index describes a package.
type Index struct {
	// Name is the package's one top-level directory. Product and Version tell what it is a version
	// of, "" where the packer does not know.
	Name, Product, Version string
	// Content is the length of the frames together, Sum their SHA-256.
	Content int64
	Sum     Digest
	// Tar is the length of the tar that the frames decode to.
	Tar int64
	// Tree is the digest of the tree: see TreeSum.
	Tree Digest
	// Frames are in the order of their offsets: the first one begins at 0, and each one where the one before
	// ends.
	Frames []Frame

	// entries are encoded; count is their number.
	entries []byte
	count   int
}

// Frame is an independent zstd frame.
type Frame struct {
	// Offset and Length are its place in the content, Digest is the SHA-256 of these bytes.
	Offset, Length int64
	Digest         Digest
	// At and Size are the place in the tar of what it decodes to, and Sum is the SHA-256 of that. At follows
	// from the frames before.
	At, Size int64
	Sum      Digest
}

// Kind is the kind of an entry.
type Kind byte

// The kinds of entries.
const (
	Directory Kind = 'd'
	File      Kind = 'f'
	Symlink   Kind = 'l'
	HardLink  Kind = 'h'
)

// Entry is a name in the tree.
type Entry struct {
	Kind Kind
	// Path is relative to the top-level directory, whose own path is "".
	Path string
	// Mode are the twelve permission bits. A hard link has no Mode, UID, GID, Modified and Attributes of its
	// own.
	Mode     uint32
	UID, GID uint32
	// Seconds and Nanoseconds are the modification time since 1970.
	Seconds     int64
	Nanoseconds uint32
	// Size is a file's length, At the place of its content in the tar, 0 where Size is 0, and Sum the SHA-256
	// of the content.
	Size, At int64
	Sum      Digest
	// Target is a symbolic link's text, or the path of the file that a hard link is another name of.
	Target string
	// Attributes are extended attributes, sorted by name.
	Attributes []Attribute
	// Notes are for later versions of the format, sorted by name. A reader passes over those that it does not
	// know.
	Notes []Attribute
}

// Attribute is a name with a value.
type Attribute struct{ Name, Value string }

// Modified is the entry's modification time.
func (e Entry) Modified() time.Time { return time.Unix(e.Seconds, int64(e.Nanoseconds)) }

// Count is the number of entries.
func (x *Index) Count() int { return x.count }

// Entries are in the order of their paths, each directory before what lies in it.
func (x *Index) Entries() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		d := decoder{rest: x.entries}
		for range x.count {
			e := d.entry()
			if d.err != nil || !yield(e) { // Parse has read the same bytes without an error
				return
			}
		}
	}
}

// Holding returns the numbers of the frames that hold a range of the tar: first up to but not including
// end.
func (x *Index) Holding(at, size int64) (first, end int) {
	if size == 0 {
		return 0, 0
	}
	low, high := 0, len(x.Frames)
	for low < high {
		middle := (low + high) / 2
		if x.Frames[middle].At+x.Frames[middle].Size <= at {
			low = middle + 1
		} else {
			high = middle
		}
	}
	for end = low; end < len(x.Frames) && x.Frames[end].At < at+size; end++ {
	}
	return low, end
}

func refuse(code, format string, arguments ...any) *fault.Fault {
	return fault.New(fault.Refused, code, format, arguments...)
}

// Equal reports whether two entries are the same in all that the index says of them.
func (e Entry) Equal(other Entry) bool {
	return string(e.append(nil)) == string(other.append(nil))
}
