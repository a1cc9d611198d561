package archive

import (
	"io"

	"github.com/gwe-project/gwe/engine/fault"
)

// limited counts a stream, and ends it with a fault when it grows longer than an archive may.
type limited struct {
	source io.Reader
	read   int64
	left   int64
}

func (l *limited) Read(into []byte) (int, error) {
	n, err := l.source.Read(into)
	l.read += int64(n)
	if l.left -= int64(n); l.left < 0 {
		return 0, tooLarge(l.read + l.left)
	}
	return n, err
}

func tooLarge(limit int64) error {
	return fault.New(fault.Failed, "archive-too-large", "the archive unpacks to more than the %d bytes that it may", limit).
		WithHint("if the package is meant to be that large, raise `max-size`")
}
