package holdings

import (
	"os"

	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/steps/order"
)

// Find opens the record of a release, which is open, in the record of the directory above it. It returns nil
// where there is none that is whole; done closes it.
func Find(dir *openat.Dir, release int) (reader *Reader, done func()) {
	done = func() {}
	self, err := ReleaseAt(release)
	if err != nil {
		return nil, done
	}
	_ = order.Files(dir, func(_ string, file *os.File) bool {
		found, err := NewReader(file)
		if err != nil || found.Release != self {
			return false
		}
		reader, done = found, func() { _ = file.Close() }
		return true
	}) // without a record, the digests decide
	return reader, done
}
