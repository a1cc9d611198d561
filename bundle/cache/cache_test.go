package cache

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/openat"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func keyOf(text string) Key {
	digest := sha256.Sum256([]byte(text))
	return Key("sha256-" + hex.EncodeToString(digest[:]))
}

// writing is a put that writes a text.
func writing(t testing.TB, text string) func(*openat.Dir, string) error {
	return func(directory *openat.Dir, name string) error {
		file, err := directory.Create(name, 0o600)
		must(t, err)
		_, err = file.WriteString(text)
		return errors.Join(err, file.Close())
	}
}

func quiet(int64, int64) {}

// add adds a text, and lets go of it.
func add(t testing.TB, c *Cache, text string, limit int64) {
	t.Helper()
	entry, err := c.Add(t.Context(), keyOf(text), int64(len(text)), limit, writing(t, text))
	must(t, err)
	if entry != nil {
		entry.Close()
	}
}

// copied is what a copy of an entry holds.
func copied(t testing.TB, c *Cache, text string) (string, error) {
	t.Helper()
	entry, err := c.Get(t.Context(), keyOf(text))
	must(t, err)
	if entry == nil {
		return "", os.ErrNotExist
	}
	defer entry.Close()
	place := t.TempDir()
	to, err := openat.Open(place)
	must(t, err)
	defer to.Close()
	digest, err := entry.Copy(t.Context(), to, "copy", quiet)
	if err != nil {
		if _, left := os.Lstat(place + "/copy"); left == nil {
			t.Error("something is left of the copy")
		}
		return "", err
	}
	if "sha256-"+digest != string(keyOf(text)) {
		t.Errorf("the digest is %s", digest)
	}
	got, err := os.ReadFile(place + "/copy")
	must(t, err)
	return string(got), nil
}

func held(t testing.TB, c *Cache) (texts int, bytes int64) {
	t.Helper()
	all, err := c.List()
	must(t, err)
	for _, one := range all {
		bytes += one.Size
	}
	return len(all), bytes
}

func TestCache(t *testing.T) {
	c, err := Open(filepath.Join(t.TempDir(), "cache"))
	must(t, err)
	if _, err := copied(t, c, "one"); !errors.Is(err, os.ErrNotExist) {
		t.Error("it has what nobody added:", err)
	}
	add(t, c, "one", 100)
	if got, err := copied(t, c, "one"); got != "one" || err != nil {
		t.Error(got, err)
	}
	entry, err := c.Add(t.Context(), keyOf("one"), 3, 100, func(*openat.Dir, string) error { return errors.New("it was called") })
	must(t, err)
	entry.Close()
	add(t, c, strings.Repeat("x", 101), 100)
	if many, _ := held(t, c); many != 1 {
		t.Errorf("%d entries: one was too large", many)
	}
	digest := sha512.Sum512([]byte("long"))
	key, ok := KeyOf("", strings.ToUpper(hex.EncodeToString(digest[:])))
	if !ok {
		t.Fatal("a SHA-512 is not a key")
	}
	entry, err = c.Add(t.Context(), key, 4, 100, writing(t, "long"))
	must(t, err)
	must(t, entry.Verify(t.Context(), quiet))
	entry.Close()
}

// TestDamaged: whatever became of an entry, its content is handed out whole or not at all.
func TestDamaged(t *testing.T) {
	for name, harm := range map[string]func(path string) error{
		"a byte":  func(path string) error { return os.WriteFile(path, []byte("onE"), 0o600) },
		"shorter": func(path string) error { return os.Truncate(path, 1) },
		"longer":  func(path string) error { return os.WriteFile(path, bytes.Repeat([]byte("one"), 1<<20), 0o600) },
		"empty":   func(path string) error { return os.Truncate(path, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			c, err := Open(t.TempDir())
			must(t, err)
			add(t, c, "one", 1<<30)
			must(t, harm(filepath.Join(c.path, string(keyOf("one")))))
			if got, err := copied(t, c, "one"); !IsDamaged(err) {
				t.Errorf("%q, %v", got, err)
			}
			if many, _ := held(t, c); many != 0 {
				t.Error("the damaged one is still there")
			}
			add(t, c, "one", 1<<30)
			if got, err := copied(t, c, "one"); got != "one" || err != nil {
				t.Error(got, err)
			}
		})
	}
}

// TestLeastRecentlyUsed: what was not used for longest goes first, whatever the clock says, and what is held
// stays.
func TestLeastRecentlyUsed(t *testing.T) {
	c, err := Open(t.TempDir())
	must(t, err)
	texts := []string{"aaaa", "bbbb", "cccc", "dddd"}
	for _, text := range texts {
		add(t, c, text, 16)
	}
	future := time.Now().Add(24 * time.Hour) // a clock that was set back since
	must(t, os.Chtimes(filepath.Join(c.path, string(keyOf("dddd"))), future, future))
	_, err = copied(t, c, "aaaa")
	must(t, err)
	entry, err := c.Get(t.Context(), keyOf("bbbb"))
	must(t, err)
	for _, text := range []string{"cccc", "dddd", "aaaa"} { // bbbb is the oldest now
		_, err := copied(t, c, text)
		must(t, err)
	}
	add(t, c, "eeee", 16)
	for text, want := range map[string]bool{"aaaa": true, "bbbb": true, "cccc": false, "dddd": true, "eeee": true} {
		if _, err := os.Stat(filepath.Join(c.path, string(keyOf(text)))); (err == nil) != want {
			t.Errorf("%s: %v, expected to stay: %v", text, err, want)
		}
	}
	removed, left, err := c.Clean(t.Context(), 0)
	must(t, err)
	if len(removed) != 3 || left != 4 {
		t.Errorf("removed %v, %d bytes are left: one is held", removed, left)
	}
	entry.Close()
	if _, left, err := c.Clean(t.Context(), 0); err != nil || left != 0 {
		t.Error(left, err)
	}
}

// TestLeftovers: what a kill left of an entry goes with the next one, and is never an entry.
func TestLeftovers(t *testing.T) {
	c, err := Open(t.TempDir())
	must(t, err)
	must(t, os.WriteFile(filepath.Join(c.path, incoming+string(keyOf("one"))), []byte("o"), 0o600))
	if many, _ := held(t, c); many != 0 {
		t.Error("half an entry is one")
	}
	add(t, c, "one", 100)
	if got, err := copied(t, c, "one"); got != "one" || err != nil {
		t.Error(got, err)
	}
	if _, err := c.Add(t.Context(), keyOf("two"), 3, 100, func(*openat.Dir, string) error { return os.ErrPermission }); !errors.Is(err, os.ErrPermission) {
		t.Error(err)
	}
	must(t, os.WriteFile(filepath.Join(c.path, incoming+"x"), nil, 0o600))
	_, _, err = c.Clean(t.Context(), 1000)
	must(t, err)
	if left, _ := filepath.Glob(c.path + "/" + incoming + "*"); len(left) > 0 {
		t.Error(left)
	}
}

func TestUnsafeCache(t *testing.T) {
	path := t.TempDir()
	must(t, os.Chmod(path, 0o777))
	if _, err := Open(path); fault.As(err) == nil || fault.As(err).Code != "cache-unsafe" {
		t.Error(err)
	}
}

// TestLockEnds: waiting for the lock ends with the context.
func TestLockEnds(t *testing.T) {
	c, err := Open(t.TempDir())
	must(t, err)
	release, err := c.lock(t.Context())
	must(t, err)
	defer release()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Get(ctx, keyOf("x")); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestKilled: whenever a process is killed that adds, the cache has the whole entry or none.
func TestKilled(t *testing.T) {
	if path := os.Getenv("GWE_TEST_CACHE"); path != "" {
		c, err := Open(path)
		must(t, err)
		for range 1000 {
			add(t, c, strings.Repeat("content ", 1<<15), 1<<30)
			_, _, err := c.Clean(t.Context(), 0)
			must(t, err)
		}
		return
	}
	path := t.TempDir()
	text := strings.Repeat("content ", 1<<15)
	for range 20 {
		child := exec.Command(os.Args[0], "-test.run=^TestKilled$")
		child.Env = append(os.Environ(), "GWE_TEST_CACHE="+path)
		must(t, child.Start())
		time.Sleep(60 * time.Millisecond)
		must(t, child.Process.Kill())
		_ = child.Wait()
		c, err := Open(path)
		must(t, err)
		if got, err := copied(t, c, text); got != text && !errors.Is(err, os.ErrNotExist) {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
		add(t, c, text, 1<<30)
		if got, err := copied(t, c, text); got != text || err != nil {
			t.Fatal(err)
		}
	}
}

func FuzzParseKey(f *testing.F) {
	f.Add("sha256-" + strings.Repeat("ab", 32))
	f.Add("sha512-x")
	f.Fuzz(func(t *testing.T, name string) {
		if key, ok := ParseKey(name); ok && (string(key) != name || strings.ContainsAny(name, "/.\x00") || len(name) > 135) {
			t.Errorf("%q is a key", name)
		}
	})
}
