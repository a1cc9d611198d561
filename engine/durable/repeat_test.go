package durable

import (
	"io/fs"
	"syscall"
	"testing"
)

func TestRepeat(t *testing.T) {
	for name, test := range map[string]struct {
		answers []error
		want    error
	}{
		"well":        {[]error{nil}, nil},
		"interrupted": {[]error{syscall.EINTR, &fs.PathError{Err: syscall.EINTR}, nil}, nil},
		"failed":      {[]error{syscall.EINTR, syscall.EIO}, syscall.EIO},
	} {
		calls := 0
		err := Repeat(func() error {
			calls++
			return test.answers[calls-1]
		})
		if err != test.want || calls != len(test.answers) {
			t.Errorf("%s: got %v after %d calls", name, err, calls)
		}
	}
}
