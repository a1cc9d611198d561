package bundle

import (
	"io"
	"slices"
)

// framesAhead are the frames that are needed, in their order, decoded by a goroutine of its own a few frames
// ahead.
type framesAhead struct {
	source *frameSource
	needed []bool
	// next is the number of the frame that comes next.
	next   int
	blocks *ahead
}

// frameBuffers is how many decoded frames are in memory at once.
const frameBuffers = 3

// ReadAhead has the frames of which needed is true read and decoded in their order, ahead of ReadFrame, in a
// goroutine that Close waits for. Others can be read as before. distant is true for a source of which each
// read is a request: what lies close together is then read with one, and what comes damaged is read again.
func (x *Indexed) ReadAhead(needed []bool, distant bool) error {
	if x.ahead != nil {
		x.ahead.close()
		x.ahead = nil
	}
	source, err := x.newFrameSource()
	if err != nil {
		return err
	}
	needed = slices.Clone(needed)
	if distant {
		source.window = &frameWindow{needed: needed, first: -1}
		x.frames.window = &frameWindow{needed: make([]bool, len(needed)), first: -1}
	}
	var most int64
	for i, one := range x.Frames {
		if needed[i] {
			most = max(most, one.Size)
		}
	}
	number := 0
	x.ahead = &framesAhead{source: source, needed: needed, next: following(needed, 0)}
	x.ahead.blocks = readAhead(buffersOf(frameBuffers, int(most)), func(into []byte) (int, error) {
		if number = following(needed, number); number == len(needed) {
			return 0, io.EOF
		}
		content, err := source.read(number, into)
		number++
		return len(content), err
	})
	return nil
}

// take gives a frame that was decoded ahead; taken is false for one that was not.
func (a *framesAhead) take(number int) (content []byte, taken bool, err error) {
	for a.needed[number] && a.next <= number {
		of := a.next
		content, err = a.blocks.block()
		a.next = following(a.needed, of+1)
		if err != nil {
			a.next = len(a.needed) // it has ended
		}
		if of == number {
			return content, true, err
		}
	}
	return nil, false, nil
}

// following is the number of the next frame that is needed, from a number on.
func following(needed []bool, number int) int {
	for number < len(needed) && !needed[number] {
		number++
	}
	return number
}

func (a *framesAhead) close() {
	_ = a.blocks.Close()
	a.source.close()
}
