package xattr_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/xattr"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestPlaces sets, reads and removes attributes in each way to name a file. A large one takes a second call.
func TestPlaces(t *testing.T) {
	base := t.TempDir()
	path := filepath.Join(base, "file")
	check(t, os.WriteFile(path, nil, 0o600))
	directory, err := os.Open(base)
	check(t, err)
	defer directory.Close()
	file, err := os.Open(path)
	check(t, err)
	defer file.Close()
	handle, err := unix.Open(path, unix.O_PATH, 0)
	check(t, err)
	defer unix.Close(handle)
	large := bytes.Repeat([]byte{0, 1}, 800)
	for name, place := range map[string]xattr.Place{
		"of": xattr.Of(int(file.Fd())), "through": xattr.Through(handle), "at": xattr.At(int(directory.Fd()), "file"),
	} {
		t.Run(name, func(t *testing.T) {
			wanted := []xattr.Attribute{{Name: "user.a", Value: nil}, {Name: "user.b", Value: large}}
			check(t, place.SetAll(wanted))
			found, err := place.All(nil)
			check(t, err)
			if !xattr.Equal(found, wanted) {
				t.Errorf("%v", found)
			}
			if found, err := place.All(func(name string) bool { return name == "user.b" }); err != nil || !xattr.Equal(found, wanted[1:]) {
				t.Errorf("%v, %v", found, err)
			}
			if names, err := place.Names(); err != nil || len(names) != 2 {
				t.Errorf("%v, %v", names, err)
			}
			check(t, errors.Join(place.Remove("user.a"), place.Remove("user.b")))
			if err := place.Remove("user.a"); !errors.Is(err, unix.ENODATA) {
				t.Error(err)
			}
			if _, err := place.Get("user.a"); !errors.Is(err, unix.ENODATA) {
				t.Error(err)
			}
			if names, err := place.Names(); err != nil || names != nil {
				t.Errorf("%v, %v", names, err)
			}
		})
	}
}

// TestOfALink: the attributes of a link are its own, not those of what it leads to.
func TestOfALink(t *testing.T) {
	base := t.TempDir()
	check(t, os.WriteFile(filepath.Join(base, "file"), nil, 0o600))
	check(t, os.Symlink("file", filepath.Join(base, "link")))
	directory, err := os.Open(base)
	check(t, err)
	defer directory.Close()
	check(t, xattr.At(int(directory.Fd()), "file").Set("user.a", []byte("x")))
	if names, err := xattr.At(int(directory.Fd()), "link").Names(); err != nil || names != nil {
		t.Errorf("%v, %v", names, err)
	}
}
