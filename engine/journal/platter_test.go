package journal

import (
	"bytes"
	"math/rand/v2"
	"syscall"
)

// platter is a disk in memory that fails, and that loses its power. What is written lies in the kernel's
// cache, block by block, until a sync brings it onto the disk. A sync that fails does what Linux does: the
// blocks count as clean from then on, some are on the disk, and the others never get there unless they are
// written again.
type platter struct {
	cache, disk []byte
	dirty       map[int64]bool
	// fails is asked at each call that changes something.
	fails  func(call string) error
	random *rand.Rand
}

// block is small, so that a record has several.
const block = 64

func newPlatter(seed uint64, fails func(call string) error) *platter {
	return &platter{dirty: map[int64]bool{}, fails: fails, random: rand.New(rand.NewPCG(seed, 0))}
}

// WriteAt writes all, or, where it fails, a part.
func (p *platter) WriteAt(text []byte, at int64) (int, error) {
	err := p.fails("write")
	if err != nil {
		text = text[:p.random.IntN(len(text))] // never the line's end
	}
	p.cache = grown(p.cache, at+int64(len(text)))
	copy(p.cache[at:], text)
	for n := at / block; len(text) > 0 && n*block < at+int64(len(text)); n++ {
		p.dirty[n] = true
	}
	return len(text), err
}

// Sync brings all dirty blocks onto the disk; some of them where it fails.
func (p *platter) Sync() error {
	err := p.fails("sync")
	comes := p.some()
	for n := range p.dirty {
		if err == nil || comes(n) {
			p.disk = p.with(p.disk, n)
		}
	}
	clear(p.dirty)
	return err
}

// some draws which of the blocks come onto the disk that nobody waits for: any, all, none, those from one on,
// or those before one.
func (p *platter) some() (comes func(n int64) bool) {
	border := p.random.Int64N(int64(len(p.cache))/block + 2)
	switch p.random.IntN(5) {
	case 0:
		return func(n int64) bool { return n >= border }
	case 1:
		return func(n int64) bool { return n < border }
	case 2:
		return func(int64) bool { return true }
	case 3:
		return func(int64) bool { return false }
	}
	return func(int64) bool { return p.random.IntN(2) == 0 }
}

// with is a disk onto which a block has come.
func (p *platter) with(disk []byte, n int64) []byte {
	end := min((n+1)*block, int64(len(p.cache)))
	disk = grown(disk, end)
	copy(disk[n*block:end], p.cache[n*block:])
	return disk
}

// cut is what a power cut leaves now: of the dirty blocks a random part has come onto the disk.
func (p *platter) cut() []byte {
	left, comes := bytes.Clone(p.disk), p.some()
	for n := range p.dirty {
		if comes(n) {
			left = p.with(left, n)
		}
	}
	return left
}

func grown(text []byte, size int64) []byte {
	if missing := size - int64(len(text)); missing > 0 {
		text = append(text, make([]byte, missing)...)
	}
	return text
}

func (p *platter) Size() (int64, error)      { return int64(len(p.cache)), nil }
func (p *platter) Allocate(int64) error      { return syscall.EOPNOTSUPP }
func (p *platter) Truncate(size int64) error { p.cache = p.cache[:size]; return nil }
func (p *platter) Gone() bool                { return false }
func (p *platter) Close() error              { return nil }
