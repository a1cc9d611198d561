package fault

import (
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"strings"
)

// Contain turns a panic of a library into the error of the call around it, so that no damaged or hostile
// input can end gwe. It is deferred in the function that calls the library:
//
//	defer fault.Contain("archive/zip", &err)
//
// The error names the library, what it panicked with and where. It is not a Fault: the caller gives it the
// code that fits, as it does for any other error of that library. After a panic the library's value is only
// closed, never read again.
func Contain(library string, err *error) {
	if cause := recover(); cause != nil {
		*err = fmt.Errorf("%s panicked%s: %v", library, origin(), cause)
	}
}

// Contained is a reader of a library whose panics become errors.
func Contained(library string, source io.Reader) io.Reader { return &contained{library, source, nil} }

type contained struct {
	library string
	source  io.Reader
	// err is the error of a panic: what panicked once is not called again.
	err error
}

func (c *contained) Read(into []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.read(into)
	if c.err != nil {
		return 0, c.err
	}
	return n, err
}

func (c *contained) read(into []byte) (int, error) {
	defer Contain(c.library, &c.err)
	return c.source.Read(into)
}

// origin is where the panic that is being recovered began: the first frame that is not the runtime's.
func origin() string {
	var callers [32]uintptr
	frames := runtime.CallersFrames(callers[:runtime.Callers(3, callers[:])])
	for {
		frame, more := frames.Next()
		if frame.Function != "" && !strings.HasPrefix(frame.Function, "runtime.") {
			return fmt.Sprintf(" in %s:%d", filepath.Base(frame.File), frame.Line)
		}
		if !more {
			return ""
		}
	}
}
