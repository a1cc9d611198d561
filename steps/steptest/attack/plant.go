package attack

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// attack changes what is at path; to is what the victim has in its place. back takes that away again.
type attack func(t testing.TB, path, to string) (back func())

func swapForLink(t testing.TB, path, to string) func() {
	return inPlaceOf(t, path, func() error { return errors.Join(os.Symlink(to, path), os.Lchown(path, Stranger, Stranger)) })
}

// swapForSecret leads to a file that only root can read.
func swapForSecret(t testing.TB, path, to string) func() {
	return swapForLink(t, path, secretBeside(to))
}

func plantHardLink(t testing.TB, path, to string) func() {
	return inPlaceOf(t, path, func() error { return os.Link(secretBeside(to), path) })
}

func plantFIFO(t testing.TB, path, _ string) func() {
	return inPlaceOf(t, path, func() error { return errors.Join(unix.Mkfifo(path, 0o666), os.Chown(path, Stranger, Stranger)) })
}

// inPlaceOf moves aside what is at a path, if anything is, and plants another thing.
func inPlaceOf(t testing.TB, path string, plant func() error) (back func()) {
	if exists(path) {
		must(t, os.Rename(path, path+".away"))
	}
	must(t, plant())
	return func() { _ = os.Remove(path); _ = os.Rename(path+".away", path) }
}

// secretBeside is the secret of the victim in which the path lies.
func secretBeside(path string) string {
	for at := filepath.Dir(path); ; at = filepath.Dir(at) {
		if found := filepath.Join(at, "secret"); exists(found) || at == "/" {
			return found
		}
	}
}

// secret is what nobody but root may read.
const secret = "what only root may know\n"

func mountOver(t testing.TB, path, to string) func() {
	must(t, unix.Mount(to, path, "", unix.MS_BIND, ""))
	unmounted := false
	back := func() {
		if !unmounted {
			unmounted = true
			must(t, unix.Unmount(path, unix.MNT_DETACH))
		}
	}
	t.Cleanup(back)
	return back
}
