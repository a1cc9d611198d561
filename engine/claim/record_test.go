package claim

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/need"
)

func state(t *testing.T, directory string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(directory, "runs"), 0o700); err != nil {
		t.Fatal(err)
	}
	return directory
}

func only(t *testing.T, place Place) Known {
	t.Helper()
	all := place.States()
	if len(all) != 1 {
		t.Fatalf("%d are recorded: %+v", len(all), all)
	}
	return all[0]
}

func TestRecordsOfStates(t *testing.T) {
	directory := private(t)
	place, here := placeIn(directory), state(t, filepath.Join(directory, "state"))
	if err := os.Symlink("state", directory+"/link"); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(place.Record(here, []string{"/a"}), place.Record(directory+"/link", []string{"/b", "/a"}), place.Begin(here, "20260301-1"), place.Begin(here, "20260301-1")); err != nil {
		t.Fatal(err)
	}
	if got := only(t, place); got.State != here || !slices.Equal(got.Targets, []string{"/a", "/b"}) || !slices.Equal(got.Unfinished, []string{"20260301-1"}) || got.Look() != There {
		t.Errorf("%+v, %v", got, got.Look())
	}
	place.Tidy(place.States())
	place.End(directory+"/link", "20260301-1")
	if got := only(t, place); len(got.Unfinished) != 0 {
		t.Errorf("%+v", got)
	}
	// It goes: nothing is known to be owed.
	if err := os.RemoveAll(here); err != nil {
		t.Fatal(err)
	}
	if got := only(t, place).Look(); got != Gone {
		t.Errorf("it is %v", got)
	}
	place.Tidy(place.States())
	if all := place.States(); len(all) != 0 {
		t.Errorf("it stays: %+v", all)
	}
}

// TestRecordsOfLostStates: while what a lost state directory owed an undo on is there, its record stays.
func TestRecordsOfLostStates(t *testing.T) {
	directory := private(t)
	place, here, target := placeIn(directory), state(t, filepath.Join(directory, "state")), filepath.Join(directory, "T")
	if err := errors.Join(os.Mkdir(target, 0o755), place.Record(here, []string{target}), place.Begin(here, "20260301-1"), os.RemoveAll(here)); err != nil {
		t.Fatal(err)
	}
	place.Tidy(place.States())
	only(t, place)
	if err := os.Remove(target); err != nil {
		t.Fatal(err)
	}
	place.Tidy(place.States())
	if all := place.States(); len(all) != 0 {
		t.Errorf("it stays: %+v", all)
	}
}

// TestRecordsOfStatesThatAreAway: not mounted is not gone.
func TestRecordsOfStatesThatAreAway(t *testing.T) {
	need.Root(t, "it mounts")
	directory := private(t)
	place, stick := placeIn(directory), filepath.Join(directory, "stick")
	mounted(t, "tmpfs", stick, "tmpfs", 0)
	here := state(t, filepath.Join(stick, "gwe"))
	if err := errors.Join(place.Record(here, []string{"/a"}), unix.Unmount(stick, 0)); err != nil {
		t.Fatal(err)
	}
	place.Tidy(place.States())
	if got := only(t, place).Look(); got != Away {
		t.Errorf("it is %v", got)
	}
	// A mount point that goes with its mount may come again, and what a run owes with it.
	if err := errors.Join(place.Begin(here, "20260301-1"), os.Remove(stick)); err != nil {
		t.Fatal(err)
	}
	place.Tidy(place.States())
	place.End(here, only(t, place).Unfinished[0])
	place.Tidy(place.States())
	if all := place.States(); len(all) != 0 {
		t.Errorf("it stays: %+v", all)
	}
}

// TestRecordsOfAForeignState: what another user makes in the place of a state directory tells nothing.
func TestRecordsOfAForeignState(t *testing.T) {
	need.Root(t, "it gives a directory away")
	directory := private(t)
	place, here := placeIn(directory), state(t, filepath.Join(directory, "state"))
	if err := errors.Join(place.Record(here, []string{"/a"}), os.Chown(here, 65534, 65534)); err != nil {
		t.Fatal(err)
	}
	if got := only(t, place).Look(); got != Gone {
		t.Errorf("it is %v", got)
	}
}

// TestRecordsWithoutTheUsualPlace: on a read-only /var they last until the reboot.
func TestRecordsWithoutTheUsualPlace(t *testing.T) {
	need.Root(t, "it mounts")
	directory := private(t)
	place, here := placeIn(directory), state(t, filepath.Join(directory, "state"))
	mounted(t, "tmpfs", directory+"/gwe", "tmpfs", unix.MS_RDONLY)
	if err := errors.Join(place.Record(here, []string{"/a"}), place.Begin(here, "20260301-1")); err != nil {
		t.Fatal(err)
	}
	if got := only(t, place); !slices.Equal(got.Targets, []string{"/a"}) || len(got.Unfinished) != 1 {
		t.Errorf("%+v", got)
	}
	if _, err := place.Take(Holder{}, Resolve("/a")); code(err) != "lock-directory-unusable" {
		t.Errorf("a claim: %v", err)
	}
	if err := unix.Mount("", directory+"/gwe", "", unix.MS_REMOUNT, ""); err != nil {
		t.Fatal(err)
	}
	if err := place.Record(here, []string{"/b"}); err != nil {
		t.Fatal(err)
	}
	if got := only(t, place); !slices.Equal(got.Targets, []string{"/a", "/b"}) {
		t.Errorf("%+v", got)
	}
}

// TestOrphanedNotes: the note of a run without a record of its state directory goes. One with a record stays,
// readable or not.
func TestOrphanedNotes(t *testing.T) {
	directory := private(t)
	place, here := placeIn(directory), state(t, filepath.Join(directory, "state"))
	if err := errors.Join(place.Record(here, []string{"/a"}), place.Begin(here, "20260301-1")); err != nil {
		t.Fatal(err)
	}
	orphan, damaged := strings.Repeat("ab", 12), strings.Repeat("cd", 12)
	for name, text := range map[string]string{orphan + ".20260301-2": "", damaged + ".json": "{", damaged + ".20260301-3": "", "note.txt": ""} {
		if err := os.WriteFile(filepath.Join(place.Kept, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	place.Tidy(place.States())
	for name, stays := range map[string]bool{orphan + ".20260301-2": false, damaged + ".json": true, damaged + ".20260301-3": true, "note.txt": true, key(here) + ".20260301-1": true} {
		if _, err := os.Lstat(filepath.Join(place.Kept, name)); (err == nil) != stays {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := place.Unfinished(here); !slices.Equal(got, []string{"20260301-1"}) {
		t.Errorf("%v", got)
	}
}

// TestRecordsOfEmptiedStates: a state directory of which all was removed but its name owes nothing.
func TestRecordsOfEmptiedStates(t *testing.T) {
	directory := private(t)
	place, here := placeIn(directory), state(t, filepath.Join(directory, "state"))
	if err := errors.Join(place.Record(here, []string{"/a"}), os.RemoveAll(filepath.Join(here, "runs"))); err != nil {
		t.Fatal(err)
	}
	place.Tidy(place.States())
	if all := place.States(); len(all) != 0 {
		t.Errorf("it stays: %+v", all)
	}
}
