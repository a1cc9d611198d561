package bundle

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gwe-project/gwe/engine/need"
	"github.com/gwe-project/gwe/engine/openat"
)

// firmware makes a small tree with everything that a package can hold.
func firmware(t testing.TB) string {
	t.Helper()
	directory := filepath.Join(t.TempDir(), "fw-1")
	old := time.Date(2024, 2, 3, 4, 5, 6, 0, time.UTC)
	for _, err := range []error{
		os.MkdirAll(filepath.Join(directory, "bin", "deep"), 0o755),
		os.Mkdir(filepath.Join(directory, "empty"), 0o700),
		os.WriteFile(filepath.Join(directory, "bin", "run"), []byte("#!/bin/sh\n"), 0o755),
		os.WriteFile(filepath.Join(directory, "bin", "deep", "data"), bytes.Repeat([]byte("data "), 300000), 0o600),
		os.WriteFile(filepath.Join(directory, "zero"), nil, 0o644),
		os.WriteFile(filepath.Join(directory, "näme with ünicode"), []byte("x"), 0o644),
		os.WriteFile(filepath.Join(directory, "not utf8 \xff\xfe"), []byte("x"), 0o644),
		os.WriteFile(filepath.Join(directory, strings.Repeat("long", 50)), []byte("x"), 0o644),
		os.Link(filepath.Join(directory, "bin", "run"), filepath.Join(directory, "twin")),
		os.Symlink("bin/run", filepath.Join(directory, "link")),
		os.Symlink("nowhere", filepath.Join(directory, "dangling")),
		os.Chmod(filepath.Join(directory, "bin", "run"), 0o755|os.ModeSetuid),
		os.Chtimes(filepath.Join(directory, "zero"), old, old),
		os.Chtimes(filepath.Join(directory, "bin", "deep", "data"), old.Add(7), old.Add(123456789)),
		os.MkdirAll(filepath.Join(directory, ".git", "objects"), 0o755),
		os.WriteFile(filepath.Join(directory, ".git", "config"), []byte("x"), 0o644),
		os.MkdirAll(filepath.Join(directory, "bin", ".svn"), 0o755),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	need.Owner(t, filepath.Join(directory, "zero"), 1234567, 3000000)
	return directory
}

// pack packs with a key of gpg's.
func pack(t testing.TB, options PackOptions) string {
	t.Helper()
	if options.SigningKey == "" {
		options.SigningKey = gpg(t).secret(t, "ed")
	}
	if options.Output == "" {
		options.Output = t.TempDir()
	}
	path, err := Pack(context.Background(), options)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestGnuPGReadsWhatIsPacked lets gpg verify and decrypt, and GNU tar unpack, and compares with what cp -a
// gives.
func TestGnuPGReadsWhatIsPacked(t *testing.T) {
	home := gpg(t)
	directory := firmware(t)
	for _, test := range []struct {
		signer, recipient string
		compression       Compression
	}{
		{"ed", "", Gzip}, {"rsa", "", Gzip}, {"nist", "", Zstandard}, {"nist521", "", Zstandard},
		{"ed", "rsa", Gzip}, {"rsa", "ed", Zstandard}, {"nist", "nist", Gzip}, {"nist521", "nist521", Gzip},
	} {
		t.Run(fmt.Sprintf("%s for %s, %s", test.signer, test.recipient, test.compression), func(t *testing.T) {
			options := PackOptions{Directory: directory, Compression: test.compression, SigningKey: home.secret(t, test.signer)}
			policy := Policy{Keyring: home.keyring(t, test.signer)}
			if test.recipient != "" {
				options.EncryptFor = []string{filepath.Join(home.keyring(t, test.recipient), test.recipient+".asc")}
				policy.DecryptKey = home.secret(t, test.recipient)
			}
			path := pack(t, options)
			status := filepath.Join(t.TempDir(), "status")
			plain := home.must(t, nil, "--status-file", status, "--decrypt", path)
			verdict, err := os.ReadFile(status)
			if err != nil || !bytes.Contains(verdict, []byte("VALIDSIG "+home.keys[test.signer])) {
				t.Fatalf("gpg does not find the signature good:\n%s", verdict)
			}
			archive, verified, err := open(t, path, policy)
			if err != nil || verified.Name != "fw-1" {
				t.Fatal(err)
			}
			if test.compression == Gzip {
				unpacked := t.TempDir()
				untar := exec.Command("tar", "-xzpf", "-", "-C", unpacked)
				untar.Stdin = bytes.NewReader(plain)
				if output, err := untar.CombinedOutput(); err != nil {
					t.Fatalf("%v\n%s", err, output)
				}
				want := listing(t, directory, ".git", ".svn")
				if difference := cmp.Diff(want, listing(t, filepath.Join(unpacked, "fw-1"))); difference != "" {
					t.Error(difference)
				}
			}
			if top, err := tar.NewReader(bytes.NewReader(archive)).Next(); err != nil || top.Name != "fw-1/" {
				t.Errorf("%v, %v", top, err)
			}
		})
	}
}

// listing describes a tree: kinds, modes, owners, times, contents, links.
func listing(t testing.TB, directory string, without ...string) []string {
	t.Helper()
	var lines []string
	first := map[uint64]string{}
	err := filepath.Walk(directory, func(path string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		if slices.Contains(without, info.Name()) {
			return filepath.SkipDir
		}
		name, _ := filepath.Rel(directory, path)
		status := info.Sys().(*syscall.Stat_t)
		line := fmt.Sprintf("%q %v %d:%d", name, info.Mode(), status.Uid, status.Gid)
		if !info.IsDir() {
			line += info.ModTime().UTC().Format(" 2006-01-02T15:04:05.999999999")
		}
		switch info.Mode().Type() {
		case 0:
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if status.Nlink > 1 {
				if first[status.Ino] == "" {
					first[status.Ino] = name
				}
				line += " = " + first[status.Ino]
			}
			line += fmt.Sprintf(" %x", sha256.Sum256(content))
		case os.ModeSymlink:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			line += " -> " + target
		}
		lines = append(lines, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func TestSameTreeSameTar(t *testing.T) {
	directory := firmware(t)
	copied := filepath.Join(t.TempDir(), "fw-1")
	if output, err := exec.Command("cp", "-a", directory, copied).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	policy := Policy{Keyring: gpg(t).keyring(t, "ed")}
	var tars [][]byte
	for _, path := range []string{
		pack(t, PackOptions{Directory: directory}),
		pack(t, PackOptions{Directory: copied + "/", Compression: Gzip, Level: 1}),
		pack(t, PackOptions{Directory: filepath.Join(copied, "bin", ".."), Level: 11}),
	} {
		archive, _, err := open(t, path, policy)
		if err != nil {
			t.Fatal(err)
		}
		tars = append(tars, archive)
	}
	if !bytes.Equal(tars[0], tars[1]) || !bytes.Equal(tars[0], tars[2]) {
		t.Error("the same tree gave different tars")
	}
	if bytes.Contains(tars[0], []byte("root")) {
		t.Error("the tar names users")
	}
}

func TestPackExcludes(t *testing.T) {
	directory := firmware(t)
	for name, test := range map[string]struct {
		exclude []string
		absent  []string
		present []string
	}{
		"always":           {nil, []string{"fw-1/.git/", "fw-1/.git/config", "fw-1/bin/.svn/"}, []string{"fw-1/bin/run", "fw-1/empty/"}},
		"name":             {[]string{"run"}, []string{"fw-1/bin/run"}, []string{"fw-1/twin"}},
		"pattern":          {[]string{"d?ta", "z*"}, []string{"fw-1/bin/deep/data", "fw-1/zero"}, []string{"fw-1/bin/deep/"}},
		"path":             {[]string{"bin/deep"}, []string{"fw-1/bin/deep/", "fw-1/bin/deep/data"}, []string{"fw-1/bin/"}},
		"top only":         {[]string{"/deep", "./run"}, nil, []string{"fw-1/bin/deep/", "fw-1/bin/run"}},
		"directory's name": {[]string{"deep/"}, []string{"fw-1/bin/deep/"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			archive, _, err := open(t, pack(t, PackOptions{Directory: directory, Exclude: test.exclude}), Policy{Keyring: gpg(t).keyring(t, "ed")})
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for reader := tar.NewReader(bytes.NewReader(archive)); ; {
				header, err := reader.Next()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				names = append(names, header.Name)
			}
			for _, absent := range test.absent {
				if slices.Contains(names, absent) {
					t.Errorf("%s is packed", absent)
				}
			}
			for _, present := range test.present {
				if !slices.Contains(names, present) {
					t.Errorf("%s is not packed", present)
				}
			}
		})
	}
}

// nested makes a tree of that many directories, one in the other.
func nested(t *testing.T, levels, length int) string {
	t.Helper()
	directory := filepath.Join(t.TempDir(), "release")
	if err := os.Mkdir(directory, 0o755); err != nil {
		t.Fatal(err)
	}
	dir, err := openat.Open(directory)
	if err != nil {
		t.Fatal(err)
	}
	for range levels {
		name := strings.Repeat("d", length)
		if err := dir.Mkdir(name, 0o755); err != nil {
			t.Fatal(err)
		}
		below, err := dir.Sub(name)
		if err != nil {
			t.Fatal(err)
		}
		dir.Close()
		dir = below
	}
	dir.Close()
	return directory
}

func TestPackRefuses(t *testing.T) {
	home := gpg(t)
	directory := firmware(t)
	special, own := filepath.Join(t.TempDir(), "special"), filepath.Join(t.TempDir(), "own")
	for _, err := range []error{
		os.Mkdir(special, 0o755), makePipe(filepath.Join(special, "pipe")),
		os.MkdirAll(filepath.Join(own, "lib"), 0o755), os.WriteFile(filepath.Join(own, "lib", ".gwe-settings"), nil, 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	current := filepath.Join(t.TempDir(), "current")
	if err := os.Symlink(directory, current); err != nil {
		t.Fatal(err)
	}
	key := home.secret(t, "ed")
	for name, test := range map[string]struct {
		options PackOptions
		code    string
	}{
		"no key":             {PackOptions{Directory: directory}, "signing-key-wanted"},
		"public key":         {PackOptions{Directory: directory, SigningKey: private(t, filepath.Join(home.keyring(t, "ed"), "ed.asc"))}, "signing-key-public"},
		"expired key":        {PackOptions{Directory: directory, SigningKey: home.secret(t, "expired")}, "package-key-expired"},
		"missing key":        {PackOptions{Directory: directory, SigningKey: key + "x"}, "signing-key-missing"},
		"no directory":       {PackOptions{Directory: directory + "x", SigningKey: key}, "pack-directory"},
		"a file":             {PackOptions{Directory: filepath.Join(directory, "zero"), SigningKey: key}, "pack-directory"},
		"the root":           {PackOptions{Directory: "/", SigningKey: key}, "pack-name"},
		"current":            {PackOptions{Directory: current, SigningKey: key}, "pack-name"},
		"failsafe":           {PackOptions{Directory: directory, Name: "failsafe", SigningKey: key}, "pack-name"},
		"a path as name":     {PackOptions{Directory: directory, Name: "a/b", SigningKey: key}, "pack-name"},
		"hidden":             {PackOptions{Directory: directory, Name: ".x", SigningKey: key}, "pack-name"},
		"a pipe":             {PackOptions{Directory: special, SigningKey: key}, "pack-special-file"},
		"a name of gwe's":    {PackOptions{Directory: own, SigningKey: key}, "pack-own-name"},
		"a long path":        {PackOptions{Directory: nested(t, 30, 180), SigningKey: key}, "pack-too-deep"},
		"a deep path":        {PackOptions{Directory: nested(t, 201, 1), SigningKey: key}, "pack-too-deep"},
		"bad pattern":        {PackOptions{Directory: directory, Exclude: []string{"["}, SigningKey: key}, "pack-pattern"},
		"xz":                 {PackOptions{Directory: directory, Compression: "xz", SigningKey: key}, "pack-compression"},
		"level":              {PackOptions{Directory: directory, Compression: Gzip, Level: 10, SigningKey: key}, "pack-compression"},
		"into itself":        {PackOptions{Directory: directory, Output: filepath.Join(directory, "bin"), SigningKey: key}, "pack-output"},
		"nowhere":            {PackOptions{Directory: directory, Output: filepath.Join(directory, "none", "x.gpg"), SigningKey: key}, "pack-output"},
		"for a secret only":  {PackOptions{Directory: directory, SigningKey: key, EncryptFor: []string{filepath.Join(directory, "zero")}}, "recipient-key-unreadable"},
		"for a signing key":  {PackOptions{Directory: directory, SigningKey: key, EncryptFor: []string{filepath.Join(home.keyring(t, "weak"), "weak.asc")}}, "recipient-key-unusable"},
		"for a missing file": {PackOptions{Directory: directory, SigningKey: key, EncryptFor: []string{key + "x"}}, "recipient-key-missing"},
	} {
		t.Run(name, func(t *testing.T) {
			output := t.TempDir()
			if test.options.Output == "" {
				test.options.Output = output
			}
			before := listing(t, directory)
			_, err := Pack(t.Context(), test.options)
			wantCode(t, err, test.code)
			if left, _ := os.ReadDir(output); len(left) > 0 {
				t.Errorf("%s is left", left[0].Name())
			}
			if difference := cmp.Diff(before, listing(t, directory)); difference != "" {
				t.Error(difference)
			}
		})
	}
}

func private(t testing.TB, path string) string {
	t.Helper()
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestPackIsDisturbed changes the tree, or interrupts, when half of it is packed.
func TestPackIsDisturbed(t *testing.T) {
	for name, test := range map[string]struct {
		code    string
		disturb func(directory string, cancel context.CancelFunc) error
	}{
		"interrupted": {"interrupted", func(directory string, cancel context.CancelFunc) error { cancel(); return nil }},
		"shorter": {"pack-tree-changed", func(directory string, cancel context.CancelFunc) error {
			return os.Truncate(filepath.Join(directory, "bin", "deep", "data"), 10)
		}},
		"longer": {"pack-tree-changed", func(directory string, cancel context.CancelFunc) error {
			return os.Truncate(filepath.Join(directory, "bin", "deep", "data"), 1<<22)
		}},
		"a file less": {"pack-tree-changed", func(directory string, cancel context.CancelFunc) error {
			return errors.Join(os.Remove(filepath.Join(directory, "zero")), os.WriteFile(filepath.Join(directory, "bin", "deep", "data"), []byte("x"), 0o600))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			directory, output := firmware(t), t.TempDir()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			disturbed := false
			_, err := Pack(ctx, PackOptions{Directory: directory, Output: output, SigningKey: gpg(t).secret(t, "ed"), Progress: func(current, total int64) {
				if !disturbed {
					disturbed = true
					if err := test.disturb(directory, cancel); err != nil {
						t.Error(err)
					}
				}
			}})
			wantCode(t, err, test.code)
			if left, _ := os.ReadDir(output); len(left) > 0 {
				t.Errorf("%s is left", left[0].Name())
			}
		})
	}
}

func TestPackReplacesAnOlderPackage(t *testing.T) {
	directory, output := firmware(t), t.TempDir()
	path := filepath.Join(output, "mine.gpg")
	write(t, path, []byte("old"), 0o644)
	var last, sum int64
	have := pack(t, PackOptions{Directory: directory, Output: path, Progress: func(current, total int64) { last, sum = current, total }})
	if have != path || last != sum || sum == 0 {
		t.Errorf("%s, %d of %d", have, last, sum)
	}
	if left, _ := os.ReadDir(output); len(left) != 2 { // the package and its index
		t.Errorf("%d files are left", len(left))
	}
	if _, _, err := open(t, path, Policy{Keyring: gpg(t).keyring(t, "ed")}); err != nil {
		t.Error(err)
	}
}
