package need_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/gwe-project/gwe/engine/need"
)

// recorder notes how a test ended.
type recorder struct {
	testing.TB
	skipped, failed string
}

func (r *recorder) Helper() {}

func (r *recorder) Skip(all ...any) { r.skipped = all[0].(string); runtime.Goexit() }

func (r *recorder) Fatal(all ...any) { r.failed = all[0].(string); runtime.Goexit() }

// TestMissing: what is missing fails a test where all are required, unless it was left out by name.
func TestMissing(t *testing.T) {
	for name, test := range map[string]struct {
		require, leftOut string
		fails            bool
	}{
		"by hand":              {"", "", false},
		"all required":         {"1", "", true},
		"left out":             {"1", "landlock fuse", false},
		"another is left out":  {"1", "landlock fuses", true},
		"left out, not needed": {"", "fuse", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(need.RequireAll, test.require)
			t.Setenv(need.LeftOut, test.leftOut)
			var got recorder
			done := make(chan struct{})
			go func() {
				defer close(done)
				need.Missing(&got, need.FUSE, "it mounts one")
			}()
			<-done
			said := got.skipped
			if test.fails {
				said = got.failed
			}
			if !strings.HasPrefix(said, "needs fuse: it mounts one (load the module fuse") || got.skipped != "" == test.fails {
				t.Errorf("skipped %q, failed %q", got.skipped, got.failed)
			}
		})
	}
}

// TestNoOtherSkips: a test is skipped by this package and by no other way, so that scripts/test fails for
// each.
func TestNoOtherSkips(t *testing.T) {
	skip := regexp.MustCompile(`\b\w+\.(SkipNow\(|Skipf\(|Skip\("|Skip\((err|said|fmt))`)
	seen := 0
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, "_test.go") && !strings.Contains(path, "test/") || !strings.HasSuffix(path, ".go") {
			return err
		}
		seen++
		text, err := os.ReadFile(path)
		for line := range strings.Lines(string(text)) {
			if found := skip.FindString(line); found != "" && !strings.HasPrefix(path, "../../engine/tasklog/") && !strings.HasPrefix(path, "../../engine/need/") {
				t.Errorf("%s skips by itself: %suse need.Root or need.Missing", path, line)
			}
		}
		return err
	})
	if err != nil || seen < 200 {
		t.Fatalf("%d files: %v", seen, err)
	}
}

// TestOwner: a file is given away by root, and stays where it is for another user, unless every test is
// required.
func TestOwner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(need.RequireAll, "")
	need.Owner(t, path, 7, 8)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	want := []uint32{7, 8}
	if os.Geteuid() != 0 {
		want = []uint32{uint32(os.Geteuid()), uint32(os.Getegid())}
	}
	if found := info.Sys().(*syscall.Stat_t); found.Uid != want[0] || found.Gid != want[1] {
		t.Errorf("it belongs to %d:%d, want %d", found.Uid, found.Gid, want)
	}
}
