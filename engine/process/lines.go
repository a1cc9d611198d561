package process

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"unicode/utf8"
)

const (
	// DefaultOutputLimit is how many bytes of a stream reach Output from its beginning.
	DefaultOutputLimit = 1 << 20
	// tailLimit is how many bytes of a longer stream reach Output from its end.
	tailLimit = 64 << 10
	// lineLimit is where a longer line is broken.
	lineLimit = 8 << 10
)

// lines cuts a stream into lines: the head as it comes, the tail at the end.
type lines struct {
	name  string
	limit int64
	// copy takes every byte; it may be nil.
	copy io.Writer
	// mutex is shared with the other stream, so that output is called from one goroutine at a time.
	mutex  *sync.Mutex
	output func(stream, line string)

	head    int64 // bytes cut into lines
	dropped int64 // bytes that left the tail again
	partial []byte
	tail    []byte
	// returned is true after a "\r", whose "\n" may be still to come.
	returned bool
}

func (l *lines) Write(chunk []byte) (int, error) {
	if l.copy != nil {
		_, _ = l.copy.Write(chunk)
	}
	if l.output == nil {
		return len(chunk), nil
	}
	if l.limit == 0 {
		l.limit = DefaultOutputLimit
	}
	size := len(chunk)
	now := min(int64(size), l.limit-l.head)
	l.head += now
	l.cut(chunk[:now])
	l.keep(chunk[now:])
	return size, nil
}

// keep holds the last bytes back for the end.
func (l *lines) keep(chunk []byte) {
	l.tail = append(l.tail, chunk...)
	if len(l.tail) < 4*tailLimit {
		return
	}
	surplus := len(l.tail) - tailLimit
	l.dropped += int64(surplus)
	l.tail = append(l.tail[:0], l.tail[surplus:]...)
}

// end delivers what is left.
func (l *lines) end() {
	if surplus := len(l.tail) - tailLimit; surplus > 0 {
		l.dropped += int64(surplus)
		l.tail = l.tail[surplus:]
	}
	if l.dropped > 0 {
		l.flush()
		// The tail starts with a whole line.
		if end := bytes.IndexByte(l.tail, '\n'); end >= 0 {
			l.dropped += int64(end + 1)
			l.tail = l.tail[end+1:]
		}
		l.deliver(fmt.Appendf(nil, "… %d bytes left out …", l.dropped))
		l.returned = false
	}
	l.cut(l.tail)
	l.flush()
}

// cut delivers the whole lines of a chunk and keeps the rest for the next one.
func (l *lines) cut(chunk []byte) {
	for len(chunk) > 0 {
		if l.returned && chunk[0] == '\n' {
			chunk = chunk[1:]
		}
		l.returned = false
		end := bytes.IndexAny(chunk, "\r\n")
		if end < 0 {
			l.grow(chunk)
			return
		}
		l.grow(chunk[:end])
		l.deliver(l.partial)
		l.partial = l.partial[:0]
		l.returned = chunk[end] == '\r'
		chunk = chunk[end+1:]
	}
}

// grow adds to the line under way, and breaks it where it is too long, but not within a character.
func (l *lines) grow(text []byte) {
	l.partial = append(l.partial, text...)
	for len(l.partial) > lineLimit {
		at := lineLimit
		for back := range utf8.UTFMax {
			if utf8.RuneStart(l.partial[lineLimit-back]) {
				at = lineLimit - back
				break
			}
		}
		l.deliver(l.partial[:at])
		l.partial = append(l.partial[:0], l.partial[at:]...)
	}
}

func (l *lines) flush() {
	if len(l.partial) > 0 {
		l.deliver(l.partial)
		l.partial = l.partial[:0]
	}
}

func (l *lines) deliver(line []byte) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.output(l.name, string(line))
}
