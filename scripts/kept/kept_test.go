package kept_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/gwe-project/gwe/engine/need"
	"github.com/gwe-project/gwe/scripts/kept"
)

// runs is where the kept runs are.
const runs = "../../testdata/kept"

// mostBytes is what all kept runs may take in the repository.
const mostBytes = 500_000

// TestKeptRuns lets today's gwe undo the runs of each version of the undo data of each step type: the old
// tree is there again, and nothing is left to do. A gwe that does not know the version changes nothing, and
// takes nothing from the one that does.
func TestKeptRuns(t *testing.T) {
	need.Root(t, "it mounts the disks of the kept runs")
	gwe := filepath.Join(t.TempDir(), "gwe")
	if output, err := exec.Command("go", "build", "-o", gwe, "github.com/gwe-project/gwe/cmd/gwe").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, output)
	}
	all, err := kept.ReadAll(runs)
	if err != nil || len(all) == 0 {
		t.Fatalf("%d runs are kept: %v", len(all), err)
	}
	for _, run := range all {
		t.Run(run.Name(), func(t *testing.T) {
			t.Parallel()
			onDisk(t, run, func(way kept.Way) (said string, err error) { return run.Undo(t.Context(), gwe, way) })
			if run.Acts() && run.Type != kept.Constructs {
				onDisk(t, run, func(way kept.Way) (said string, err error) { return run.RefuseLater(t.Context(), gwe, way) })
			}
		})
	}
}

// onDisk mounts a copy of the run's disk, which this test alone sees, and tries each way.
func onDisk(t *testing.T, run kept.Run, try func(kept.Way) (said string, err error)) {
	t.Helper()
	image := filepath.Join(t.TempDir(), "disk")
	if err := run.Image(runs, image); err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread() // never unlocked: the mounts are this thread's, and end with it
	if err := kept.Apart(); err != nil {
		t.Fatal(err)
	}
	unmount, err := kept.Mount(image, run.Type)
	if err != nil {
		t.Fatal(err)
	}
	for _, way := range run.Order() {
		if said, err := try(way); err != nil {
			t.Errorf("%s: %v\n%s", way, err, said)
		}
	}
	if err := unmount(); err != nil {
		t.Error(err)
	}
}

// TestKeptRunsAreSmall keeps them out of the way of who clones the project.
func TestKeptRunsAreSmall(t *testing.T) {
	files, err := filepath.Glob(runs + "/*")
	if err != nil {
		t.Fatal(err)
	}
	var sum int64
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		sum += info.Size()
	}
	if sum > mostBytes {
		t.Errorf("the kept runs take %d bytes, more than %d: give a sample in scripts/kept/sample.go fewer files", sum, mostBytes)
	}
}
