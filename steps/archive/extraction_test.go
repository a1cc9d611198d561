package archive

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/need"
)

// lax are options under which only what is never allowed is refused.
func lax() options { return options{oneTop: true, anyLinks: true, limit: 1 << 40, beside: -1} }

// extractInto extracts into a new directory of that path.
func extractInto(t testing.TB, source io.Reader, directory string, wanted options) (summary, error) {
	t.Helper()
	check(t, os.Mkdir(directory, 0o700))
	made, _, err := extract(t.Context(), source, directory, wanted)
	return made, err
}

// TestSparse: holes stay holes.
func TestSparse(t *testing.T) {
	for _, format := range [][]string{{"--format=gnu"}, {"--format=posix", "--sparse-version=1.0"}, {"--format=posix", "--sparse-version=0.1"}, {"--format=posix", "--sparse-version=0.0"}} {
		base := t.TempDir()
		directory := filepath.Join(base, "fw")
		check(t, os.Mkdir(directory, 0o755))
		file, err := os.Create(filepath.Join(directory, "disk.img"))
		check(t, err)
		for _, at := range []int64{0, 5 << 20, 40<<20 + 777} {
			_, err := file.WriteAt([]byte("some data"), at)
			check(t, err)
		}
		check(t, file.Truncate(64<<20))
		check(t, file.Close())
		whole := time.Unix(1_500_000_000, 0)
		check(t, os.Chtimes(file.Name(), whole, whole))
		check(t, os.Chtimes(directory, whole, whole))
		archive := filepath.Join(base, "fw.tar")
		command(t, "tar", append(format, "-S", "-cf", archive, "-C", base, "fw")...)
		source, err := os.Open(archive)
		check(t, err)
		defer source.Close()
		is := filepath.Join(base, "is")
		if _, err := extractInto(t, source, is, lax()); err != nil {
			t.Fatal(err)
		}
		sameTree(t, snapshot(t, directory), snapshot(t, is))
		var status unix.Stat_t
		check(t, unix.Stat(filepath.Join(is, "disk.img"), &status))
		if status.Blocks*512 > 4<<20 {
			t.Errorf("%v: the holes were filled: %d bytes on the disk", format, status.Blocks*512)
		}
	}
}

// item is one entry of an archive made for a test.
type item struct {
	name, link, content string
	kind                byte
	header              func(*tar.Header)
}

// archiveOf writes an archive; names are taken as they are.
func archiveOf(t testing.TB, items ...item) []byte {
	t.Helper()
	var text bytes.Buffer
	writer := tar.NewWriter(&text)
	for _, one := range items {
		header := &tar.Header{Typeflag: one.kind, Name: one.name, Linkname: one.link, Mode: 0o644, Size: int64(len(one.content)), ModTime: time.Unix(1_000_000_000, 0)}
		if header.Typeflag == 0 {
			header.Typeflag = tar.TypeReg
			if strings.HasSuffix(one.name, "/") {
				header.Typeflag = tar.TypeDir
			}
		}
		if header.Typeflag == tar.TypeDir {
			header.Mode = 0o755
		}
		if one.header != nil {
			one.header(header)
		}
		check(t, writer.WriteHeader(header))
		_, err := io.WriteString(writer, one.content)
		check(t, err)
	}
	check(t, writer.Close())
	return text.Bytes()
}

func symlink(name, target string) item { return item{name: name, link: target, kind: tar.TypeSymlink} }
func hardLink(name, target string) item {
	return item{name: name, link: target, kind: tar.TypeLink}
}
func file(name string) item { return item{name: name, content: "content of " + name} }

// largest is a variable, because on 32 bits the constant is no int.
var largest = maxID

var refused = map[string]struct {
	code  string
	items []item
}{
	"dot dot":                  {"archive-name", []item{file("fw/../x")}},
	"dot dot at the start":     {"archive-name", []item{file("../x")}},
	"dot dot at the end":       {"archive-name", []item{{name: "fw/.."}}},
	"absolute":                 {"archive-name", []item{file("/etc/passwd")}},
	"absolute directory":       {"archive-name", []item{{name: "/fw/"}}},
	"no name":                  {"archive-name", []item{{name: ".", kind: tar.TypeReg}}},
	"file with a slash":        {"archive-name", []item{symlink("fw/a/", "b")}},
	"name too long":            {"archive-name", []item{file("fw/" + strings.Repeat("x", 256))}},
	"path too long":            {"archive-name", []item{file("fw/" + strings.Repeat("x/", 2500) + "y")}},
	"too deep":                 {"archive-name", []item{file("fw/" + strings.Repeat("x/", 300) + "y")}},
	"two directories":          {"archive-top-level", []item{file("fw/a"), file("gw/a")}},
	"file beside":              {"archive-top-level", []item{file("fw/a"), file("b")}},
	"packed from inside":       {"archive-top-level", []item{{name: "./"}, file("./a"), {name: "./b/"}}},
	"a file only":              {"archive-top-level", []item{file("fw")}},
	"a link only":              {"archive-top-level", []item{symlink("fw", "x")}},
	"named current":            {"archive-top-level", []item{{name: "current/"}}},
	"named failsafe":           {"archive-top-level", []item{{name: "./failsafe/"}}},
	"named like ours below":    {"archive-own-name", []item{file("fw/lib/.gwe-old-x")}},
	"named like ours":          {"archive-top-level", []item{{name: ".gwe-x/"}}},
	"name with a newline":      {"archive-top-level", []item{{name: "fw\nx/"}}},
	"name not UTF-8":           {"archive-top-level", []item{{name: "fw\xff/", header: func(h *tar.Header) { h.Format = tar.FormatGNU }}}},
	"top name too long":        {"archive-top-level", []item{{name: strings.Repeat("x", 251) + "/"}}},
	"nothing":                  {"archive-empty", nil},
	"only a dot":               {"archive-empty", []item{{name: "./"}}},
	"link out":                 {"archive-link-leads-out", []item{symlink("fw/a", "../x")}},
	"link out in two":          {"archive-link-leads-out", []item{symlink("fw/d/a", "../../x")}},
	"link to the root":         {"archive-link-leads-out", []item{symlink("fw/a", "/etc/passwd")}},
	"link down, then out":      {"archive-link-leads-out", []item{symlink("fw/a", "x/../../y")}},
	"link out by a link":       {"archive-link-leads-out", []item{{name: "fw/p/q/r/"}, symlink("fw/p/q/r/up", "../.."), symlink("fw/p/q/r/bad", "up/../..")}},
	"link out, made late":      {"archive-link-leads-out", []item{{name: "fw/p/q/r/"}, symlink("fw/p/q/r/bad", "up/../.."), symlink("fw/p/q/r/up", "../..")}},
	"link to nothing":          {"archive-link", []item{symlink("fw/a", "")}},
	"hard link out":            {"archive-hard-link", []item{hardLink("fw/a", "../other/a")}},
	"hard link absolute":       {"archive-hard-link", []item{hardLink("fw/a", "/etc/passwd")}},
	"hard link beside":         {"archive-hard-link", []item{hardLink("fw/a", "old/a")}},
	"hard link to nothing":     {"archive-hard-link", []item{hardLink("fw/a", "fw/b"), file("fw/b")}},
	"hard link to a directory": {"archive-hard-link", []item{{name: "fw/d/"}, hardLink("fw/a", "fw/d")}},
	"hard link to the top":     {"archive-hard-link", []item{{name: "fw/"}, hardLink("fw/a", "fw")}},
	"hard link by a symlink":   {"archive-hard-link", []item{symlink("fw/s", "/etc"), hardLink("fw/a", "fw/s/passwd")}},
	"hard link to itself":      {"archive-hard-link", []item{hardLink("fw/a", "fw/a")}},
	"character device":         {"archive-entry-type", []item{{name: "fw/a", kind: tar.TypeChar}}},
	"block device":             {"archive-entry-type", []item{{name: "fw/a", kind: tar.TypeBlock}}},
	"FIFO":                     {"archive-entry-type", []item{{name: "fw/a", kind: tar.TypeFifo}}},
	"continued file":           {"archive-entry-type", []item{{name: "fw/a", kind: typeContinued}}},
	"unknown type":             {"archive-entry-type", []item{{name: "fw/a", kind: 'Z'}}},
	"global header": {"archive-entry-type", []item{{kind: tar.TypeXGlobalHeader, header: func(h *tar.Header) {
		*h = tar.Header{Typeflag: tar.TypeXGlobalHeader, Name: "g", PAXRecords: map[string]string{"path": "x"}}
	}}}},
	"global owner":             global("uid", "5"),
	"global attribute":         global("SCHILY.xattr.user.x", "5"),
	"global sparse file":       global("GNU.sparse.name", "x"),
	"global real size":         global("SCHILY.realsize", "5"),
	"global charset":           global("hdrcharset", "KOI8-R"),
	"global unknown of POSIX":  global("realtime.x", "5"),
	"second volume":            global("GNU.volume.filename", "fw/a"),
	"file twice":               {"archive-duplicate", []item{file("fw/a"), file("fw/a")}},
	"file twice, other form":   {"archive-duplicate", []item{file("fw/a"), file("./fw//./a")}},
	"directory twice":          {"archive-duplicate", []item{{name: "fw/d/"}, {name: "fw/d/"}}},
	"directory twice, used":    {"archive-duplicate", []item{file("fw/d/a"), {name: "fw/d/"}, {name: "fw/d/"}}},
	"top twice":                {"archive-duplicate", []item{{name: "fw/"}, file("fw/a"), {name: "fw/"}}},
	"link twice":               {"archive-duplicate", []item{symlink("fw/a", "b"), symlink("fw/a", "b")}},
	"hard link twice":          {"archive-duplicate", []item{file("fw/b"), hardLink("fw/a", "fw/b"), hardLink("fw/a", "fw/b")}},
	"file, then directory":     {"archive-through-file", []item{file("fw/a"), {name: "fw/a/"}}},
	"directory, then file":     {"archive-duplicate", []item{{name: "fw/a/"}, file("fw/a")}},
	"directory, then link":     {"archive-duplicate", []item{{name: "fw/a/"}, symlink("fw/a", "b")}},
	"link, then directory":     {"archive-through-file", []item{symlink("fw/a", "b"), {name: "fw/a/"}}},
	"through a file":           {"archive-through-file", []item{file("fw/a"), file("fw/a/b")}},
	"through a link":           {"archive-through-file", []item{{name: "fw/d/"}, symlink("fw/l", "d"), file("fw/l/b")}},
	"through a link, to /etc":  {"archive-through-file", []item{symlink("fw/l", "/etc"), file("fw/l/gwe-was-here")}},
	"owner out of range":       {"archive-owner", []item{{name: "fw/a", header: func(h *tar.Header) { h.Uid, h.Format = int(largest), tar.FormatGNU }}}},
	"owner negative":           {"archive-owner", []item{{name: "fw/a", header: func(h *tar.Header) { h.Gid, h.Format = -1, tar.FormatGNU }}}},
	"copy list of bad pattern": {"copy-pattern", []item{{name: "fw/.gwe/copy", content: "ok\n[\n"}}},
	"copy list too long":       {"copy-pattern", []item{{name: "fw/.gwe/copy", content: strings.Repeat("#", longestCopyList+1)}}},
	"copy list as a link":      {"copy-pattern", []item{symlink("fw/.gwe/copy", "list")}},
}

// global is an archive that sets a record for all entries.
func global(key, value string) (refused struct {
	code  string
	items []item
}) {
	refused.code = "archive-entry-type"
	refused.items = []item{{kind: tar.TypeXGlobalHeader, header: func(h *tar.Header) {
		*h = tar.Header{Typeflag: tar.TypeXGlobalHeader, Name: "g", PAXRecords: map[string]string{key: value}}
	}}, file("fw/a")}
	return refused
}

// forms are the ways in which an archive of entries comes: to unpack and to extract as a tar, and as a zip.
var forms = map[string]struct {
	options options
	open    func(t testing.TB, items []item) entries
}{
	"unpack":  {options{oneTop: true}, tarOf},
	"extract": {options{selection: selection{strip: 1}}, tarOf},
	"zip":     {options{oneTop: true}, func(t testing.TB, items []item) entries { return zipEntriesOf(t, zipOf(t, items...)) }},
}

func tarOf(t testing.TB, items []item) entries {
	t.Helper()
	return entriesOfTar(bytes.NewReader(archiveOf(t, items...)), 1<<40)
}

// notInForm tells that a form cannot hold the entries, or that it is right to take them.
func notInForm(form, name, code string, items []item) bool {
	switch form {
	case "extract":
		switch name {
		case "top twice", "only a dot", "file twice, other form": // tar does not mind either, or strips them in another way
			return true
		}
		return code == "archive-top-level"
	case "zip":
		return code == "archive-hard-link" || code == "archive-owner" || slices.ContainsFunc(items, func(one item) bool {
			return one.kind == tar.TypeLink || one.kind == tar.TypeXGlobalHeader || one.kind == typeContinued || one.kind == 'Z'
		})
	}
	return false
}

func TestRefused(t *testing.T) {
	need.Root(t, "only root is refused an owner that it cannot set")
	for form, how := range forms {
		for name, one := range refused {
			if notInForm(form, name, one.code, one.items) {
				continue
			}
			t.Run(form+"/"+name, func(t *testing.T) {
				base := t.TempDir()
				wanted := how.options
				wanted.anyLinks, wanted.limit, wanted.beside = one.code != "archive-link-leads-out", 1<<40, -1
				check(t, os.Mkdir(filepath.Join(base, "is"), 0o700))
				_, _, err := extractFrom(t.Context(), how.open(t, one.items), filepath.Join(base, "is"), wanted)
				found := fault.As(err)
				if found == nil || found.Code != one.code || found.Class != fault.Failed {
					t.Fatalf("want the fault %s, got %#v", one.code, err)
				}
				names, err := os.ReadDir(base)
				check(t, err)
				if len(names) != 1 {
					t.Errorf("something was made outside: %v", names)
				}
			})
		}
	}
	if _, err := os.Lstat("/etc/gwe-was-here"); err == nil {
		t.Error("an entry was extracted through a link")
	}
}

// TestAccepted: what looks odd but is good.
func TestAccepted(t *testing.T) {
	need.Root(t, "it reads directories without permissions")
	for name, items := range map[string][]item{
		"dots and slashes":                {{name: "./"}, {name: "./fw/"}, file("./fw//a"), file("fw/./b")},
		"no directories listed":           {file("fw/x/y/z"), file("fw/x/a")},
		"directories listed late":         {file("fw/x/y/z"), {name: "fw/x/y/"}, {name: "fw/x/"}, {name: "fw/"}},
		"directories come again":          {{name: "fw/a/"}, {name: "fw/b/"}, file("fw/a/1"), file("fw/b/1"), file("fw/a/2")},
		"link inside":                     {symlink("fw/d/a", "../x"), symlink("fw/b", "d/a"), symlink("fw/c", ".")},
		"link up after a name":            {{name: "fw/d/e/"}, symlink("fw/a", "d/e/../x"), symlink("fw/d/b", "e/../../d")},
		"link in a circle":                {{name: "fw/d/"}, symlink("fw/a", "b/../d"), symlink("fw/b", "a/../d")},
		"dangling link":                   {symlink("fw/a", "not/here/../there")},
		"hard link to a symlink":          {symlink("fw/a", "b"), hardLink("fw/c", "fw/a")},
		"hard link, dots":                 {file("fw/a"), hardLink("./fw/d/c", "./fw/a")},
		"contiguous file":                 {{name: "fw/a", kind: tar.TypeCont, content: "x"}},
		"volume label":                    {{name: "My label", kind: typeVolumeLabel}, file("fw/a")},
		"directory of an incremental tar": {{name: "fw/d/", kind: typeDumpDirectory, content: "Ya\x00\x00"}, file("fw/d/a")},
		"the records of star and vendors": {{kind: tar.TypeXGlobalHeader, header: func(h *tar.Header) {
			*h = tar.Header{Typeflag: tar.TypeXGlobalHeader, Name: "g", PAXRecords: map[string]string{
				"SCHILY.archtype": "xustar", "SCHILY.release": "star 1.5", "SCHILY.volhdr.label": "x", "VENDOR.key": "x", "GNU.volume.label": "x",
				"hdrcharset": "ISO-IR 10646 2000 UTF-8", "atime": "1", "uname": "x",
			}}
		}}, file("fw/a")},
		"the comment of git": {{kind: tar.TypeXGlobalHeader, header: func(h *tar.Header) {
			*h = tar.Header{Typeflag: tar.TypeXGlobalHeader, Name: "g", PAXRecords: map[string]string{"comment": "x"}}
		}}, file("fw/a")},
		"long names":              {file("fw/" + strings.Repeat(strings.Repeat("x", 200)+"/", 10) + strings.Repeat("y", 255))},
		"name of a release later": {file("fw/current"), {name: "fw/failsafe/"}, file("fw/.gwex")},
	} {
		t.Run(name, func(t *testing.T) {
			wanted := lax()
			wanted.anyLinks = false
			directory := filepath.Join(t.TempDir(), "is")
			if _, err := extractInto(t, bytes.NewReader(archiveOf(t, items...)), directory, wanted); err != nil {
				t.Fatal(err)
			}
			for _, one := range items {
				parts, _ := split(one.name)
				if len(parts) < 2 || one.kind == tar.TypeXGlobalHeader {
					continue
				}
				info, err := os.Lstat(filepath.Join(append([]string{directory}, parts[1:]...)...))
				if err != nil {
					t.Error(err)
					continue
				}
				if one.kind == 0 && !info.ModTime().Equal(time.Unix(1_000_000_000, 0)) {
					t.Errorf("%s has the time %v", one.name, info.ModTime())
				}
			}
		})
	}
}

// TestBroken: every archive that breaks off is refused, wherever it does, and so is more after the end.
func TestBroken(t *testing.T) {
	whole := archiveOf(t, item{name: "fw/"}, file("fw/a"), item{name: "fw/zeros", content: strings.Repeat("\x00", 1024)})
	base := t.TempDir()
	end := len(whole) - 1024
	for length := 0; length <= end; length += 128 {
		_, err := extractInto(t, bytes.NewReader(whole[:length]), filepath.Join(base, time.Duration(length).String()), lax())
		if found := fault.As(err); found == nil || found.Class != fault.Failed {
			t.Errorf("broken off at %d of %d: %v", length, len(whole), err)
		}
	}
	for name, more := range map[string]struct {
		text string
		code string
	}{
		"zeros":                        {strings.Repeat("\x00", 10_240), ""},
		"text":                         {"more", "archive-trailing-data"},
		"a second archive after zeros": {strings.Repeat("\x00", 512) + string(whole), "archive-trailing-data"},
	} {
		_, err := extractInto(t, io.MultiReader(bytes.NewReader(whole), strings.NewReader(more.text)), filepath.Join(base, name), lax())
		if more.code == "" && err != nil || more.code != "" && (fault.As(err) == nil || fault.As(err).Code != more.code) {
			t.Errorf("%s after the end: %v", name, err)
		}
	}
	if _, err := extractInto(t, strings.NewReader(strings.Repeat("no tar ", 1000)), filepath.Join(base, "no archive"), lax()); fault.As(err) == nil || fault.As(err).Code != "archive-damaged" {
		t.Errorf("no archive: %v", err)
	}
}

// TestLimits: neither the files nor the stream may be larger than the limit, however little is stored for
// them.
func TestLimits(t *testing.T) {
	base := t.TempDir()
	large := archiveOf(t, item{name: "fw/a", content: strings.Repeat("x", 3000)})
	wanted := lax()
	wanted.limit = 2999
	if _, err := extractInto(t, bytes.NewReader(large), filepath.Join(base, "large"), wanted); fault.As(err) == nil || fault.As(err).Code != "archive-too-large" {
		t.Errorf("too large: %v", err)
	}
	directory := filepath.Join(base, "fw")
	check(t, os.Mkdir(directory, 0o755))
	check(t, os.WriteFile(filepath.Join(directory, "hole"), nil, 0o600))
	check(t, os.Truncate(filepath.Join(directory, "hole"), 1<<40))
	archive := filepath.Join(base, "sparse.tar")
	command(t, "tar", "-Scf", archive, "-C", base, "fw")
	source, err := os.Open(archive)
	check(t, err)
	defer source.Close()
	wanted.limit = 1 << 30
	if _, err := extractInto(t, source, filepath.Join(base, "sparse"), wanted); fault.As(err) == nil || fault.As(err).Code != "archive-too-large" {
		t.Errorf("a terabyte of holes: %v", err)
	}
	huge := func(h *tar.Header) { h.Size, h.Format = 1<<63-1, tar.FormatGNU }
	sum := archiveOf(t, file("fw/a"))
	var header bytes.Buffer
	one := &tar.Header{Typeflag: tar.TypeReg, Name: "fw/b"}
	huge(one)
	check(t, tar.NewWriter(&header).WriteHeader(one))
	if _, err := extractInto(t, io.MultiReader(bytes.NewReader(sum[:1024]), &header, endless{}), filepath.Join(base, "sum"), lax()); fault.As(err) == nil || fault.As(err).Code != "archive-too-large" {
		t.Errorf("sizes whose sum is beyond any number: %v", err)
	}
	wanted.limit = 1 << 20
	zeros := io.MultiReader(bytes.NewReader(archiveOf(t, file("fw/a"))), io.LimitReader(endless{}, 1<<40))
	if _, err := extractInto(t, zeros, filepath.Join(base, "zeros"), wanted); fault.As(err) == nil || fault.As(err).Code != "archive-too-large" {
		t.Errorf("zeros without end after the end: %v", err)
	}
}

type endless struct{}

func (endless) Read(into []byte) (int, error) { clear(into); return len(into), nil }

// TestCancelled: the extraction stops inside a large file.
func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	directory := filepath.Join(t.TempDir(), "is")
	check(t, os.Mkdir(directory, 0o700))
	var header bytes.Buffer
	writer := tar.NewWriter(&header)
	check(t, writer.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "fw/a", Size: 1 << 40, Format: tar.FormatGNU}))
	wanted := lax()
	wanted.limit = 1 << 50
	blocks := 0
	wanted.here = func() {
		if blocks++; blocks == 3 {
			cancel()
		}
	}
	_, _, err := extract(ctx, io.MultiReader(&header, endless{}), directory, wanted)
	if !errors.Is(err, context.Canceled) || fault.ClassOf(err) != fault.Interrupted {
		t.Fatal(err)
	}
	if blocks != 3 {
		t.Errorf("it continued for %d blocks", blocks)
	}
}
