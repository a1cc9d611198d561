package order

import (
	"errors"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/openat"
)

// filesSuffix ends the name of the file that says what a release holds (steps/holdings): it lies beside the
// file of the step that installed the release, and goes with it.
const filesSuffix = ".files"

// isFiles reports whether a name is that of such a file, which has no part in the order.
func isFiles(name string) bool { return strings.HasSuffix(name, filesSuffix) }

// CreateFiles makes the file that says what the step's release holds; one of an attempt before is replaced.
// It is nil where the Record is zero. The caller makes it durable before the release gets its name.
func (r Record) CreateFiles() (*os.File, error) {
	if r.Dir == "" {
		return nil, nil
	}
	dir, err := r.open()
	if err != nil {
		return nil, r.explain(err)
	}
	defer dir.Close()
	record, err := begin(dir)
	if err != nil {
		return nil, r.explain(err)
	}
	defer record.Close()
	if err := record.Remove(r.Name + filesSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, r.explain(err)
	}
	file, err := record.Create(r.Name+filesSuffix, 0o600)
	return file, r.explain(err)
}

// Files calls visit with each file in an open directory of releases that says what a release holds, until it
// returns true. Files that another user could have written are left out.
func Files(dir *openat.Dir, visit func(name string, file *os.File) bool) error {
	record, err := dir.Sub(Directory)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer record.Close()
	names, err := record.Names()
	for _, name := range names {
		if !isFiles(name) {
			continue
		}
		file, err := record.Open(name)
		if err != nil {
			continue
		}
		if ownFile(file) && visit(name, file) {
			return nil
		}
		file.Close()
	}
	return err
}

// ownFile reports whether an open file is the work of the user that gwe runs as.
func ownFile(file *os.File) bool {
	var status unix.Stat_t
	err := unix.Fstat(int(file.Fd()), &status)
	return err == nil && status.Mode&unix.S_IFMT == unix.S_IFREG && int(status.Uid) == os.Geteuid() && status.Mode&0o022 == 0
}
