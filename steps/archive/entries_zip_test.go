package archive

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
)

// zipOf writes a zip archive as Info-ZIP does on Unix; names are taken as they are.
func zipOf(t testing.TB, items ...item) []byte {
	t.Helper()
	var text bytes.Buffer
	writer := zip.NewWriter(&text)
	for _, one := range items {
		mode := uint32(unix.S_IFREG | 0o644)
		content := one.content
		switch {
		case one.kind == tar.TypeSymlink:
			mode, content = unix.S_IFLNK|0o777, one.link
		case one.kind == tar.TypeChar:
			mode = unix.S_IFCHR | 0o644
		case one.kind == tar.TypeBlock:
			mode = unix.S_IFBLK | 0o644
		case one.kind == tar.TypeFifo:
			mode = unix.S_IFIFO | 0o644
		case one.kind == tar.TypeDir || one.kind == 0 && strings.HasSuffix(one.name, "/"):
			mode = unix.S_IFDIR | 0o755
		}
		header := &zip.FileHeader{Name: one.name, Method: zip.Deflate, Modified: time.Unix(1_000_000_000, 0), CreatorVersion: madeByUnix<<8 | 30, ExternalAttrs: mode << 16}
		made, err := writer.CreateHeader(header)
		check(t, err)
		if !strings.HasSuffix(one.name, "/") {
			_, err = io.WriteString(made, content)
			check(t, err)
		}
	}
	check(t, writer.Close())
	return text.Bytes()
}

func zipEntriesOf(t testing.TB, archive []byte) entries {
	t.Helper()
	read, err := entriesOfZip(bytes.NewReader(archive), int64(len(archive)))
	check(t, err)
	return read
}

// unzipInto extracts a zip into a new directory of that path.
func unzipInto(t testing.TB, archive []byte, directory string, wanted options) (summary, error) {
	t.Helper()
	check(t, os.Mkdir(directory, 0o700))
	read, err := entriesOfZip(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return summary{}, err
	}
	made, _, err := extractFrom(t.Context(), read, directory, wanted)
	return made, err
}

// inDirectory changes the record of the first entry in the directory of a zip.
func inDirectory(change func(record []byte)) func([]byte) []byte {
	return func(archive []byte) []byte {
		change(archive[bytes.Index(archive, []byte("PK\x01\x02")):])
		return archive
	}
}

// TestHostileZip: a zip that lies is refused, wherever it does.
func TestHostileZip(t *testing.T) {
	put16 := func(at int, v uint16) func([]byte) []byte {
		return inDirectory(func(record []byte) { binary.LittleEndian.PutUint16(record[at:], v) })
	}
	put32 := func(at int, v uint32) func([]byte) []byte {
		return inDirectory(func(record []byte) { binary.LittleEndian.PutUint32(record[at:], v) })
	}
	long := item{name: "fw/a", content: strings.Repeat("content ", 1000)}
	for name, one := range map[string]struct {
		code   string
		item   item
		change func([]byte) []byte
	}{
		"sound":                      {"", long, func(archive []byte) []byte { return archive }},
		"wrong checksum":             {"archive-damaged", long, put32(16, 1)},
		"smaller than it says":       {"archive-damaged", long, put32(24, 9000)},
		"larger than it says":        {"archive-damaged", long, put32(24, 100)},
		"nothing, it says":           {"archive-damaged", long, put32(24, 0)},
		"less stored than it says":   {"archive-damaged", long, put32(20, 3)},
		"beyond the end":             {"archive-damaged", long, put32(42, 1<<30)},
		"in the wrong place":         {"archive-damaged", long, put32(42, 1)},
		"encrypted":                  {"archive-encrypted", long, put16(8, 1)},
		"of an unknown method":       {"archive-method", long, put16(10, 99)},
		"backslashes of Windows":     {"archive-name", item{name: `fw\..\..\a`, content: "x"}, put16(4, 20)},
		"a socket":                   {"archive-entry-type", long, put32(38, (unix.S_IFSOCK|0o644)<<16)},
		"a directory with a content": {"archive-entry-type", long, put32(38, (unix.S_IFDIR|0o755)<<16)},
		"a link that is too long":    {"archive-link", item{name: "fw/a", kind: tar.TypeSymlink, link: strings.Repeat("x", longestPath+1)}, func(archive []byte) []byte { return archive }},
		"a link whose size is zero":  {"archive-damaged", symlink("fw/a", "x"), put32(24, 0)},
		"more at the end":            {"archive-trailing-data", long, func(archive []byte) []byte { return append(archive, "more"...) }},
		"a second archive":           {"archive-trailing-data", long, func(archive []byte) []byte { return append(archive, make([]byte, 100)...) }},
		"cut":                        {"archive-damaged", long, func(archive []byte) []byte { return archive[:len(archive)-10] }},
		"more entries than it has": {"archive-damaged", long, func(archive []byte) []byte {
			binary.LittleEndian.PutUint16(archive[len(archive)-12:], 2)
			return archive
		}},
	} {
		t.Run(name, func(t *testing.T) {
			wanted := options{anyLinks: true, limit: 1 << 40, beside: -1}
			_, err := unzipInto(t, one.change(zipOf(t, one.item)), filepath.Join(t.TempDir(), "is"), wanted)
			if found := fault.As(err); one.code == "" && err != nil || one.code != "" && (found == nil || found.Code != one.code || found.Class != fault.Failed) {
				t.Errorf("want %q, got %v", one.code, err)
			}
		})
	}
}

// TestZipLimits: neither the files nor the directory may be larger than the limit, however little is stored
// for them.
func TestZipLimits(t *testing.T) {
	wanted := options{limit: 10_000, beside: -1}
	bomb := zipOf(t, item{name: "fw/a", content: strings.Repeat("\x00", 6000)}, item{name: "fw/b", content: strings.Repeat("\x00", 6000)})
	if _, err := unzipInto(t, bomb, filepath.Join(t.TempDir(), "is"), wanted); fault.As(err) == nil || fault.As(err).Code != "archive-too-large" {
		t.Errorf("a bomb: %v", err)
	}
	var text bytes.Buffer
	writer := zip.NewWriter(&text)
	for range longestZipDirectory / (60 << 10) {
		_, err := writer.CreateHeader(&zip.FileHeader{Name: strings.Repeat("n", 1<<16-1)})
		check(t, err)
	}
	check(t, writer.Close())
	if _, err := unzipInto(t, text.Bytes(), filepath.Join(t.TempDir(), "is"), wanted); fault.As(err) == nil || fault.As(err).Code != "archive-too-large" {
		t.Errorf("a directory without end: %v", err)
	}
}
