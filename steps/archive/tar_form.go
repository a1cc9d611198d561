package archive

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
)

const (
	tarBlock = 512
	// longestRecords is what archive/tar reads of the records or the long name of one entry; beyond, it
	// refuses the archive.
	longestRecords = 1 << 20
)

// tarForm reads a tar's blocks on their way to archive/tar, and refuses what programs read in different ways:
// whoever has looked at the archive with another program, GNU tar, bsdtar or a scanner, has seen the tree
// that gwe extracts, or gwe extracts nothing. No block reaches archive/tar before it was found good here.
type tarForm struct {
	source io.Reader
	// block is the header that is being read, filled so far; pass are bytes that follow and are nobody's
	// header.
	block  [tarBlock]byte
	filled int
	pass   int64
	// extension tells that a block of an old GNU sparse map comes next.
	extension bool
	// collects is the type of the header whose content is being collected, wanted its length.
	collects byte
	wanted   int
	content  []byte
	before   beforeEntry
	// link tells that the entry before was a hard link with a size in a POSIX archive: bsdtar looks whether a
	// header follows.
	link bool
	// headers counts those of entries and the global ones; pax tells that there were POSIX records; ended is
	// set at the end mark.
	headers int
	pax     bool
	ended   bool
}

// beforeEntry is what stands before the header of an entry.
type beforeEntry struct {
	records, longName, longLink bool
	// of are the records.
	of map[string]string
}

// Read passes the stream on.
func (f *tarForm) Read(into []byte) (int, error) {
	n, err := f.source.Read(into)
	if refused := f.take(into[:n]); refused != nil {
		return 0, refused
	}
	return n, err
}

// take looks at the next bytes.
func (f *tarForm) take(next []byte) error {
	for len(next) > 0 && !f.ended {
		switch {
		case len(f.content) < f.wanted:
			n := min(f.wanted-len(f.content), len(next))
			f.content, next = append(f.content, next[:n]...), next[n:]
			if len(f.content) == f.wanted {
				if err := f.collected(); err != nil {
					return err
				}
			}
		case f.pass > 0:
			n := min(f.pass, int64(len(next)))
			f.pass, next = f.pass-n, next[n:]
		default:
			n := copy(f.block[f.filled:], next)
			f.filled, next = f.filled+n, next[n:]
			if f.filled < tarBlock {
				return nil
			}
			f.filled = 0
			if err := f.header(); err != nil {
				return err
			}
		}
	}
	return nil
}

// field is a part of the header block.
func (f *tarForm) field(at, length int) []byte { return f.block[at : at+length] }

// header looks at a whole header block.
func (f *tarForm) header() error {
	const isExtendedAt, moreExtendedAt = 482, 504
	if f.extension {
		f.extension = f.block[moreExtendedAt] != 0
		return nil
	}
	if f.link {
		if f.link = false; string(f.field(257, 5)) != "ustar" {
			return f.ambiguous("a hard link before it has a size, and may have a content")
		}
	}
	if f.block == [tarBlock]byte{} {
		f.ended = true
		if f.before.any() {
			return f.ambiguous("its end comes after the records of an entry that is missing")
		}
		return nil
	}
	if !f.sound() {
		f.ended = true // archive/tar says so; if it does not, the headers are not as many
		return nil
	}
	size, err := f.numbers()
	if err != nil {
		return err
	}
	if err := f.names(); err != nil {
		return err
	}
	switch kind := f.block[156]; kind {
	case tar.TypeXHeader, tar.TypeXGlobalHeader, tar.TypeGNULongName, tar.TypeGNULongLink:
		return f.special(kind, size)
	default:
		f.headers++
		return f.entry(kind, size)
	}
}

// sound reports whether the checksum is right, over bytes with or without a sign.
func (f *tarForm) sound() bool {
	text, _, _ := strings.Cut(strings.Trim(string(f.field(148, 8)), " \x00"), "\x00")
	want, err := strconv.ParseInt(text, 8, 64)
	unsigned, signed := int64(0), int64(0)
	for at, b := range f.block {
		if at >= 148 && at < 156 {
			b = ' '
		}
		unsigned, signed = unsigned+int64(b), signed+int64(int8(b))
	}
	return err == nil && (want == unsigned || want == signed)
}

// padded is a length with the padding to the next block.
func padded(length int64) int64 { return (length + tarBlock - 1) / tarBlock * tarBlock }

// special begins what stands before an entry.
func (f *tarForm) special(kind byte, size int64) error {
	twice := false
	switch kind {
	case tar.TypeXHeader:
		twice, f.before.records, f.pax = f.before.records, true, true
	case tar.TypeGNULongName:
		twice, f.before.longName = f.before.longName, true
	case tar.TypeGNULongLink:
		twice, f.before.longLink = f.before.longLink, true
	case tar.TypeXGlobalHeader:
		if f.before.any() {
			return f.ambiguous("a global header stands between an entry and its records")
		}
		f.headers++
		f.pax = true
	}
	if twice {
		return f.ambiguous("an entry has two headers of the type %q", kind)
	}
	if size > longestRecords {
		f.pass = padded(size)
		return nil
	}
	f.collects, f.wanted, f.content, f.pass = kind, int(size), f.content[:0], padded(size)-size
	if size == 0 {
		return f.collected()
	}
	return nil
}

// collected looks at the content of what stands before an entry.
func (f *tarForm) collected() error {
	content := f.content
	f.wanted, f.content = 0, f.content[:0]
	switch f.collects {
	case tar.TypeXHeader:
		var err error
		f.before.of, err = f.records(content)
		return err
	case tar.TypeXGlobalHeader:
		_, err := f.records(content)
		return err
	}
	name, rest, _ := bytes.Cut(content, []byte{0})
	if len(name) == 0 || len(bytes.Trim(rest, "\x00")) > 0 {
		return f.ambiguous("a long name is empty, or has something after its end")
	}
	return nil
}

// entry looks at the header of an entry together with what stands before it.
func (f *tarForm) entry(kind byte, size int64) error {
	before := f.before
	f.before = beforeEntry{}
	_, hasPath := before.of["path"]
	_, hasSparsePath := before.of["GNU.sparse.name"]
	_, hasLink := before.of["linkpath"]
	given, hasSize := before.of["size"]
	if hasSize {
		var err error
		if size, err = strconv.ParseInt(given, 10, 64); err != nil {
			return damaged(tar.ErrHeader)
		}
	}
	switch {
	case before.longName && (hasPath || hasSparsePath), before.longLink && hasLink:
		return f.ambiguous("it has one name in POSIX's form, and one in GNU's")
	case before.of["SCHILY.realsize"] != "":
		return f.ambiguous("it is a sparse file in star's form")
	}
	if err := f.sparse(kind, before.of); err != nil {
		return err
	}
	switch kind {
	case tar.TypeLink, tar.TypeSymlink, tar.TypeChar, tar.TypeBlock, tar.TypeFifo, tar.TypeDir:
		// What follows is the next header for archive/tar. For bsdtar it is content, where records say so.
		if size > 0 && (hasSize || kind == tar.TypeLink && f.pax) {
			return f.ambiguous("it is not a file, and has a content of %d bytes", size)
		}
		f.link = size > 0 && kind == tar.TypeLink && string(f.field(257, 6)) == "ustar\x00"
		return nil
	case typeVolumeLabel:
		// For bsdtar the records belong to the entry after the label.
		if size > 0 || before.any() {
			return f.ambiguous("it is a volume label, and has a content or records")
		}
	case tar.TypeGNUSparse:
		f.extension = f.block[482] != 0
	}
	if f.pass = padded(size); f.pass < size {
		f.pass = math.MaxInt64 // no stream is that long
	}
	return nil
}

// sparse refuses records of sparse files that archive/tar would pass over, and others would not.
func (f *tarForm) sparse(kind byte, records map[string]string) error {
	any := false
	for key := range records {
		any = any || strings.HasPrefix(key, "GNU.sparse.")
	}
	if !any {
		return nil
	}
	_, hasMap := records["GNU.sparse.map"]
	_, hasOffset := records["GNU.sparse.offset"]
	size, hasSize := records["GNU.sparse.size"]
	real, hasReal := records["GNU.sparse.realsize"]
	version := records["GNU.sparse.major"] + "." + records["GNU.sparse.minor"]
	known := version == "1.0" || version == "0.0" || version == "0.1" || version == "." && (hasMap || hasOffset)
	if !known || kind == tar.TypeGNUSparse || hasSize && hasReal && size != real {
		return f.ambiguous("its records of a sparse file contradict each other, or are of no known version")
	}
	return nil
}

// names refuses headers of which programs take the name's first part from another place.
func (f *tarForm) names() error {
	magic, prefix := string(f.field(257, 8)), f.field(345, 155)
	switch {
	case magic == "ustar  \x00":
		// archive/tar takes what is no time for the first part of a name, as its own old versions wrote it.
		for _, at := range []int{345, 357} {
			if f.block[at] != 0 && !isNumber(f.field(at, 12), true) {
				return f.ambiguous("the places of its times hold something else")
			}
		}
	case strings.HasPrefix(magic, "ustar\x00"):
		if string(f.field(508, 4)) == "tar\x00" && bytes.IndexByte(prefix[:131], 0) < 0 {
			return f.ambiguous("its name is longer than star's form has room for")
		}
	case strings.HasPrefix(magic, "ustar"):
		return f.ambiguous("its form is neither POSIX's nor GNU's")
	}
	return nil
}

// numbers refuses numbers that programs end at different places, and gives the size.
func (f *tarForm) numbers() (size int64, err error) {
	for _, one := range []struct {
		name       string
		at, length int
	}{{"mode", 100, 8}, {"owner", 108, 8}, {"group", 116, 8}, {"size", 124, 12}, {"time", 136, 12}} {
		if !isNumber(f.field(one.at, one.length), one.name != "size") {
			return 0, f.ambiguous("its %s is not written as a number", one.name)
		}
	}
	field := f.field(124, 12)
	if field[0]&0x80 != 0 {
		if field[0] != 0x80 || binary.BigEndian.Uint32(field) != 0x80<<24 || field[4]&0x80 != 0 {
			return 0, damaged(tar.ErrHeader)
		}
		return int64(binary.BigEndian.Uint64(field[4:])), nil
	}
	digits := strings.Trim(string(field), " \x00")
	if digits == "" {
		return 0, nil
	}
	if size, err = strconv.ParseInt(digits, 8, 64); err != nil {
		return 0, damaged(tar.ErrHeader)
	}
	return size, nil
}

// isNumber reports whether a field is octal digits after spaces, with nothing but spaces and NULs to its end;
// or NULs alone; or GNU's binary form. Spaces alone are nothing for GNU tar and zero for others.
func isNumber(field []byte, blank bool) bool {
	if field[0] == 0x80 || field[0] == 0xff {
		return true
	}
	rest := bytes.TrimLeft(field, " ")
	if len(rest) == 0 {
		return blank
	}
	digits := len(rest) - len(bytes.TrimLeft(rest, "01234567"))
	return len(bytes.Trim(rest[digits:], " \x00")) == 0 && (digits > 0 || rest[0] == 0)
}

// paxForms are the values of the records that gwe goes by. POSIX has decimal numbers there, and nothing
// around them.
var paxForms = map[string]*regexp.Regexp{
	"path":                regexp.MustCompile(`(?s)^.`),
	"linkpath":            regexp.MustCompile(`(?s)^.`),
	"GNU.sparse.name":     regexp.MustCompile(`(?s)^.`),
	"size":                regexp.MustCompile(`^[0-9]+$`),
	"GNU.sparse.size":     regexp.MustCompile(`^[0-9]+$`),
	"GNU.sparse.realsize": regexp.MustCompile(`^[0-9]+$`),
	"uid":                 regexp.MustCompile(`^-?[0-9]+$`),
	"gid":                 regexp.MustCompile(`^-?[0-9]+$`),
	"mtime":               regexp.MustCompile(`^-?[0-9]+(\.[0-9]*)?$`),
}

// records reads POSIX records: "LENGTH KEY=VALUE\n". Of equal keys the last one counts.
func (f *tarForm) records(content []byte) (map[string]string, error) {
	found := map[string]string{}
	for len(content) > 0 {
		digits := len(content) - len(bytes.TrimLeft(content, "0123456789"))
		length, err := strconv.Atoi(string(content[:digits]))
		if err != nil || digits+2 > length || length > len(content) || content[digits] != ' ' || content[length-1] != '\n' {
			return nil, f.ambiguous("its records have not the form that POSIX demands")
		}
		key, value, ok := strings.Cut(string(content[digits+1:length-1]), "=")
		form := paxForms[key]
		if !ok || key == "" || form != nil && !form.MatchString(value) {
			return nil, f.ambiguous("its record of %q has not the form that POSIX demands", key)
		}
		found[key], content = value, content[length:]
	}
	return found, nil
}

func (b beforeEntry) any() bool { return b.records || b.longName || b.longLink }

// ambiguous is the fault for what programs read in different ways.
func (f *tarForm) ambiguous(format string, arguments ...any) error {
	name, _, _ := bytes.Cut(f.field(0, 100), []byte{0})
	return refuse(&tar.Header{Name: string(name)}, "archive-ambiguous", "programs read it in different ways: "+format, arguments...).
		WithHint("pack it again with gwe pack or GNU tar; do not trust it if its origin is not trusted: other programs may show other files in it")
}
