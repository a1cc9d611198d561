package fault

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"testing"
)

// TestScarce: a resource is found wherever in the chain it is; what no resource cures is a failure.
func TestScarce(t *testing.T) {
	wrapped := func(number syscall.Errno) error {
		return errors.Join(New(Failed, "some-code", "a message").WithCause(fmt.Errorf("open: %w", &fs.PathError{Op: "open", Path: "x", Err: number})))
	}
	for number, storage := range map[syscall.Errno]bool{
		syscall.EMFILE: false, syscall.ENFILE: false, syscall.EAGAIN: false, syscall.ENOMEM: false, syscall.ETXTBSY: false, syscall.ENOBUFS: false, syscall.ENOLCK: false,
		syscall.ENOSPC: true, syscall.EDQUOT: true, syscall.EFBIG: true,
	} {
		if lack, ok := Scarce(wrapped(number)); !ok || lack.Storage != storage || lack.Lack == "" || lack.Cure == "" {
			t.Errorf("%v: %+v, %v", number, lack, ok)
		}
	}
	for _, err := range []error{nil, errors.New("x"), wrapped(syscall.E2BIG), wrapped(syscall.ENOENT), wrapped(syscall.EIO), wrapped(syscall.ENOEXEC), wrapped(syscall.EROFS)} {
		if lack, ok := Scarce(err); ok {
			t.Errorf("%v: %+v", err, lack)
		}
	}
}
