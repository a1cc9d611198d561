package tasklog

import (
	"bufio"
	"errors"
	"io"
	"os"
	"time"
)

// File is the full log of a run: JSON lines in a file. It never disturbs the run: what cannot be written is left out,
// and Close gives the first error.
type File struct {
	file   *os.File
	buffer *bufio.Writer
	lines  *JSON
	// progressed is when progress was last written.
	progressed time.Time
	err        error
}

// filePause lies between two events of progress.
const filePause = time.Second

// OpenFile opens the log at path for more events, mode 0600, and makes it where it is missing. A line that a crash cut
// off stays a line of its own.
func OpenFile(path string) (*File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
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

// Handle writes an event. Progress is left out but once a second. Nothing stays in memory: what a hook said last before gwe
// was killed is what people want to read.
func (f *File) Handle(event Event) {
	if event.Kind == Progress {
		if event.Time.Sub(f.progressed) < filePause {
			return
		}
		f.progressed = event.Time
	}
	f.lines.Handle(event)
	f.keep(f.buffer.Flush())
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
