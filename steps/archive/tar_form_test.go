package archive

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/need"
)

// rawHeader is a header block as it is written; the checksum comes last.
type rawHeader [tarBlock]byte

// raw makes one of a POSIX archive. size is written as ten digits.
func raw(name string, kind byte, size int) *rawHeader {
	h := &rawHeader{}
	h.put(0, name).put(100, "0000644\x00").put(108, "0000000\x00").put(116, "0000000\x00")
	h.put(124, fmt.Sprintf("%011o\x00", size)).put(136, "07346545000\x00").put(257, "ustar\x0000")
	h[156] = kind
	return h
}

func (h *rawHeader) put(at int, text string) *rawHeader { copy(h[at:], text); return h }

// with gives the block with its checksum and a content.
func (h *rawHeader) with(content string) string {
	h.put(148, "        ")
	sum := 0
	for _, b := range h {
		sum += int(b)
	}
	h.put(148, fmt.Sprintf("%06o\x00 ", sum))
	return string(h[:]) + content + strings.Repeat("\x00", (tarBlock-len(content)%tarBlock)%tarBlock)
}

// posix gives records before an entry (x), or for all of them (g).
func posix(kind byte, records ...string) string {
	var text strings.Builder
	for _, one := range records {
		length := len(one) + 3
		for len(strconv.Itoa(length))+2+len(one) != length {
			length = len(strconv.Itoa(length)) + 2 + len(one)
		}
		fmt.Fprintf(&text, "%d %s\n", length, one)
	}
	return recordsOf(kind, text.String())
}

func recordsOf(kind byte, content string) string {
	return raw("records", kind, len(content)).with(content)
}

// gnu gives a long name before an entry (L, K).
func gnu(kind byte, content string) string {
	return raw("././@LongLink", kind, len(content)).put(257, "ustar  \x00").with(content)
}

const endMark = 2 * tarBlock

func rawArchive(parts ...string) []byte {
	return append([]byte(strings.Join(parts, "")), make([]byte, endMark)...)
}

func plainRaw(name string) string { return raw(name, '0', 1).with("x") }

// hidden is a whole entry that some programs would take for content.
var hidden = raw("hidden", '0', 3).with("hid")

// ambiguous are archives that programs read in different ways, or that no program writes and one day one may
// read so.
var ambiguous = map[string][]byte{
	"a size with a sign":                 rawArchive(posix('x', "size=+1024"), raw("a", '0', 0).with(""), hidden),
	"a size with a space":                rawArchive(posix('x', "size= 1024"), raw("a", '0', 0).with(""), hidden),
	"a size with a fraction":             rawArchive(posix('x', "size=1024.0"), raw("a", '0', 0).with(""), hidden),
	"an empty size":                      rawArchive(posix('x', "size="), plainRaw("a")),
	"an empty path":                      rawArchive(posix('x', "path="), plainRaw("a")),
	"an owner with a sign":               rawArchive(posix('x', "uid=+5"), plainRaw("a")),
	"a time in another form":             rawArchive(posix('x', "mtime=1e3"), plainRaw("a")),
	"a length with a sign":               rawArchive(recordsOf('x', "+13 path=abc\n"), plainRaw("a")),
	"a length with a space":              rawArchive(recordsOf('x', " 13 path=abc\n"), plainRaw("a")),
	"a length that is wrong":             rawArchive(recordsOf('x', "11 path=abc\n"), plainRaw("a")),
	"a record without a value":           rawArchive(recordsOf('x', "8 path\n"), plainRaw("a")),
	"zeros after records":                rawArchive(recordsOf('x', "12 path=abc\n\x00\x00"), plainRaw("a")),
	"a name in both forms":               rawArchive(posix('x', "path=posix"), gnu('L', "gnu\x00"), plainRaw("a")),
	"a name in both forms, reversed":     rawArchive(gnu('L', "gnu\x00"), posix('x', "path=posix"), plainRaw("a")),
	"a target in both forms":             rawArchive(posix('x', "linkpath=posix"), gnu('K', "gnu\x00"), raw("a", '2', 0).put(157, "b").with("")),
	"two long names":                     rawArchive(gnu('L', "b\x00"), gnu('L', "c\x00"), plainRaw("a")),
	"records twice":                      rawArchive(posix('x', "path=b"), posix('x', "mtime=5"), plainRaw("a")),
	"an empty long name":                 rawArchive(gnu('L', "\x00"), plainRaw("a")),
	"a long name with more":              rawArchive(gnu('L', "b\x00c\x00"), plainRaw("a")),
	"records of nothing":                 rawArchive(plainRaw("a"), posix('x', "path=b")),
	"a global header after records":      rawArchive(posix('x', "path=b"), posix('g', "comment=c"), plainRaw("a")),
	"NULs before the size":               rawArchive(raw("a", '0', 0).put(124, "\x00\x00\x00\x0000000001").with("x")),
	"NULs before the mode":               rawArchive(raw("a", '0', 1).put(100, "\x00\x000777\x00").with("x")),
	"digits after the size":              rawArchive(raw("a", '0', 0).put(124, "1\x00\x00\x00\x0000001000").with("x")),
	"a blank size":                       rawArchive(raw("a", '0', 0).put(124, "            ").with("")),
	"a size after a tab":                 rawArchive(raw("a", '0', 0).put(124, "\t000000001\x00\x00").with("x")),
	"a form that is unknown":             rawArchive(raw("a", '0', 1).put(257, "ustarX00").put(345, "above").with("x")),
	"GNU's form, POSIX's version":        rawArchive(raw("a", '0', 1).put(257, "ustar 00").put(345, "above").with("x")),
	"GNU's form, with a first part":      rawArchive(raw("a", '0', 1).put(257, "ustar  \x00").put(345, "above/all").with("x")),
	"star's form, with a long name":      rawArchive(raw("a", '0', 1).put(345, strings.Repeat("p", 131)+"07346545000 07346545000 ").put(508, "tar\x00").with("x")),
	"a hard link with a content":         rawArchive(posix('x', "comment=c"), plainRaw("a"), raw("b", '1', 1024).put(157, "a").with(""), hidden),
	"a hard link with a content, told":   rawArchive(plainRaw("a"), posix('x', "size=1024"), raw("b", '1', 0).put(157, "a").with(""), hidden),
	"a hard link with a size at the end": rawArchive(plainRaw("a"), raw("b", '1', 1024).put(157, "a").with("")),
	"a hard link, then an old header":    rawArchive(plainRaw("a"), raw("b", '1', 512).put(157, "a").with(""), raw("c", '0', 0).put(257, "\x00\x00\x00\x00\x00\x00\x00\x00").with("")),
	"a symbolic link with a content":     rawArchive(posix('x', "size=1024"), raw("b", '2', 0).put(157, "a").with(""), hidden),
	"a directory with a content":         rawArchive(posix('x', "size=1024"), raw("b/", '5', 0).with(""), hidden),
	"a label with a content":             rawArchive(raw("label", 'V', 1024).with(""), hidden, plainRaw("a")),
	"a label with records":               rawArchive(posix('x', "size=0"), raw("label", 'V', 0).with(""), hidden),
	"a sparse file of star's":            rawArchive(posix('x', "SCHILY.realsize=1024"), raw("a", '0', 512).with(strings.Repeat("x", 512)), hidden),
	"a sparse file of the future":        rawArchive(posix('x', "GNU.sparse.major=2", "GNU.sparse.minor=0", "GNU.sparse.name=b"), plainRaw("a")),
	"the name of a sparse file":          rawArchive(posix('x', "GNU.sparse.name=b", "path=c"), plainRaw("a")),
	"two sizes of a sparse file":         rawArchive(posix('x', "GNU.sparse.major=0", "GNU.sparse.minor=1", "GNU.sparse.map=0,1", "GNU.sparse.size=1", "GNU.sparse.realsize=2"), plainRaw("a")),
	"a sparse file in both forms":        rawArchive(posix('x', "GNU.sparse.major=1", "GNU.sparse.minor=0"), raw("a", 'S', 1).put(257, "ustar  \x00").with("x")),
}

// TestAmbiguousTar: what two programs would extract to two trees is refused, wherever it stands and however
// it comes in.
func TestAmbiguousTar(t *testing.T) {
	for name, archive := range ambiguous {
		for where, content := range map[string][]byte{
			"first": archive, "later": append([]byte(raw("before", '0', 600).with(strings.Repeat("y", 600))), archive...),
		} {
			directory := filepath.Join(t.TempDir(), "is")
			check(t, os.Mkdir(directory, 0o700))
			_, _, err := extract(t.Context(), &small{bytes.NewReader(content)}, directory, options{anyLinks: true, limit: 1 << 30, beside: -1})
			if found := fault.As(err); found == nil || found.Code != "archive-ambiguous" || found.Class != fault.Failed || found.Hint == "" {
				t.Errorf("%s, %s: %v", name, where, err)
			}
		}
	}
}

// small hands out few bytes at a time.
type small struct{ *bytes.Reader }

func (s *small) Read(into []byte) (int, error) { return s.Reader.Read(into[:min(len(into), 100)]) }

// programs are those that gwe must agree with.
var programs = map[string][]string{
	"GNU tar": {"tar", "--numeric-owner", "-xpf"},
	"bsdtar":  {"bsdtar", "--numeric-owner", "-xpf"},
}

// contents is what a tree holds: kinds, contents and targets.
func contents(t testing.TB, directory string) string {
	t.Helper()
	var lines []string
	check(t, filepath.Walk(directory, func(path string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(directory, path)
		line := fmt.Sprintf("%q %v", name, info.Mode().Type())
		switch info.Mode().Type() {
		case 0:
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			line += fmt.Sprintf(" %.40q of %d bytes", content, len(content))
		case os.ModeSymlink:
			target, _ := os.Readlink(path)
			line += " -> " + target
		}
		lines = append(lines, line)
		return nil
	}))
	return strings.Join(lines, "\n")
}

// compareWithPrograms extracts an archive; where gwe takes it, both programs must make the same tree of it,
// unless they refuse it.
func compareWithPrograms(t testing.TB, archive []byte) (taken bool, differs string) {
	t.Helper()
	base := t.TempDir()
	is, path := filepath.Join(base, "is"), filepath.Join(base, "archive")
	check(t, os.Mkdir(is, 0o755))
	_, _, err := extract(t.Context(), bytes.NewReader(archive), is, options{anyLinks: true, limit: 1 << 24, beside: -1})
	if err != nil {
		if fault.As(err) == nil {
			t.Errorf("the error is not a fault: %v", err)
		}
		return false, ""
	}
	got := contents(t, is)
	check(t, os.WriteFile(path, archive, 0o600))
	for name, program := range programs {
		want := filepath.Join(base, name)
		check(t, os.Mkdir(want, 0o755))
		if exec.Command(program[0], append(program[1:], path, "-C", want)...).Run() != nil {
			continue
		}
		if tree := contents(t, want); tree != got {
			return true, fmt.Sprintf("%s makes\n%s\nand gwe\n%s", name, tree, got)
		}
	}
	return true, ""
}

// TestAgainstBothTars: archives with odd headers and records, put together at random. GWE_DIFFERENTIAL sets
// how many.
func TestAgainstBothTars(t *testing.T) {
	count := 150
	if given := os.Getenv("GWE_DIFFERENTIAL"); given != "" {
		var err error
		count, err = strconv.Atoi(given)
		check(t, err)
	}
	taken := 0
	for seed := range count {
		archive := oddArchive(rand.New(rand.NewPCG(uint64(seed), 7)))
		was, differs := compareWithPrograms(t, archive)
		if was {
			taken++
		}
		if differs != "" {
			check(t, os.WriteFile(filepath.Join(os.TempDir(), fmt.Sprintf("gwe-odd-%d.tar", seed)), archive, 0o600))
			t.Errorf("seed %d: %s", seed, differs)
		}
	}
	if taken < count/10 {
		t.Errorf("of %d archives only %d were taken: the test tests nothing", count, taken)
	}
}

// oddArchive makes one of a few entries, of which some are odd.
func oddArchive(random *rand.Rand) []byte {
	pick := func(of ...string) string { return of[random.IntN(len(of))] }
	var parts []string
	for number := range 2 + random.IntN(3) {
		name := fmt.Sprintf("%s%d", pick("a", "b/c", "d"), number)
		kind := pick("0", "0", "0", "\x00", "7", "2", "1", "5", "V", "D", "L")[0]
		content := strings.Repeat(pick("x", "y", "\x00"), []int{0, 1, 512, 1024, 700}[random.IntN(5)])
		h := raw(name, kind, len(content))
		switch kind {
		case '1', '2':
			h.put(157, pick("a0", "b/c0", "d0"))
			content = pick("", "", hidden)
		case '5', 'D':
			h.put(0, name+pick("", "/"))
			content = pick("", "", hidden)
		case 'V':
			content = pick("", "", "", hidden)
		case 'L':
			parts = append(parts, gnu('L', pick("long/name", "", "long\x00er")+fmt.Sprint(number)+pick("\x00", "")))
			h[156] = '0'
		}
		h.put(124, fmt.Sprintf("%011o\x00", len(content)))
		for random.IntN(3) == 0 {
			switch random.IntN(9) {
			case 0:
				h.put(257, pick("ustar  \x00", "ustar\x0000", "ustar 00", "ustarX00", "\x00\x00\x00\x00\x00\x00\x00\x00"))
			case 1:
				h.put(345, pick("above", "above/all", "07346545000", strings.Repeat("p", 140)))
			case 2:
				h.put(508, "tar\x00")
			case 3:
				h.put(124, pick(fmt.Sprintf("%11o ", len(content)), fmt.Sprintf("%o\x00\x00\x00\x00\x00\x00", len(content)), "\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01", fmt.Sprintf("\x00%010o\x00", len(content))))
			case 4:
				h.put(136, pick("\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01", "           \x00", "\x00\x00\x00\x00"))
			case 5:
				parts = append(parts, posix('x', pick("path=p", "linkpath=a0", "size=1024", "size=0", "mtime=1.5", "comment=c", "path=./p/q", "GNU.sparse.name=s", "size=1", "hdrcharset=BINARY")+pick("", "", fmt.Sprint(number))))
			case 6:
				parts = append(parts, posix('g', pick("comment=c", "VENDOR.x=y", "mtime=1", "SCHILY.archtype=xustar")))
			case 7:
				parts = append(parts, gnu('K', pick("a0\x00", "d0\x00")))
			case 8:
				h[random.IntN(500)] = byte(random.IntN(256))
			}
		}
		parts = append(parts, h.with(content))
	}
	return rawArchive(slices.Concat(parts, []string{})...)
}

// TestWrittenByPrograms: what the programs write is taken, in each of their forms, and is the same tree for
// all: with a label, as part of a series of backups, with global records of git, padded by a tape.
func TestWrittenByPrograms(t *testing.T) {
	need.Root(t, "it makes device nodes")
	base := t.TempDir()
	tree := filepath.Join(base, "tree")
	randomTree(t, filepath.Join(tree, "fw"), rand.New(rand.NewPCG(3, 1)), true)
	check(t, os.WriteFile(filepath.Join(tree, "fw", "with holes"), nil, 0o644))
	check(t, os.Truncate(filepath.Join(tree, "fw", "with holes"), 1<<20))
	for number, one := range [][]string{
		{"tar", "--label=My label", "-cf"},
		{"tar", "--format=posix", "--label=My label", "-cf"},
		{"tar", "--listed-incremental=" + filepath.Join(base, "gnu.snar"), "-cf"},
		{"tar", "--format=posix", "--listed-incremental=" + filepath.Join(base, "posix.snar"), "-cf"},
		{"tar", "--format=posix", "--label=x", "--sparse", "--xattrs", "--acls", "-cf"},
		{"tar", "--format=gnu", "--sparse", "--multi-volume", "--tape-length=100000", "-cf"},
		{"tar", "--format=posix", "--pax-option=VENDOR.key=value,comment=x,globexthdr.name=g", "-cf"},
		{"tar", "--blocking-factor=200", "-cf"},
		{"bsdtar", "--format=pax", "--xattrs", "--acls", "-cf"},
		{"bsdtar", "--format=paxr", "-cf"},
		{"bsdtar", "--format=gnutar", "-cf"},
		{"bsdtar", "--format=ustar", "-cf"},
		{"bsdtar", "--format=v7", "-cf"},
	} {
		archive := filepath.Join(base, fmt.Sprint("archive", number))
		command(t, one[0], append(one[1:], archive, "-C", tree, "fw")...)
		content, err := os.ReadFile(archive)
		check(t, err)
		if taken, differs := compareWithPrograms(t, content); !taken || differs != "" {
			t.Errorf("%q: taken: %v; %s", one, taken, differs)
		}
	}
}
