package bundle

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// gpgHome is a GnuPG home of the real gpg, shared by the tests because making keys takes time. Its path is
// short: the agent's socket lies in it.
type gpgHome struct {
	directory string
	// keys are fingerprints by user name.
	keys map[string]string
}

var (
	homesMutex sync.Mutex
	homes      []*gpgHome
)

func TestMain(m *testing.M) {
	code := m.Run()
	homesMutex.Lock()
	defer homesMutex.Unlock()
	for _, home := range homes {
		kill := exec.Command("gpgconf", "--kill", "all")
		kill.Env = home.environment()
		_ = kill.Run()
		os.RemoveAll(home.directory)
	}
	os.Exit(code)
}

func (g *gpgHome) environment() []string { return append(os.Environ(), "GNUPGHOME="+g.directory) }

// vendor is the home with all the keys that the tests sign with.
var vendor = sync.OnceValues(func() (*gpgHome, error) {
	home, err := newHome()
	if err != nil {
		return nil, err
	}
	for _, key := range []struct{ name, kind, subkey, expire, faked string }{
		{name: "rsa", kind: "rsa2048", subkey: "rsa2048"},
		{name: "ed", kind: "ed25519", subkey: "cv25519"},
		{name: "nist", kind: "nistp256", subkey: "nistp256"},
		{name: "nist521", kind: "nistp521", subkey: "nistp521"},
		{name: "stranger", kind: "ed25519", subkey: "cv25519"},
		{name: "revoked", kind: "ed25519"},
		{name: "weak", kind: "rsa1024"},
		{name: "expired", kind: "ed25519", expire: "2020-02-01", faked: "20200101T000000"},
	} {
		if err := home.makeKey(key.name, key.kind, key.subkey, key.expire, key.faked); err != nil {
			return nil, err
		}
	}
	return home, nil
})

func newHome() (*gpgHome, error) {
	directory, err := os.MkdirTemp("", "g")
	if err != nil {
		return nil, err
	}
	home := &gpgHome{directory: directory, keys: map[string]string{}}
	homesMutex.Lock()
	homes = append(homes, home)
	homesMutex.Unlock()
	return home, nil
}

func (g *gpgHome) makeKey(name, kind, subkey, expire, faked string) error {
	if expire == "" {
		expire = "never"
	}
	var options []string
	if faked != "" {
		options = append(options, "--faked-system-time", faked)
	}
	user := name + " <" + name + "@example.org>"
	if _, err := g.run(nil, append(options, "--quick-gen-key", user, kind, "sign", expire)...); err != nil {
		return err
	}
	listing, err := g.run(nil, "--with-colons", "--list-keys", "="+user)
	if err != nil {
		return err
	}
	for line := range strings.SplitSeq(string(listing), "\n") {
		if fields := strings.Split(line, ":"); fields[0] == "fpr" {
			g.keys[name] = fields[9]
			break
		}
	}
	if subkey != "" {
		if _, err := g.run(nil, append(options, "--quick-add-key", g.keys[name], subkey, "encr", "never")...); err != nil {
			return err
		}
	}
	return nil
}

// run calls the real gpg.
func (g *gpgHome) run(stdin []byte, arguments ...string) ([]byte, error) {
	base := []string{"--batch", "--yes", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "", "--trust-model", "always"}
	command := exec.Command("gpg", append(base, arguments...)...)
	command.Env = g.environment()
	command.Stdin = bytes.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		return nil, fmt.Errorf("gpg %s: %w\n%s", strings.Join(arguments, " "), err, stderr.String())
	}
	return stdout.Bytes(), nil
}

func gpg(t testing.TB) *gpgHome {
	t.Helper()
	home, err := vendor()
	if err != nil {
		t.Fatal(err)
	}
	return home
}

func (g *gpgHome) must(t testing.TB, stdin []byte, arguments ...string) []byte {
	t.Helper()
	output, err := g.run(stdin, arguments...)
	if err != nil {
		t.Fatal(err)
	}
	return output
}

// keyring exports public keys into a new directory.
func (g *gpgHome) keyring(t testing.TB, names ...string) string {
	t.Helper()
	directory := t.TempDir()
	for _, name := range names {
		write(t, filepath.Join(directory, name+".asc"), g.must(t, nil, "--armor", "--export", g.keys[name]), 0o644)
	}
	return directory
}

// secret exports a secret key into a new file.
func (g *gpgHome) secret(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name+".secret")
	write(t, path, g.must(t, nil, "--export-secret-keys", g.keys[name]), 0o600)
	return path
}

func write(t testing.TB, path string, content []byte, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, content, mode); err != nil {
		t.Fatal(err)
	}
}

func makePipe(path string) error { return syscall.Mkfifo(path, 0o600) }
