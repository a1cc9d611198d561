package main

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gwe-project/gwe/engine/journal"
)

// The variables by which a test brings the end of a gwe about. Each is a list of numbers: the process counts the
// records that it writes, to whatever journal, from 1.
const (
	// dieBefore ends it with SIGKILL when it is about to write the record: all that comes before was done.
	dieBefore = "GWE_TEST_DIE_BEFORE"
	// dieAt ends it with SIGKILL right behind the record: nothing that comes after was begun.
	dieAt = "GWE_TEST_DIE_AT"
	// stopAt sends it a SIGTERM right behind the record.
	stopAt = "GWE_TEST_STOP_AT"
)

// spoiled stands between the engine and a journal where a test asks for it.
func spoiled(writer journal.Writer) journal.Writer {
	for _, variable := range []string{dieBefore, dieAt, stopAt} {
		if os.Getenv(variable) != "" {
			return mortal{writer}
		}
	}
	return writer
}

// mortal is a journal at whose records its process dies.
type mortal struct{ journal.Writer }

// UseReserve hands on what the engine asks of journals that have it.
func (m mortal) UseReserve() error {
	if reserved, ok := m.Writer.(interface{ UseReserve() error }); ok {
		return reserved.UseReserve()
	}
	return nil
}

func (m mortal) Append(kind string, data any) error {
	return counted(func() error { return m.Writer.Append(kind, data) })
}

func (m mortal) Note(kind string, data any) error {
	return counted(func() error { return m.Writer.Note(kind, data) })
}

// written counts the records of this process.
var written struct {
	sync.Mutex
	count int
}

func counted(write func() error) error {
	written.Lock()
	written.count++
	number := written.count
	written.Unlock()
	if chosen(dieBefore, number) {
		die()
	}
	err := write()
	if chosen(dieAt, number) {
		die()
	}
	if chosen(stopAt, number) {
		_ = syscall.Kill(os.Getpid(), syscall.SIGTERM)
		// The signal is on its way to another goroutine; a second one ends the process there.
		time.Sleep(20 * time.Millisecond)
	}
	return err
}

func chosen(variable string, number int) bool {
	return slices.Contains(strings.Split(os.Getenv(variable), ","), strconv.Itoa(number))
}

func die() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // the signal ends this process before anything else happens
}

// self is the test binary: run as gwe, it is a gwe with this journal.
func self(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}
