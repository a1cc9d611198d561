package release_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/steps/release"
	"github.com/gwe-project/gwe/steps/steptest"
)

func TestMain(m *testing.M) {
	steptest.Main(m, release.ReadLink(), release.SwapLink(), release.Prune(), release.Failsafe(), release.FindFallback(), release.LinkTree())
}

// build makes a tree: a value that starts with "-> " is a link, "/" a directory, all else a file's content.
func build(t testing.TB, root string, entries map[string]string) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		path, content := filepath.Join(root, name), entries[name]
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		switch {
		case content == "/":
			err = os.MkdirAll(path, 0o755)
		case len(content) > 3 && content[:3] == "-> ":
			err = os.Symlink(content[3:], path)
		default:
			err = os.WriteFile(path, []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// runOf is what the engine hands over.
func runOf(t testing.TB) *step.Run {
	return &step.Run{ID: "r", Step: "s", Machine: step.Local{}, Directory: t.TempDir(), Leased: func(string) bool { return false }}
}

// act prepares and does.
func act(t testing.TB, tried step.Type, run *step.Run, arguments map[string]any) (map[string]any, json.RawMessage, error) {
	t.Helper()
	memo, err := tried.Prepare(t.Context(), run, arguments)
	if err != nil {
		return nil, nil, err
	}
	outputs, err := tried.Do(t.Context(), run, arguments, memo)
	return outputs, memo, err
}

// failsWith reports whether the error is a fault of that class and code, with a hint.
func failsWith(t testing.TB, err error, class fault.Class, code string) {
	t.Helper()
	found := fault.As(err)
	if found == nil || found.Class != class || found.Code != code {
		t.Errorf("the error is %#v, want %s %s", err, class, code)
		return
	}
	if found.Hint == "" {
		t.Errorf("%s has no hint", code)
	}
}

// waitForClock returns once the file system gives new directories a later time than those in dir have.
func waitForClock(t testing.TB, dir string) {
	t.Helper()
	born := func() unix.StatxTimestamp {
		probe := filepath.Join(t.TempDir(), "probe")
		if err := os.Mkdir(probe, 0o755); err != nil {
			t.Fatal(err)
		}
		var status unix.Statx_t
		if err := unix.Statx(unix.AT_FDCWD, probe, 0, unix.STATX_BTIME|unix.STATX_CTIME, &status); err != nil {
			t.Fatal(err)
		}
		if status.Mask&unix.STATX_BTIME != 0 {
			return status.Btime
		}
		return status.Ctime
	}
	for first := born(); born() == first; {
	}
}
