package tasklog

import (
	"bufio"
	"errors"
	"io"
	"os"
	"time"

	"github.com/gwe-project/gwe/engine/regular"
)

// OutputLimit is how many bytes of the file may be lines of programs; see File.
const OutputLimit = 8 << 20

// heldLines is how many of the last lines of a program that failed are written although there is no room for
// more.
const heldLines = 20

// File is the full log of a run: JSON lines in a file. It never disturbs the run: what cannot be written is
// left out, and Close gives the first error.
//
// The lines that programs write have OutputLimit bytes of it, all programs together. What they write from
// then on is left out, but for the last lines of a task that fails. All else that a log says is written
// always.
type File struct {
	file   *os.File
	buffer *bufio.Writer
	lines  *JSON
	// outputs counts the bytes of lines of programs. Beyond the limit, held has the last lines of each open
	// task.
	outputs int
	held    map[int][]Event
	// progressed is when progress was last written.
	progressed time.Time
	err        error
}

// filePause lies between two events of progress.
const filePause = time.Second

// OpenFile opens the log at path for more events, mode 0600, and makes it where it is missing. A line that a
// crash cut off stays a line of its own.
func OpenFile(path string) (*File, error) {
	file, err := regular.Open(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	return newFile(file)
}

func newFile(file *os.File) (*File, error) {
	f := &File{file: file, buffer: bufio.NewWriterSize(file, 64<<10)}
	f.lines = NewJSON(f.buffer)
	size, err := file.Seek(0, io.SeekEnd)
	if err == nil && size > 0 {
		last := make([]byte, 1)
		if _, err = file.ReadAt(last, size-1); err == nil && last[0] != '\n' {
			err = f.buffer.WriteByte('\n')
		}
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return f, nil
}

// Handle writes an event. Progress is left out but once a second. Nothing stays in memory: what a hook said
// last before gwe was killed is what people want to read.
func (f *File) Handle(event Event) {
	switch {
	case event.Kind == Progress:
		if event.Time.Sub(f.progressed) < filePause {
			return
		}
		f.progressed = event.Time
	case event.Kind == Line && event.Level == Output:
		if f.outputs >= OutputLimit {
			f.hold(event)
			return
		}
	case event.Kind == Ended:
		f.unhold(event)
	}
	f.lines.Handle(event)
	if event.Level == Output {
		f.outputs += f.buffer.Buffered()
		if f.outputs >= OutputLimit {
			f.held = map[int][]Event{}
			event.Level = Warning
			event.Text = "the lines of programs have filled their part of the log, so what they write from here on is left out"
			f.lines.Handle(event)
		}
	}
	f.keep(f.buffer.Flush())
}

// hold keeps a line for the case that its task fails.
func (f *File) hold(event Event) {
	last := append(f.held[event.Task], event)
	f.held[event.Task] = last[max(0, len(last)-heldLines):]
}

// unhold writes the last lines of a task that failed.
func (f *File) unhold(end Event) {
	if !end.Status.Good() {
		for _, line := range f.held[end.Task] {
			f.lines.Handle(line)
		}
	}
	delete(f.held, end.Task)
}

// Close writes what is left, and gives the first error of the whole log.
func (f *File) Close() error {
	f.keep(f.buffer.Flush())
	f.keep(f.lines.Close())
	f.keep(f.file.Close())
	return f.err
}

func (f *File) keep(err error) {
	if f.err == nil {
		f.err = err
	}
}
