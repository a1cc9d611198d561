package runstate

import (
	"io/fs"
	"path/filepath"
	"slices"
	"syscall"
)

// Lease is a path that is kept for the undo of a run.
type Lease struct {
	// Path is a file or directory.
	Path string `json:"path"`
	// Bytes is the space on the disk of what lies there, a file with several names counted once; 0 where
	// nothing does.
	Bytes int64 `json:"bytes"`
}

// leaseSizes measures what is kept for the undo of a run: each lease, and what its steps saved in the run's
// own directory.
func (p *StoredRun) leaseSizes() []Lease { return sized(append(p.Leases(), p.Directory.Frames())) }

func sized(paths []string) (measured []Lease) {
	for _, path := range paths {
		measured = append(measured, Lease{Path: path, Bytes: spaceOf(path)})
	}
	return measured
}

// spaceOf follows no link. What cannot be read is left out: it is a figure for people.
func spaceOf(path string) int64 {
	type file struct{ device, inode uint64 }
	seen := map[file]bool{}
	total := int64(0)
	_ = filepath.WalkDir(path, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			return nil
		}
		if status, ok := info.Sys().(*syscall.Stat_t); ok {
			if one := (file{uint64(status.Dev), status.Ino}); !seen[one] {
				seen[one] = true
				total += status.Blocks * 512
			}
		}
		return nil
	})
	return total
}

// KeptBytes is the space on the disk of what is kept for the undo of a run.
func (s State) KeptBytes(id string) (int64, error) {
	chosen, err := Choose(s, id)
	if err != nil {
		return 0, err
	}
	p, err := Peek(s, chosen)
	if err != nil || p == nil {
		return 0, err
	}
	total := int64(0)
	for _, lease := range slices.Concat(p.leaseSizes(), sized(p.Later())) {
		total += lease.Bytes
	}
	return total, nil
}
