package durable

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/gwe-project/gwe/engine/fault"
)

// TestExplain: root who is refused is not told to become root, but that the file system may have nothing of
// the kind. FAT answers a change of owner and a link so.
func TestExplain(t *testing.T) {
	for errno, want := range map[syscall.Errno]string{
		syscall.EPERM:      "permission-denied: no owners, modes or links, as FAT",
		syscall.EACCES:     "permission-denied: as a user who may write there",
		syscall.EOPNOTSUPP: "not-supported: choose a place on another one",
		syscall.ENOSPC:     "disk-full: free some space",
		syscall.EXDEV:      "other-file-system: on overlayfs no directory of a lower layer",
		syscall.EBUSY:      "in-use: findmnt",
		syscall.EFBIG:      "file-too-large: ulimit -f",
	} {
		found := fault.As(Explain(&os.PathError{Op: "chown", Path: "/media/f", Err: errno}, "%s cannot be copied", "/f"))
		code, hint, _ := strings.Cut(want, ": ")
		if found == nil || found.Code != code || !strings.Contains(found.Hint, hint) || found.Error() != "/f cannot be copied: chown /media/f: "+errno.Error() {
			t.Errorf("%v: %#v", errno, found)
		}
	}
}
