package process

import (
	"bytes"
	"fmt"
	"math"
	"sync"
	"unicode/utf8"
)

const (
	// DefaultOutputLimit is how much of a stream reaches Output from its beginning, in bytes as a log writes
	// them.
	DefaultOutputLimit = 1 << 20
	// tailLimit is how much of a longer stream reaches Output from its end, in bytes as a log writes them.
	tailLimit = 64 << 10
	// lineLimit is where a longer line is broken, in bytes.
	lineLimit = 8 << 10
	// lineFrame is what a log writes around the text of a line, in bytes: the time, the task, the members'
	// names.
	lineFrame = 128
)

// lines cuts a stream into lines: the head as it comes, the tail at the end.
type lines struct {
	name  string
	limit int64
	// mutex is shared with the other stream, so that output is called from one goroutine at a time.
	mutex  *sync.Mutex
	output func(stream, line string)

	written int64 // what the delivered lines of the head cost in a log
	dropped int64 // bytes that left the tail again
	partial []byte
	tail    []byte
	// returned is true after a "\r", whose "\n" may be still to come.
	returned bool
}

func (l *lines) Write(chunk []byte) (int, error) {
	if l.output == nil {
		return len(chunk), nil
	}
	if l.limit == 0 {
		l.limit = DefaultOutputLimit
	}
	rest := chunk
	if len(l.tail) == 0 {
		rest = l.cut(chunk, l.limit)
	}
	l.keep(rest)
	return len(chunk), nil
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
	start := lastLines(l.tail)
	if start == 0 && l.dropped > 0 {
		// The tail begins within a line, and continues with a whole one where there is one.
		if end := bytes.IndexByte(l.tail, '\n') + 1; end < len(l.tail) {
			start = end
		}
	}
	if start > 0 || l.dropped > 0 {
		l.flush()
		l.dropped += int64(start)
		l.deliver(fmt.Appendf(nil, "… %d bytes left out …", l.dropped))
		l.returned = false
	}
	_ = l.cut(l.tail[start:], math.MaxInt64)
	l.flush()
}

// lastLines returns where the last lines start that cost no more than the tail may; 0 is all. If not even the
// last one does, it is broken.
func lastLines(tail []byte) int {
	at := len(tail)
	for left := int64(tailLimit); at > 0; {
		end := at
		if tail[end-1] == '\n' {
			end--
		}
		if end > 0 && tail[end-1] == '\r' {
			end--
		}
		start := bytes.LastIndexAny(tail[:end], "\r\n") + 1
		if left -= lineCost(tail[start:end]); left < 0 {
			break
		}
		at = start
	}
	if at < len(tail) || at == 0 {
		return at
	}
	for at -= min(at, 2*lineLimit); at < len(tail) && !utf8.RuneStart(tail[at]); at++ {
	}
	return at
}

// lineCost is how many bytes a log writes for a line, its frame and escapes included: at least what
// engine/tasklog writes.
func lineCost(line []byte) int64 {
	cost := int64(lineFrame * (1 + len(line)/lineLimit))
	for len(line) > 0 {
		r, size := utf8.DecodeRune(line)
		line = line[size:]
		switch {
		case r == '"' || r == '\\' || r == '\t':
			cost += 2
		case r == '\u2028' || r == '\u2029':
			cost += 6
		case r < ' ' || r == utf8.RuneError || r >= 0x7f && r < 0xa0:
			cost += 3
		default:
			cost += int64(size)
		}
	}
	return cost
}

// cut delivers the whole lines of a chunk and keeps the last one for the next chunk. Once the head has cost
// the limit, it returns what it did not cut.
func (l *lines) cut(chunk []byte, limit int64) []byte {
	for len(chunk) > 0 {
		if l.returned {
			if l.returned = false; chunk[0] == '\n' {
				chunk = chunk[1:]
				continue
			}
		}
		if l.written >= limit {
			return chunk
		}
		end := bytes.IndexAny(chunk, "\r\n")
		text := chunk
		if end >= 0 {
			text = chunk[:end]
		}
		if room := lineLimit + 1 - len(l.partial); len(text) >= room {
			l.partial = append(l.partial, text[:room]...)
			chunk = chunk[room:]
			l.breakLine()
			continue
		}
		l.partial = append(l.partial, text...)
		if end < 0 {
			return nil
		}
		l.deliver(l.partial)
		l.partial = l.partial[:0]
		l.returned = chunk[end] == '\r'
		chunk = chunk[end+1:]
	}
	return nil
}

// breakLine delivers the beginning of a line that is too long, but does not break it within a character.
func (l *lines) breakLine() {
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

func (l *lines) flush() {
	if len(l.partial) > 0 {
		l.deliver(l.partial)
		l.partial = l.partial[:0]
	}
}

func (l *lines) deliver(line []byte) {
	l.written += lineCost(line)
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.output(l.name, string(line))
}
