package transfer_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gwe-project/gwe/steps/steptest/recipetest"
)

const downloadRecipe = `gwe: 1
name: fetch
inputs:
  url: { type: url, required: true }
  sha256: { type: string, required: true }
  directory: { type: path, required: true }
  token: { type: secret, required: true }
  fail: { type: string, default: "0" }
lock: ["${{ inputs.directory }}"]
steps:
  - download:
      url: ${{ inputs.url }}?key=${{ inputs.token }}
      to: ${{ inputs.directory }}/app.bin
      sha256: ${{ inputs.sha256 }}
      token: ${{ inputs.token }}
      partial-dir: ${{ inputs.directory }}-partial
      attempts: 1
  - download: { url: "${{ inputs.url }}", to: "${{ inputs.directory }}/second.bin", partial-dir: "${{ inputs.directory }}-partial", mode: "0600" }
  - run: { argv: [/bin/sh, -c, 'exit "$0"', "${{ inputs.fail }}"] }
    effects: none
  - commit: the file is there
`

type downloads struct {
	testing.TB
	bench           *recipetest.Bench
	recipe, base    string
	inputs          map[string]string
	content         []byte
	asked, sent     atomic.Int64
	breaks, refuses atomic.Bool
}

func newDownloads(t testing.TB, size int) *downloads {
	t.Helper()
	d := &downloads{TB: t, bench: recipetest.New(t, catalog()), base: t.TempDir(), content: make([]byte, size)}
	source := rand.NewChaCha8([32]byte{7})
	_, _ = source.Read(d.content)
	server := httptest.NewServer(http.HandlerFunc(d.serve))
	t.Cleanup(server.Close)
	d.recipe = filepath.Join(d.base, "fetch.yaml")
	if err := os.WriteFile(d.recipe, []byte(downloadRecipe), 0o600); err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(d.content)
	d.inputs = map[string]string{"url": server.URL + "/app", "sha256": hex.EncodeToString(digest[:]), "directory": d.base + "/opt", "token": "hush-hush-hush"}
	return d
}

// serve counts what it sends, and where it breaks it sends a half of what is asked for.
func (d *downloads) serve(out http.ResponseWriter, request *http.Request) {
	d.asked.Add(1)
	if d.refuses.Load() {
		http.Error(out, "no", http.StatusForbidden)
		return
	}
	counted := &counting{ResponseWriter: out, sent: &d.sent, left: int64(len(d.content)) * 2}
	if d.breaks.Load() {
		counted.left = int64(len(d.content)) / 3
	}
	out.Header().Set("ETag", `"first"`)
	http.ServeContent(counted, request, "app", time.Time{}, bytes.NewReader(d.content))
}

type counting struct {
	http.ResponseWriter
	sent *atomic.Int64
	left int64
}

func (c *counting) Write(part []byte) (int, error) {
	if c.left -= int64(len(part)); c.left < 0 {
		panic(http.ErrAbortHandler)
	}
	c.sent.Add(int64(len(part)))
	return c.ResponseWriter.Write(part)
}

// arrange makes the directory as it was: with an old file, and one that was not there.
func (d *downloads) arrange() {
	for _, name := range []string{"/opt", "/opt-partial"} {
		if err := os.RemoveAll(d.base + name); err != nil {
			d.Fatal(err)
		}
	}
	if err := os.Mkdir(d.base+"/opt", 0o755); err != nil {
		d.Fatal(err)
	}
	if err := os.WriteFile(d.base+"/opt/app.bin", []byte("old"), 0o640); err != nil {
		d.Fatal(err)
	}
}

// check holds the directory to one of its two states.
func (d *downloads) check(committed bool) {
	d.Helper()
	want := map[string]string{"app.bin": "old"}
	if committed {
		want = map[string]string{"app.bin": string(d.content), "second.bin": string(d.content)}
	}
	entries, err := os.ReadDir(d.base + "/opt")
	if err != nil {
		d.Fatal(err)
	}
	for _, one := range entries {
		content, err := os.ReadFile(d.base + "/opt/" + one.Name())
		if err != nil {
			d.Fatal(err)
		}
		if strings.HasPrefix(one.Name(), ".gwe-") && committed {
			continue // the old file, until the next commit
		}
		if want[one.Name()] != string(content) {
			d.Errorf("committed %v, and %s has %d bytes", committed, one.Name(), len(content))
		}
		delete(want, one.Name())
	}
	for name := range want {
		d.Errorf("committed %v, and %s is not there", committed, name)
	}
}

// TestDownloadRecipe: it fails at its last step and leaves all as it was; then it succeeds. Secrets are shown
// nowhere, in a failure neither.
func TestDownloadRecipe(t *testing.T) {
	d := newDownloads(t, 200<<10)
	d.arrange()
	d.inputs["fail"] = "1"
	d.bench.WantExit(3, d.recipe, d.inputs)
	d.check(false)
	d.inputs["fail"] = "0"
	d.refuses.Store(true)
	result := d.bench.WantExit(3, d.recipe, d.inputs)
	d.check(false)
	d.refuses.Store(false)
	d.breaks.Store(true)
	d.bench.WantExit(3, d.recipe, d.inputs)
	d.check(false)
	d.breaks.Store(false)
	before := d.sent.Load()
	d.bench.WantExit(0, d.recipe, d.inputs)
	d.check(true)
	if got, most := d.sent.Load()-before, int64(len(d.content))*2-int64(len(d.content))/3+64<<10; got > most {
		t.Errorf("the last run was sent %d bytes of %d: the first third was kept", got, 2*len(d.content))
	}
	before = d.asked.Load()
	d.bench.WantExit(0, d.recipe, d.inputs)
	if again := d.asked.Load() - before; again != 1 {
		t.Errorf("the server was asked %d times for what is there already, and for what has no digest", again)
	}
	if left, err := os.ReadDir(d.base + "/opt-partial"); err != nil || len(left) > 0 {
		t.Error("left:", left, err)
	}
	for what, text := range map[string]string{"the log": d.bench.Said(), "the error": fmt.Sprint(result.Err)} {
		if strings.Contains(text, "hush") {
			t.Errorf("%s shows the secret:\n%s", what, text)
		}
	}
	err := filepath.WalkDir(d.bench.State, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || filepath.Base(filepath.Dir(path)) == "secrets" {
			return err
		}
		text, err := os.ReadFile(path)
		if bytes.Contains(text, []byte("hush")) {
			t.Errorf("%s holds the secret", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestDownloadDisturbed lets it fail after each step, and kills gwe everywhere.
func TestDownloadDisturbed(t *testing.T) {
	d := newDownloads(t, 100<<10)
	if failures := d.bench.FailEverywhere(d.recipe, d.inputs, d.arrange, d.check); failures < 3 {
		t.Errorf("it failed after %d steps", failures)
	}
	if kills := d.bench.KillEverywhere(d.recipe, d.inputs, d.arrange, d.check); kills < 6 {
		t.Errorf("%d kills only", kills)
	}
	d.bench.KillAtAnyMoment(10, d.recipe, d.inputs, d.arrange, d.check)
}

// TestDownloadCache: what one run downloaded, a later one takes from the cache without any network: after a
// rollback too. A damaged entry is downloaded again, and a cache that cannot be used is no reason to fail.
func TestDownloadCache(t *testing.T) {
	d := newDownloads(t, 300<<10)
	text := strings.ReplaceAll(downloadRecipe, "attempts: 1", "attempts: 1\n      cache: true\n      cache-dir: ${{ inputs.directory }}-cache")
	text = strings.Join(slices.DeleteFunc(strings.Split(text, "\n"), func(line string) bool { return strings.Contains(line, "second.bin") }), "\n")
	if err := os.WriteFile(d.recipe, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	holds := func(want string) {
		t.Helper()
		if got, err := os.ReadFile(d.base + "/opt/app.bin"); err != nil || string(got) != want {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	}
	d.arrange()
	d.inputs["fail"] = "1"
	d.bench.WantExit(3, d.recipe, d.inputs)
	holds("old")
	d.refuses.Store(true) // from here on there is no network
	d.inputs["fail"] = "0"
	asked := d.asked.Load()
	d.bench.WantExit(0, d.recipe, d.inputs)
	holds(string(d.content))
	if d.asked.Load() != asked {
		t.Error("the server was asked for what is in the cache")
	}
	entry := d.base + "/opt-cache/sha256-" + d.inputs["sha256"]
	if err := os.WriteFile(entry, d.content[1:], 0o600); err != nil {
		t.Fatal(err)
	}
	d.arrange()
	d.bench.WantExit(3, d.recipe, d.inputs)
	holds("old")
	if err := os.WriteFile(entry, d.content[1:], 0o600); err != nil {
		t.Fatal(err)
	}
	d.refuses.Store(false)
	d.bench.WantExit(0, d.recipe, d.inputs)
	holds(string(d.content))
	if err := os.RemoveAll(d.base + "/opt-cache"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(d.base+"/opt-cache", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d.arrange()
	d.bench.WantExit(0, d.recipe, d.inputs)
	holds(string(d.content))
}

// TestDownloadCacheDisturbed lets it fail and kills gwe everywhere, with a cache that fills and is used.
func TestDownloadCacheDisturbed(t *testing.T) {
	d := newDownloads(t, 100<<10)
	text := strings.ReplaceAll(downloadRecipe, "attempts: 1", "attempts: 1\n      cache: true\n      cache-dir: ${{ inputs.directory }}-cache")
	if err := os.WriteFile(d.recipe, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	round := 0
	arrange := func() {
		d.arrange()
		if round++; round%2 == 0 {
			if err := os.RemoveAll(d.base + "/opt-cache"); err != nil {
				t.Fatal(err)
			}
		}
	}
	d.bench.FailEverywhere(d.recipe, d.inputs, arrange, d.check)
	d.bench.KillAtAnyMoment(20, d.recipe, d.inputs, arrange, d.check)
}
