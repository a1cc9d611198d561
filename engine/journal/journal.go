package journal

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/regular"
)

// Writer takes records. The engine writes to it and to nothing more, so that a test can stand in between.
type Writer interface {
	// Append adds a record that is durable when it returns.
	Append(kind string, data any) error
	// Note adds a record in its order, without waiting for the disk.
	Note(kind string, data any) error
	// Keep makes the record that failed last a part of the journal all the same, in memory. It reports
	// whether there is one.
	Keep() bool
	// Mend writes and syncs again what is not known to be durable, so that a journal which failed takes
	// records again.
	Mend() error
	// Reserve keeps that many bytes of the disk for later records, and UseReserve gives them to these.
	Reserve(bytes int64) error
	UseReserve() error
	// Release gives the reserve back: the run has ended.
	Release() error
	// Close makes all notes durable, and leaves the reserve for who opens the journal next. It may be called
	// twice.
	Close() error
}

// Journal is an open journal. One process has it open for writing at a time: the run lock sees to that. Its
// methods may be called from several goroutines.
type Journal struct {
	mutex sync.Mutex
	file  disk
	path  string
	last  chain
	// size is where the last record ends.
	size int64
	// tail is what waits for a sync.
	tail tail
	// broken is the error because of which no record is taken, until Mend succeeds.
	broken error
	space  space
}

// Create makes a new journal with mode 0600 and its record 1, durable with its name, and reserves that many
// bytes for unwinding. version is that of the gwe which writes it. The directory must exist, the file must
// not.
func Create(path, version string, reserve int64) (*Journal, error) {
	file, err := regular.Open(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, unwritable(path, err)
	}
	created := &Journal{file: onDisk{file}, path: path, last: start(), tail: tail{stale: -1}}
	if err := created.begin(version, reserve); err != nil {
		_ = created.space.release(created.file, 0)
		_ = file.Close()
		_ = os.Remove(path)
		return nil, err
	}
	return created, nil
}

func (j *Journal) begin(version string, reserve int64) error {
	if err := j.Reserve(reserve); err != nil {
		return err
	}
	if err := j.Append(headerKind, header{Format: Format, Version: version}); err != nil {
		return err
	}
	if err := syncDirectory(filepath.Dir(j.path)); err != nil {
		return unwritable(j.path, err)
	}
	return nil
}

// Open opens the journal of an earlier process to continue it, and gives its records. A torn remainder
// becomes NULs that the next records go over. It has the faults of Read. Records may go into what was
// reserved, as after UseReserve, and leave the rest of it; a run that goes forward again calls Reserve.
func Open(path string) (*Journal, []Record, error) {
	file, err := regular.Open(path, os.O_RDWR, 0)
	if err != nil {
		return nil, nil, unreadable(path, err)
	}
	records, opened, err := adopt(file, path)
	if err != nil {
		_ = file.Close()
		return nil, nil, err
	}
	return opened, records, nil
}

func adopt(file *os.File, path string) ([]Record, *Journal, error) {
	content, err := io.ReadAll(file)
	if err != nil {
		return nil, nil, unreadable(path, err)
	}
	records, last, length, err := parse(path, content)
	if err != nil {
		return nil, nil, err
	}
	opened := &Journal{file: onDisk{file}, path: path, last: last, size: int64(length), tail: tail{stale: -1}}
	if err := opened.adopt(int64(len(content))); err != nil {
		return nil, nil, unwritable(path, err)
	}
	opened.space.adopt(path)
	return records, opened, nil
}

// adopt puts NULs over what is torn, up to end, and makes it all durable: no record that was passed over may
// come back behind new ones. Nor is the dead process known to have synced its last records.
func (j *Journal) adopt(end int64) error {
	if err := blank(j.file, j.size, end); err != nil {
		return err
	}
	if err := j.file.Sync(); err != nil {
		return err
	}
	j.settled()
	return nil
}

// Append adds a record that is durable when it returns.
func (j *Journal) Append(kind string, data any) error { return j.add(kind, data, true) }

// Note adds a record in its order, without waiting for the disk.
func (j *Journal) Note(kind string, data any) error { return j.add(kind, data, false) }

func (j *Journal) add(kind string, data any, durable bool) error {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	if j.file == nil {
		return j.broken
	}
	j.forgo()
	text, next, err := j.last.encode(time.Now(), kind, data)
	if err != nil {
		return err
	}
	err = j.broken
	if err == nil {
		err = j.write(text)
	}
	if err == nil && durable {
		err = j.sync()
	}
	if err != nil {
		j.tail.failed = &failed{text, next, err}
		return err
	}
	j.take(text, next)
	if durable {
		j.settled()
	}
	return nil
}

// Unsure is the error of a record that was written and could not be synced: the next reader may find it, or
// may not.
type Unsure struct{ Err error }

func (u *Unsure) Error() string { return u.Err.Error() }

// Unwrap gives the fault.
func (u *Unsure) Unwrap() error { return u.Err }

// write puts a line right after the last whole record. Under it are zeros, or the file ends there: so a
// reader can tell a torn line from a changed one.
func (j *Journal) write(text []byte) error {
	if j.file.Gone() {
		j.broken = gone(j.path)
		return j.broken
	}
	if err := j.space.ensure(j.file, j.size+int64(len(text))); err != nil {
		return full(j.path, err)
	}
	if err := j.clear(); err != nil {
		if outOfSpace(err) {
			return full(j.path, err)
		}
		j.broken = unwritable(j.path, err)
		return j.broken
	}
	count, err := j.file.WriteAt(text, j.size)
	for j.space.reserve == 0 && outOfSpace(err) && j.space.yield() {
		count, err = j.file.WriteAt(text, j.size)
	}
	if err == nil {
		return nil
	}
	if outOfSpace(err) {
		if count > 0 { // what went in of the line is torn, and is cleared before another line goes over it
			j.tail.stale = j.size
		}
		return full(j.path, err)
	}
	j.broken = unwritable(j.path, err)
	return j.broken
}

// sync makes durable what was written.
func (j *Journal) sync() error {
	if err := j.file.Sync(); err != nil {
		j.broken = unwritable(j.path, err)
		return &Unsure{j.broken}
	}
	return nil
}

// Close makes all records durable that the journal has, and puts NULs over what is torn. What was reserved
// stays reserved; see Release. A file in which a record may be that failed, and of which nobody said what
// becomes of it, stays as it is.
func (j *Journal) Close() error {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	if j.file == nil {
		return nil
	}
	var err error
	if j.broken == nil && len(j.tail.text) > 0 {
		err = j.sync()
	}
	if j.broken != nil && j.tail.failed == nil {
		err = j.mend()
	}
	if j.broken == nil {
		if end, err := j.file.Size(); err == nil {
			_ = blank(j.file, j.size, end)
		}
	}
	_ = j.file.Close()
	j.file = nil
	if j.broken == nil {
		j.broken = fault.New(fault.Errored, "journal-closed", "the journal %s is closed", j.path)
	}
	return err
}

func outOfSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}

func gone(path string) error {
	return fault.New(fault.Errored, "journal-gone", "the journal %s is not there any more: it was removed or moved away", path).
		WithHint("find out who did, and leave the state directory alone while a run is in progress; what was saved there for the undo may be lost too")
}

func full(path string, err error) error {
	hint := "free some space on the file system of the state directory"
	if errors.Is(err, syscall.EFBIG) {
		hint = "raise the limit on the size of files: ulimit -f unlimited, or LimitFSIZE= in the unit"
	}
	return fault.New(fault.Errored, "journal-full", "there is no space left to continue the journal %s", path).
		WithCause(err).WithHint("%s", hint)
}

func unwritable(path string, err error) error {
	if outOfSpace(err) {
		return full(path, err)
	}
	return fault.New(fault.Errored, "journal-unwritable", "cannot write the journal %s", path).
		WithCause(err).WithHint("the storage of the state directory may be failing or read-only: see the kernel's log")
}

func syncDirectory(path string) error {
	directory, err := os.OpenFile(path, os.O_RDONLY|syscall.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer directory.Close()
	return directory.Sync()
}
