package journal

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// Ballast, added to the journal's path, names the file that holds the reserve where the file system has no fallocate.
const Ballast = ".reserve"

// chunk is how far ahead space is allocated, so that most records need no call for it.
const chunk = 64 << 10

// space keeps the reserve free behind the end of a journal.
type space struct {
	// reserve is how much must stay free behind each record; 0 once unwinding has begun.
	reserve int64
	// allocated is the offset up to which blocks are there.
	allocated int64
	// ballast is the path of the file that stands for the reserve; "" where fallocate does it.
	ballast string
}

// Reserve makes sure that bytes stay free for unwinding behind every record from now on.
func (j *Journal) Reserve(bytes int64) error {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	j.space.reserve = bytes
	err := j.space.ensure(j.file, j.size)
	if errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOSYS) {
		err = j.space.fillBallast(j.path+Ballast, bytes)
	}
	if err != nil {
		return unwritable(j.path, err)
	}
	return nil
}

// ReserveMore adds to what stays free for unwinding: there is more to undo than was known when the journal was made.
func (j *Journal) ReserveMore(bytes int64) error {
	j.mutex.Lock()
	reserve := j.space.reserve + bytes
	j.mutex.Unlock()
	return j.Reserve(reserve)
}

// UseReserve lets records go into the reserve: unwinding has begun.
func (j *Journal) UseReserve() error {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	j.space.reserve = 0
	if err := j.space.dropBallast(); err != nil {
		return unwritable(j.path, err)
	}
	return nil
}

// ensure allocates what is missing to have the whole reserve free behind end. It fails before anything is written, and
// then what was reserved before is still there.
func (s *space) ensure(file disk, end int64) error {
	if s.reserve == 0 {
		return nil
	}
	wanted, limit := end+s.reserve, largestFile()
	if wanted > limit {
		return syscall.EFBIG
	}
	if s.ballast != "" || wanted <= s.allocated {
		return nil
	}
	ahead := min(wanted+chunk, limit)
	err := file.Allocate(ahead)
	if outOfSpace(err) {
		ahead = wanted
		err = file.Allocate(ahead)
	}
	if err != nil {
		return err
	}
	s.allocated = ahead
	return nil
}

// largestFile is how large a file may become (ulimit -f): space that is allocated behind that could never be written.
func largestFile() int64 {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &limit); err != nil || limit.Cur > math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(limit.Cur)
}

// adopt finds the ballast that an earlier process left, and removes it: an opened journal may use its reserve.
func (s *space) adopt(path string) error {
	s.ballast = path + Ballast
	return s.dropBallast()
}

// fillBallast writes real bytes: a file with a hole would reserve nothing.
func (s *space) fillBallast(path string, bytes int64) error {
	s.ballast = path
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	block := make([]byte, chunk)
	for left := bytes; left > 0; left -= int64(len(block)) {
		if _, err := file.Write(block[:min(left, int64(len(block)))]); err != nil {
			_ = s.dropBallast()
			return err
		}
	}
	if err := file.Sync(); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

func (s *space) dropBallast() error {
	if s.ballast == "" {
		return nil
	}
	err := os.Remove(s.ballast)
	s.ballast = ""
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// release gives back what was reserved, and cuts the file at the end of its last record.
func (s *space) release(file disk, size int64) error {
	if err := s.dropBallast(); err != nil {
		return err
	}
	return file.Truncate(size)
}
