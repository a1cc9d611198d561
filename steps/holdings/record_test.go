package holdings

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/steps/order"
)

var files = []File{
	{Path: "a", Device: 1, Inode: 2, Size: 3, Modified: unix.Timespec{Sec: -5, Nsec: 999999999}, Changed: unix.Timespec{Sec: 7}, Check: 1 << 31},
	{Path: "a/b", Inode: 1<<64 - 1, Sum: [32]byte{31: 7}},
	{Path: "a.b"},
	{Path: "c\xff\n"},
}

func written(t testing.TB) []byte {
	t.Helper()
	var record bytes.Buffer
	w := NewWriter(&record, Release{1, -2, 3})
	for _, one := range files {
		w.Add(one)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return record.Bytes()
}

func TestRecord(t *testing.T) {
	r, err := NewReader(bytes.NewReader(written(t)))
	if err != nil || r.Release != (Release{1, -2, 3}) {
		t.Fatal(r, err)
	}
	for _, one := range []struct {
		path  string
		found int
	}{{"0", -1}, {"a", 0}, {"a/a", -1}, {"a/b", 1}, {"a.b", 2}, {"b", -1}, {"c\xff\n", 3}, {"d", -1}} {
		have, found := r.Find(one.path)
		if found != (one.found >= 0) || found && have != files[one.found] {
			t.Errorf("%q: %+v %v", one.path, have, found)
		}
	}
	var none *Reader
	if _, found := none.Find("a"); found {
		t.Error("no record has a file")
	}
}

func TestDamagedRecord(t *testing.T) {
	whole := written(t)
	for at := range whole {
		changed := bytes.Clone(whole)
		changed[at] ^= 1 << (at % 8)
		if _, err := NewReader(bytes.NewReader(changed)); err == nil {
			t.Fatalf("with a bit changed at %d it is read", at)
		}
		if _, err := NewReader(bytes.NewReader(whole[:at])); err == nil {
			t.Fatalf("cut after %d bytes it is read", at)
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte(tag))
	f.Fuzz(func(t *testing.T, body []byte) {
		// With the right digest: what a program wrote that is not this one.
		var record bytes.Buffer
		w := &Writer{}
		*w = *NewWriter(&record, Release{})
		w.record = append(w.record, body...)
		w.write()
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if r, err := NewReader(bytes.NewReader(record.Bytes())); err == nil {
			r.Find("zzz")
		}
	})
}

func TestFits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("content"), 0o644); err != nil {
		t.Fatal(err)
	}
	status := func() (s unix.Stat_t) {
		if err := unix.Lstat(path, &s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	was := status()
	recorded := FileOf("file", &was)
	recorded.Sum[0], recorded.Check = 1, 2
	if !recorded.Fits(&was) {
		t.Error("it does not fit itself")
	}
	for name, change := range map[string]func(s *unix.Stat_t){
		"device": func(s *unix.Stat_t) { s.Dev++ }, "inode": func(s *unix.Stat_t) { s.Ino++ }, "size": func(s *unix.Stat_t) { s.Size++ },
		"modified": func(s *unix.Stat_t) { s.Mtim.Nsec ^= 1 }, "changed": func(s *unix.Stat_t) { s.Ctim.Nsec ^= 1 },
		"kind": func(s *unix.Stat_t) { s.Mode = unix.S_IFLNK | 0o644 },
	} {
		other := was
		change(&other)
		if recorded.Fits(&other) {
			t.Errorf("it fits with another %s", name)
		}
	}
}

// TestFind: a record belongs to a directory, whatever its name is by now.
func TestFind(t *testing.T) {
	target := t.TempDir()
	for _, name := range []string{"fw-1", "fw-2"} {
		if err := os.Mkdir(filepath.Join(target, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	dir, err := openat.Open(target)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	release, err := openat.Open(filepath.Join(target, "fw-1"))
	if err != nil {
		t.Fatal(err)
	}
	defer release.Close()
	self, err := ReleaseAt(release.Descriptor())
	if err != nil {
		t.Fatal(err)
	}
	if found, done := Find(dir, release.Descriptor()); found != nil {
		done()
		t.Error("found without a record")
	}
	record := order.In(&step.Run{ID: "run", Step: "step", Machine: step.Local{}}, target)
	file, err := record.CreateFiles()
	if err != nil {
		t.Fatal(err)
	}
	w := NewWriter(file, self)
	w.Add(files[0])
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	file.Close()
	if err := os.Rename(filepath.Join(target, "fw-1"), filepath.Join(target, "renamed")); err != nil {
		t.Fatal(err)
	}
	found, done := Find(dir, release.Descriptor())
	if _, is := found.Find("a"); !is {
		t.Error("the record is not found")
	}
	done()
	other, err := openat.Open(filepath.Join(target, "fw-2"))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if found, done := Find(dir, other.Descriptor()); found != nil {
		done()
		t.Error("it is another release's")
	}
	if read, err := order.Read(step.Local{}, target); err != nil || len(read.Damaged) > 0 {
		t.Errorf("%+v %v", read, err)
	}
	if err := record.Undo(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(target, order.Directory)); err == nil {
		t.Error("the undo leaves the record")
	}
}
