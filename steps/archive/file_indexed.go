package archive

import (
	"context"
	"crypto/sha256"
	"hash/crc32"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/bundle/index"
	"github.com/gwe-project/gwe/steps/holdings"
)

// checks are the CRCs of the files that an extraction by an index has made or linked, by the numbers of their
// entries.
type checks struct {
	sums  []uint32
	known []bool
}

func newChecks(count int) *checks { return &checks{make([]uint32, count), make([]bool, count)} }

func (c *checks) add(number int, sum uint32) {
	if c != nil {
		c.sums[number], c.known[number] = sum, true
	}
}

// indexedFile makes a file whose digest is known before its content is read: a hard link to the running
// release's file where that has the digest, a new file where not.
func (x *extraction) indexedFile(ctx context.Context, e entry, wanted attributes, above int, content *indexContent) error {
	different := false
	if twin := x.twinOf(e, wanted); twin != nil {
		defer twin.close()
		same, err := x.proves(ctx, content.entry, twin)
		if err != nil {
			return err
		}
		if same.whole {
			x.checks.add(content.number, same.sum)
			if linked, err := x.link(e, twin, same, above); linked || err != nil {
				return err
			}
		}
		different = !same.whole
	}
	if old, size := x.oldFile(e); old >= 0 {
		defer unix.Close(old)
		if !different || size >= partedFile {
			if err := content.look(ctx, old, size); err != nil {
				return err
			}
		}
	}
	if err := x.write(ctx, e, wanted, above, content); err != nil {
		return err
	}
	x.checks.add(content.number, x.sum)
	return content.check()
}

// proves reports whether the running release's file has the content that the index names: by the identity
// that was recorded when that release was installed, or by its digest.
func (x *extraction) proves(ctx context.Context, e index.Entry, t *twin) (sameness, error) {
	if recorded, found := x.held.Find(e.Path); found && recorded.Fits(&t.status) {
		return sameness{whole: recorded.Sum == e.Sum, length: e.Size, sum: recorded.Check}, nil
	}
	same := sameness{}
	digest := sha256.New()
	for same.length < t.status.Size {
		if err := ctx.Err(); err != nil {
			return same, err
		}
		block := x.other[:min(t.status.Size-same.length, blockSize)]
		n, err := readAt(t.handle, block, same.length)
		if err != nil || n < len(block) {
			return same, nil // an unreadable twin is no reason to fail: the package itself is at hand
		}
		digest.Write(block)
		same.sum = crc32.Update(same.sum, castagnoli, block)
		same.length += int64(n)
		if x.here != nil {
			x.here()
		}
	}
	same.whole = index.Digest(digest.Sum(nil)) == e.Sum
	return same, nil
}

// oldFile opens the running release's file of the same path, whatever its attributes; -1 is none.
func (x *extraction) oldFile(e entry) (handle int, size int64) {
	if x.old == nil {
		return -1, 0
	}
	above, err := x.old.at(e.directory())
	if err != nil {
		return -1, 0
	}
	var status unix.Stat_t
	if unix.Fstatat(above, e.base(), &status, unix.AT_SYMLINK_NOFOLLOW) != nil || status.Mode&unix.S_IFMT != unix.S_IFREG {
		return -1, 0
	}
	if handle, err = openIn(above, e.base(), unix.O_RDONLY|unix.O_NONBLOCK, 0); err != nil {
		return -1, 0
	}
	if unix.Fstat(handle, &status) != nil || status.Mode&unix.S_IFMT != unix.S_IFREG {
		_ = unix.Close(handle)
		return -1, 0
	}
	return handle, status.Size
}

// recordHoldings records what the new tree holds, as it is now that nothing more changes in it.
func (j job) recordHoldings(ctx context.Context, m memo, from *indexed, staging int, made *checks) (err error) {
	file, err := m.Order.CreateFiles()
	if err != nil || file == nil {
		return err
	}
	defer file.Close()
	self, err := holdings.ReleaseAt(staging)
	if err != nil {
		return explain(err, "cannot record what the release holds")
	}
	writer, walk := holdings.NewWriter(file, self), reader(staging)
	defer walk.drop()
	number := -1
	for one := range from.Entries() {
		if number++; !made.known[number] {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		parts, why := split(one.Path)
		if why != "" {
			continue
		}
		above, err := walk.at(parts[:len(parts)-1])
		var status unix.Stat_t
		if err == nil {
			err = unix.Fstatat(above, parts[len(parts)-1], &status, unix.AT_SYMLINK_NOFOLLOW)
		}
		if err != nil {
			return explain(err, "cannot record what the release holds")
		}
		if modified, err := unix.TimeToTimespec(one.Modified()); err != nil || status.Mtim != modified || status.Size != one.Size {
			continue // a file of the running release that was written to since it was linked: Verify says so
		}
		held := holdings.FileOf(one.Path, &status)
		held.Sum, held.Check = one.Sum, made.sums[number]
		writer.Add(held)
	}
	return explain(writer.Close(), "cannot record what the release holds")
}
