package bundle

import (
	"github.com/gwe-project/gwe/bundle/index"
	"github.com/gwe-project/gwe/engine/fault"
)

// frameSource reads and decodes frames, one at a time.
type frameSource struct {
	indexed *Indexed
	decoder *index.Decoder
	buffer  []byte
	// window is where frames of a distant package are; nil is none.
	window *frameWindow
}

func (x *Indexed) newFrameSource() (*frameSource, error) {
	decoder, err := index.NewDecoder(x.Frames)
	return &frameSource{indexed: x, decoder: decoder}, err
}

func (s *frameSource) close() { s.decoder.Close() }

// read gives a frame, in memory that has room for the largest one. With nil it is in memory of the decoder,
// and valid until the next call.
func (s *frameSource) read(number int, into []byte) (content []byte, err error) {
	for try := 0; ; try++ {
		compressed, err := s.compressed(number, try > 0)
		if err != nil {
			return nil, err
		}
		if into == nil {
			content, err = s.decoder.Decode(number, s.indexed.Frames[number], compressed)
		} else {
			content, err = s.decoder.DecodeInto(into, number, s.indexed.Frames[number], compressed)
		}
		found := fault.As(err)
		if found == nil || found.Code != "index-frame-digest" || s.window == nil || try == frameTries-1 {
			return content, err
		}
	}
}

// compressed reads the bytes of a frame; anew has them read from the source in any case.
func (s *frameSource) compressed(number int, anew bool) ([]byte, error) {
	one := s.indexed.Frames[number]
	if s.window != nil {
		if s.held(one) == nil || anew {
			if err := s.fill(number, anew); err != nil {
				return nil, err
			}
		}
		return s.held(one), nil
	}
	if int64(cap(s.buffer)) < one.Length {
		s.buffer = make([]byte, longest(s.indexed.Frames))
	}
	compressed := s.buffer[:one.Length]
	return compressed, s.indexed.readAt(compressed, one.Offset)
}

// frameWindow is what of a distant package is read with one request: frames that lie close together and are
// needed.
type frameWindow struct {
	needed []bool
	// first is the number of the first frame of the window, -1 where there is none; content holds it and
	// those after it.
	first   int
	content []byte
}

const (
	// frameWindowMaximum is the most bytes of a window, unless a frame alone has more: what is in memory at
	// once.
	frameWindowMaximum = 4 << 20
	// frameTries is how often a frame is read whose digest is wrong: a line may damage what a disk does not.
	frameTries = 3
)

// held gives the bytes of a frame, nil where the window does not have them.
func (s *frameSource) held(one index.Frame) []byte {
	w := s.window
	if w.first < 0 {
		return nil
	}
	at := one.Offset - s.indexed.Frames[w.first].Offset
	if at < 0 || at+one.Length > int64(len(w.content)) {
		return nil
	}
	return w.content[at : at+one.Length]
}

// fill reads a frame into the window, and, unless it is to be alone, those after it that are needed.
func (s *frameSource) fill(number int, alone bool) error {
	w, x := s.window, s.indexed
	start := x.Frames[number].Offset
	end := start + x.Frames[number].Length
	for i := number + 1; i < len(x.Frames) && !alone; i++ {
		one := x.Frames[i]
		if one.Offset-end > rangeGap || one.Offset+one.Length-start > frameWindowMaximum || !x.content.together(start, one.Offset+one.Length) {
			break
		}
		if w.needed[i] {
			end = one.Offset + one.Length
		}
	}
	w.first = -1
	if int64(cap(w.content)) < end-start {
		w.content = make([]byte, max(end-start, min(frameWindowMaximum, x.Content)))
	}
	w.content = w.content[:end-start]
	if err := x.readAt(w.content, start); err != nil {
		return err
	}
	w.first = number
	return nil
}

// together reports whether a range of the content lies in one piece of the source.
func (s *segments) together(start, end int64) bool {
	return s.place(end-1)-s.place(start) == end-1-start
}
