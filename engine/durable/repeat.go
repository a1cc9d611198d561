package durable

import (
	"errors"
	"syscall"
)

// Repeat calls again what a signal cut short (EINTR). Package os does so by itself, package unix does not.
func Repeat(call func() error) error {
	for {
		if err := call(); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
