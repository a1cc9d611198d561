package regular

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/gwe-project/gwe/engine/fault"
)

// Whatever stands in the place of a file is refused at once, in whichever way it is opened; a file is read
// and written.
func TestOpen(t *testing.T) {
	directory := t.TempDir()
	here := func(name string) string { return filepath.Join(directory, name) }
	socket, err := net.Listen("unix", here("a socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	if err := errors.Join(
		os.WriteFile(here("file"), []byte("text"), 0o600),
		os.Mkdir(here("a directory"), 0o700),
		syscall.Mkfifo(here("a FIFO"), 0o600),
		os.Symlink("file", here("a symbolic link")),
	); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a socket", "a directory", "a FIFO", "a symbolic link"} {
		for _, flags := range []int{os.O_RDONLY, os.O_WRONLY, os.O_RDWR, os.O_RDWR | os.O_CREATE} {
			_, err := Open(here(name), flags, 0o600)
			if f := fault.As(err); f == nil || f.Code != "not-a-regular-file" || f.Message != here(name)+" is "+name+", where gwe makes a regular file" {
				t.Errorf("%s with %#x: %v", name, flags, err)
			}
		}
	}
	reader, err := os.OpenFile(here("a FIFO"), os.O_RDONLY|syscall.O_NONBLOCK, 0) // the FIFO can be opened for writing then
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	for _, name := range []string{"a socket", "a directory", "a FIFO", "a symbolic link"} {
		err := Write(here(name), []byte("new"), 0o600)
		if f := fault.As(err); f == nil || f.Code != "not-a-regular-file" || f.Message != here(name)+" is "+name+", where gwe makes a regular file" {
			t.Errorf("%s is written: %v", name, err)
		}
	}
	for _, text := range []string{"a long text", "short", ""} {
		if err := Write(here("written"), []byte(text), 0o600); err != nil {
			t.Error(err)
		}
		if found, err := Read(here("written")); err != nil || string(found) != text {
			t.Errorf("%q, %v", found, err)
		}
	}
	if err := Write(here("none/written"), nil, 0o600); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if text, err := Read(here("file")); err != nil || string(text) != "text" {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := Read(here("none")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	made, err := Open(here("new"), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := made.WriteString("new"); err != nil {
		t.Error(err)
	}
	if err := made.Close(); err != nil {
		t.Error(err)
	}
}
