package recipetest

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gwe-project/gwe/engine/journal"
)

// The variables by which a test brings the end of a gwe about. Each is a list of numbers: the process counts
// the records that it writes, to whatever journal, from 1.
const (
	// DieBefore ends it with SIGKILL when it is about to write the record: all that comes before was done.
	DieBefore = "GWE_TEST_DIE_BEFORE"
	// DieAt ends it with SIGKILL right after the record: nothing that comes after was begun.
	DieAt = "GWE_TEST_DIE_AT"
	// StopAt sends it a SIGTERM right after the first record, and a SIGINT after the others: a second
	// SIGTERM so soon would be an echo.
	StopAt = "GWE_TEST_STOP_AT"
)

// Mortal stands between the engine and a journal where a test asks for it. The gwe of all kill tests is
// cmd/gwe's main with such journals; the product has no such switch.
func Mortal(writer journal.Writer) journal.Writer {
	for _, variable := range []string{DieBefore, DieAt, StopAt} {
		if os.Getenv(variable) != "" {
			return mortal{writer}
		}
	}
	return writer
}

// mortal is a journal at whose records its process dies.
type mortal struct{ journal.Writer }

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
	if chosen(DieBefore, number) {
		die()
	}
	err := write()
	if chosen(DieAt, number) {
		die()
	}
	if chosen(StopAt, number) {
		signal := syscall.SIGINT
		if strings.HasPrefix(os.Getenv(StopAt)+",", strconv.Itoa(number)+",") {
			signal = syscall.SIGTERM
		}
		_ = syscall.Kill(os.Getpid(), signal)
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
