package bundle

import (
	"github.com/gwe-project/gwe/bundle/index"
	"github.com/gwe-project/gwe/engine/fault"
)

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

// ReadAhead has ReadFrame read with a frame those after it that are needed too, for a source of which each
// read is a request. The caller may change needed from then on.
func (x *Indexed) ReadAhead(needed []bool) { x.window = &frameWindow{needed: needed, first: -1} }

// readAhead is ReadFrame from a window.
func (x *Indexed) readAhead(number int, one index.Frame) (content []byte, err error) {
	for try := range frameTries {
		if compressed := x.inWindow(one); compressed == nil || try > 0 {
			if err := x.fill(number, try > 0); err != nil {
				return nil, err
			}
		}
		if content, err = x.decoder.Decode(number, one, x.inWindow(one)); err == nil {
			return content, nil
		}
		if found := fault.As(err); found == nil || found.Code != "index-frame-digest" {
			return nil, err
		}
	}
	return nil, err
}

// inWindow gives the bytes of a frame, nil where the window does not have them.
func (x *Indexed) inWindow(one index.Frame) []byte {
	a := x.window
	if a.first < 0 {
		return nil
	}
	at := one.Offset - x.Frames[a.first].Offset
	if at < 0 || at+one.Length > int64(len(a.content)) {
		return nil
	}
	return a.content[at : at+one.Length]
}

// fill reads a frame into the window, and, unless it is to be alone, those after it that are needed.
func (x *Indexed) fill(number int, alone bool) error {
	a := x.window
	start := x.Frames[number].Offset
	end := start + x.Frames[number].Length
	for i := number + 1; i < len(x.Frames) && !alone; i++ {
		one := x.Frames[i]
		if one.Offset-end > rangeGap || one.Offset+one.Length-start > frameWindowMaximum || !x.content.together(start, one.Offset+one.Length) {
			break
		}
		if a.needed[i] {
			end = one.Offset + one.Length
		}
	}
	a.first = -1
	if int64(cap(a.content)) < end-start {
		a.content = make([]byte, max(end-start, min(frameWindowMaximum, x.Content)))
	}
	a.content = a.content[:end-start]
	if n, err := x.content.ReadAt(a.content, start); n < len(a.content) {
		return indexUnread(x.path, truncated(err))
	}
	a.first = number
	return nil
}

// together reports whether a range of the content lies in one piece of the source.
func (s *segments) together(start, end int64) bool {
	return s.place(end-1)-s.place(start) == end-1-start
}
