package bundle

import (
	"io"
	"sync"
)

// ahead runs a producer in a goroutine of its own, a few buffers ahead of its one reader. Close ends the
// goroutine and waits for it; whoever makes an ahead closes it.
type ahead struct {
	full   chan filled
	free   chan []byte
	stop   chan struct{}
	ended  chan struct{}
	halt   sync.Once
	buffer []byte
	rest   []byte
	err    error
}

type filled struct {
	buffer []byte
	length int
	err    error
}

// readAhead starts the producer: fill puts bytes into the buffer, tells how many, and ends with an error
// (io.EOF at the end of all).
func readAhead(buffers [][]byte, fill func(buffer []byte) (int, error)) *ahead {
	a := &ahead{
		full:  make(chan filled, len(buffers)),
		free:  make(chan []byte, len(buffers)),
		stop:  make(chan struct{}),
		ended: make(chan struct{}),
	}
	for _, buffer := range buffers {
		a.free <- buffer
	}
	go a.produce(fill)
	return a
}

func (a *ahead) produce(fill func([]byte) (int, error)) {
	defer close(a.ended)
	for {
		select {
		case <-a.stop:
			return
		case buffer := <-a.free:
			length, err := fill(buffer)
			// full has room for every buffer there is: this never blocks.
			a.full <- filled{buffer, length, err}
			if err != nil {
				return
			}
		}
	}
}

// Read gives the next bytes.
func (a *ahead) Read(p []byte) (int, error) {
	for len(a.rest) == 0 {
		if a.err != nil {
			return 0, a.err
		}
		if a.buffer != nil {
			a.free <- a.buffer
			a.buffer = nil
		}
		next := <-a.full
		a.buffer, a.rest, a.err = next.buffer, next.buffer[:next.length], next.err
	}
	n := copy(p, a.rest)
	a.rest = a.rest[n:]
	return n, nil
}

// block gives the bytes of one fill. They are valid until the next call.
func (a *ahead) block() ([]byte, error) {
	if a.err != nil {
		return nil, a.err
	}
	if a.buffer != nil {
		a.free <- a.buffer
	}
	next := <-a.full
	a.buffer, a.err = next.buffer, next.err
	return next.buffer[:next.length], next.err
}

// Close stops the producer and waits for its end. A Read after it gives an error.
func (a *ahead) Close() error {
	a.halt.Do(func() { close(a.stop) })
	<-a.ended
	if a.err == nil {
		a.err = io.ErrClosedPipe
	}
	a.rest = nil
	return nil
}

// buffersOf makes buffers for readAhead.
func buffersOf(count, size int) [][]byte {
	buffers := make([][]byte, count)
	for i := range buffers {
		buffers[i] = make([]byte, size)
	}
	return buffers
}
