package bundle

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/gwe-project/gwe/engine/fault"
)

// compressors are programs whose archives gwe does not read, by the first bytes of what they write.
var compressors = []struct{ magic, name string }{
	{"\x89LZO\x00\r\n\x1a\n", "lzop"}, {"\x04\x22\x4d\x18", "lz4"}, {"\x02\x21\x4c\x18", "lz4"}, {"LZIP", "lzip"}, {"LRZI", "lrzip"},
	{"\x5d\x00\x00", "lzma"}, {"\x1f\x9d", "compress"}, {"\x1f\x1e", "pack"}, {"\x1f\xa0", "an old lzh"},
}

// formats are what people take for an archive, or get instead of one.
var formats = []struct{ magic, name string }{
	{"7z\xbc\xaf\x27\x1c", "a 7z archive"}, {"Rar!\x1a\x07", "a RAR archive"}, {"070701", "a cpio archive"}, {"070702", "a cpio archive"},
	{"070707", "a cpio archive"}, {"\xc7\x71", "a cpio archive"}, {"!<arch>\ndebian-binary", "a Debian package"}, {"!<arch>\n", "an ar archive"},
	{"\xed\xab\xee\xdb", "an RPM package"}, {"MSCF", "a cabinet archive"}, {"hsqs", "a squashfs image"}, {"sqsh", "a squashfs image"},
	{"\x27\x05\x19\x56", "a U-Boot image"}, {"\xd0\x0d\xfe\xed", "a device tree or FIT image"}, {"\x7fELF", "a program (ELF)"},
	{"\x89PNG", "a PNG image"}, {"\xff\xd8\xff", "a JPEG image"}, {"GIF8", "a GIF image"}, {"%PDF-", "a PDF document"},
	{"SQLite format 3\x00", "an SQLite database"},
}

// contentOf says what a file is whose first bytes are not those of an archive that gwe reads, and what to do;
// "" is unknown.
func contentOf(start []byte) (what, hint string) {
	if len(start) == 0 {
		return "an empty file", "fetch it again: nothing of it has arrived"
	}
	for _, one := range compressors {
		if bytes.HasPrefix(start, []byte(one.magic)) {
			return "compressed with " + one.name, packHint
		}
	}
	for _, one := range formats {
		if bytes.HasPrefix(start, []byte(one.magic)) {
			return one.name, packHint
		}
	}
	if isArmoured(start) {
		return "an OpenPGP text", "name the package itself, not its key or its signature"
	}
	text := bytes.ToLower(bytes.TrimLeft(start[:min(len(start), 100)], " \t\r\n\ufeff"))
	for _, one := range []string{"<!doctype html", "<html", "<?xml"} {
		if bytes.HasPrefix(text, []byte(one)) {
			return "a page in HTML or XML", "fetch it again: a server or a proxy has sent a page of its own, an error or a login"
		}
	}
	switch {
	case bytes.HasPrefix(start, []byte("#!")):
		return "a script", packHint
	case isPlainText(start):
		return "a text", packHint
	case len(bytes.Trim(start, "\x00")) == 0:
		return "nothing but zeros where it begins", "fetch it again: a download that was broken off leaves such a file; an image of a disk is not an archive"
	}
	return "", packHint
}

const packHint = "make a package with gwe pack, or an archive with tar (--zstd, -z, -J or -j) or zip"

// isPlainText reports whether the bytes are UTF-8 without control characters; the last character may be cut.
func isPlainText(start []byte) bool {
	for len(start) > 0 {
		r, size := utf8.DecodeRune(start)
		if r == utf8.RuneError && size == 1 && utf8.FullRune(start) || r < ' ' && !strings.ContainsRune("\t\r\n\f", r) {
			return false
		}
		start = start[size:]
	}
	return true
}

// notAnArchive is the fault for a content that is not an archive that gwe reads.
func notAnArchive(start []byte) *fault.Fault {
	what, hint := contentOf(start)
	if what == "" {
		return refuse("package-not-an-archive", "it is not an archive that gwe reads: neither a tar, plain or compressed with zstd, gzip, xz or bzip2, nor a zip").
			WithHint("%s", hint)
	}
	return refuse("package-not-an-archive", "it is not an archive that gwe reads: it is %s", what).WithHint("%s", hint)
}

// Diagnose says more of a content that Decompress has found to be no archive, where the file itself shows it:
// a zip with something before it.
func (p *Pinned) Diagnose(err error) error {
	if found := fault.As(err); found == nil || found.Code != "package-not-an-archive" || p.framing != framingNone {
		return err
	}
	if zip := p.source.zipInside(); zip != nil {
		return zip
	}
	return err
}

// prefixedZip is the fault for a zip that begins later than the file; counted tells that its offsets count
// from there.
func prefixedZip(before int64, counted bool) *fault.Fault {
	found := refuse("package-not-an-archive", "it is a zip archive with %d bytes before it: a self-extracting one, or one that was padded", before)
	if counted {
		return found.WithHint("pack it again; or take them off: `tail -c +%d FILE >NEW.zip`, then try `unzip -t NEW.zip`", before+1)
	}
	return found.WithHint("pack it again; or take them off: `zip --junk-sfx FILE`, then try `unzip -t FILE`")
}

// zipInside looks for the end record of a zip in a file that does not begin as one does; nil is none.
func (p *Package) zipInside() *fault.Fault {
	const endRecord, comment = 22, 1<<16 - 1
	from := max(0, p.size-endRecord-comment-padding)
	tail := make([]byte, p.size-from)
	if n, err := p.file.ReadAt(tail, from); err != nil && !errors.Is(err, io.EOF) {
		return nil
	} else {
		tail = tail[:n]
	}
	for {
		at := bytes.LastIndex(tail, []byte("PK\x05\x06"))
		if at < 0 {
			return nil
		}
		if record := tail[at:]; len(record) >= endRecord {
			size, offset := int64(binary.LittleEndian.Uint32(record[12:])), int64(binary.LittleEndian.Uint32(record[16:]))
			var mark [4]byte
			directory := from + int64(at) - size
			if _, err := p.file.ReadAt(mark[:], max(0, directory)); err == nil && directory >= 0 && (string(mark[:]) == "PK\x01\x02" || size == 0) {
				if base := directory - offset; base > 0 {
					return prefixedZip(base, true)
				}
				if first := p.firstHeader(directory); first > 0 && directory == offset {
					return prefixedZip(first, false)
				}
				return refuse("package-not-an-archive", "it is the end of a zip archive: what comes before that is missing or damaged").
					WithHint("fetch it again, or pack it again")
			}
		}
		tail = tail[:at]
	}
}

// firstHeader is where the archive begins, -1 where nothing shows it, whose offsets count from the start of
// the file: at its first local header.
func (p *Package) firstHeader(directory int64) int64 {
	start := make([]byte, min(directory, 1<<20))
	n, _ := p.file.ReadAt(start, 0)
	return int64(bytes.Index(start[:n], []byte("PK\x03\x04")))
}

// padding is how much may follow a zip and still be told as one.
const padding = 64 << 10
