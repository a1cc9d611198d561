package transfer

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
)

// extended is one extended attribute. Access control lists are two of them.
type extended struct {
	name  string
	value []byte
}

// carried reports whether an attribute of that name is copied. Of the system's own only the access control lists are; root
// alone may write other names than those of users.
func carried(name string) bool {
	switch {
	case name == "system.posix_acl_access", name == "system.posix_acl_default", strings.HasPrefix(name, "user."):
		return true
	default:
		return owners() && !strings.HasPrefix(name, "system.")
	}
}

// extendedAt reads the extended attributes that are copied, sorted by name.
func extendedAt(folder int, name string) ([]extended, error) {
	path := handlePath(folder, name)
	list, err := grown(func(buffer []byte) (int, error) { return unix.Llistxattr(path, buffer) })
	if errors.Is(err, syscall.ENOTSUP) || err == nil && len(list) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, &os.PathError{Op: "listxattr", Path: name, Err: err}
	}
	var found []extended
	for key := range strings.SplitSeq(strings.TrimSuffix(string(list), "\x00"), "\x00") {
		if !carried(key) {
			continue
		}
		value, err := grown(func(buffer []byte) (int, error) { return unix.Lgetxattr(path, key, buffer) })
		if errors.Is(err, syscall.ENODATA) {
			continue // it has gone meanwhile
		}
		if err != nil {
			return nil, &os.PathError{Op: "getxattr " + key, Path: name, Err: err}
		}
		found = append(found, extended{key, bytes.Clone(value)})
	}
	slices.SortFunc(found, func(a, b extended) int { return strings.Compare(a.name, b.name) })
	return found, nil
}

// grown calls with a larger buffer until the answer fits.
func grown(call func(buffer []byte) (int, error)) ([]byte, error) {
	var small [256]byte
	buffer := small[:]
	for {
		size, err := call(buffer)
		if err == syscall.ERANGE && len(buffer) < 1<<20 {
			buffer = make([]byte, 16*len(buffer))
			continue
		}
		return buffer[:max(size, 0)], err
	}
}

func equalExtended(a, b []extended) bool {
	return slices.EqualFunc(a, b, func(a, b extended) bool { return a.name == b.name && bytes.Equal(a.value, b.value) })
}

// giveExtended makes the extended attributes of an entry, which are has, those wanted.
func giveExtended(folder int, name string, has, wanted []extended) error {
	if len(has) == 0 && len(wanted) == 0 {
		return nil
	}
	path := handlePath(folder, name)
	for _, one := range has {
		if !slices.ContainsFunc(wanted, func(other extended) bool { return other.name == one.name }) {
			if err := unix.Lremovexattr(path, one.name); err != nil && err != syscall.ENODATA {
				return &os.PathError{Op: "removexattr " + one.name, Path: name, Err: err}
			}
		}
	}
	for _, one := range wanted {
		if err := durable.Repeat(func() error { return unix.Lsetxattr(path, one.name, one.value, 0) }); err != nil {
			return &os.PathError{Op: "setxattr " + one.name, Path: name, Err: err}
		}
	}
	return nil
}
