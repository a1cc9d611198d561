package archive

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"hash"
	"io"
	"iter"
	"strings"

	"github.com/gwe-project/gwe/bundle"
	"github.com/gwe-project/gwe/bundle/index"
	"github.com/gwe-project/gwe/engine/fault"
)

// indexed is a package that is read by its index.
type indexed struct {
	*bundle.Indexed
	position int64
}

func (i *indexed) Size() int64     { return i.Length }
func (i *indexed) Position() int64 { return i.position }

// open gives the entries. With no running release all frames of what is selected are needed, in their order.
func (i *indexed) open(ctx context.Context, wanted options) (archive entries, done func(), err error) {
	if wanted.beside < 0 && wanted.strip == 0 {
		needed := make([]bool, len(i.Frames))
		x := &extraction{options: wanted}
		err := x.eachFile(ctx, i.Indexed, func(_ entry, one index.Entry) error {
			for frame, end := i.Holding(one.At, one.Size); frame < end; frame++ {
				needed[frame] = true
			}
			return nil
		})
		if err == nil {
			err = i.ReadAhead(needed, false)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	following, stop := iter.Pull(i.Entries())
	return &indexEntries{origin: i, following: following, number: -1, frame: -1}, stop, nil
}

// indexEntries gives the entries of an index, as those of the tar that it describes.
type indexEntries struct {
	origin    *indexed
	following func() (index.Entry, bool)
	// number is that of the present entry.
	number int
	// frame is the number of the decoded frame, -1 for none.
	frame   int
	decoded []byte
	// old is memory for a part of the running release's file.
	old []byte
}

func (x *indexEntries) next() (*tar.Header, io.Reader, error) {
	e, more := x.following()
	if !more {
		return nil, nil, io.EOF
	}
	x.number++
	header := headerOf(x.origin.Name, e)
	if e.Kind != index.File {
		return header, strings.NewReader(""), nil
	}
	first, end := x.origin.Holding(e.At, e.Size)
	if first < end {
		x.origin.position = x.origin.Frames[first].Offset
	}
	return header, &indexContent{from: x, entry: e, number: x.number, frame: first, sum: sha256.New()}, nil
}

// headerOf is an entry of the index as a header of the tar.
func headerOf(top string, e index.Entry) *tar.Header {
	header := &tar.Header{
		Name: top + "/" + e.Path, Mode: int64(e.Mode), Uid: int(e.UID), Gid: int(e.GID), ModTime: e.Modified(),
		Size: e.Size, Linkname: e.Target, Format: tar.FormatPAX,
	}
	switch e.Kind {
	case index.Directory:
		header.Typeflag, header.Name = tar.TypeDir, strings.TrimSuffix(header.Name, "/")+"/"
	case index.File:
		header.Typeflag = tar.TypeReg
	case index.Symlink:
		header.Typeflag = tar.TypeSymlink
	case index.HardLink:
		header.Typeflag, header.Linkname = tar.TypeLink, top+"/"+e.Target
	}
	for _, one := range e.Attributes {
		if header.PAXRecords == nil {
			header.PAXRecords = map[string]string{}
		}
		header.PAXRecords[extendedPrefix+extendedRecord.Replace(one.Name)] = one.Value
	}
	return header
}

// read gives a decoded frame, which is valid until the next call.
func (x *indexEntries) read(number int) ([]byte, error) {
	if x.frame == number {
		return x.decoded, nil
	}
	x.frame = -1
	decoded, err := x.origin.ReadFrame(number)
	if err != nil {
		return nil, err
	}
	one := x.origin.Frames[number]
	x.frame, x.decoded, x.origin.position = number, decoded, one.Offset+one.Length
	return decoded, nil
}

// indexContent is the content of a file, as far as it is read. It comes from the frames of the package, and,
// where parts of the running release's file have the digest of a frame, from that file. Nothing is read of
// either before the first byte is asked for.
type indexContent struct {
	from   *indexEntries
	entry  index.Entry
	number int
	// frame is the next one, at is how much of the content was handed out, and rest is what of the last frame
	// was not.
	frame int
	at    int64
	rest  []byte
	sum   hash.Hash
	// old is the running release's file, and parts are the places in it of what a frame may be; nil is none.
	old   int
	parts map[index.Digest]part
}

// part is a range of a file.
type part struct{ at, size int64 }

func (c *indexContent) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		if c.at == c.entry.Size {
			return 0, io.EOF
		}
		if err := c.advance(); err != nil {
			return 0, err
		}
	}
	n := copy(p, c.rest)
	c.sum.Write(c.rest[:n])
	c.rest, c.at = c.rest[n:], c.at+int64(n)
	return n, nil
}

// advance reads the next frame, or what is the same in the running release.
func (c *indexContent) advance() error {
	one := c.from.origin.Frames[c.frame]
	if place, has := c.has(one); has {
		if content := c.oldPart(place, one.Sum); content != nil {
			c.rest = content
			c.frame++
			return nil
		}
	}
	decoded, err := c.from.read(c.frame)
	if err != nil {
		return err
	}
	c.rest = decoded[max(0, c.entry.At+c.at-one.At):min(one.Size, c.entry.At+c.entry.Size-one.At)]
	c.frame++
	return nil
}

// has reports where in the running release's file the content of a frame is, as far as look found it.
func (c *indexContent) has(one index.Frame) (place part, is bool) {
	place, is = c.parts[one.Sum]
	return place, is && place.size == one.Size && one.At >= c.entry.At && one.At+one.Size <= c.entry.At+c.entry.Size
}

// oldPart reads a part of the running release's file, and gives it if it still has its digest.
func (c *indexContent) oldPart(place part, sum index.Digest) []byte {
	if int64(cap(c.from.old)) < place.size {
		c.from.old = make([]byte, max(place.size, index.PartMost))
	}
	content := c.from.old[:place.size]
	if n, err := readAt(c.old, content, place.at); err != nil || n < len(content) || sha256.Sum256(content) != sum {
		return nil
	}
	return content
}

// check makes sure that all that was handed out is the content that the index names.
func (c *indexContent) check() error {
	if index.Digest(c.sum.Sum(nil)) == c.entry.Sum {
		return nil
	}
	return fault.New(fault.Refused, "index-file-digest", "the content of %q in the package does not have the digest that the index gives", c.entry.Path).
		WithHint("pack the package again with gwe pack")
}

// look finds in an open file of the running release what the content may be taken from: a small file if it is
// the content, a large one by its parts. What cannot be read is not used.
func (c *indexContent) look(ctx context.Context, handle int, size int64) error {
	c.old = handle
	if c.entry.Size < partedFile {
		if size != c.entry.Size || size == 0 {
			return nil
		}
		if content := c.oldPart(part{0, size}, c.entry.Sum); content != nil {
			c.rest = content
		}
		return nil
	}
	parts, cutter, sum, block := map[index.Digest]part{}, index.NewCutter(), sha256.New(), make([]byte, blockSize)
	var start, at int64
	ends := func() {
		parts[index.Digest(sum.Sum(nil))] = part{start, at - start}
		sum.Reset()
		start = at
	}
	for at < size {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := readAt(handle, block[:min(size-at, blockSize)], at)
		if err != nil || n == 0 {
			return nil
		}
		for rest := block[:n]; len(rest) > 0; {
			taken, cut := cutter.Next(rest)
			sum.Write(rest[:taken])
			rest, at = rest[taken:], at+int64(taken)
			if cut {
				ends()
			}
		}
	}
	ends()
	c.parts = parts
	return nil
}

// partedFile is from which length on gwe pack cuts a file into parts.
const partedFile = 1 << 20
