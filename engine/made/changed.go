package made

import (
	"context"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/step"
)

// smallest is up to which size the content of a file that stands alone gets a digest: reading it once more costs nothing.
const smallest = 1 << 20

// Changed reports whether the file that Record listed at another name was changed since, in content, mode or owner. What cannot be
// looked at counts as changed.
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
			e.unchanged(status, volatileAt(parent), func() (same, recorded bool) { return list.sums.match("", "", parent, name) })
		return nil
	})
	return err != nil || !known
}

// recordSum notes the digest of a small file.
func recordSum(folder string, parent int, name string) error {
	status, err := statAt(parent, name)
	if err != nil || status == nil || status.Mode&unix.S_IFMT != unix.S_IFREG || status.Size > smallest {
		return err
	}
	sum, err := sumOf(parent, name)
	if err != nil {
		return nil // a file without read permission, of a user's own
	}
	sums, err := CreateSums(folder)
	if err != nil {
		return err
	}
	if err := sums.Add("", "", sum); err != nil {
		return err
	}
	return sums.Close()
}
