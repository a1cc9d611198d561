package made

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/need"
	"github.com/gwe-project/gwe/engine/step"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// old is the time of all files that a step makes.
var old = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// release is a tree that a step has made, and recorded, and put in its place.
type release struct {
	*testing.T
	base, place string
	run         *step.Run
	kept        []string
}

func newRelease(t *testing.T) *release {
	t.Helper()
	r := &release{T: t, base: t.TempDir()}
	r.place = filepath.Join(r.base, "app-2")
	frame := filepath.Join(r.base, ".frame")
	check(t, os.Mkdir(frame, 0o700))
	r.run = &step.Run{ID: "20260102-030405.678", Directory: frame, Machine: step.Local{}}
	r.run.Kept = func(path string) {
		if !slices.Contains(r.kept, path) {
			r.kept = append(r.kept, path)
		}
	}
	staged := filepath.Join(r.base, ".gwe-staged")
	sums := CreateSums(frame)
	for way, content := range map[string]string{"bin/app": "program", "etc/app.conf": "a=1", "etc/d/one": "1", "empty/": "", "same": "s"} {
		path := filepath.Join(staged, way)
		if strings.HasSuffix(way, "/") {
			check(t, os.MkdirAll(path, 0o755))
			continue
		}
		check(t, os.MkdirAll(filepath.Dir(path), 0o755))
		check(t, os.WriteFile(path, []byte(content), 0o644))
		check(t, os.Chtimes(path, old, old))
		file, err := os.Open(path)
		check(t, err)
		check(t, sums.AddSmall("", way, int(file.Fd()), int64(len(content))))
		check(t, file.Close())
	}
	check(t, sums.Close())
	check(t, os.Symlink("bin/app", filepath.Join(staged, "link")))
	check(t, unix.Mkfifo(filepath.Join(staged, "pipe"), 0o600))
	check(t, os.Link(filepath.Join(staged, "same"), filepath.Join(staged, "bin/same")))
	check(t, Record(t.Context(), r.run, staged))
	check(t, os.Rename(staged, r.place))
	check(t, Settle(t.Context(), r.run, r.place))
	r.run.AfterCommit = true
	return r
}

func (r *release) at(way string) string { return filepath.Join(r.place, way) }

func (r *release) write(way, content string) {
	r.Helper()
	check(r.T, os.MkdirAll(filepath.Dir(r.at(way)), 0o755))
	check(r.T, os.WriteFile(r.at(way), []byte(content), 0o644))
}

// left lists what is below a directory, entries that are no directories or are empty ones.
func left(t *testing.T, root string) []string {
	t.Helper()
	found := []string{}
	check(t, filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if below, err := os.ReadDir(path); err != nil || len(below) > 0 || path == root {
				return err
			}
		}
		found = append(found, strings.TrimPrefix(path, root+"/"))
		return nil
	}))
	return found
}

// since are things that happen to a release after the commit, with what a rollback must keep.
var since = map[string]struct {
	happens func(r *release)
	kept    []string
}{
	"nothing":               {func(*release) {}, nil},
	"a new file":            {func(r *release) { r.write("data/readings.db", "weeks") }, []string{"data/readings.db"}},
	"a new file among ours": {func(r *release) { r.write("etc/d/two", "2") }, []string{"etc/d/two"}},
	"an empty directory":    {func(r *release) { check(r.T, os.Mkdir(r.at("etc/new"), 0o755)) }, []string{"etc/new"}},
	"in an empty directory": {func(r *release) { r.write("empty/x", "x") }, []string{"empty/x"}},
	"written in place":      {func(r *release) { r.write("etc/app.conf", "a=2") }, []string{"etc/app.conf"}},
	"appended": {func(r *release) {
		r.write("etc/app.conf", "a=1\nb=2")
	}, []string{"etc/app.conf"}},
	"replaced by a rename": {func(r *release) {
		r.write("etc/.app.conf.swp", "a=3")
		check(r.T, os.Rename(r.at("etc/.app.conf.swp"), r.at("etc/app.conf")))
	}, []string{"etc/app.conf"}},
	"written with its time restored": {func(r *release) {
		r.write("etc/app.conf", "a=9")
		check(r.T, os.Chtimes(r.at("etc/app.conf"), old, old))
	}, []string{"etc/app.conf"}},
	"replaced with its time restored": {func(r *release) {
		check(r.T, os.Remove(r.at("etc/app.conf")))
		r.write("etc/app.conf", "a=9")
		check(r.T, os.Chtimes(r.at("etc/app.conf"), old, old))
	}, []string{"etc/app.conf"}},
	"another mode": {func(r *release) { check(r.T, os.Chmod(r.at("bin/app"), 0o755)) }, []string{"bin/app"}},
	"another owner": {func(r *release) {
		need.Root(r.T, "it gives a file to somebody else")
		check(r.T, os.Chown(r.at("bin/app"), 7, 7))
	}, []string{"bin/app"}},
	"a file in the place of a directory": {func(r *release) {
		check(r.T, os.RemoveAll(r.at("etc/d")))
		r.write("etc/d", "file")
	}, []string{"etc/d"}},
	"another directory in the place of one": {func(r *release) {
		check(r.T, os.Rename(r.at("etc/d"), r.base+"/moved"))
		r.write("etc/d/one", "1")
		check(r.T, os.Chtimes(r.at("etc/d/one"), old, old))
	}, []string{"etc/d/one"}},
	"a link in the place of a directory": {func(r *release) {
		check(r.T, os.Rename(r.at("etc/d"), r.base+"/moved"))
		check(r.T, os.Symlink(r.base+"/moved", r.at("etc/d")))
	}, []string{"etc/d"}},
	"another link": {func(r *release) {
		check(r.T, os.Remove(r.at("link")))
		check(r.T, os.Symlink("bin/other", r.at("link")))
	}, []string{"link"}},
	"a pipe and a socket": {func(r *release) {
		check(r.T, unix.Mkfifo(r.at("bin/fifo"), 0o600))
		listener, err := net.Listen("unix", r.at("bin/sock"))
		check(r.T, err)
		listener.(*net.UnixListener).SetUnlinkOnClose(false)
		check(r.T, listener.Close())
	}, []string{"bin/fifo", "bin/sock"}},
	"a pipe in the place of a file": {func(r *release) {
		check(r.T, os.Remove(r.at("same")))
		check(r.T, unix.Mkfifo(r.at("same"), 0o644))
	}, []string{"same"}},
	"removed":               {func(r *release) { check(r.T, os.RemoveAll(r.at("etc"))) }, nil},
	"touched":               {func(r *release) { check(r.T, os.Chtimes(r.at("etc/app.conf"), time.Time{}, time.Now())) }, nil},
	"linked by a later run": {func(r *release) { check(r.T, os.Link(r.at("etc/app.conf"), r.base+"/later")) }, nil},
	"linked and rolled back": {func(r *release) {
		check(r.T, os.Link(r.at("bin/app"), r.base+"/later"))
		check(r.T, os.Remove(r.base+"/later"))
	}, nil},
	"restored from a backup":     {restore, nil},
	"a directory without rights": {func(r *release) { check(r.T, os.Chmod(r.at("etc/d"), 0)) }, nil},
	"a name of any bytes":        {func(r *release) { r.write("etc/new\nline\xff", "odd") }, []string{"etc/new\nline\xff"}},
}

// restore copies all of it to new inodes, as a restored backup has them.
func restore(r *release) {
	aside := r.base + "/aside"
	check(r.T, os.Rename(r.at("etc"), aside))
	for _, way := range []string{"app.conf", "d/one"} {
		content, err := os.ReadFile(filepath.Join(aside, way))
		check(r.T, err)
		check(r.T, os.WriteFile(filepath.Join(aside, way)+".new", content, 0o644))
		check(r.T, os.Chtimes(filepath.Join(aside, way)+".new", old, old))
		check(r.T, os.Rename(filepath.Join(aside, way)+".new", filepath.Join(aside, way)))
	}
	check(r.T, os.Rename(aside, r.at("etc")))
}

func TestDiscardAfterTheCommit(t *testing.T) {
	for name, one := range since {
		t.Run(name, func(t *testing.T) {
			r := newRelease(t)
			one.happens(r)
			foreseen, err := Keeps(t.Context(), r.run, r.place, true)
			check(t, err)
			hidden := filepath.Join(r.base, ".gwe-hidden")
			check(t, os.Rename(r.place, hidden))
			for range 2 {
				check(t, Discard(t.Context(), r.run, hidden, r.place))
			}
			if _, err := os.Lstat(hidden); err == nil {
				t.Error("the hidden name is left")
			}
			if len(one.kept) == 0 {
				if len(r.kept) > 0 || len(foreseen.Later) > 0 {
					t.Errorf("kept %v (%v), foreseen %v", r.kept, left(t, r.kept[0]), foreseen.Later)
				}
				return
			}
			want := filepath.Join(r.base, ".app-2.kept-20260102-030405.678")
			if !slices.Equal(r.kept, []string{want}) {
				t.Fatalf("kept %v", r.kept)
			}
			if found := left(t, want); !slices.Equal(found, one.kept) {
				t.Errorf("%q are kept, want %q", found, one.kept)
			}
			if len(foreseen.Later) != 1 || foreseen.Later[0].To != want || len(foreseen.Later[0].Entries) == 0 {
				t.Errorf("foreseen: %+v", foreseen)
			}
		})
	}
}

func TestSweepAfterTheCommit(t *testing.T) {
	for name, one := range since {
		t.Run(name, func(t *testing.T) {
			r := newRelease(t)
			one.happens(r)
			for range 2 {
				stays, err := Sweep(t.Context(), r.run, r.place)
				check(t, err)
				if stays != (len(one.kept) > 0) {
					t.Errorf("something stays: %v", stays)
				}
			}
			if len(one.kept) > 0 {
				if found := left(t, r.place); !slices.Equal(found, one.kept) {
					t.Errorf("%q stay, want %q", found, one.kept)
				}
			}
		})
	}
}

// What hooks of the run itself did to modes and owners before the commit is the run's own; what they wrote is
// not known to be.
func TestSettle(t *testing.T) {
	r := newRelease(t)
	r.run.AfterCommit = false
	for _, way := range []string{"bin/app", "etc/app.conf", "etc", "."} {
		need.Owner(t, r.at(way), 7, 8)
	}
	check(t, os.Chmod(r.at("bin/app"), 0o4755))
	r.write("etc/d/one", "2")
	check(t, Settle(t.Context(), r.run, r.place))
	r.run.AfterCommit = true
	check(t, Settle(t.Context(), r.run, r.place)) // a rollback looks, and settles nothing
	check(t, Discard(t.Context(), r.run, r.place, r.place))
	if found := left(t, r.kept[0]); !slices.Equal(found, []string{"etc/d/one"}) {
		t.Errorf("%q are kept", found)
	}
}

func TestBeforeTheCommitAllGoes(t *testing.T) {
	r := newRelease(t)
	r.run.AfterCommit = false
	r.write("data/x", "x")
	check(t, Discard(t.Context(), r.run, r.place, r.place))
	if names := left(t, r.base); slices.ContainsFunc(names, func(name string) bool { return !strings.HasPrefix(name, ".frame/") }) {
		t.Errorf("%q are left", names)
	}
}

// Without a whole list nothing is known to be the run's, and nothing is deleted.
func TestDamagedList(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"gone": os.Remove,
		"torn": func(path string) error { return os.Truncate(path, 100) },
		"zeros": func(path string) error {
			file, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = file.WriteAt(make([]byte, 64), 32)
			return err
		},
		"FIFO": func(path string) error { return errors.Join(os.Remove(path), unix.Mkfifo(path, 0o600)) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRelease(t)
			before := left(t, r.place)
			check(t, damage(filepath.Join(r.run.Directory, settledName)))
			check(t, damage(filepath.Join(r.run.Directory, listName)))
			check(t, Discard(t.Context(), r.run, r.place, r.place))
			if found := left(t, r.kept[0]); !slices.Equal(found, before) {
				t.Errorf("%q are kept", found)
			}
		})
	}
	t.Run("of the commit", func(t *testing.T) {
		r := newRelease(t)
		check(t, os.Truncate(filepath.Join(r.run.Directory, settledName), 50))
		check(t, Discard(t.Context(), r.run, r.place, r.place))
		if len(r.kept) > 0 {
			t.Errorf("kept %v", left(t, r.kept[0]))
		}
	})
}

// stops is cancelled after some looks at it.
type stops struct {
	context.Context
	after int
}

func (s *stops) Err() error {
	if s.after--; s.after < 0 {
		return context.Canceled
	}
	return nil
}

// An undo that ends anywhere is begun again, in another process: what it tells is told again.
func TestDiscardAgain(t *testing.T) {
	for after := range 14 {
		r := newRelease(t)
		r.write("etc/d/two", "2")
		hidden := filepath.Join(r.base, ".gwe-hidden")
		check(t, os.Rename(r.place, hidden))
		_ = Discard(&stops{t.Context(), after}, r.run, hidden, r.place) // its end is what is tried
		r.kept = nil
		check(t, Discard(t.Context(), r.run, hidden, r.place))
		if len(r.kept) != 1 || !slices.Equal(left(t, r.kept[0]), []string{"etc/d/two"}) {
			t.Fatalf("stopped after %d: kept %v", after, r.kept)
		}
	}
}

// An older undo may have chosen its name, and died before it used it; or another run has it.
func TestAsideNames(t *testing.T) {
	r := newRelease(t)
	r.write("new", "x")
	taken := filepath.Join(r.base, ".app-2.kept-"+r.run.ID)
	check(t, os.Mkdir(taken, 0o755))
	check(t, Discard(t.Context(), r.run, r.place, r.place))
	if want := []string{taken + "-2"}; !slices.Equal(r.kept, want) {
		t.Errorf("kept %v, want %v", r.kept, want)
	}
	if path, err := Beside(r.run, "/tmp/"+strings.Repeat("é", 127)); err != nil || len(filepath.Base(path)) > 255 {
		t.Errorf("%s: %v", path, err)
	}
}

// A file stands for itself: it is kept in a directory.
func TestDiscardOfAFile(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"unchanged": func(string) error { return nil },
		"content":   func(path string) error { return os.WriteFile(path, []byte("b"), 0o644) },
		"mode":      func(path string) error { return os.Chmod(path, 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRelease(t)
			path := filepath.Join(r.base, "app.conf")
			check(t, os.WriteFile(path+".new", []byte("a"), 0o644))
			check(t, Record(t.Context(), r.run, path+".new"))
			check(t, os.Rename(path+".new", path))
			check(t, change(path))
			if changed := Changed(r.run, path); changed != (name != "unchanged") {
				t.Errorf("changed: %v", changed)
			}
			check(t, Discard(t.Context(), r.run, path, path))
			if name == "unchanged" {
				if len(r.kept) > 0 {
					t.Errorf("kept %v", r.kept)
				}
				return
			}
			if len(r.kept) != 1 || !slices.Equal(left(t, r.kept[0]), []string{"app.conf"}) {
				t.Errorf("kept %v", r.kept)
			}
		})
	}
}

// A list of one file is written again at the commit only if that says something new; whatever is changed
// after it is seen all the same.
func TestSettleOfAFile(t *testing.T) {
	settled := func(r *release) bool {
		_, err := os.Lstat(filepath.Join(r.run.Directory, settledName))
		return err == nil
	}
	for name, row := range map[string]struct {
		before, after func(path string) error
		writes, kept  bool
	}{
		"as it was":                {},
		"a mode before the commit": {before: func(path string) error { return os.Chmod(path, 0o600) }, writes: true},
		"a mode after it":          {after: func(path string) error { return os.Chmod(path, 0o600) }, kept: true},
		"a content after it, with the size and the time of before": {after: func(path string) error {
			return errors.Join(os.WriteFile(path, []byte("b"), 0o644), os.Chtimes(path, old, old))
		}, kept: true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRelease(t)
			r.run.AfterCommit = false
			path := filepath.Join(r.base, "app.conf")
			check(t, os.WriteFile(path+".new", []byte("a"), 0o644))
			check(t, os.Chtimes(path+".new", old, old))
			check(t, Record(t.Context(), r.run, path+".new"))
			check(t, os.Rename(path+".new", path))
			if row.before != nil {
				check(t, row.before(path))
			}
			for range 2 {
				check(t, Settle(t.Context(), r.run, path))
				if settled(r) != row.writes {
					t.Errorf("a list of the commit: %v", !row.writes)
				}
			}
			r.run.AfterCommit = true
			if row.after != nil {
				check(t, row.after(path))
			}
			check(t, Discard(t.Context(), r.run, path, path))
			if row.kept != (len(r.kept) == 1) {
				t.Errorf("kept %v", r.kept)
			}
		})
	}
	t.Run("a mode that was taken back before the commit", func(t *testing.T) {
		r := newRelease(t)
		r.run.AfterCommit = false
		path := filepath.Join(r.base, "app.conf")
		check(t, os.WriteFile(path, []byte("a"), 0o644))
		check(t, Record(t.Context(), r.run, path))
		for _, mode := range []os.FileMode{0o600, 0o644} {
			check(t, os.Chmod(path, mode))
			check(t, Settle(t.Context(), r.run, path))
			if settled(r) != (mode == 0o600) {
				t.Errorf("%o: a list of the commit: %v", mode, settled(r))
			}
		}
	})
}
