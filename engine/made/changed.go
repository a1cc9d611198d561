package made

import (
	"context"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/step"
)

// smallest is up to which size the content of a file that stands alone gets a digest: reading it once more
// costs nothing.
const smallest = 1 << 20

// Changed reports whether the file that Record listed at another name was changed since, in content, mode or
// owner. What cannot be looked at counts as changed.
func Changed(run *step.Run, path string) bool {
	dir, name, err := run.Dir(path)
	if err != nil {
		return true
	}
	defer dir.Close()
	parent := dir.Descriptor()
	status, err := statAt(parent, name)
	if err != nil || status == nil {
		return true
	}
	list, known := Open(run), false
	defer list.Close()
	err = list.reader.group(context.Background(), "", func(e entry) error {
		known = known || e.Path == "" && e.kind() != unix.S_IFDIR &&
			e.unchanged(status, volatileAt(parent), func() (same, recorded bool) { return list.sums.match(e, parent, name) })
		return nil
	})
	return err != nil || !known
}

// aloneOf is the entry of a small file that stands alone, with its digest; is reports whether it is one.
func aloneOf(parent int, name string, status *unix.Stat_t) (alone entry, is bool) {
	if status.Mode&unix.S_IFMT != unix.S_IFREG || status.Size > smallest {
		return alone, false
	}
	sum, err := sumOf(parent, name)
	if err != nil {
		return alone, false // a file without read permission, of a user's own
	}
	alone = entryOf("", "", status)
	alone.Sum = &sum
	return alone, true
}
