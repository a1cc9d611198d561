package archive

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/bundle"
	"github.com/gwe-project/gwe/engine/durable"
)

// extended is one extended attribute.
type extended struct {
	name  string
	value []byte
}

func sameExtended(a, b extended) bool { return a.name == b.name && bytes.Equal(a.value, b.value) }

// extendedPrefix is how GNU tar --xattrs and star name them in PAX records. GNU tar writes "=" and "%" in a name as %3D and %25.
const extendedPrefix = "SCHILY.xattr."

var extendedName = strings.NewReplacer("%3D", "=", "%25", "%")

// restores reports whether an attribute is restored: those of users, and for root capabilities, signatures of
// files and those of trusted programs. Labels are the policy's of this machine; access control lists are left out.
func (x *extraction) restores(name string, value []byte) bool {
	return bundle.PortableAttribute(name, value) && (x.owners || strings.HasPrefix(name, "user."))
}

// extendedIn gives the extended attributes that the archive has for an entry.
func (x *extraction) extendedIn(header *tar.Header) []extended {
	var found []extended
	for key, value := range header.PAXRecords {
		name, is := strings.CutPrefix(key, extendedPrefix)
		if name = extendedName.Replace(name); is && x.restores(name, []byte(value)) {
			found = append(found, extended{name, []byte(value)})
		}
	}
	slices.SortFunc(found, func(a, b extended) int { return strings.Compare(a.name, b.name) })
	return found
}

// extendedOf gives the extended attributes of an open file that would have been restored.
func (x *extraction) extendedOf(handle int) ([]extended, error) {
	list, err := grown(func(buffer []byte) (int, error) { return unix.Flistxattr(handle, buffer) })
	if errors.Is(err, unix.ENOTSUP) || err == nil && len(list) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, os.NewSyscallError("listxattr", err)
	}
	var found []extended
	for name := range strings.SplitSeq(strings.TrimSuffix(string(list), "\x00"), "\x00") {
		if bundle.IsLabel(name) {
			continue
		}
		value, err := grown(func(buffer []byte) (int, error) { return unix.Fgetxattr(handle, name, buffer) })
		if err != nil {
			return nil, os.NewSyscallError("getxattr", err)
		}
		if !x.restores(name, value) {
			continue
		}
		found = append(found, extended{name, value})
	}
	slices.SortFunc(found, func(a, b extended) int { return strings.Compare(a.name, b.name) })
	return found, nil
}

// grown calls with a larger buffer until the answer fits.
func grown(call func(buffer []byte) (int, error)) ([]byte, error) {
	for size := 256; ; size *= 16 {
		buffer := make([]byte, size)
		n, err := call(buffer)
		if errors.Is(err, unix.ERANGE) && size < 1<<20 {
			continue
		}
		return buffer[:max(n, 0)], err
	}
}

// setExtended gives an open file its extended attributes.
func (a attributes) setExtended(handle int, base string) error {
	for _, one := range a.extended {
		if err := unix.Fsetxattr(handle, one.name, one.value, 0); err != nil {
			return &os.PathError{Op: "setxattr " + one.name, Path: base, Err: err}
		}
	}
	return nil
}

// setExtendedOfLink gives them to a symbolic link, which cannot be opened.
func (a attributes) setExtendedOfLink(folder int, base string) error {
	for _, one := range a.extended {
		if err := durable.Repeat(func() error {
			return unix.Lsetxattr(fmt.Sprintf("/proc/self/fd/%d/%s", folder, base), one.name, one.value, 0)
		}); err != nil {
			return &os.PathError{Op: "setxattr " + one.name, Path: base, Err: err}
		}
	}
	return nil
}
