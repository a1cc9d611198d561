package durable

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/regular"
)

// Lock is an exclusive lock that this process holds until Release or its death.
type Lock struct {
	file *os.File
	// named is true for a lock file, whose content names the holder.
	named bool
}

// Acquire takes the lock at path, or says at once that it is busy, with a *BusyError.
//
// The lock file is made with mode 0600 where it is missing, and info becomes its content while the lock is
// held: JSON, whose members "pid" and "run" a *BusyError of another process then tells. The file is never
// removed, for a removed lock file can be locked twice. What is not a regular file is refused.
//
// Two locks of one process on the same file exclude each other too.
func Acquire(path, info string) (*Lock, error) {
	lock, err := acquire(path, func() (*os.File, error) { return regular.Open(path, os.O_RDWR|os.O_CREATE, 0o600) })
	if err != nil {
		return nil, err
	}
	lock.named = true
	if status, err := lock.file.Stat(); err == nil && status.Mode().Perm()&0o077 != 0 {
		_ = lock.file.Chmod(0o600) // whoever may open it may hold it
	}
	lock.Describe(info)
	return lock, nil
}

// Describe changes the content of a lock file.
func (l *Lock) Describe(info string) {
	// To name the holder is a courtesy: on a full disk the lock holds without it, and /proc/locks still knows
	// the pid.
	_ = l.file.Truncate(0)
	_, _ = l.file.WriteAt([]byte(info), 0)
}

// File is what the lock is on. A program that is started with it shares the lock: it is free when both have
// ended.
func (l *Lock) File() *os.File { return l.file }

// Inherit is the lock at path that the process which started this one shares with it: file is what File gave
// there. No program that this process starts shares it. It is refused where somebody else holds the lock, or
// where it is on another file.
func Inherit(file *os.File, path string) (*Lock, error) {
	unix.CloseOnExec(int(file.Fd()))
	mine, err := file.Stat()
	if err != nil {
		return nil, Explain(err, "cannot lock %s", path)
	}
	there, err := os.Stat(path)
	if err != nil {
		return nil, Explain(err, "cannot lock %s", path)
	}
	if !os.SameFile(mine, there) || Flock(file) != nil {
		return nil, busy(path, file)
	}
	return &Lock{file: file}, nil
}

// Inheritance is how long a lock may outlive its holder. Who is killed between fork and exec leaves a child
// that has all its files open until its own exec: a moment, but a recovery right after a kill -9 would be
// refused in it. The kernel names no holder where that is dead and reaped.
const Inheritance = 2 * time.Second

// acquire opens (close-on-exec, as os.OpenFile always does) and locks. If somebody put another file at path
// between the two, it starts again: the lock must be on what others will find there.
func acquire(path string, open func() (*os.File, error)) (*Lock, error) {
	begun := time.Now()
	for {
		file, err := open()
		if err != nil {
			return nil, Explain(err, "cannot lock %s", path)
		}
		if err := Flock(file); err != nil {
			found := busy(path, file)
			ended := Ended(file, found)
			file.Close()
			if errors.Is(err, syscall.EWOULDBLOCK) && ended && time.Since(begun) < Inheritance {
				time.Sleep(5 * time.Millisecond)
				continue
			}
			if errors.Is(err, syscall.EWOULDBLOCK) {
				return nil, found
			}
			return nil, fault.New(fault.Errored, "lock-unsupported", "cannot lock %s", path).
				WithCause(&fs.PathError{Op: "flock", Path: path, Err: err}).
				WithHint("its file system may not know locks: choose another place")
		}
		mine, err := file.Stat()
		if err != nil {
			file.Close()
			return nil, Explain(err, "cannot lock %s", path)
		}
		if there, err := os.Stat(path); err == nil && os.SameFile(mine, there) {
			return &Lock{file: file}, nil
		}
		file.Close()
	}
}

// Ended reports whether the process that holds a busy lock has ended: a child of it may have the file open a
// moment longer. Where the kernel names nobody, the content of a lock file is what an earlier holder wrote,
// and may name anyone.
func Ended(file *os.File, found *BusyError) bool { return holderOf(file) <= 0 || isDead(found.PID) }

// Held reports whether a process that can be seen from here holds the lock on an open file. It never touches
// the lock.
func Held(file *os.File) bool { return holderOf(file) != 0 }

// Flock takes the lock on an open file, without waiting.
func Flock(file *os.File) error {
	for {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// Release frees the lock. It may be called twice, and on nil.
func (l *Lock) Release() {
	if l == nil || l.file == nil {
		return
	}
	if l.named {
		_ = l.file.Truncate(0)
	}
	_ = l.file.Close()
	l.file = nil
}
