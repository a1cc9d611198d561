package archive

import (
	"bufio"
	"bytes"
	"encoding/gob"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// someShared are records with all that may stand in one.
var someShared = []shared{
	{},
	{Path: "bin/app", Inode: 12, Size: 1 << 40, Mode: 0o100755, UID: 1000, GID: 100, Modified: unix.NsecToTimespec(1_700_000_000_123_456_789),
		Changed: unix.NsecToTimespec(1_800_000_000_000_000_001), Sum: 0xfedcba98},
	{Path: "not\xffUTF-8\n", Inode: math.MaxUint64, Size: 127, Mode: 128, UID: math.MaxInt32, Modified: unix.NsecToTimespec(-1), Sum: 1},
	{Path: strings.Repeat("d/", 3000) + "f", Inode: 255, Size: 256, GID: 65536, Changed: unix.NsecToTimespec(999_999_999)},
}

// asGob is the list as gwe wrote it before it had a form of its own.
func asGob(t testing.TB, list []shared) []byte {
	var text bytes.Buffer
	encoder := gob.NewEncoder(&text)
	for _, one := range list {
		check(t, encoder.Encode(one))
	}
	return text.Bytes()
}

func asWritten(t testing.TB, list []shared) []byte {
	path := filepath.Join(t.TempDir(), "linked")
	writer, err := newSharedList(path)
	check(t, err)
	defer writer.close()
	for _, one := range list {
		check(t, writer.add(one))
	}
	check(t, writer.finish())
	text, err := os.ReadFile(path)
	check(t, err)
	return text
}

func allShared(text []byte) (list []shared, err error) {
	next := readShared(bufio.NewReader(bytes.NewReader(text)))
	for {
		one, err := next()
		if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return list, nil
		}
		if err != nil {
			return list, err
		}
		list = append(list, one)
	}
}

// TestSharedListInBothForms: a list is read as it was written, by this gwe or by an older one, and one that
// breaks off is damaged.
func TestSharedListInBothForms(t *testing.T) {
	for form, write := range map[string]func(testing.TB, []shared) []byte{"now": asWritten, "gob": asGob} {
		t.Run(form, func(t *testing.T) {
			text := write(t, someShared)
			read, err := allShared(text)
			check(t, err)
			if len(read) != len(someShared) {
				t.Fatalf("%d records of %d", len(read), len(someShared))
			}
			for i, one := range read {
				if one != someShared[i] {
					t.Errorf("%+v became %+v", someShared[i], one)
				}
			}
			whole := map[int]bool{}
			for i := range len(someShared) + 1 {
				whole[len(write(t, someShared[:i]))] = true
			}
			for cut := range text {
				if list, err := allShared(text[:cut]); err == nil && !whole[cut] && (len(list) > 0 || cut > 0 && form == "now") {
					t.Errorf("the first %d bytes of %d are read as %d records", cut, len(text), len(list))
				}
			}
		})
	}
}

// FuzzShared: no list makes the reader panic or take more memory than it is long, and what it reads it could
// have written.
func FuzzShared(f *testing.F) {
	f.Add(asWritten(f, someShared))
	f.Add(asGob(f, someShared))
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := allShared(text)
		if err != nil {
			return
		}
		again, err := allShared(asWritten(t, list))
		if err != nil || len(again) != len(list) {
			t.Fatalf("%d records became %d: %v", len(list), len(again), err)
		}
	})
}
