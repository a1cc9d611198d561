package transfer

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/need"
	"github.com/gwe-project/gwe/steps/steptest"
)

// release is a small tree with one entry of each kind.
func release(t testing.TB, root string) {
	t.Helper()
	plant(t, root, map[string]string{"bin/app": "one", "etc/app.conf": "site=1", "lib/a/deep": "x", "empty/": "", "new\nline\xff": "odd"})
	check(t, os.Link(root+"/bin/app", root+"/lib/app"))
	check(t, os.Symlink("../bin/app", root+"/lib/link"))
	check(t, unix.Mkfifo(root+"/lib/fifo", 0o640))
	check(t, unix.Setxattr(root+"/etc", "user.note", []byte("a\x00b"), 0))
	check(t, unix.Setxattr(root+"/etc/app.conf", "user.note", []byte("c"), 0))
	need.Owner(t, root+"/etc/app.conf", 1000, 2000)
	check(t, os.Chmod(root+"/bin/app", 0o755|os.ModeSetuid))
	for _, way := range []string{"lib/link", "lib/fifo", "lib", "etc", "bin", "."} {
		at := unix.NsecToTimespec(old.UnixNano())
		check(t, unix.UtimesNanoAt(unix.AT_FDCWD, root+"/"+way, []unix.Timespec{at, at}, unix.AT_SYMLINK_NOFOLLOW))
	}
}

// older is what an update finds: of every kind of change one.
func older(t testing.TB, root string) {
	t.Helper()
	release(t, root)
	check(t, os.Remove(root+"/lib/app"))          // was not a link
	check(t, os.Remove(root+"/lib/link"))         // another target
	check(t, os.RemoveAll(root+"/lib/a"))         // a file where the source has a directory
	check(t, os.RemoveAll(root+"/new\nline\xff")) // missing
	plant(t, root, map[string]string{"lib/app": "two", "lib/a": "was a file", "etc/app.conf": "site=2", "gone/deep/x": "y", "gone too": "z", "cache/keep": "k"})
	check(t, os.Symlink("elsewhere", root+"/lib/link"))
	check(t, os.Chmod(root+"/empty", 0o700))
	check(t, unix.Removexattr(root+"/etc", "user.note"))
	check(t, unix.Setxattr(root+"/etc", "user.other", []byte("x"), 0))
}

func TestConforms(t *testing.T) {
	given := func(root string, more map[string]any) map[string]any {
		all := map[string]any{"source": filepath.Join(root, "source"), "target": filepath.Join(root, "target")}
		for key, value := range more {
			all[key] = value
		}
		return all
	}
	t.Run("first copy", func(t *testing.T) {
		steptest.Run(t, steptest.Suite{Type: Rsync(), Forget: []string{"source"}, Arrange: func(t testing.TB, root string) map[string]any {
			release(t, root+"/source")
			return given(root, nil)
		}})
	})
	t.Run("update", func(t *testing.T) {
		steptest.Run(t, steptest.Suite{Type: Rsync(), Forget: []string{"source"}, Arrange: func(t testing.TB, root string) map[string]any {
			release(t, root+"/source")
			older(t, root+"/target")
			return given(root, nil)
		}})
	})
	t.Run("delete", func(t *testing.T) {
		steptest.Run(t, steptest.Suite{Type: Rsync(), Forget: []string{"source"}, Arrange: func(t testing.TB, root string) map[string]any {
			release(t, root+"/source")
			older(t, root+"/target")
			return given(root, map[string]any{"delete": true, "exclude": []any{"keep"}, "checksum": true})
		}})
	})
	t.Run("link-dest", func(t *testing.T) {
		steptest.Run(t, steptest.Suite{Type: Rsync(), Forget: []string{"source"}, Arrange: func(t testing.TB, root string) map[string]any {
			release(t, root+"/source")
			older(t, root+"/running")
			return given(root, map[string]any{"link-dest": []any{filepath.Join(root, "running"), filepath.Join(root, "none")}})
		}})
	})
	t.Run("nothing to do", func(t *testing.T) {
		steptest.Run(t, steptest.Suite{Type: Rsync(), Idle: true, Arrange: func(t testing.TB, root string) map[string]any {
			release(t, root+"/source")
			release(t, root+"/target")
			return given(root, map[string]any{"delete": true, "checksum": true})
		}})
	})
}
