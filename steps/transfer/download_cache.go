package transfer

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/gwe-project/gwe/bundle/cache"
	"github.com/gwe-project/gwe/bundle/fetch"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
)

// stored is where a download is kept by its digest; the key is "" where the recipe asks for no cache.
type stored struct {
	directory string
	key       cache.Key
	limit     int64
}

func (a downloadArguments) stored() (stored, error) {
	if !a.Cache {
		return stored{}, nil
	}
	key, ok := cache.KeyOf(a.SHA256, a.SHA512)
	if !ok {
		return stored{}, fault.New(fault.Refused, "download-option-invalid", "cache needs a digest, by which the file is known").
			WithHint("give sha256 or sha512, or leave cache out")
	}
	directory, err := string(a.CacheDir), error(nil)
	if directory == "" {
		directory, err = cache.Usual()
	}
	return stored{directory, key, a.CacheSize.Bytes()}, err
}

// has reports, for a plan, whether the cache has the file, and how long it is.
func (s stored) has(machine step.Machine) (size int64, ok bool) {
	if s.key == "" {
		return 0, false
	}
	info, err := machine.Lstat(filepath.Join(s.directory, string(s.key)))
	if err != nil || !info.Mode().IsRegular() {
		return 0, false
	}
	return info.Size(), true
}

// obtained is the file that is wanted, complete: a download, or an entry of the cache.
type obtained struct {
	file  *fetch.File
	entry *cache.Entry
	size  int64
}

func (f *obtained) Close() {
	if f.file != nil {
		f.file.Close()
	}
	if f.entry != nil {
		f.entry.Close()
	}
}

// movable reports whether it needs no space in a directory.
func (f *obtained) movable(to *openat.Dir) bool { return f.entry == nil && f.file.Movable(to) }

// put makes it the new file of that name in a directory, and gives its SHA-256.
func (f *obtained) put(ctx context.Context, to *openat.Dir, name string, progress func(done, total int64)) (string, error) {
	if f.entry != nil {
		return f.entry.Copy(ctx, to, name, progress)
	}
	return f.file.SHA256, f.file.Move(ctx, to, name, progress)
}

// get gives the file: from the cache if it has it, else by a download, which it adds to the cache. A cache
// that cannot be used is no reason to fail, but one that others can change is.
func (w wantedDownload) get(ctx context.Context, run *step.Run, client *fetch.Client) (*obtained, error) {
	store, err := w.cache(run)
	if err != nil {
		return nil, err
	}
	if store != nil {
		entry, err := store.Get(ctx, w.stored.key)
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil:
			run.Log.Warn("the cache is not used: " + err.Error())
			store = nil
		case entry != nil && w.order.Size >= 0 && entry.Size != w.order.Size:
			entry.Close()
		case entry != nil:
			run.Log.Info("it is in the cache: nothing is downloaded")
			return &obtained{entry: entry, size: entry.Size}, nil
		}
	}
	order := w.order
	order.Space, order.Progress, order.Say = run.Machine.Space, progress(run), run.Log.Info
	file, err := client.Download(ctx, order)
	if err != nil {
		return nil, err
	}
	if store == nil {
		return &obtained{file: file, size: file.Size}, nil
	}
	entry, err := store.Add(ctx, w.stored.key, file.Size, w.stored.limit, func(directory *openat.Dir, name string) error {
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
		run.Log.Warn(fmt.Sprintf("it is not kept in the cache: it has %s, and cache-size is %s", value.SizeOf(file.Size), value.SizeOf(w.stored.limit)))
	case err != nil && !file.Moved():
		run.Log.Warn("it is not kept in the cache: " + err.Error())
		err = nil
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	if entry != nil {
		file.Close()
		return &obtained{entry: entry, size: entry.Size}, nil
	}
	return &obtained{file: file, size: file.Size}, nil
}

// cache opens the cache, nil where there is none, or where it cannot be used.
func (w wantedDownload) cache(run *step.Run) (*cache.Cache, error) {
	if w.stored.key == "" {
		return nil, nil
	}
	store, err := cache.Open(w.stored.directory)
	if found := fault.As(err); found != nil && found.Class == fault.Refused {
		return nil, err
	}
	if err != nil {
		run.Log.Warn("the cache is not used: " + err.Error())
		return nil, nil
	}
	return store, nil
}

// deliver gets the file and puts it where memo says, and gets it once more where the cache had a damaged one.
func (w wantedDownload) deliver(ctx context.Context, run *step.Run, client *fetch.Client, memo downloadMemo) (digest string, size int64, err error) {
	for {
		file, err := w.get(ctx, run, client)
		if err != nil {
			return "", 0, err
		}
		digest, err = w.place(ctx, run, memo, file)
		file.Close()
		if err == nil {
			return digest, file.size, nil
		}
		if !cache.IsDamaged(err) || errors.Is(err, context.Canceled) {
			return "", 0, err
		}
		run.Log.Warn(err.Error())
		w.stored.key = "" // a disk that damages what it stores would do so again
	}
}
