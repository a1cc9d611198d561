package server

import (
	"context"
	"path/filepath"

	"github.com/gwe-project/gwe/bundle/cache"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
)

// CacheArguments are embedded in those of a step type that takes files from the cache, and keeps them there.
type CacheArguments struct {
	Cache     bool       `name:"cache" default:"false" help:"whether the file is taken from the cache, and kept there; it needs a digest"`
	CacheDir  value.Path `name:"cache-dir" help:"the cache; where it is left out, /var/cache/gwe/artifacts for root, and gwe/artifacts in the user's cache directory otherwise"`
	CacheSize value.Size `name:"cache-size" default:"2GiB" help:"how much the cache may hold after this download: what was not used for longest goes first"`
}

// Stored is where a file is kept by its digest; the zero value is nowhere.
type Stored struct {
	directory string
	key       cache.Key
	limit     int64
}

// Stored reads the arguments. Its faults are download-option-invalid and cache-nowhere.
func (a CacheArguments) Stored(sha256, sha512 string) (Stored, error) {
	if !a.Cache {
		return Stored{}, nil
	}
	key, ok := cache.KeyOf(sha256, sha512)
	if !ok {
		return Stored{}, fault.New(fault.Refused, "download-option-invalid", "cache needs a digest, by which the file is known").
			WithHint("give sha256 or sha512, or leave cache out")
	}
	directory, err := string(a.CacheDir), error(nil)
	if directory == "" {
		directory, err = cache.Usual()
	}
	return Stored{directory, key, a.CacheSize.Bytes()}, err
}

// Has reports, for a plan, whether the cache has the file, and how long it is.
func (s Stored) Has(machine step.Machine) (size int64, ok bool) {
	if s.key == "" {
		return 0, false
	}
	info, err := machine.Lstat(filepath.Join(s.directory, string(s.key)))
	if err != nil || !info.Mode().IsRegular() {
		return 0, false
	}
	return info.Size(), true
}

// open opens the cache, nil where there is none, or where it cannot be used.
func (s Stored) open(run *step.Run) (*cache.Cache, error) {
	if s.key == "" {
		return nil, nil
	}
	store, err := cache.Open(s.directory)
	if found := fault.As(err); found != nil && found.Class == fault.Refused {
		return nil, err
	}
	if err != nil {
		run.Log.Warn("the cache is not used: " + err.Error())
		return nil, nil
	}
	return store, nil
}

// lookUp gives the entry of the cache, nil where it is not there. A cache that cannot be used is not a reason
// to fail: it is nil then, too.
func (s Stored) lookUp(ctx context.Context, run *step.Run, size int64) (*cache.Cache, *cache.Entry, error) {
	store, err := s.open(run)
	if err != nil || store == nil {
		return nil, nil, err
	}
	entry, err := store.Get(ctx, s.key)
	switch {
	case ctx.Err() != nil:
		return nil, nil, ctx.Err()
	case err != nil:
		run.Log.Warn("the cache is not used: " + err.Error())
		return nil, nil, nil
	case entry != nil && size >= 0 && entry.Size != size:
		entry.Close()
		return store, nil, nil
	}
	return store, entry, nil
}
