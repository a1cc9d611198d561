package bundle

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/need"
	"github.com/gwe-project/gwe/engine/value"
)

// hanging mounts a file system that answers nothing: a FUSE program that never says a word, as a server that
// is gone.
func hanging(t *testing.T) string {
	t.Helper()
	need.Root(t, "it mounts")
	device := filepath.Join(t.TempDir(), "fuse")
	if err := unix.Mknod(device, unix.S_IFCHR|0o600, int(unix.Mkdev(10, 229))); err != nil {
		need.Missing(t, need.FUSE, "its device cannot be made: "+err.Error())
	}
	handle, err := unix.Open(device, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		need.Missing(t, need.FUSE, "its device cannot be opened: "+err.Error())
	}
	point := t.TempDir()
	if err := unix.Mount("silent", point, "fuse", 0, fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0", handle)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = unix.Close(handle) // whoever waits gets an error
		if err := unix.Unmount(point, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return point
}

// TestHangs: a package, a signature, a key or a keyring on a file system that does not answer keeps gwe no
// longer than it has time.
func TestHangs(t *testing.T) {
	home := gpg(t)
	point := hanging(t)
	ring, stuck := home.keyring(t, "ed"), filepath.Join(point, "file")
	plain := compress(t, Gzip, sample(t, 1000))
	beside := filepath.Join(t.TempDir(), "plain.tar.gz")
	write(t, beside, plain, 0o600)
	verify := func(ctx context.Context, policy Policy) error {
		opened, err := Open(t.Context(), beside)
		if err != nil {
			return err
		}
		defer opened.Close()
		_, err = opened.Verify(ctx, policy, nil)
		return err
	}
	for name, work := range map[string]func(ctx context.Context) error{
		"a package":   func(ctx context.Context) error { _, err := Open(ctx, stuck); return err },
		"a signature": func(ctx context.Context) error { return verify(ctx, Policy{Keyring: ring, Signature: stuck}) },
		"a keyring":   func(ctx context.Context) error { return verify(ctx, Policy{Keyring: point}) },
		"a key": func(ctx context.Context) error {
			_, err := readSecretKeysIn(ctx, stuck, value.Secret{}, "package-decrypt")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			ended := make(chan error, 1)
			go func() { ended <- work(ctx) }()
			select {
			case err := <-ended:
				if err == nil {
					t.Fatal("it ended well")
				}
				t.Log(err)
			case <-time.After(10 * time.Second):
				t.Fatal("it waits")
			}
		})
	}
}
