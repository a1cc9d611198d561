package transfer

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gwe-project/gwe/engine/need"
	"github.com/gwe-project/gwe/steps/steptest/randomtree"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/value"
)

// sshServer is a real sshd on the loopback, with keys of its own, and a line to it that can be cut.
type sshServer struct {
	// config is the ssh_config with which the host "gateway" is reached, in a directory whose name needs
	// care.
	config value.Path
	// known is the file of known hosts.
	known string
	// left is how many bytes still come through; many at first.
	left atomic.Int64
}

func newServer(t *testing.T) *sshServer {
	t.Helper()
	base := filepath.Join(t.TempDir(), "it's a directory")
	check(t, os.Mkdir(base, 0o700))
	s := &sshServer{config: value.Path(base + "/config"), known: base + "/known"}
	s.left.Store(1 << 40)
	need.Root(t, "it runs sshd")
	for _, name := range []string{"host", "other", "user"} {
		if said, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", base+"/"+name).CombinedOutput(); err != nil {
			t.Fatalf("ssh-keygen: %v: %s", err, said)
		}
	}
	key, err := os.ReadFile(base + "/user.pub")
	check(t, err)
	check(t, os.WriteFile(base+"/authorized", key, 0o600))
	check(t, os.MkdirAll("/run/sshd", 0o755)) // where sshd leaves its privileges
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	backend := listener.Addr().String()
	check(t, listener.Close())
	_, port, _ := net.SplitHostPort(backend)
	check(t, os.WriteFile(base+"/sshd", fmt.Appendf(nil, "ListenAddress 127.0.0.1:%s\nHostKey \"%[2]s/host\"\nAuthorizedKeysFile \"%[2]s/authorized\"\n"+
		"StrictModes no\nUsePAM no\nPidFile none\nPasswordAuthentication no\nPermitRootLogin yes\n", port, base), 0o600))
	var said bytes.Buffer
	command := exec.Command("/usr/sbin/sshd", "-D", "-e", "-f", base+"/sshd")
	command.Stderr = &said
	check(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
		if t.Failed() {
			t.Logf("sshd said:\n%s", said.String())
		}
	})
	_, port, _ = net.SplitHostPort(s.listen(t, backend))
	check(t, os.WriteFile(string(s.config), fmt.Appendf(nil, "Host gateway\nHostName 127.0.0.1\nPort %s\nIdentitiesOnly yes\nIdentityFile \"%[2]s/user\"\n"+
		"UserKnownHostsFile \"%[2]s/known\"\nGlobalKnownHostsFile none\nHostKeyAlias gateway\n", port, base), 0o600))
	s.know(t, "host")
	return s
}

// know makes the public key of that name the one by which the host is known.
func (s *sshServer) know(t *testing.T, name string) {
	t.Helper()
	key, err := os.ReadFile(filepath.Join(filepath.Dir(s.known), name+".pub"))
	check(t, err)
	check(t, os.WriteFile(s.known, append([]byte("gateway "), key...), 0o600))
}

// listen hands connections on to sshd, as long as bytes are left.
func (s *sshServer) listen(t *testing.T, backend string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go s.pass(client, backend)
		}
	}()
	return listener.Addr().String()
}

func (s *sshServer) pass(client net.Conn, backend string) {
	defer client.Close()
	var sshd net.Conn
	var err error
	for range 500 { // it may only just begin to listen
		if sshd, err = net.Dial("tcp", backend); err == nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err != nil {
		return
	}
	defer sshd.Close()
	ended := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{client, sshd}, {sshd, client}} {
		go func() {
			defer func() { ended <- struct{}{} }()
			for s.left.Load() > 0 {
				n, err := io.CopyN(way[0], way[1], 16<<10)
				if s.left.Add(-n); err != nil {
					return
				}
			}
		}()
	}
	<-ended
	client.Close()
	sshd.Close()
	<-ended
}

func TestFetchBySSH(t *testing.T) {
	base := t.TempDir()
	source, target := base+"/sour ce", base+"/target"
	g := randomtree.New(t, 77)
	check(t, os.Mkdir(source, 0o755))
	g.Fill(source, 2)
	plant(t, source+"/plain", many(30))
	g.Dress(source)
	f := newFrame(t, arguments{Source: "gateway:" + source, Target: target, SSHConfig: newServer(t).config, NumericIDs: true})
	if outputs := f.do(); outputs.Copied < 30 {
		t.Errorf("%+v", outputs)
	}
	differ(t, "fetched", snapshot(t, source), snapshot(t, target))
	if !slices.ContainsFunc(f.lines.all, func(line string) bool {
		return strings.HasPrefix(line, "progress: 99 of 100") || strings.HasPrefix(line, "progress: 100 of")
	}) {
		t.Errorf("no progress in %q", f.lines.all)
	}
	f.undo()
	if _, err := os.Lstat(target); err == nil {
		t.Error("the target is there after the undo")
	}
}

func TestPushBySSH(t *testing.T) {
	base := t.TempDir()
	source, target := base+"/source", base+"/tar get"
	release(t, source)
	older(t, target)
	f := newFrame(t, arguments{Source: source, Target: "root@gateway:" + target, SSHConfig: newServer(t).config, Delete: true, Checksum: true})
	if outputs := f.do(); outputs.Copied == 0 || outputs.Deleted == 0 {
		t.Errorf("%+v", outputs)
	}
	differ(t, "pushed", snapshot(t, source), snapshot(t, target))
}

// TestSSHThatFails: nothing in the target has changed, nothing is left, and error and log have ssh's own
// words.
func TestSSHThatFails(t *testing.T) {
	base := t.TempDir()
	release(t, base+"/source")
	check(t, exec.Command("sh", "-c", "head -c 8M /dev/urandom > "+base+"/source/large").Run())
	older(t, base+"/target")
	before := snapshot(t, base+"/target")
	for name, one := range map[string]struct {
		spoil func(s *sshServer)
		said  string // a regular expression
	}{
		"another host key":    {func(s *sshServer) { s.know(t, "other") }, "Host key verification failed"},
		"an unknown host key": {func(s *sshServer) { check(t, os.Remove(s.known)) }, "Host key verification failed"},
		"a strange user key":  {func(s *sshServer) { check(t, os.Remove(filepath.Dir(s.known)+"/authorized")) }, "Permission denied"},
		"a line that is cut":  {func(s *sshServer) { s.left.Store(2 << 20) }, "closed|Broken pipe|reset"},
		"no configuration":    {func(s *sshServer) { check(t, os.Remove(string(s.config))) }, "No such file"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			one.spoil(s)
			f := newFrame(t, arguments{Source: "gateway:" + base + "/source", Target: base + "/target", SSHConfig: s.config})
			_, err := f.try(t.Context())
			if code(err) != "rsync-failed" || !regexp.MustCompile(one.said).MatchString(err.Error()) || !strings.Contains(fault.As(err).Hint, "ssh") {
				t.Errorf("%v, want one that says %q", err, one.said)
			}
			if said := strings.Join(f.lines.all, "\n"); !regexp.MustCompile(one.said).MatchString(said) {
				t.Errorf("the log does not say %q:\n%s", one.said, said)
			}
			f.undo()
			differ(t, name, before, snapshot(t, base+"/target"))
			if left, _ := filepath.Glob(base + "/.gwe-*"); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
		})
	}
}
