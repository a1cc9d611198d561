package transfer

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gwe-project/gwe/steps/steptest/randomtree"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
)

// daemon runs a real rsync daemon on the loopback with a module "firmware" at directory, user gwe, password
// "open sesame".
func daemon(t *testing.T, directory string) (url string) {
	t.Helper()
	base := t.TempDir()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	port := listener.Addr().(*net.TCPAddr).Port
	check(t, listener.Close())
	secrets := base + "/secrets"
	check(t, os.WriteFile(secrets, []byte("gwe:open sesame\n"), 0o600))
	identity := ""
	if os.Geteuid() == 0 {
		identity = "uid = 0\ngid = 0\n" // or it becomes nobody
	}
	config := fmt.Sprintf("use chroot = no\nmunge symlinks = no\n%spid file = %s/pid\n[firmware]\npath = %s\nread only = no\nauth users = gwe\nsecrets file = %s\n",
		identity, base, directory, secrets)
	check(t, os.WriteFile(base+"/conf", []byte(config), 0o600))
	command := exec.Command("rsync", "--daemon", "--no-detach", "--config="+base+"/conf", "--address=127.0.0.1", fmt.Sprint("--port=", port))
	check(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	address := fmt.Sprintf("127.0.0.1:%d", port)
	for range 500 {
		if connection, err := net.Dial("tcp", address); err == nil {
			check(t, connection.Close())
			return "rsync://gwe@" + address + "/firmware"
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("the daemon does not answer")
	return ""
}

// TestFetchFromADaemon: what comes from another machine is the same as what comes from a local directory, and
// is undone as well.
func TestFetchFromADaemon(t *testing.T) {
	for seed := range uint64(4) {
		base := t.TempDir()
		source, target := base+"/source", base+"/target"
		g := randomtree.New(t, seed+300)
		check(t, os.Mkdir(source, 0o755))
		g.Fill(source, 2)
		plant(t, source+"/plain", many(30))
		g.Dress(source)
		url := daemon(t, source)
		a := arguments{Source: url, Target: target, Delete: true, Password: value.NewSecret("open sesame"), NumericIDs: true, Checksum: seed == 3}

		first := newFrame(t, a)
		outputs := first.do()
		if !outputs.Changed || outputs.Copied < 30 {
			t.Errorf("%+v", outputs)
		}
		differ(t, "fetched", snapshot(t, source), snapshot(t, target))
		first.undo()
		if _, err := os.Lstat(target); err == nil {
			t.Error("the target is there after the undo")
		}
		first.do()
		first.release()

		g.Mutate(source)
		randomtree.New(t, seed+900).Mutate(target)
		check(t, os.MkdirAll(target+"/state/cache", 0o755))
		before := snapshot(t, target)
		a.Exclude = []string{"/state/"}
		update := newFrame(t, a)
		update.do()
		update.undo()
		differ(t, "undo", before, snapshot(t, target))
		update.do()
		update.release()
		want, got := snapshot(t, source), snapshot(t, target)
		if got["state/cache"] != before["state/cache"] {
			t.Error("what was excluded has changed")
		}
		delete(got, "state")
		delete(got, "state/cache")
		differ(t, "updated", want, got)

		again := newFrame(t, a)
		if outputs := again.do(); outputs.Changed {
			t.Errorf("nothing changed, but: %+v", outputs)
		}
		if left, _ := filepath.Glob(base + "/.gwe-*"); len(left) > 0 {
			t.Errorf("left behind: %q", left)
		}
	}
}

func TestPushToADaemon(t *testing.T) {
	base := t.TempDir()
	source, target := base+"/source", base+"/target"
	release(t, source)
	older(t, target)
	f := newFrame(t, arguments{Source: source, Target: daemon(t, target) + "/", Delete: true, Checksum: true, Password: value.NewSecret("open sesame")})
	plan, err := rsync{}.Plan(t.Context(), step.Local{}, f.arguments)
	if err != nil || !slices.Equal(plan.Undo, []string{"nothing: what is on another machine stays as it is"}) {
		t.Error(plan, err)
	}
	outputs := f.do()
	if !outputs.Changed || outputs.Copied == 0 || outputs.Deleted == 0 {
		t.Errorf("%+v", outputs)
	}
	differ(t, "pushed", snapshot(t, source), snapshot(t, target))
	f.undo()
	said := strings.Join(f.lines.all, "\n")
	if !strings.Contains(said, " of 100 %") || !strings.Contains(said, "info: "+f.arguments.Target+" is on another machine: this cannot be undone") ||
		!strings.Contains(said, "stays as it is") || strings.Contains(said, "sesame") {
		t.Error(said)
	}
}

func TestRemoteThatFails(t *testing.T) {
	base := t.TempDir()
	release(t, base+"/source")
	older(t, base+"/target")
	url := daemon(t, base+"/source")
	before := snapshot(t, base+"/target")
	for name, one := range map[string]struct {
		source, password string
	}{
		"a wrong password":  {url, "wrong"},
		"no such directory": {url + "/none", "open sesame"},
		"no such module":    {strings.TrimSuffix(url, "firmware") + "other", "open sesame"},
		"nobody there":      {"rsync://127.0.0.1:1/firmware", ""},
	} {
		f := newFrame(t, arguments{Source: one.source, Target: base + "/target", Password: value.NewSecret(one.password)})
		if _, err := f.try(t.Context()); code(err) != "rsync-failed" || fault.ClassOf(err) != fault.Failed {
			t.Errorf("%s: %v", name, err)
		}
		if !slices.ContainsFunc(f.lines.all, func(line string) bool { return strings.HasPrefix(line, "output: ") }) {
			t.Errorf("%s: the program's words are not in the log", name)
		}
		f.undo()
		differ(t, name, before, snapshot(t, base+"/target"))
	}
}

func TestVersions(t *testing.T) {
	for said, want := range map[string]string{
		"rsync  version 3.4.3  protocol version 32\n":  "",
		"rsync  version 3.5.0  protocol version 32\n":  "",
		"rsync  version v4.0.0  protocol version 40\n": "",
		"rsync  version 3.10.1pre1  protocol version":  "",
		"rsync  version 3.4.2  protocol version 32\n":  "rsync-version",
		"rsync  version 3.2.7  protocol version 31\n":  "rsync-version",
		"rsync  version 2.9.9  protocol version 29\n":  "rsync-version",
		"openrsync: protocol version 29\n":             "rsync-version",
		"":                                             "rsync-version",
	} {
		err := arguments{}.checkVersion(said)
		if code(err) != want || want != "" && (fault.ClassOf(err) != fault.Refused || fault.As(err).Hint == "") {
			t.Errorf("%q: %v", said, err)
		}
		if err := (arguments{AllowOld: true}).checkVersion(said); err != nil {
			t.Errorf("%q, allowed: %v", said, err)
		}
	}
}

func TestPlaces(t *testing.T) {
	for place, want := range map[string]string{
		"user@host:path": "user@host:path/", "host:/a/b/": "host:/a/b/", "host:": "host:./", "host::module/x": "host::module/x/", "rsync://host/module": "rsync://host/module/",
		"[fe80::1%eth0]:/x": "[fe80::1%eth0]:/x/", "10.0.0.1:x": "10.0.0.1:x/",
	} {
		if !isRemote(place) || contents(place) != want {
			t.Errorf("%q: %v, %q", place, isRemote(place), contents(place))
		}
	}
	for _, place := range []string{"/a/b:c", "relative", "-oProxyCommand=x:y", "a@-x:y", ":x", "@host:x", "a b:c"} {
		if isRemote(place) {
			t.Errorf("%q is not a place on another machine", place)
		}
	}
}

func TestOptions(t *testing.T) {
	a := arguments{NumericIDs: true, Checksum: true, Include: []string{"-x", "a b"}, Exclude: []string{"$(id)"}}
	got := a.options()
	for _, one := range []string{"-aHAXS", "--numeric-ids", "--checksum", "--include=-x", "--include=a b", "--exclude=$(id)", "--exclude=.gwe-releases"} {
		if !slices.Contains(got, one) {
			t.Errorf("no %s in %q", one, got)
		}
	}
}
