package transfer

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/xattr"
)

// carried reports whether an attribute of that name is copied. Of the system's own only the access control
// lists are; root alone may write other names than those of users.
func carried(name string) bool {
	switch {
	case name == xattr.AccessList, name == xattr.DefaultList, strings.HasPrefix(name, "user."):
		return true
	default:
		return owners() && !strings.HasPrefix(name, "system.")
	}
}

// giveExtended makes the extended attributes of an entry, which are has, those wanted.
func giveExtended(directory int, name string, has, wanted []xattr.Attribute) error {
	place := xattr.At(directory, name)
	for _, one := range has {
		if !slices.ContainsFunc(wanted, func(other xattr.Attribute) bool { return other.Name == one.Name }) {
			if err := place.Remove(one.Name); err != nil && !errors.Is(err, unix.ENODATA) {
				return &os.PathError{Op: "removexattr " + one.Name, Path: name, Err: err}
			}
		}
	}
	if err := place.SetAll(wanted); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
