package process

import (
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
)

// lastWords is how long what a program left behind may still write, once the program has ended.
const lastWords = 250 * time.Millisecond

// pipes are the three standard streams of a program.
type pipes struct {
	// child holds the program's ends: standard input, output and error.
	child  [3]*os.File
	input  *os.File // nil where nothing is to be read
	output [2]*os.File
	// writing and reading are the goroutines at gwe's ends.
	writing, reading sync.WaitGroup
	// heard is set when the program has written something.
	heard atomic.Bool
}

func openPipes(command Command) (*pipes, error) {
	opened := &pipes{}
	err := opened.open(command.Input != nil)
	if err != nil {
		opened.closeChildEnds()
		opened.abandon()
		return nil, fault.New(fault.Errored, "process-start", "cannot run %s", command.Arguments[0]).WithCause(err)
	}
	return opened, nil
}

func (p *pipes) open(withInput bool) (err error) {
	if withInput {
		p.child[0], p.input, err = os.Pipe()
	} else {
		p.child[0], err = os.Open(os.DevNull)
	}
	for at := 0; at < len(p.output) && err == nil; at++ {
		p.output[at], p.child[at+1], err = os.Pipe()
	}
	return err
}

func (p *pipes) closeChildEnds() {
	for _, file := range p.child {
		_ = file.Close() // a nil *os.File only gives an error
	}
}

// abandon closes gwe's ends where nothing was started.
func (p *pipes) abandon() {
	_ = p.input.Close()
	_ = p.output[0].Close()
	_ = p.output[1].Close()
}

// serve begins to feed and to read.
func (p *pipes) serve(command Command) {
	if p.input != nil {
		p.writing.Go(func() {
			defer p.input.Close()
			// A program need not read all that it is given: that it closed its end, or ended, is not an
			// error.
			_, _ = io.Copy(p.input, command.Input)
		})
	}
	var mutex sync.Mutex
	for at, name := range []string{"stdout", "stderr"} {
		sink := &lines{name: name, limit: command.OutputLimit, mutex: &mutex, output: command.Output}
		stream := tee{to: sink, copy: command.Stdout, heard: &p.heard}
		if at == 1 {
			stream.copy = command.Stderr
		}
		if command.Filter != nil && command.Output != nil {
			filter := command.Filter(sink)
			stream.to, stream.filter = filter, filter
		}
		p.reading.Go(func() {
			defer p.output[at].Close()
			drain(p.output[at], stream)
			if stream.filter != nil {
				_ = stream.filter.Close()
			}
			sink.end()
		})
	}
}

// tee takes all that a program writes to a stream.
type tee struct {
	to     io.Writer
	filter io.Closer // nil where nothing is filtered
	copy   io.Writer // nil where nobody wants it as it was written
	heard  *atomic.Bool
}

func (t tee) Write(text []byte) (int, error) {
	if len(text) > 0 {
		t.heard.Store(true)
	}
	if t.copy != nil {
		_, _ = t.copy.Write(text)
	}
	return t.to.Write(text)
}

// finish waits for the last lines and closes gwe's ends. A daemon that still holds its end cannot delay it.
func (p *pipes) finish() {
	deadline := time.Now().Add(lastWords)
	_ = p.output[0].SetReadDeadline(deadline)
	_ = p.output[1].SetReadDeadline(deadline)
	p.reading.Wait()
	_ = p.input.Close() // wakes a Write that nobody reads
	p.writing.Wait()
}

// drain reads until the end of the stream or the deadline. At the deadline it takes what is in the pipe
// already: all that the program itself wrote is there.
func drain(file *os.File, sink io.Writer) {
	buffer := make([]byte, 64<<10)
	for {
		count, err := file.Read(buffer)
		_, _ = sink.Write(buffer[:count])
		if errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		if err != nil {
			return
		}
	}
	_ = file.SetReadDeadline(time.Time{})
	raw, err := file.SyscallConn()
	if err != nil {
		return
	}
	left := 1 << 20 // no pipe holds more; a daemon that continues writing is not waited for
	_ = raw.Read(func(descriptor uintptr) bool {
		for left > 0 {
			count, err := unix.Read(int(descriptor), buffer)
			if count <= 0 || err != nil {
				break
			}
			left -= count
			_, _ = sink.Write(buffer[:count])
		}
		return true
	})
}
