package index

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
)

// Builder collects the entries of an index, in the order of their paths.
type Builder struct {
	entries []byte
	count   int
	tree    TreeSum
}

// Add takes the next entry.
func (b *Builder) Add(e Entry) {
	b.tree.Add(e)
	b.entries = e.append(b.entries)
	b.count++
}

// Encode returns the body of an index with the entries that were added. Its Tree, Tar and Content, and each
// frame's At and Offset, are set here.
func (b *Builder) Encode(x Index) []byte {
	x.entries, x.count = b.entries, b.count
	x.Tree = b.tree.Sum()
	x.Content, x.Tar = 0, 0
	for i := range x.Frames {
		x.Frames[i].Offset, x.Frames[i].At = x.Content, x.Tar
		x.Content += x.Frames[i].Length
		x.Tar += x.Frames[i].Size
	}
	return x.append(nil)
}

func (x *Index) append(to []byte) []byte {
	to = append(to, Tag...)
	to = appendText(to, x.Name)
	to = appendText(to, x.Product)
	to = appendText(to, x.Version)
	to = appendNumber(to, x.Content)
	to = append(to, x.Sum[:]...)
	to = appendNumber(to, x.Tar)
	to = append(to, x.Tree[:]...)
	to = appendNumber(to, int64(len(x.Frames)))
	for _, one := range x.Frames {
		to = appendNumber(to, one.Offset)
		to = appendNumber(to, one.Length)
		to = append(to, one.Digest[:]...)
		to = appendNumber(to, one.Size)
		to = append(to, one.Sum[:]...)
	}
	to = appendNumber(to, int64(x.count))
	return append(to, x.entries...)
}

func (e Entry) append(to []byte) []byte {
	to = e.appendStart(to)
	if e.Kind == File {
		to = appendNumber(to, e.Size)
		to = appendNumber(to, e.At)
		to = append(to, e.Sum[:]...)
	}
	return appendAttributes(e.appendEnd(to), e.Notes)
}

// appendTree appends what of an entry the digest of the tree covers: all but the content's place and the
// notes.
func (e Entry) appendTree(to []byte) []byte {
	to = e.appendStart(to)
	if e.Kind == File {
		to = appendNumber(to, e.Size)
		to = append(to, e.Sum[:]...)
	}
	return e.appendEnd(to)
}

func (e Entry) appendStart(to []byte) []byte {
	to = append(to, byte(e.Kind))
	to = appendText(to, e.Path)
	if e.Kind == HardLink {
		return to
	}
	to = appendNumber(to, int64(e.Mode))
	to = appendNumber(to, int64(e.UID))
	to = appendNumber(to, int64(e.GID))
	to = binary.AppendVarint(to, e.Seconds)
	return appendNumber(to, int64(e.Nanoseconds))
}

func (e Entry) appendEnd(to []byte) []byte {
	if e.Kind == Symlink || e.Kind == HardLink {
		to = appendText(to, e.Target)
	}
	if e.Kind == HardLink {
		return to
	}
	return appendAttributes(to, e.Attributes)
}

func appendAttributes(to []byte, all []Attribute) []byte {
	to = appendNumber(to, int64(len(all)))
	for _, one := range all {
		to = appendText(to, one.Name)
		to = appendText(to, one.Value)
	}
	return to
}

// appendNumber appends an unsigned LEB128 number.
func appendNumber(to []byte, number int64) []byte { return binary.AppendUvarint(to, uint64(number)) }

func appendText(to []byte, text string) []byte {
	return append(appendNumber(to, int64(len(text))), text...)
}

// TreeSum is the digest of a tree: the SHA-256 of its entries in the order of their paths, without the
// place of their content and without notes. A tree that was made by the index and one that was made by the
// tar have the same.
type TreeSum struct {
	hash   hash.Hash
	record []byte
}

// Add takes the next entry.
func (t *TreeSum) Add(e Entry) {
	if t.hash == nil {
		t.hash = sha256.New()
	}
	t.record = e.appendTree(t.record[:0])
	t.hash.Write(t.record)
}

// Sum is the digest of what was added.
func (t *TreeSum) Sum() (sum Digest) {
	if t.hash != nil {
		t.hash.Sum(sum[:0])
	}
	return sum
}
