package journal

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable/durabletest"
)

var t0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// allocatedBytes tells how much disk a file takes, reserve included.
func allocatedBytes(t *testing.T, path string) int64 {
	t.Helper()
	var status unix.Stat_t
	if err := unix.Stat(path, &status); err != nil {
		t.Fatal(err)
	}
	return status.Blocks * 512
}

// fillJournal appends records until one fails, and gives how many went in and the error.
func fillJournal(journal *Journal) (int, error) {
	for count := 0; ; count++ {
		if err := journal.Append("intent", strings.Repeat("x", 1000)); err != nil {
			return count, err
		}
	}
}

// On a full disk the way forward ends early, and the whole reserve is there to unwind with: in this process,
// and in the next one after a crash, torn line or not.
func TestTheReserveIsLeftForUnwinding(t *testing.T) {
	const reserve = 128 << 10
	for _, crash := range []string{"", "killed", "torn", "power cut"} {
		t.Run("crash "+crash, func(t *testing.T) {
			disk := durabletest.NewDisk(t, 4)
			path := filepath.Join(disk.Directory, "journal")
			journal, err := Create(path, "1.2.3", reserve)
			if err != nil {
				t.Fatal(err)
			}
			filler := disk.Fill()
			forward, err := fillJournal(journal)
			if code(err) != "journal-full" || !errors.Is(err, syscall.ENOSPC) {
				t.Fatalf("got %v", err)
			}
			if crash == "" {
				if err := journal.UseReserve(); err != nil {
					t.Fatal(err)
				}
			} else {
				if crash == "torn" {
					if _, err := journal.file.WriteAt([]byte(`{"number":`), journal.size); err != nil {
						t.Fatal(err)
					}
				}
				journal.file.Close()
				if crash == "power cut" {
					disk.Cut()
				}
				if journal, _, err = Open(path); err != nil {
					t.Fatal(err)
				}
				if kept := allocatedBytes(t, path) - journal.size; kept < reserve {
					t.Errorf("%d bytes of the reserve are left", kept)
				}
			}
			backward, err := fillJournal(journal)
			if code(err) != "journal-full" {
				t.Fatalf("got %v", err)
			}
			if backward < reserve/1300 {
				t.Errorf("%d records on the way back, %d on the way forward: the reserve was not kept", backward, forward)
			}
			if err := os.Remove(filler); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(journal.Append("end", nil), journal.Close()); err != nil {
				t.Fatalf("after space was freed: %v", err)
			}
			if records, err := Read(path); err != nil || len(records) != 2+forward+backward {
				t.Errorf("%d records of %d, %v", len(records), 2+forward+backward, err)
			}
		})
	}
}

func TestTheReserveGrows(t *testing.T) {
	path := filepath.Join(durabletest.NewDisk(t, 4).Directory, "journal")
	journal, err := Create(path, "1.2.3", 64<<10)
	if err != nil {
		t.Fatal(err)
	}
	defer journal.Close()
	if err := journal.Reserve(576 << 10); err != nil {
		t.Fatal(err)
	}
	if taken := allocatedBytes(t, path); taken < 576<<10 {
		t.Errorf("%d bytes are reserved", taken)
	}
	if err := journal.Reserve(1 << 30); code(err) != "journal-full" {
		t.Errorf("more than there is: %v", err)
	}
}

// A run that waits closes its journal, and whatever fills the disk then, the reserve is there for whoever
// opens it next: again and again, and after a power cut. The end of the run gives it back.
func TestTheReserveOutlivesClose(t *testing.T) {
	const reserve = 128 << 10
	disk := durabletest.NewDisk(t, 4)
	path := filepath.Join(disk.Directory, "journal")
	journal, err := Create(path, "1.2.3", reserve)
	if err == nil {
		err = errors.Join(journal.Append("suspended", nil), journal.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	disk.Fill()
	for range 3 {
		if journal, _, err = Open(path); err == nil {
			err = errors.Join(journal.Append("waited", nil), journal.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
		disk.Cut()
	}
	if journal, _, err = Open(path); err != nil {
		t.Fatal(err)
	}
	if kept := allocatedBytes(t, path) - journal.size; kept < reserve-4096 {
		t.Errorf("%d bytes of the reserve are left", kept)
	}
	if err := journal.Reserve(reserve / 2); err != nil {
		t.Errorf("what is there already cannot be reserved again: %v", err)
	}
	if count, err := fillJournal(journal); code(err) != "journal-full" || count < reserve/2600 {
		t.Errorf("%d records in front of half the reserve, %v", count, err)
	}
	if err := errors.Join(journal.UseReserve(), journal.Append("end", nil), journal.Release(), journal.Close()); err != nil {
		t.Fatal(err)
	}
	if taken := allocatedBytes(t, path); taken > journal.size+4096 {
		t.Errorf("%d bytes are still taken", taken)
	}
}

func TestReleaseGivesTheReserveBack(t *testing.T) {
	path := filepath.Join(durabletest.NewDisk(t, 4).Directory, "journal")
	journal, err := Create(path, "1.2.3", 512<<10)
	if err != nil {
		t.Fatal(err)
	}
	if taken := allocatedBytes(t, path); taken < 512<<10 {
		t.Errorf("%d bytes are reserved", taken)
	}
	if err := errors.Join(journal.Release(), journal.Close()); err != nil {
		t.Fatal(err)
	}
	if taken := allocatedBytes(t, path); taken > 4096 {
		t.Errorf("%d bytes are still taken", taken)
	}
}

func TestCreateOnAFullDiskLeavesNothing(t *testing.T) {
	directory := filepath.Join(durabletest.NewDisk(t, 4).Directory, "run")
	path := filepath.Join(directory, "journal")
	if err := os.Mkdir(directory, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(path, "1.2.3", 8<<20); code(err) != "journal-full" {
		t.Errorf("got %v", err)
	}
	if entries, err := os.ReadDir(directory); err != nil || len(entries) != 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

// The ballast stands in where there is no fallocate.
func TestBallast(t *testing.T) {
	disk := durabletest.NewDisk(t, 4)
	path := filepath.Join(disk.Directory, "journal")
	journal, err := Create(path, "1.2.3", 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := journal.space.fillBallast(path+Ballast, 128<<10); err != nil {
		t.Fatal(err)
	}
	journal.space.reserve = 128 << 10
	disk.Fill()
	forward, err := fillJournal(journal)
	if code(err) != "journal-full" {
		t.Fatalf("got %v", err)
	}
	if err := journal.UseReserve(); err != nil {
		t.Fatal(err)
	}
	if backward, err := fillJournal(journal); code(err) != "journal-full" || backward < 100 {
		t.Errorf("%d records forward, %d backward, %v", forward, backward, err)
	}
	if err := journal.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path + Ballast); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the ballast is still there: %v", err)
	}
}

// The ballast outlives Close and Open too, and yields only what a record needs.
func TestTheBallastOutlivesClose(t *testing.T) {
	const reserve = 128 << 10
	disk := durabletest.NewDisk(t, 4)
	path := filepath.Join(disk.Directory, "journal")
	journal, err := Create(path, "1.2.3", 0)
	if err == nil {
		err = errors.Join(journal.space.fillBallast(path+Ballast, reserve), journal.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	ballast := func() int64 {
		status, err := os.Stat(path + Ballast)
		if err != nil {
			t.Fatal(err)
		}
		return status.Size()
	}
	if left := ballast(); left != reserve {
		t.Errorf("%d bytes of the ballast are left", left)
	}
	disk.Fill()
	if journal, _, err = Open(path); err == nil {
		err = errors.Join(journal.Append("waited", strings.Repeat("x", 5000)), journal.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	if left := ballast(); left < reserve-2*portion {
		t.Errorf("%d bytes of the ballast are left after a record", left)
	}
	disk.Cut()
	if journal, _, err = Open(path); err != nil {
		t.Fatal(err)
	}
	if err := journal.Reserve(reserve / 2); err != nil {
		t.Error(err)
	}
	if err := journal.UseReserve(); err != nil {
		t.Error(err)
	}
	if count, err := fillJournal(journal); code(err) != "journal-full" || count < reserve/2600 {
		t.Errorf("%d records in the reserve, %v", count, err)
	}
	if err := journal.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path + Ballast); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the ballast is still there: %v", err)
	}
}

// Every record that was appended is there after a power cut right after it; of those that were only noted, a
// prefix.
func TestAppendedRecordsSurviveAPowerCut(t *testing.T) {
	disk := durabletest.NewDisk(t, 4)
	path := filepath.Join(disk.Directory, "journal")
	journal, err := Create(path, "1.2.3", 64<<10)
	if err != nil {
		t.Fatal(err)
	}
	journal.file.Close()
	disk.Cut()
	for round, want := 0, 1; round < 6; round++ {
		journal, records, err := Open(path)
		if err != nil || len(records) < want || len(records) > want+1 {
			t.Fatalf("round %d: %d records, want %d or one more, %v", round, len(records), want, err)
		}
		text := strings.Repeat("x", 700*round) // over the edges of blocks
		if err := errors.Join(journal.Note("note", text), journal.Append("result", text), journal.Note("note", text)); err != nil {
			t.Fatal(err)
		}
		want = len(records) + 2
		journal.file.Close()
		disk.Cut()
	}
}
