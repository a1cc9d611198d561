package journal

import (
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/regular"
)

// Ballast, added to the journal's path, names the file that holds the reserve where the file system has no
// fallocate.
const Ballast = ".reserve"

// portion is how much of the ballast makes room for a record on a full disk.
const portion = 16 << 10

// chunk is how far ahead space is allocated, so that most records need no call for it.
const chunk = 64 << 10

// space keeps the reserve free after the end of a journal.
type space struct {
	// reserve is how much must stay free after each record; 0 once unwinding has begun.
	reserve int64
	// allocated is the offset up to which blocks are there.
	allocated int64
	// ballast is the path of the file that stands for the reserve; "" where fallocate does it.
	ballast string
}

// Reserve makes sure that bytes stay free for unwinding after every record from now on.
func (j *Journal) Reserve(bytes int64) error {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	j.space.reserve = bytes
	if j.file == nil {
		return j.broken
	}
	err := j.space.ensure(j.file, j.size)
	if j.space.ballast != "" {
		err = j.space.fillBallast(j.space.ballast, bytes)
	}
	if errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOSYS) {
		err = j.space.fillBallast(j.path+Ballast, bytes)
	}
	if err != nil {
		return unwritable(j.path, err)
	}
	return nil
}

// Release gives back what is reserved: the run has ended. Close does not, so a run that waits, or that a
// later recovery continues with, keeps its space whatever fills the disk meanwhile.
func (j *Journal) Release() error {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	if j.file == nil || j.broken != nil {
		return j.broken
	}
	j.space.reserve = 0
	if err := j.space.release(j.file, j.size); err != nil {
		return unwritable(j.path, err)
	}
	return nil
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

// ensure allocates what is missing to have the whole reserve free behind end. It fails before anything is
// written, and then what was reserved before is still there.
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

// largestFile is how large a file may become (ulimit -f): space that is allocated after that could never be
// written.
func largestFile() int64 {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &limit); err != nil || limit.Cur > math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(limit.Cur)
}

// adopt finds the ballast that an earlier process left. It stays until its space is needed.
func (s *space) adopt(path string) {
	if _, err := os.Lstat(path + Ballast); err == nil {
		s.ballast = path + Ballast
	}
}

// fillBallast writes real bytes: a file with a hole would reserve nothing, nor would zeros where the file
// system compresses. What an earlier process wrote there stays.
func (s *space) fillBallast(path string, bytes int64) error {
	s.ballast = path
	file, err := regular.Open(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	before, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if before >= bytes {
		return nil
	}
	block := make([]byte, chunk)
	for left := bytes - before; left > 0; left -= int64(len(block)) {
		_, _ = rand.Read(block)
		if _, err := file.Write(block[:min(left, int64(len(block)))]); err != nil {
			_ = file.Truncate(before)
			if before == 0 {
				_ = s.dropBallast()
			}
			return err
		}
	}
	if err := file.Sync(); err != nil {
		return err
	}
	return syncDirectory(filepath.Dir(path))
}

// yield makes room out of the ballast for one more record, and reports whether there was some.
func (s *space) yield() bool {
	if s.ballast == "" {
		return false
	}
	status, err := os.Lstat(s.ballast)
	if err != nil || status.Size() <= portion {
		return s.dropBallast() == nil && err == nil
	}
	return os.Truncate(s.ballast, status.Size()-portion) == nil
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
