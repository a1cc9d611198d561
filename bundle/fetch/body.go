package fetch

import (
	"context"
	"errors"
	"io"
	"net/url"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/pace"
)

// pieceSize is how much is read at a time, in bytes.
const pieceSize = 64 << 10

// receive reads the body to its end. total is the length of the whole file, -1 where that is not known.
func (d *download) receive(ctx context.Context, cancel context.CancelCauseFunc, m *mirror, body io.Reader, total int64) error {
	watched := watch(d.client.access, d.MaxRate, func() { cancel(stalled(m.URL)) })
	defer watched.stop()
	p, end := d.partial, max(total, d.Size)
	buffer := make([]byte, d.limit.piece())
	d.limit.begin(ctx)
	for {
		n, err := body.Read(buffer)
		watched.count.Add(int64(n))
		if p.size+int64(n) > d.MaxSize {
			return d.overlong(tooLarge(m.URL, d.MaxSize))
		}
		if end >= 0 && p.size+int64(n) > end {
			return d.overlong(sizeWrong(m.URL, p.size+int64(n), end))
		}
		if n > 0 {
			if err := p.write(ctx, buffer[:n]); err != nil {
				return local{err}
			}
			d.Progress(p.size, max(end, 0))
			if err := d.limit.pause(ctx, int64(n)); err != nil {
				return stopped(ctx, err)
			}
		}
		if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return d.ended(m.URL, end)
		}
		if err != nil {
			return stopped(ctx, cutShort(m.URL, err))
		}
		if ctx.Err() != nil {
			return stopped(ctx, ctx.Err())
		}
	}
}

// overlong keeps nothing of a file that is longer than it may be.
func (d *download) overlong(why error) error {
	if err := d.partial.reset(); err != nil {
		return local{err}
	}
	return why
}

// ended judges the end of a body; end is the length of the whole file, -1 where that is not known.
func (d *download) ended(address *url.URL, end int64) error {
	p := d.partial
	switch {
	case p.note.Total >= 0 && p.size < p.note.Total:
		return cutShort(address, io.ErrUnexpectedEOF)
	case end >= 0 && p.size != end:
		return d.overlong(sizeWrong(address, p.size, end))
	}
	p.note.Total = p.size
	if err := p.jot(); err != nil {
		return local{err}
	}
	return nil
}

func cutShort(address *url.URL, err error) error {
	return &later{error: fault.New(fault.Failed, "download-cut-short", "cannot download %s: the connection ended before the file did", shown(address)).WithCause(err).
		WithHint("run again: what is here is kept, and the rest is asked for")}
}

func stalled(address *url.URL) error {
	return &later{error: fault.New(fault.Failed, "download-stalled", "cannot download %s: the server sends next to nothing", shown(address)).
		WithHint("see the line to the server; low-speed and low-speed-time say how slow is too slow")}
}

// stopped is the cause of an exchange that was ended from here, or else the error itself.
func stopped(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// limiter keeps to a rate, in bytes a second; 0 is no limit.
type limiter struct {
	rate  int64
	began time.Duration
	read  int64
}

// begin starts to count, for one answer.
func (l *limiter) begin(ctx context.Context) { l.began, l.read = pace.Now(ctx), 0 }

// piece is how much is read at a time: with a rate, no more than a tenth of a second's.
func (l *limiter) piece() int64 {
	if l.rate == 0 {
		return pieceSize
	}
	return max(512, min(pieceSize, l.rate/10))
}

// pause waits until the bytes of this answer are within the rate.
func (l *limiter) pause(ctx context.Context, n int64) error {
	if l.rate == 0 {
		return ctx.Err()
	}
	l.read += n
	due := time.Duration(float64(l.read) / float64(l.rate) * float64(time.Second))
	if ahead := due - (pace.Now(ctx) - l.began); ahead > 0 {
		return pace.Sleep(ctx, ahead)
	}
	return ctx.Err()
}

// watchdog ends an answer that comes too slowly.
type watchdog struct {
	count atomic.Int64
	timer *time.Timer
	ended chan struct{}
}

// watch calls slow when in one span of LowSpeedTime less came than LowSpeed asks for, or nothing at all.
func watch(access Access, rate int64, slow func()) *watchdog {
	speed := access.LowSpeed
	if rate > 0 {
		speed = min(speed, rate/2)
	}
	least := max(1, int64(float64(speed)*access.LowSpeedTime.Seconds()))
	w := &watchdog{timer: time.NewTimer(access.LowSpeedTime), ended: make(chan struct{})}
	go func() {
		for last := int64(0); ; {
			select {
			case <-w.ended:
				return
			case <-w.timer.C:
			}
			now := w.count.Load()
			if now-last < least {
				slow()
				return
			}
			last = now
			w.timer.Reset(access.LowSpeedTime)
		}
	}()
	return w
}

func (w *watchdog) stop() {
	w.timer.Stop()
	close(w.ended)
}

// copyFile reads a file of this machine.
func (d *download) copyFile(ctx context.Context, m *mirror) error {
	p := d.partial
	file, err := openSource(m.Path)
	if fault.As(err) != nil {
		return err
	}
	if err != nil {
		return fault.New(fault.Failed, "download-not-found", "cannot download %s", shown(m.URL)).WithCause(err).
			WithHint("see what is there: ls -l %s", m.Path).AsPermanent()
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return durable.Explain(err, "cannot download %s", shown(m.URL))
	}
	if err := p.reset(); err != nil {
		return local{err}
	}
	total := info.Size()
	if d.Size >= 0 && total != d.Size {
		return sizeWrong(m.URL, total, d.Size)
	}
	if total > d.MaxSize {
		return tooLarge(m.URL, d.MaxSize)
	}
	if err := p.begin(m.id, "", total); err != nil {
		return local{err}
	}
	buffer := make([]byte, d.limit.piece())
	d.limit.begin(ctx)
	for {
		n, err := file.Read(buffer)
		if p.size+int64(n) > total {
			return d.overlong(sizeWrong(m.URL, p.size+int64(n), total))
		}
		if n > 0 {
			if err := p.write(ctx, buffer[:n]); err != nil {
				return local{err}
			}
			d.Progress(p.size, total)
			if err := d.limit.pause(ctx, int64(n)); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return d.ended(m.URL, total)
		}
		if err != nil {
			return durable.Explain(err, "cannot read %s", shown(m.URL))
		}
	}
}

// openSource opens a regular file of this machine. It follows links, but none by which a less trusted user
// has gwe hand out a file that is not theirs.
func openSource(path string) (*os.File, error) {
	directory, name, err := openat.Follow(path)
	if err != nil {
		return nil, err
	}
	defer directory.Close()
	status, err := directory.Stat(name)
	if err != nil {
		return nil, err
	}
	if planted, err := directory.Planted(status); err != nil {
		return nil, err
	} else if planted {
		return nil, directory.UnsafeHardLink(name, status)
	}
	if status.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, errors.New("it is not a regular file")
	}
	return directory.Open(name)
}
