package archive

import (
	"archive/tar"
	"archive/zip"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
)

// longestZipDirectory bounds the memory for the directory at the end of a zip archive, which is read whole: 100,000 files
// and more fit in.
const longestZipDirectory = 16 << 20

// Who made an entry decides what its attributes mean: APPNOTE.TXT 4.4.2.
const (
	madeByUnix  = 3
	madeByMacOS = 19
)

// zipEntries reads a zip archive (PKWARE's APPNOTE.TXT, with the extra fields of Info-ZIP) in the order of its directory, and
// gives its entries the form of those of a tar. The directory alone counts; what the local headers repeat is not looked at.
type zipEntries struct {
	files   []*zip.File
	content *zipContent
}

// zipContent is that of one entry, opened when it is first read.
type zipContent struct {
	file   *zip.File
	opened io.ReadCloser
	// reader is opened, with its panics as errors.
	reader io.Reader
}

func (c *zipContent) Read(into []byte) (int, error) {
	if c.opened == nil {
		opened, err := openInZip(c.file)
		if err != nil {
			return 0, damaged(err)
		}
		c.opened, c.reader = opened, fault.Contained(zipLibrary, opened)
	}
	return c.reader.Read(into)
}

func openInZip(file *zip.File) (opened io.ReadCloser, err error) {
	defer fault.Contain(zipLibrary, &err)
	return file.Open()
}

func (c *zipContent) close() (err error) {
	if c.opened == nil {
		return nil
	}
	defer fault.Contain(zipLibrary, &err)
	return c.opened.Close()
}

// entriesOfZip reads the directory.
func entriesOfZip(source io.ReaderAt, size int64) (*zipEntries, error) {
	bounded := &boundedAt{source: source, left: longestZipDirectory}
	reader, err := directoryOfZip(bounded, size)
	if err != nil {
		return nil, damaged(err)
	}
	bounded.left = math.MaxInt64
	// The end record is the last thing in the file.
	var mark [4]byte
	if _, err := source.ReadAt(mark[:], max(0, size-22-int64(len(reader.Comment)))); err != nil {
		return nil, damaged(err)
	}
	if string(mark[:]) != "PK\x05\x06" {
		return nil, trailing()
	}
	return &zipEntries{files: reader.File}, nil
}

func directoryOfZip(source io.ReaderAt, size int64) (reader *zip.Reader, err error) {
	defer fault.Contain(zipLibrary, &err)
	return zip.NewReader(source, size)
}

// boundedAt ends with a fault when more is read than may be.
type boundedAt struct {
	source io.ReaderAt
	left   int64
}

func (b *boundedAt) ReadAt(into []byte, at int64) (int, error) {
	if b.left -= int64(len(into)); b.left < 0 {
		return 0, fault.New(fault.Failed, "archive-too-large", "the directory of the zip archive is longer than %d bytes", longestZipDirectory).
			WithHint("pack so many files as a tar: it needs no directory in memory")
	}
	return b.source.ReadAt(into, at)
}

func (z *zipEntries) next() (*tar.Header, io.Reader, error) {
	if err := z.finish(); err != nil {
		return nil, nil, err
	}
	if len(z.files) == 0 {
		return nil, nil, io.EOF
	}
	one := z.files[0]
	z.files[0], z.files = nil, z.files[1:]
	header, err := headerOfZip(one)
	if err != nil {
		return nil, nil, err
	}
	if header.Typeflag != tar.TypeReg && header.Typeflag != tar.TypeSymlink {
		return header, strings.NewReader(""), nil
	}
	z.content = &zipContent{file: one}
	if header.Typeflag == tar.TypeSymlink {
		err = z.target(header)
	}
	return header, z.content, err
}

// target reads where a symbolic link leads: that is its content.
func (z *zipEntries) target(header *tar.Header) error {
	text, err := io.ReadAll(io.LimitReader(z.content, longestPath+1))
	if err != nil {
		return damaged(err)
	}
	header.Linkname, header.Size = string(text), 0
	if len(text) > longestPath {
		return refuse(header, "archive-link", "it is a symbolic link without a proper target")
	}
	return nil
}

// finish makes sure that the entry before was of the size and had the checksum that the directory has for it: the library
// tells at the end of the content. What was passed over is not read.
func (z *zipEntries) finish() error {
	content := z.content
	z.content = nil
	if content == nil || content.opened == nil && content.file.UncompressedSize64 > 0 {
		return nil
	}
	var more [1]byte
	n, err := io.ReadFull(content, more[:])
	_ = content.close() // nothing is written by it
	if n > 0 {
		return damaged(zip.ErrFormat)
	}
	if !errors.Is(err, io.EOF) {
		return damaged(err)
	}
	return nil
}

// headerOfZip gives an entry of the directory the form of a tar's.
func headerOfZip(one *zip.File) (*tar.Header, error) {
	header := &tar.Header{Name: one.Name, Typeflag: tar.TypeReg, ModTime: one.Modified, Mode: 0o644}
	const encrypted = 1 | 1<<6 | 1<<13
	switch {
	case one.Flags&encrypted != 0:
		return nil, refuse(header, "archive-encrypted", "it is encrypted").WithHint("encrypt the package as a whole: gwe pack --encrypt-for")
	case one.Method != zip.Store && one.Method != zip.Deflate:
		return nil, refuse(header, "archive-method", "it is compressed by the method %d, which gwe does not have", one.Method).
			WithHint("pack it with deflate (zip -Z deflate), or as a tar")
	case one.UncompressedSize64 > math.MaxInt64:
		return nil, damaged(zip.ErrFormat)
	}
	header.Size = int64(one.UncompressedSize64)
	if strings.HasSuffix(one.Name, "/") {
		header.Typeflag, header.Mode = tar.TypeDir, 0o755
	}
	if maker := one.CreatorVersion >> 8; maker == madeByUnix || maker == madeByMacOS {
		if err := unixAttributes(header, one.ExternalAttrs>>16); err != nil {
			return nil, err
		}
	} else if strings.Contains(one.Name, `\`) {
		return nil, refuse(header, "archive-name", "its path has backslashes, which are part of a name here").
			WithHint("pack it with a program that writes slashes, as the format demands")
	}
	if header.Typeflag == tar.TypeDir && header.Size > 0 {
		return nil, refuse(header, "archive-entry-type", "it is a folder with a content")
	}
	header.Uid, header.Gid = ownerInZip(one.Extra)
	return header, nil
}

// unixAttributes takes over the mode as stat(2) has it; one that is all zero was not given.
func unixAttributes(header *tar.Header, mode uint32) error {
	if mode == 0 {
		return nil
	}
	header.Mode = int64(mode & 0o7777)
	switch mode & unix.S_IFMT {
	case unix.S_IFDIR:
		header.Typeflag = tar.TypeDir
	case unix.S_IFLNK:
		header.Typeflag = tar.TypeSymlink
	case unix.S_IFREG, 0:
		// A name with a slash at the end stays that of a folder; a file of that name is refused with the other names.
		if mode&unix.S_IFMT != 0 {
			header.Typeflag = tar.TypeReg
		}
	default:
		return refuse(header, "archive-entry-type", "it is a device, a FIFO or a socket").
			WithHint("make such files in a hook of the release")
	}
	return nil
}

// ownerInZip reads Info-ZIP's extra field "ux": version 1, then user and group with their lengths. Without one, root owns it.
func ownerInZip(extra []byte) (uid, gid int) {
	const newUnix = 0x7875
	for len(extra) >= 4 {
		kind, length := binary.LittleEndian.Uint16(extra), int(binary.LittleEndian.Uint16(extra[2:]))
		if extra = extra[4:]; length > len(extra) {
			return 0, 0
		}
		field := extra[:length]
		extra = extra[length:]
		if kind != newUnix || len(field) < 1 || field[0] != 1 {
			continue
		}
		user, rest, ok := numberInZip(field[1:])
		group, _, also := numberInZip(rest)
		if ok && also {
			return user, group
		}
	}
	return 0, 0
}

// numberInZip reads a length and a little-endian number of that many bytes.
func numberInZip(field []byte) (number int, rest []byte, ok bool) {
	if len(field) == 0 || field[0] > 4 || len(field) < 1+int(field[0]) {
		return 0, nil, false
	}
	length := int(field[0])
	var wide [8]byte
	copy(wide[:], field[1:1+length])
	return int(binary.LittleEndian.Uint64(wide[:])), field[1+length:], true
}
