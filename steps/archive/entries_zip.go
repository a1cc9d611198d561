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

// longestZipDirectory bounds the memory for the directory at the end of a zip archive, which is read whole:
// 100,000 files and more fit in.
const longestZipDirectory = 16 << 20

// zipEntries reads a zip archive (PKWARE's APPNOTE.TXT, with the extra fields of Info-ZIP) in the order of
// its directory, and gives its entries the form of those of a tar. The directory counts; of what the local
// headers have, owners are looked at, which old versions of Info-ZIP write nowhere else.
type zipEntries struct {
	source  *boundedAt
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
	return &zipEntries{source: bounded, files: reader.File}, nil
}

func directoryOfZip(source io.ReaderAt, size int64) (reader *zip.Reader, err error) {
	defer fault.Contain(zipLibrary, &err)
	return zip.NewReader(source, size)
}

// boundedAt ends with a fault when more is read than may be.
type boundedAt struct {
	source io.ReaderAt
	left   int64
	// at is where the last read began.
	at int64
}

func (b *boundedAt) ReadAt(into []byte, at int64) (int, error) {
	b.at = at
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
	header, err := z.header(one)
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

// finish makes sure that the entry before was of the size and had the checksum that the directory has for it:
// the library tells at the end of the content. What was passed over is not read.
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

// header gives an entry of the directory the form of a tar's.
func (z *zipEntries) header(one *zip.File) (*tar.Header, error) {
	fields := fieldsOf(one.Extra)
	header := &tar.Header{Name: nameInZip(one, fields), Typeflag: tar.TypeReg, ModTime: one.Modified}
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
	isDirectory := strings.HasSuffix(header.Name, "/")
	if isDirectory {
		header.Typeflag = tar.TypeDir
	}
	header.Mode = modeOfDOS(one, isDirectory)
	if isUnix(one) {
		if err := unixAttributes(header, one.ExternalAttrs>>16); err != nil {
			return nil, err
		}
	} else if strings.Contains(header.Name, `\`) {
		return nil, refuse(header, "archive-name", "its path has backslashes, which are part of a name here").
			WithHint("pack it with a program that writes slashes, as the format demands")
	}
	if header.Typeflag == tar.TypeDir && header.Size > 0 {
		return nil, refuse(header, "archive-entry-type", "it is a directory with a content")
	}
	owner, err := z.owner(one, fields)
	header.Uid, header.Gid = owner.user, owner.group
	return header, err
}

// owner gives the owners of an entry: from the directory, else from its local header. Without any, root owns
// it.
func (z *zipEntries) owner(one *zip.File, fields map[uint16][]byte) (owner, error) {
	found, ok := ownerIn(fields)
	if ok || !isUnix(one) && len(fields) == 0 {
		return found, nil
	}
	extra, err := z.localExtra(one)
	if err != nil {
		return owner{}, broken(err, 0)
	}
	found, _ = ownerIn(fieldsOf(extra))
	return found, nil
}

// localExtra reads the extra fields of the local header. The library does not tell where that lies, but reads
// it when it is asked where the content lies.
func (z *zipEntries) localExtra(one *zip.File) (extra []byte, err error) {
	defer fault.Contain(zipLibrary, &err)
	content, err := one.DataOffset()
	if err != nil {
		return nil, err
	}
	start := z.source.at
	var header [30]byte
	if _, err := z.source.ReadAt(header[:], start); err != nil {
		return nil, err
	}
	name, length := binary.LittleEndian.Uint16(header[26:]), binary.LittleEndian.Uint16(header[28:])
	if string(header[:4]) != "PK\x03\x04" || start+int64(len(header))+int64(name)+int64(length) != content {
		return nil, zip.ErrFormat
	}
	extra = make([]byte, length)
	_, err = z.source.ReadAt(extra, content-int64(length))
	return extra, err
}

// unixAttributes takes over the mode as stat(2) has it; where it is all zero none was given.
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
		// A name with a slash at the end stays that of a directory; a file of that name is refused with the
		// other names.
		if mode&unix.S_IFMT != 0 {
			header.Typeflag = tar.TypeReg
		}
	default:
		return refuse(header, "archive-entry-type", "it is a device, a FIFO or a socket").
			WithHint("make such files in a hook of the release")
	}
	return nil
}
