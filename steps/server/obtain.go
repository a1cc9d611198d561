package server

import (
	"context"
	"fmt"
	"time"

	"github.com/gwe-project/gwe/bundle/cache"
	"github.com/gwe-project/gwe/bundle/fetch"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/tasklog"
	"github.com/gwe-project/gwe/engine/value"
)

// Obtained is a file of a server, complete: a download, or an entry of the cache. Its user closes it.
type Obtained struct {
	// Size is its length in bytes.
	Size  int64
	file  *fetch.File
	entry *cache.Entry
}

// Obtain gives the file that is ordered: from the cache if it has it, else by a download, which it adds to
// the cache. A cache that cannot be used is not a reason to fail, but one that others can change is. What
// comes from the cache is not verified yet. task shows the progress.
func Obtain(ctx context.Context, run *step.Run, task *tasklog.Task, client *fetch.Client, order fetch.Order, stored Stored) (*Obtained, error) {
	store, entry, err := stored.lookUp(ctx, run, order.Size)
	if err != nil {
		return nil, err
	}
	if entry != nil {
		task.Info("it is in the cache: nothing is downloaded")
		return &Obtained{entry: entry, Size: entry.Size}, nil
	}
	order.Space, order.Progress, order.Say = run.Machine.Space, Progress(task), task.Info
	file, err := client.Download(ctx, order)
	if err != nil {
		return nil, err
	}
	if store == nil {
		return &Obtained{file: file, Size: file.Size}, nil
	}
	return keep(ctx, task, store, stored, file)
}

// keep adds a download to the cache.
func keep(ctx context.Context, task *tasklog.Task, store *cache.Cache, stored Stored, file *fetch.File) (*Obtained, error) {
	entry, err := store.Add(ctx, stored.key, file.Size, stored.limit, func(directory *openat.Dir, name string) error {
		err := file.Move(ctx, directory, name, func(int64, int64) {})
		if err == nil {
			file.Close() // its lock would keep the entry from being opened
		}
		return err
	})
	switch {
	case ctx.Err() != nil:
		err = ctx.Err()
	case err == nil && entry == nil:
		task.Warn(fmt.Sprintf("it is not kept in the cache: it has %s, and cache-size is %s", value.SizeOf(file.Size), value.SizeOf(stored.limit)))
	case err != nil && !file.Moved():
		task.Warn("it is not kept in the cache: " + err.Error())
		err = nil
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	if entry != nil {
		file.Close()
		return &Obtained{entry: entry, Size: entry.Size}, nil
	}
	return &Obtained{file: file, Size: file.Size}, nil
}

// Progress shows on a task how far a download is, a few times a second: a piece of an answer is small.
func Progress(task *tasklog.Task) func(done, total int64) {
	var last time.Time
	return func(done, total int64) {
		if now := time.Now(); done == total || now.Sub(last) >= 200*time.Millisecond {
			last = now
			task.Progress(done, total, "bytes")
		}
	}
}

// Close lets go of the file.
func (f *Obtained) Close() {
	if f.file != nil {
		f.file.Close()
	}
	if f.entry != nil {
		f.entry.Close()
	}
}

// Path is where the file lies, until Put, Discard or Close.
func (f *Obtained) Path() string {
	if f.entry != nil {
		return f.entry.Path()
	}
	return f.file.Path()
}

// Verify reads an entry of the cache, and makes sure of its digest: cache.IsDamaged reports an error where
// that is another one, and the entry is removed then. A download has been verified.
func (f *Obtained) Verify(ctx context.Context, progress func(done, total int64)) error {
	if f.entry == nil {
		return nil
	}
	return f.entry.Verify(ctx, progress)
}

// Movable reports whether Put needs no space in a directory.
func (f *Obtained) Movable(to *openat.Dir) bool { return f.entry == nil && f.file.Movable(to) }

// Put makes it the new file of that name in a directory, and gives its SHA-256. An entry is verified
// meanwhile.
func (f *Obtained) Put(ctx context.Context, to *openat.Dir, name string, progress func(done, total int64)) (string, error) {
	if f.entry != nil {
		return f.entry.Copy(ctx, to, name, progress)
	}
	return f.file.SHA256, f.file.Move(ctx, to, name, progress)
}

// Discard removes a download; an entry of the cache stays.
func (f *Obtained) Discard() error {
	if f.entry != nil {
		return nil
	}
	return f.file.Discard()
}
