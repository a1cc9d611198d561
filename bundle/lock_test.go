package bundle

import (
	"errors"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/gwe-project/gwe/engine/durable"
)

// TestABusyKeyringIsWaitedForAndNoLonger: another import is waited for, and a lock that stays is an error.
func TestABusyKeyringIsWaitedForAndNoLonger(t *testing.T) {
	directory := t.TempDir()
	open := func() *os.File {
		file, err := os.Open(directory)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { file.Close() })
		return file
	}
	held, waits := open(), open()
	if err := durable.Flock(held); err != nil {
		t.Fatal(err)
	}
	if err := lockWithin(waits, 50*time.Millisecond); !errors.Is(err, syscall.EWOULDBLOCK) {
		t.Errorf("a lock that stays: %v", err)
	}
	time.AfterFunc(50*time.Millisecond, func() { held.Close() })
	if err := lockWithin(waits, time.Minute); err != nil {
		t.Errorf("a lock that becomes free: %v", err)
	}
}
