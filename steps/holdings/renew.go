package holdings

import (
	"context"
	"io"
	"os"
	"path"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/steps/order"
)

// Watch remembers which files of the releases in a directory are as they were recorded, while gwe removes
// releases that share files with them: the removal of a link sets the change time.
type Watch struct {
	dir     *openat.Dir
	records []watched
}

// watched is the record of one release.
type watched struct {
	name    string
	release string
	fits    []bool
}

// Observe looks at all recorded files of the releases in an open directory. What cannot be looked at is left
// out.
func Observe(ctx context.Context, dir *openat.Dir) *Watch {
	w := &Watch{dir: dir}
	releases := releasesIn(dir)
	_ = order.Files(dir, func(name string, file *os.File) bool {
		reader, err := NewReader(file)
		if err != nil || releases[reader.Release] == "" {
			return false
		}
		one := watched{name: name, release: releases[reader.Release]}
		whole := w.each(ctx, one.release, reader, func(f File, status *unix.Stat_t) {
			one.fits = append(one.fits, status != nil && f.Fits(status))
		})
		if whole {
			w.records = append(w.records, one)
		}
		return false
	})
	return w
}

// releasesIn are the names of the directories in an open one.
func releasesIn(dir *openat.Dir) map[Release]string {
	found := map[Release]string{}
	names, err := dir.Names()
	if err != nil {
		return nil
	}
	for _, name := range names {
		release, err := dir.Sub(name)
		if err != nil {
			continue
		}
		if self, err := ReleaseAt(release.Descriptor()); err == nil {
			found[self] = name
		}
		release.Close()
	}
	return found
}

// each calls visit with each recorded file of a release, and its status, or nil where it has none. It reports
// whether the walk came to its end.
func (w *Watch) each(ctx context.Context, name string, reader *Reader, visit func(f File, status *unix.Stat_t)) bool {
	release, err := w.dir.Sub(name)
	if err != nil {
		return false
	}
	defer release.Close()
	if self, err := ReleaseAt(release.Descriptor()); err != nil || self != reader.Release {
		return false
	}
	var in *openat.Dir
	inside := ""
	defer func() { in.Close() }()
	for ; reader.more; reader.advance() {
		if ctx.Err() != nil {
			return false
		}
		f := reader.next
		if above := path.Dir(f.Path); in == nil || above != inside {
			in.Close()
			if in, err = release.Below(above); err != nil {
				in = nil
			}
			inside = above
		}
		if in != nil {
			if status, err := in.Stat(path.Base(f.Path)); err == nil {
				visit(f, &status)
				continue
			}
		}
		visit(f, nil)
	}
	return true
}

// Renew records the present change times of the files that were as they were recorded when the watch began,
// if nothing else of them has changed since. It is best effort: where a record is not renewed, digests
// decide. spool is a directory for a temporary file.
func (w *Watch) Renew(ctx context.Context, spool string) {
	for _, one := range w.records {
		_ = order.Files(w.dir, func(name string, file *os.File) bool {
			if name != one.name {
				return false
			}
			w.renew(ctx, one, file, spool)
			_ = file.Close()
			return true
		})
	}
}

func (w *Watch) renew(ctx context.Context, one watched, file *os.File, spool string) {
	reader, err := NewReader(file)
	if err != nil {
		return
	}
	renewed, err := os.CreateTemp(spool, "holdings-*")
	if err != nil {
		return
	}
	defer renewed.Close()
	if os.Remove(renewed.Name()) != nil {
		return
	}
	writer, number, changed := NewWriter(renewed, reader.Release), -1, false
	whole := w.each(ctx, one.release, reader, func(f File, status *unix.Stat_t) {
		if number++; status != nil && number < len(one.fits) && one.fits[number] && f.Changed != status.Ctim {
			now := f
			now.Changed = status.Ctim
			if now.Fits(status) {
				f, changed = now, true
			}
		}
		writer.Add(f)
	})
	if err := writer.Close(); err != nil || !whole || !changed {
		return
	}
	if _, err := renewed.Seek(0, io.SeekStart); err == nil {
		_ = order.RewriteFiles(w.dir, one.name, renewed)
	}
}
