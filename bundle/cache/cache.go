package cache

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/pace"
	"github.com/gwe-project/gwe/engine/regular"
	"github.com/gwe-project/gwe/engine/trust"
)

// Cache is a directory of artifacts. It may be used by several processes at once.
type Cache struct{ path string }

// Info is what is known of an entry.
type Info struct {
	Key Key `json:"key"`
	// Size is its length in bytes.
	Size int64 `json:"size"`
	// Used is when it was used last.
	Used time.Time `json:"used"`
}

const (
	// lockName is the file that is locked while entries come and go.
	lockName = "lock"
	// incoming begins the names of what is not yet an entry.
	incoming = "incoming-"
	// lockEvery is how often a lock that another process holds is asked for.
	lockEvery = 200 * time.Millisecond
)

// Open opens the cache in a directory, which is made where it is missing. Its faults are cache-unsafe, and
// those of the file system.
func Open(path string) (*Cache, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, durable.Explain(err, "cannot make the cache %s", path)
	}
	return Existing(path)
}

// Existing is Open for a directory that must be there.
func Existing(path string) (*Cache, error) {
	weak, err := trust.Find(path)
	if err != nil {
		return nil, durable.Explain(err, "cannot examine the cache %s", path)
	}
	if weak != nil {
		return nil, fault.New(fault.Refused, "cache-unsafe", "cannot use the cache %s: another user can change it", path).
			WithHint("use a directory that only root, or the user gwe runs as, can change, like its parents")
	}
	return &Cache{path}, nil
}

// lock takes the lock under which entries come and go. It waits until ctx ends.
func (c *Cache) lock(ctx context.Context) (release func(), err error) {
	file, err := regular.Open(filepath.Join(c.path, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, durable.Explain(err, "cannot lock the cache %s", c.path)
	}
	for {
		err := durable.Flock(file)
		if err == nil {
			return func() { _ = file.Close() }, nil
		}
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = pace.Sleep(ctx, lockEvery)
		}
		if err != nil {
			_ = file.Close()
			return nil, durableUnless(ctx, err, "cannot lock the cache %s", c.path)
		}
	}
}

func durableUnless(ctx context.Context, err error, format string, arguments ...any) error {
	if ended := ctx.Err(); ended != nil {
		return ended
	}
	return durable.Explain(err, format, arguments...)
}

// List gives the entries, the one that was used last first.
func (c *Cache) List() ([]Info, error) {
	names, err := os.ReadDir(c.path)
	if err != nil {
		return nil, durable.Explain(err, "cannot read the cache %s", c.path)
	}
	var all []Info
	for _, one := range names {
		key, ok := ParseKey(one.Name())
		info, err := one.Info()
		if errors.Is(err, fs.ErrNotExist) || !ok || err == nil && !info.Mode().IsRegular() {
			continue
		}
		if err != nil {
			return nil, durable.Explain(err, "cannot read the cache %s", c.path)
		}
		all = append(all, Info{Key: key, Size: info.Size(), Used: info.ModTime()})
	}
	slices.SortFunc(all, func(a, b Info) int {
		return cmp.Or(b.Used.Compare(a.Used), strings.Compare(string(a.Key), string(b.Key)))
	})
	return all, nil
}

// Get opens an entry and counts it as used; nil where it is missing. The caller closes it. It is not verified
// before it is copied.
func (c *Cache) Get(ctx context.Context, key Key) (*Entry, error) {
	entry, err := c.Peek(ctx, key)
	if err != nil || entry == nil {
		return nil, err
	}
	release, err := c.lock(ctx)
	if err == nil {
		err = c.use(filepath.Join(c.path, string(key)))
		release()
	}
	if err != nil {
		entry.Close()
		return nil, durableUnless(ctx, err, "cannot open %s in the cache", key)
	}
	return entry, nil
}

// Peek is Get without counting the entry as used.
func (c *Cache) Peek(ctx context.Context, key Key) (*Entry, error) {
	release, err := c.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	return c.open(key)
}

// open is for the holder of the lock.
func (c *Cache) open(key Key) (*Entry, error) {
	path := filepath.Join(c.path, string(key))
	file, err := regular.Open(path, os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, durable.Explain(err, "cannot open %s in the cache", key)
	}
	info, err := file.Stat()
	if err == nil {
		err = unix.Flock(int(file.Fd()), unix.LOCK_SH|unix.LOCK_NB)
	}
	if err != nil {
		_ = file.Close()
		return nil, durable.Explain(err, "cannot open %s in the cache", key)
	}
	return &Entry{Key: key, Size: info.Size(), cache: c, file: file}, nil
}

// use makes an entry the one that was used last.
func (c *Cache) use(path string) error {
	all, err := c.List()
	if err != nil {
		return err
	}
	now := time.Now()
	if len(all) > 0 && !now.After(all[0].Used) {
		now = all[0].Used.Add(time.Millisecond)
	}
	return os.Chtimes(path, now, now)
}

// Add makes an entry of what put writes at a name in a directory, and opens it. Entries that were not used
// for longest go until all are at most limit bytes; where size alone is more, nothing is done, and the entry
// is nil. An entry that is there already is taken as it is, and put is not called.
func (c *Cache) Add(ctx context.Context, key Key, size, limit int64, put func(directory *openat.Dir, name string) error) (*Entry, error) {
	release, err := c.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	if size > limit {
		return nil, nil
	}
	if found, err := c.open(key); err != nil || found != nil {
		return found, err
	}
	if err := c.sweep(); err != nil {
		return nil, err
	}
	if _, _, err := c.shrink(limit - size); err != nil {
		return nil, err
	}
	directory, err := openat.Open(c.path)
	if err != nil {
		return nil, durable.Explain(err, "cannot open the cache %s", c.path)
	}
	defer directory.Close()
	name := incoming + string(key)
	if err := put(directory, name); err != nil {
		return nil, err
	}
	if err := durable.SyncFile(filepath.Join(c.path, name)); err != nil {
		return nil, durable.Explain(err, "cannot add %s to the cache", key)
	}
	if err := durable.RenameAt(directory, name, directory, string(key)); err != nil {
		return nil, durable.Explain(err, "cannot add %s to the cache", key)
	}
	entry, err := c.open(key)
	if err == nil && entry != nil {
		err = durable.Explain(c.use(filepath.Join(c.path, string(key))), "cannot add %s to the cache", key)
	}
	return entry, err
}

// sweep removes what a kill left of entries that were being added. The caller holds the lock, so nobody adds.
func (c *Cache) sweep() error {
	left, err := filepath.Glob(filepath.Join(c.path, incoming+"*"))
	for _, path := range left {
		if removed := os.Remove(path); removed != nil && !errors.Is(removed, fs.ErrNotExist) {
			err = errors.Join(err, removed)
		}
	}
	return durable.Explain(err, "cannot tidy the cache %s", c.path)
}

// shrink removes entries until all are at most limit bytes, those that were not used for longest first. One
// that a process holds stays.
func (c *Cache) shrink(limit int64) (removed []Info, total int64, err error) {
	all, err := c.List()
	if err != nil {
		return nil, 0, err
	}
	for _, one := range all {
		total += one.Size
	}
	for _, one := range slices.Backward(all) {
		if total <= limit {
			break
		}
		gone, err := c.remove(one.Key)
		if err != nil {
			return removed, total, err
		}
		if gone {
			removed, total = append(removed, one), total-one.Size
		}
	}
	return removed, total, nil
}

// remove removes an entry that no process holds, and reports whether it did.
func (c *Cache) remove(key Key) (bool, error) {
	path := filepath.Join(c.path, string(key))
	file, err := regular.Open(path, os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, durable.Explain(err, "cannot remove %s from the cache", key)
	}
	defer file.Close()
	if err := durable.Flock(file); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return false, nil
		}
		return false, durable.Explain(err, "cannot remove %s from the cache", key)
	}
	return true, durable.Explain(os.Remove(path), "cannot remove %s from the cache", key)
}

// Clean removes entries until all are at most limit bytes, and what kills left. It gives what was removed,
// and how many bytes the others have.
func (c *Cache) Clean(ctx context.Context, limit int64) (removed []Info, total int64, err error) {
	release, err := c.lock(ctx)
	if err != nil {
		return nil, 0, err
	}
	defer release()
	if err := c.sweep(); err != nil {
		return nil, 0, err
	}
	return c.shrink(limit)
}
