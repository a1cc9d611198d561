package transfer

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/steps/steptest"
)

func digestOf(content []byte) string {
	digest := sha256.Sum256(content)
	return hex.EncodeToString(digest[:])
}

// content is what the test servers hold.
func content(size int) []byte {
	made := make([]byte, size)
	for i := range made {
		made[i] = byte(i>>8) ^ byte(i*7)
	}
	return made
}

// web serves the content as any right server does.
func web(t testing.TB, held []byte) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, request *http.Request) {
		out.Header().Set("ETag", strconv.Quote(digestOf(held)[:16]))
		http.ServeContent(out, request, "file", time.Time{}, bytes.NewReader(held))
	}))
	t.Cleanup(server.Close)
	return server
}

func TestDownloadConforms(t *testing.T) {
	held := content(300 << 10)
	server := web(t, held)
	given := func(t testing.TB, root string, more map[string]any) map[string]any {
		all := map[string]any{"url": server.URL + "/file?token=x", "to": root + "/file", "partial-dir": t.TempDir()}
		for key, value := range more {
			all[key] = value
		}
		return all
	}
	same := func(t testing.TB, root string, outputs map[string]any) {
		got, err := os.ReadFile(root + "/file")
		check(t, err)
		if digestOf(got) != digestOf(held) || outputs["sha256"] != digestOf(held) || outputs["size"] != value.SizeOf(int64(len(held))) {
			t.Errorf("%d bytes, outputs %v", len(got), outputs)
		}
	}
	old := func(t testing.TB, root string) {
		plant(t, root, map[string]string{"file": "old content"})
		check(t, os.Link(root+"/file", root+"/second"))
		check(t, os.Chmod(root+"/file", 0o640))
	}
	for name, suite := range map[string]steptest.Suite{
		"first": {Arrange: func(t testing.TB, root string) map[string]any { return given(t, root, nil) }, AfterDo: same},
		"over an old file, with a digest": {AfterDo: same, Arrange: func(t testing.TB, root string) map[string]any {
			old(t, root)
			return given(t, root, map[string]any{"sha256": digestOf(held), "size": value.SizeOf(int64(len(held)))})
		}},
		"mode and owner": {Arrange: func(t testing.TB, root string) map[string]any {
			old(t, root)
			owner := strconv.Itoa(os.Geteuid()) + ":" + strconv.Itoa(os.Getegid())
			if os.Geteuid() == 0 {
				owner = "7:8"
			}
			return given(t, root, map[string]any{"mode": "4750", "owner": owner})
		}, AfterDo: func(t testing.TB, root string, outputs map[string]any) {
			same(t, root, outputs)
			if info, err := os.Stat(root + "/file"); err != nil || info.Mode() != 0o750|os.ModeSetuid {
				t.Error(info.Mode(), err)
			}
		}},
		"a file": {AfterDo: same, Forget: []string{"source"}, Arrange: func(t testing.TB, root string) map[string]any {
			plant(t, root, map[string]string{"source": string(held)})
			return given(t, root, map[string]any{"url": "file://" + root + "/source"})
		}},
		"by a cache, which has it from then on": {AfterDo: same, Arrange: func(t testing.TB, root string) map[string]any {
			old(t, root)
			return given(t, root, map[string]any{"sha256": digestOf(held), "cache": true, "cache-dir": t.TempDir()})
		}},
		"as wanted": {Idle: true, AfterDo: same, Arrange: func(t testing.TB, root string) map[string]any {
			plant(t, root, map[string]string{"file": string(held)})
			check(t, os.Chmod(root+"/file", 0o644))
			return given(t, root, map[string]any{"url": "http://127.0.0.1:1/nothing", "sha256": digestOf(held)})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			suite.Type = Download()
			steptest.Run(t, suite)
		})
	}
	t.Run("partial downloads on another file system", func(t *testing.T) {
		steptest.Run(t, steptest.Suite{Type: Download(), AfterDo: same, Arrange: func(t testing.TB, root string) map[string]any {
			elsewhere, err := os.MkdirTemp("/dev/shm", "gwe-download-")
			check(t, err)
			t.Cleanup(func() { _ = os.RemoveAll(elsewhere) })
			return given(t, root, map[string]any{"partial-dir": elsewhere})
		}})
	})
}
