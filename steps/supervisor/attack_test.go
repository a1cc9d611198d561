package supervisor_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/need"
	"github.com/gwe-project/gwe/steps/steptest/attack"
	"github.com/gwe-project/gwe/steps/supervisor"
)

func TestConfUnderAttack(t *testing.T) {
	for name, old := range map[string]bool{"new": false, "replaced": true} {
		t.Run(name, func(t *testing.T) {
			attack.Run(t, attack.Case{
				Type: supervisor.Conf(), Parents: []string{"."}, Leaves: []string{"app.conf"},
				Arrange: func(t testing.TB, work, root string) map[string]any {
					err := os.WriteFile(filepath.Join(root, "supervisor.conf"), []byte("[supervisord]\ncommand=/bin/app\n"), 0o644)
					if old {
						err = errors.Join(err, os.WriteFile(filepath.Join(work, "app.conf"), []byte("old"), 0o640))
					}
					if err != nil {
						t.Fatal(err)
					}
					return attack.Arguments(t, supervisor.Conf(), map[string]any{
						"app": "app", "from": filepath.Join(root, "supervisor.conf"), "into": work,
						"server": "unix://" + root + "/none", "attempts": 1,
					})
				},
			})
		})
	}
}

// listen answers calls at DIR/sock as a supervisord that runs nothing, and counts them.
func listen(t testing.TB, dir string) (calls *atomic.Int32) {
	opened, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	listener, err := net.Listen("unix", fmt.Sprintf("/proc/self/fd/%d/sock", opened.Fd())) // the whole path may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	listener.(*net.UnixListener).SetUnlinkOnClose(false)
	calls = new(atomic.Int32)
	server := &http.Server{Handler: http.HandlerFunc(func(answer http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		_, _ = io.WriteString(answer, "<methodResponse><params><param><value><array><data></data></array></value></param></params></methodResponse>")
	})}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return calls
}

// TestSupervisorUnderAttack: the daemon's socket lies in a directory of another user's.
func TestSupervisorUnderAttack(t *testing.T) {
	attack.Run(t, attack.Case{
		Type: supervisor.Supervisor(), Parents: []string{".", "sub"}, Leaves: []string{"sub/sock"}, Looks: true,
		Arrange: func(t testing.TB, work, _ string) map[string]any {
			if err := os.Mkdir(filepath.Join(work, "sub"), 0o755); err != nil {
				t.Fatal(err)
			}
			listen(t, filepath.Join(work, "sub"))
			return attack.Arguments(t, supervisor.Supervisor(), map[string]any{"action": "status", "server": "unix://" + work + "/sub/sock", "attempts": 1, "rpc-timeout": "5s"})
		},
	})
}

// TestSocketOfAnother: a user who owns the directory of a socket leads gwe to no daemon of root's, by a link
// in the place of the socket or of the directory.
func TestSocketOfAnother(t *testing.T) {
	need.Root(t, "a less trusted user attacks it")
	for name, link := range map[string][2]string{"the socket": {"../../ours/sock", "sub/sock"}, "its directory": {"../ours", "sub"}, "nothing": {"", ""}} {
		base := t.TempDir()
		theirs, ours := filepath.Join(base, "theirs"), filepath.Join(base, "ours")
		err := errors.Join(os.MkdirAll(filepath.Join(theirs, "sub"), 0o755), os.Mkdir(ours, 0o755))
		if err != nil {
			t.Fatal(err)
		}
		own, victim := listen(t, filepath.Join(theirs, "sub")), listen(t, ours)
		if at := filepath.Join(theirs, link[1]); link[1] != "" {
			err = errors.Join(os.RemoveAll(at), os.Symlink(link[0], at), os.Lchown(at, attack.Stranger, attack.Stranger))
		}
		if err = errors.Join(err, os.Chown(theirs, attack.Stranger, attack.Stranger)); err != nil {
			t.Fatal(err)
		}
		_ = os.Lchown(filepath.Join(theirs, "sub"), attack.Stranger, attack.Stranger)
		_, _, err = supervisor.Open(filepath.Join(theirs, "sub/sock")).Now()
		if name == "nothing" {
			if err != nil || own.Load() == 0 {
				t.Errorf("%s is swapped: %v", name, err)
			}
			continue
		}
		if found := fault.As(err); found == nil || found.Code != "unsafe-link" || victim.Load() > 0 {
			t.Errorf("%s is swapped: %v, and root's daemon got %d calls", name, err, victim.Load())
		}
	}
}
