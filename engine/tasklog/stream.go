package tasklog

import (
	"io"
	"sync"
	"time"
)

// streamPause is how long a stream may be silent before it shows what it held back because a secret may begin
// there.
const streamPause = time.Second

// stream takes secrets out of bytes that come in pieces, wherever a piece ends. It holds back what may be the
// beginning of a secret: at most pieceLength bytes of it, with the line ends between them.
//
// Where nothing more comes for streamPause, it shows what it held. A beginning that is as long as a secret
// must be is masked then, as it is at the end of the stream. A shorter one is shown as it is, and what
// follows of the secret is masked all the same.
type stream struct {
	mask *Mask
	to   io.Writer

	mutex   sync.Mutex
	timer   *time.Timer
	matcher *matcher
	node    int32
	held    []heldByte
	// solid counts the bytes of held that are not line ends.
	solid int
	// starred is true while what was written last stands for a secret, so that the rest of it writes nothing
	// more.
	starred bool
	out     []byte
}

type heldByte struct {
	is            byte
	secret, shown bool
}

// Filter returns a writer that passes on to another one what is written to it, without secrets. Close it at
// the end; the other writer is not closed. It writes on from the goroutine of Write and Close, or from one of
// its own, one at a time.
func (m *Mask) Filter(to io.Writer) io.WriteCloser { return &stream{mask: m, to: to} }

// Filter is the filter of the mask that the task's events go through. Without one, all is passed on as it is.
func (t *Task) Filter(to io.Writer) io.WriteCloser {
	if t != nil {
		if mask, ok := t.log.sink.(*Mask); ok {
			return mask.Filter(to)
		}
	}
	return unfiltered{to}
}

type unfiltered struct{ io.Writer }

func (unfiltered) Close() error { return nil }

// Write passes on what is certainly no part of a secret that continues.
func (s *stream) Write(chunk []byte) (int, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.renew()
	switch {
	case s.matcher.empty():
		return s.to.Write(chunk)
	case s.mask.full():
		_, err := io.WriteString(s.to, Masked+"\n")
		return len(chunk), err
	}
	for i := 0; i < len(chunk); {
		if plain := s.plain(chunk[i:]); plain > 0 {
			s.out, s.starred = append(s.out, chunk[i:i+plain]...), false
			i += plain
			continue
		}
		s.take(heldByte{is: chunk[i]})
		i++
	}
	err := s.flush()
	if s.timer != nil {
		s.timer.Stop()
	}
	if err == nil && len(s.held) > 0 {
		s.timer = time.AfterFunc(streamPause, s.pause)
	}
	return len(chunk), err
}

// plain counts the bytes before the next one with which a secret may begin; 0 where one has begun.
func (s *stream) plain(chunk []byte) int {
	if len(s.held) > 0 || s.node != 0 {
		return 0
	}
	for i, b := range chunk {
		if s.matcher.first[b] != 0 {
			return i
		}
	}
	return len(chunk)
}

// Close passes on the rest.
func (s *stream) Close() error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.timer != nil {
		s.timer.Stop()
	}
	s.showHeld()
	return s.flush()
}

// pause shows what is held, since nothing more came.
func (s *stream) pause() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.showHeld()
	_ = s.flush()
}

// renew takes over the secrets that were added since.
func (s *stream) renew() {
	now := s.mask.texts()
	if s.matcher == now {
		return
	}
	again := s.held
	s.matcher, s.node, s.held, s.solid = now, 0, nil, 0
	for _, one := range again {
		s.take(one)
	}
}

// take adds a byte, and lets go what is decided by it.
func (s *stream) take(one heldByte) {
	s.held = append(s.held, one)
	if !one.lineEnd() {
		s.solid++
		s.node = s.matcher.after(s.node, one.is)
		s.cover(int(s.matcher.found[s.node]))
	}
	from := 0
	for ; from < len(s.held); from++ {
		first := s.held[from]
		if !first.secret && !first.lineEnd() && s.solid <= int(s.matcher.depth[s.node]) {
			break
		}
		if !first.lineEnd() {
			s.solid--
		}
		s.emit(first)
	}
	if from > 0 {
		s.held = append(s.held[:0], s.held[from:]...)
	}
}

func (b heldByte) lineEnd() bool { return b.is == '\n' || b.is == '\r' }

// cover marks the last bytes of held as a secret, with the line ends between them.
func (s *stream) cover(length int) {
	for at := len(s.held) - 1; at >= 0 && length > 0; at-- {
		s.held[at].secret = true
		if !s.held[at].lineEnd() {
			length--
		}
	}
}

// emit decides about a byte for good.
func (s *stream) emit(one heldByte) {
	switch {
	case !one.secret:
		s.starred = false
		if !one.shown {
			s.out = append(s.out, one.is)
		}
	case !one.shown && !s.starred:
		s.out, s.starred = append(s.out, Masked...), true
	}
}

// showHeld writes what is held. It stays held, for it may turn out to be the beginning of a secret.
func (s *stream) showHeld() {
	if s.matcher == nil || len(s.held) == 0 {
		return
	}
	begun := s.matcher.depth[s.node] >= maskedLength
	for at := range s.held {
		if one := &s.held[at]; !one.shown {
			one.secret = one.secret || begun && !one.lineEnd()
			s.emit(*one)
			one.shown = true
		}
	}
}

func (s *stream) flush() error {
	if len(s.out) == 0 {
		return nil
	}
	_, err := s.to.Write(s.out)
	s.out = s.out[:0]
	return err
}
