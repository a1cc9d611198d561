package archive

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// burst is an archive in which a library panics as soon as it reads beyond left bytes.
type burst struct {
	*bytes.Reader
	left int
}

func (b *burst) Read(into []byte) (int, error) {
	b.spend(len(into))
	return b.Reader.Read(into)
}

func (b *burst) ReadAt(into []byte, at int64) (int, error) {
	b.spend(len(into))
	return b.Reader.ReadAt(into, at)
}

func (b *burst) spend(bytes int) {
	if b.left -= bytes; b.left < 0 {
		panic(io.EOF)
	}
}

// TestPanicOfALibrary: wherever archive/tar and archive/zip panic, it is a damaged archive and nothing worse.
func TestPanicOfALibrary(t *testing.T) {
	items := []item{{name: "fw/"}, {name: "fw/a", content: strings.Repeat("content", 2000)}, symlink("fw/b", "a")}
	for form, one := range map[string]struct {
		whole []byte
		open  func(source *burst) (entries, error)
	}{
		"tar": {archiveOf(t, items...), func(source *burst) (entries, error) { return entriesOfTar(source, 1<<40), nil }},
		"zip": {zipOf(t, items...), func(source *burst) (entries, error) { return entriesOfZip(source, source.Size()) }},
	} {
		for left := 0; left < len(one.whole)-1024; left += 64 {
			directory := filepath.Join(t.TempDir(), "is")
			check(t, os.Mkdir(directory, 0o700))
			source, err := one.open(&burst{bytes.NewReader(one.whole), left})
			if err == nil {
				_, _, err = extractFrom(context.Background(), source, directory, lax())
			}
			if found := fault.As(err); found == nil || found.Code != "archive-damaged" {
				t.Errorf("%s, a panic after %d bytes: %v", form, left, err)
			}
		}
	}
}

// TestZipCutInFront: a zip that lacks its first bytes has a directory at a negative offset. It is refused,
// however much is missing, and its undo leaves nothing.
func TestZipCutInFront(t *testing.T) {
	whole := zipOf(t, file("fw/a"), file("fw/b"))
	damaged := map[string][]byte{}
	for cut := 1; cut < len(whole); cut += 5 {
		damaged["cut by "+string(rune('0'+cut%10))] = whole[cut:]
	}
	for _, more := range []uint32{1, 22, 1 << 20, 1<<31 - 1, 1 << 31, 1<<32 - 2} {
		changed := bytes.Clone(whole)
		at := len(changed) - 22 + 16
		binary.LittleEndian.PutUint32(changed[at:], binary.LittleEndian.Uint32(changed[at:])+more)
		damaged["offset plus "+string(rune('0'+more%10))] = changed
	}
	for name, content := range damaged {
		base := t.TempDir()
		archive := filepath.Join(base, "archive")
		check(t, os.WriteFile(archive, content, 0o644))
		arguments := map[string]any{"archive": archive, "to": filepath.Join(base, "is"), "unverified": "allow"}
		run := &step.Run{ID: "20260101-run", Step: "app", Machine: step.Local{}, Directory: t.TempDir(), Log: tasklog.Begin(ignore{}, "step", "extract")}
		memo, err := Extract().Prepare(t.Context(), run, arguments)
		check(t, err)
		if _, err := Extract().Do(t.Context(), run, arguments, memo); fault.As(err) == nil {
			t.Errorf("%s: %v", name, err)
		}
		check(t, Extract().Undo(t.Context(), run, arguments, memo))
		if names, err := os.ReadDir(base); err != nil || len(names) != 1 {
			t.Errorf("%s: there is %v after the undo (%v)", name, names, err)
		}
	}
}
