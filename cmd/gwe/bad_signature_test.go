package main_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// gnupg is a GnuPG home with keys good and bad. The public halves of good, expired and revoked are in
// trusted.
type gnupg struct {
	testing.TB
	home, trusted string
}

func newGnupg(t testing.TB) gnupg {
	t.Helper()
	home, err := os.MkdirTemp("", "gwe-gpg") // a socket's path must be short
	check(t, err)
	g := gnupg{t, home, filepath.Join(t.TempDir(), "keys")}
	t.Cleanup(func() {
		_ = exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run()
		check(t, os.RemoveAll(home))
	})
	check(t, os.Mkdir(g.trusted, 0o755))
	for _, name := range []string{"good", "stranger", "revoked"} {
		g.gpg(nil, "--quick-generate-key", name, "ed25519", "sign", "never")
	}
	g.gpg(nil, "--faked-system-time", "20200101T000000", "--quick-generate-key", "expired", "ed25519", "sign", "30d")
	return g
}

// gpg runs the real one.
func (g gnupg) gpg(stdin []byte, arguments ...string) []byte {
	g.Helper()
	command := exec.Command("gpg", append([]string{
		"--homedir", g.home, "--batch", "--quiet", "--no-permission-warning", "--yes", "--passphrase", "", "--pinentry-mode", "loopback",
	}, arguments...)...)
	var stderr bytes.Buffer
	command.Stdin, command.Stderr = bytes.NewReader(stdin), &stderr
	out, err := command.Output()
	if err != nil {
		g.Fatalf("gpg %q: %v\n%s", arguments, err, stderr.Bytes())
	}
	return out
}

// revoke imports the certificate that GnuPG made with the key.
func (g gnupg) revoke() {
	g.Helper()
	listed := string(g.gpg(nil, "--list-keys", "--with-colons", "revoked"))
	_, after, _ := strings.Cut(listed, "\nfpr:::::::::")
	fingerprint, _, _ := strings.Cut(after, ":")
	certificate, err := os.ReadFile(filepath.Join(g.home, "openpgp-revocs.d", fingerprint+".rev"))
	check(g, err)
	g.gpg(bytes.ReplaceAll(certificate, []byte(":-----BEGIN"), []byte("-----BEGIN")), "--import")
}

// export gives the keyring its files.
func (g gnupg) export() {
	g.Helper()
	for _, name := range []string{"good", "expired", "revoked"} {
		check(g, os.WriteFile(filepath.Join(g.trusted, name+".asc"), g.gpg(nil, "--armor", "--export", name), 0o644))
	}
}

// TestBadSignatures: every package that GnuPG, tar and gzip made and whose signature is not to be trusted is
// refused, by `gwe run` as by `gwe verify`, before anything is done.
func TestBadSignatures(t *testing.T) {
	d := newDevice(t)
	g := newGnupg(t)
	source := filepath.Join(d.root, "source", "fw-2")
	check(t, os.MkdirAll(source, 0o755))
	check(t, os.WriteFile(source+"/program", bytes.Repeat([]byte("program "), 5000), 0o755))
	packed, err := exec.Command("tar", "cz", "-C", filepath.Dir(source), "fw-2").Output()
	check(t, err)
	other, err := exec.Command("tar", "cz", "--exclude=program", "-C", filepath.Dir(source), "fw-2").Output()
	check(t, err)
	good := g.gpg(packed, "-u", "good", "--sign", "--compress-algo", "none")
	ofRevoked := g.gpg(packed, "-u", "revoked", "--sign")
	g.revoke()
	g.export()
	middle := bytes.Clone(good)
	middle[len(middle)/2] ^= 0x10
	trailer := bytes.Clone(good)
	trailer[len(trailer)-3] ^= 1
	empty, missing := filepath.Join(d.root, "empty"), filepath.Join(d.root, "missing")
	check(t, os.Mkdir(empty, 0o755))
	garbled := filepath.Join(d.root, "garbled")
	check(t, os.Mkdir(garbled, 0o755))
	check(t, os.WriteFile(garbled+"/vendor.asc", []byte("this was a key once"), 0o644))

	for name, test := range map[string]struct {
		file, signature []byte
		keyring         string
		words           []string
	}{
		"unsigned":              {file: packed, words: []string{"not signed", "no fw-2.tar.gz.gpg.sig", "gpg --detach-sign"}},
		"wrongly signed":        {file: other, signature: g.gpg(packed, "-u", "good", "--detach-sign"), words: []string{"signature"}},
		"truncated":             {file: good[:len(good)-300], words: []string{"ends too early", "again"}},
		"truncated to nothing":  {file: nil, words: []string{"ends too early", "again"}},
		"bit flipped":           {file: middle, words: []string{"again"}},
		"signature bit flipped": {file: trailer, words: []string{"signature", "again"}},
		"expired key":           {file: g.gpg(packed, "--faked-system-time", "20200115T000000", "-u", "expired", "--sign"), words: []string{"expired"}},
		"revoked key":           {file: ofRevoked, words: []string{"revoked"}},
		"stranger":              {file: g.gpg(packed, "-u", "stranger", "--sign"), words: []string{"keyring", "keys import"}},
		"empty keyring":         {file: good, keyring: empty, words: []string{"holds no public key", "keys import"}},
		"missing keyring":       {file: good, keyring: missing, words: []string{"no keyring", "keys import"}},
		"keyring of no keys":    {file: good, keyring: garbled, words: []string{"vendor.asc", "gpg --export"}},
		"not an archive":        {file: []byte("<html>log in to the hotel's network</html>"), words: []string{"not a package", "a page in HTML", "fetch it again"}},
		"junk behind":           {file: append(bytes.Clone(good), "junk"...), words: []string{"something follows", "again"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := *d
			d.TB = t
			path := filepath.Join(t.TempDir(), "fw-2.tar.gz.gpg")
			check(t, os.WriteFile(path, test.file, 0o644))
			if test.signature != nil {
				check(t, os.WriteFile(path+".sig", test.signature, 0o644))
			}
			d.keys = g.trusted
			if test.keyring != "" {
				d.keys = test.keyring
			}
			asBefore := d.holds()
			d.update(path).said(t, 6, append([]string{"hint: ", "nothing was changed"}, test.words...)...)
			d.gwe("verify", path, "--keyring", d.keys).said(t, 6, append([]string{"  = "}, test.words...)...)
			asBefore()
			d.running("fw-1")
		})
	}

	// The same packages are fine otherwise.
	path := filepath.Join(d.root, "fw-2.tar.gz.gpg")
	check(t, os.WriteFile(path, good, 0o644))
	d.keys = g.trusted
	d.gwe("verify", path, "--keyring", d.keys).said(t, 0, "the signature is good")
	d.update(path).said(t, 0)
	d.running("fw-2")
}

// TestBadKeyFiles: a keyring that cannot be read is not an empty one, and a package may be a link.
func TestBadKeyFiles(t *testing.T) {
	d := newDevice(t)
	path := d.packItems("fw-2", release("fw-2")...)
	asBefore := d.holds()
	link := filepath.Join(d.root, "latest.tar.zst.gpg")
	for name, test := range map[string]struct {
		path  string
		words []string
	}{
		"missing":      {d.root + "/none.tar.zst.gpg", []string{"there is no ", "none.tar.zst.gpg", "mounted"}},
		"a directory":  {d.target, []string{"is not a file"}},
		"a device":     {"/dev/zero", []string{"is not a file"}},
		"dangling":     {link, []string{"there is no "}},
		"not readable": {d.root + "/fifo", []string{"is not a file"}},
	} {
		t.Run(name, func(t *testing.T) {
			switch name {
			case "dangling":
				check(t, os.Symlink("nowhere", link))
			case "not readable":
				check(t, exec.Command("mkfifo", test.path).Run())
			}
			d.update(test.path).said(t, 6, append(test.words, "hint: ")...)
			d.gwe("verify", test.path, "--keyring", d.keys).said(t, 6, "  = ")
		})
	}
	asBefore()
	check(t, os.Remove(link))
	check(t, os.Symlink(filepath.Base(path), link))
	d.update(link).said(t, 0)
	d.running("fw-2", ".pre-install of fw-2", ".post-install of fw-2")
	d.clean()
}

// TestKeyringUnreadable: as another user than root, whose keyring is closed to it.
func TestKeyringUnreadable(t *testing.T) {
	d := newDevice(t)
	path := d.packItems("fw-2", release("fw-2")...)
	check(t, os.Chmod(d.keys, 0o700))
	d.giveAway(d.target, d.root)
	asBefore := d.holds()
	d.asNobody(d.updating(path)...).said(t, 6, "cannot read the keyring", "hint: ")
	asBefore()
	check(t, os.Chmod(d.keys, 0o755))
	keys, err := filepath.Glob(d.keys + "/*")
	check(t, err)
	check(t, os.Chmod(keys[0], 0o600))
	d.asNobody(d.updating(path)...).said(t, 6, "no key of the keyring", "can be read", keys[0], "permission denied", "hint: ")
	asBefore()
	check(t, os.Chmod(keys[0], 0o644))
	check(t, os.Chmod(path, 0o600))
	d.asNobody(d.updating(path)...).said(t, 6, "package", "hint: ")
	asBefore()
}
