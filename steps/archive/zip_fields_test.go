package archive

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/need"
)

// zipEntry is an entry as it is written, with other fields in its local header than in the directory.
type zipEntry struct {
	name, content    string
	maker, flags     uint16
	attributes       uint32
	local, directory []byte
}

// field is an extra field.
func field(kind uint16, content string) []byte {
	text := binary.LittleEndian.AppendUint16(nil, kind)
	return append(binary.LittleEndian.AppendUint16(text, uint16(len(content))), content...)
}

// rawZip writes a zip of stored entries.
func rawZip(entries ...zipEntry) []byte {
	var archive, directory []byte
	for _, one := range entries {
		start := len(archive)
		common := binary.LittleEndian.AppendUint16(nil, 20)
		common = binary.LittleEndian.AppendUint16(common, one.flags)
		common = binary.LittleEndian.AppendUint16(common, 0)               // stored
		common = binary.LittleEndian.AppendUint32(common, 43<<25|8<<21|33) // a day in 2023
		common = binary.LittleEndian.AppendUint32(common, crc32.ChecksumIEEE([]byte(one.content)))
		common = binary.LittleEndian.AppendUint32(common, uint32(len(one.content)))
		common = binary.LittleEndian.AppendUint32(common, uint32(len(one.content)))
		common = binary.LittleEndian.AppendUint16(common, uint16(len(one.name)))
		archive = append(append(archive, "PK\x03\x04"...), common...)
		archive = binary.LittleEndian.AppendUint16(archive, uint16(len(one.local)))
		archive = append(append(append(archive, one.name...), one.local...), one.content...)

		directory = append(directory, "PK\x01\x02"...)
		directory = binary.LittleEndian.AppendUint16(directory, one.maker<<8|20)
		directory = append(directory, common...)
		directory = binary.LittleEndian.AppendUint16(directory, uint16(len(one.directory)))
		directory = append(directory, make([]byte, 6)...) // comment, disk, kind of content
		directory = binary.LittleEndian.AppendUint32(directory, one.attributes)
		directory = binary.LittleEndian.AppendUint32(directory, uint32(start))
		directory = append(append(directory, one.name...), one.directory...)
	}
	end := append([]byte("PK\x05\x06"), make([]byte, 4)...)
	end = binary.LittleEndian.AppendUint16(end, uint16(len(entries)))
	end = binary.LittleEndian.AppendUint16(end, uint16(len(entries)))
	end = binary.LittleEndian.AppendUint32(end, uint32(len(directory)))
	end = binary.LittleEndian.AppendUint32(end, uint32(len(archive)))
	return append(append(append(archive, directory...), end...), 0, 0)
}

// unicodePath is Info-ZIP's field for a name.
func unicodePath(old, name string) []byte {
	return field(fieldUnicodePath, "\x01"+string(binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(old))))+name)
}

// TestZipNames: names are UTF-8 wherever the archive tells how it has them.
func TestZipNames(t *testing.T) {
	every := make([]byte, 0, 128)
	for b := 128; b < 256; b++ {
		every = append(every, byte(b))
	}
	for name, one := range map[string]struct {
		entry zipEntry
		want  string
	}{
		"of DOS":                       {zipEntry{name: "M\x81ller \x94.txt"}, "Müller ö.txt"},
		"of Windows":                   {zipEntry{name: "\x8e\x99\x9a/\xe1", maker: 11}, "ÄÖÜ/ß"},
		"of NTFS":                      {zipEntry{name: "\x82", maker: 10}, "é"},
		"every character of DOS":       {zipEntry{name: string(every[:64]) + "/" + string(every[64:])}, string(codePage437[:64]) + "/" + string(codePage437[64:])},
		"of DOS, but UTF-8":            {zipEntry{name: "Müller"}, "Müller"},
		"with the flag":                {zipEntry{name: "Müller", flags: 1 << 11}, "Müller"},
		"with the flag, against it":    {zipEntry{name: "M\x81", flags: 1 << 11}, "M\x81"},
		"of Unix":                      {zipEntry{name: "M\xfcller", maker: madeByUnix}, "M\xfcller"},
		"of a Mac":                     {zipEntry{name: "Müller", maker: madeByMacOS}, "Müller"},
		"with a field":                 {zipEntry{name: "M?ller", directory: unicodePath("M?ller", "Müller")}, "Müller"},
		"with a field, of Unix":        {zipEntry{name: "M\xfc", maker: madeByUnix, directory: unicodePath("M\xfc", "Mü")}, "Mü"},
		"with a field of another name": {zipEntry{name: "M\x81", directory: unicodePath("N\x81", "Mö")}, "Mü"},
		"with a field that is none":    {zipEntry{name: "M\x81", directory: unicodePath("M\x81", "M\xff")}, "Mü"},
		"with a field of a version":    {zipEntry{name: "M\x81", directory: field(fieldUnicodePath, "\x02\x00\x00\x00\x00x")}, "Mü"},
		"with an empty field":          {zipEntry{name: "M\x81", directory: field(fieldUnicodePath, "\x01\x00\x00\x00\x00")}, "Mü"},
		"with the flag and a field":    {zipEntry{name: "one", flags: 1 << 11, directory: unicodePath("one", "two")}, "one"},
		"a directory":                  {zipEntry{name: "\x81/", directory: unicodePath("\x81/", "ü/")}, "ü"},
	} {
		t.Run(name, func(t *testing.T) {
			directory := filepath.Join(t.TempDir(), "is")
			_, err := unzipInto(t, rawZip(one.entry), directory, options{limit: 1 << 20, beside: -1})
			check(t, err)
			if _, err := os.Lstat(filepath.Join(directory, one.want)); err != nil {
				t.Errorf("there is %q", filesIn(t, directory))
			}
		})
	}
	// A field names no way out.
	_, err := unzipInto(t, rawZip(zipEntry{name: "a", directory: unicodePath("a", "../a")}), filepath.Join(t.TempDir(), "is"), options{limit: 1 << 20, beside: -1})
	if err == nil || !strings.Contains(err.Error(), "..") {
		t.Errorf("a field that leads out: %v", err)
	}
}

// TestZipOwnersAndModes: owners in each of the forms, in the directory or in the local header, and modes by
// the attributes of DOS, are those that unzip restores.
func TestZipOwnersAndModes(t *testing.T) {
	need.Root(t, "it gives files to another user")
	const times = "\x00\xca\x9a\x3b\x00\xca\x9a\x3b"
	regular := uint32(unix.S_IFREG|0o640) << 16
	entries := []zipEntry{
		{name: "ux", maker: madeByUnix, attributes: regular, directory: field(fieldOwner, "\x01\x04\xe8\x03\x00\x00\x04\xe9\x03\x00\x00"), local: field(fieldOwner, "\x01\x04\xe8\x03\x00\x00\x04\xe9\x03\x00\x00")},
		{name: "ux local", maker: madeByUnix, attributes: regular, local: field(fieldOwner, "\x01\x04\xe8\x03\x00\x00\x04\xe9\x03\x00\x00")},
		{name: "ux of two bytes", maker: madeByUnix, attributes: regular, local: field(fieldOwner, "\x01\x02\xe8\x03\x02\xe9\x03")},
		{name: "Ux", maker: madeByUnix, attributes: regular, directory: field(fieldOwner2, ""), local: field(fieldOwner2, "\xe8\x03\xe9\x03")},
		{name: "UX", maker: madeByUnix, attributes: regular, directory: field(fieldOwner1, times), local: field(fieldOwner1, times+"\xf5\x01\x14\x00")},
		{name: "UX of a Mac", maker: madeByMacOS, attributes: regular, directory: field(fieldOwner1, times), local: field(fieldOwner1, times+"\xf5\x01\x14\x00")},
		{name: "both", maker: madeByUnix, attributes: regular, local: append(field(fieldOwner1, times+"\x01\x00\x02\x00"), field(fieldOwner2, "\xe8\x03\xe9\x03")...)},
		{name: "PK", maker: madeByUnix, attributes: regular, directory: field(fieldPKUnix, times+"\x07\x00\x08\x00"), local: field(fieldPKUnix, times+"\x07\x00\x08\x00")},
		{name: "without", maker: madeByUnix, attributes: regular},
		{name: "folder/", maker: madeByUnix, attributes: (unix.S_IFDIR | 0o750) << 16, directory: field(fieldOwner2, ""), local: field(fieldOwner2, "\xe8\x03\xe9\x03")},
		{name: "writable", attributes: 0x20},
		{name: "read-only", attributes: 0x21},
		{name: "read-only of Windows", maker: 11, attributes: 0x21},
		{name: "read-only folder/", attributes: 0x11},
		{name: "directory of DOS/", attributes: 0x10},
		{name: "PKZIP for Unix", attributes: 0x20 | regular},
		{name: "PKZIP for Unix, against it", attributes: 0x21 | regular},
	}
	base := t.TempDir()
	archive, is, want := filepath.Join(base, "archive"), filepath.Join(base, "is"), filepath.Join(base, "want")
	check(t, os.WriteFile(archive, rawZip(entries...), 0o600))
	_, err := runExtract(t, map[string]any{"archive": archive, "to": is})
	check(t, err)
	before := unix.Umask(0o022)
	output, err := exec.Command("unzip", "-qKX", archive, "-d", want).CombinedOutput()
	unix.Umask(before)
	if err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	describe := func(path string) string {
		info, err := os.Lstat(path)
		check(t, err)
		status := info.Sys().(*syscall.Stat_t)
		return fmt.Sprintf("%v %d:%d", info.Mode(), status.Uid, status.Gid)
	}
	for _, one := range entries {
		if one.name == "without" || one.maker == madeByMacOS {
			continue // unzip leaves what has no owner to the caller, and does not know a Mac's modes
		}
		if is, want := describe(filepath.Join(is, one.name)), describe(filepath.Join(want, one.name)); is != want {
			t.Errorf("%s: unzip makes %s, and gwe %s", one.name, want, is)
		}
	}
	for name, want := range map[string]string{"ux local": "-rw-r----- 1000:1001", "Ux": "-rw-r----- 1000:1001", "UX": "-rw-r----- 501:20", "PK": "-rw-r----- 7:8", "without": "-rw-r----- 0:0", "UX of a Mac": "-rw-r----- 501:20", "read-only": "-r--r--r-- 0:0"} {
		if got := describe(filepath.Join(is, name)); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

// TestZipLocalHeader: a local header that is not where the directory says is damage, also of an entry without
// content.
func TestZipLocalHeader(t *testing.T) {
	whole := rawZip(zipEntry{name: "a/", maker: madeByUnix, attributes: (unix.S_IFDIR | 0o755) << 16}, zipEntry{name: "b", maker: madeByUnix, content: "x"})
	for at, b := range map[int]byte{0: 'Q', 27: 0xff, 29: 0xff} {
		changed := bytes.Clone(whole)
		changed[at] = b
		_, err := unzipInto(t, changed, filepath.Join(t.TempDir(), "is"), options{limit: 1 << 20, beside: -1})
		if found := fault.As(err); found == nil || found.Code != "archive-damaged" {
			t.Errorf("byte %d is %x: %v", at, b, err)
		}
	}
}
