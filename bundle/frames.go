package bundle

import (
	"crypto/sha256"
	"io"
	"runtime"

	"github.com/klauspost/compress/zstd"

	"github.com/gwe-project/gwe/bundle/index"
)

const (
	// ownFrame is the length from which on a file has a frame of its own, partedFile the one from which on it
	// has several.
	ownFrame   = 8 << 10
	partedFile = 1 << 20
	// groupedFrame is how many bytes of small files and of headers are together in a frame.
	groupedFrame = 16 << 10
	// longestGroup bounds a frame with long headers.
	longestGroup = 1 << 20
)

// frameWriter cuts a tar into independent zstd frames: one a file, small files together, large files by
// their content. Frames are compressed side by side and written in their order.
type frameWriter struct {
	to      io.Writer
	encoder *zstd.Encoder
	// frames are those that were begun; their lengths and digests are there when they were written.
	frames  []index.Frame
	waiting []chan encoded

	present []byte
	// length is that of the tar so far.
	length int64
	// own says that the present frame holds a file that shares it with no other.
	own bool
	// cutter is not nil within the content of a large file.
	cutter *index.Cutter
	parts  *index.Cutter
}

// encoded is a frame, as it comes back from its encoder.
type encoded struct {
	frame      index.Frame
	compressed []byte
}

func newFrameWriter(to io.Writer, level int) (*frameWriter, error) {
	chosen := zstd.SpeedDefault
	if level != 0 {
		chosen = zstd.EncoderLevelFromZstd(level)
	}
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(chosen), zstd.WithWindowSize(packedWindow), zstd.WithEncoderConcurrency(runtime.GOMAXPROCS(0)))
	return &frameWriter{to: to, encoder: encoder, parts: index.NewCutter()}, err
}

// Write takes the next bytes of the tar.
func (w *frameWriter) Write(p []byte) (int, error) {
	w.length += int64(len(p))
	for rest := p; len(rest) > 0; {
		if w.cutter == nil {
			w.present = append(w.present, rest...)
			if len(w.present) < longestGroup {
				break
			}
			rest = nil
			if err := w.cut(); err != nil {
				return 0, err
			}
			continue
		}
		taken, ends := w.cutter.Next(rest)
		w.present = append(w.present, rest[:taken]...)
		rest = rest[taken:]
		if ends {
			if err := w.cut(); err != nil {
				return 0, err
			}
		}
	}
	return len(p), nil
}

// entry says that the header of an entry comes next, and how long its content will be.
func (w *frameWriter) entry(size int64) error {
	if w.own || size >= ownFrame || len(w.present) >= groupedFrame {
		if err := w.cut(); err != nil {
			return err
		}
	}
	w.own = size >= ownFrame
	return nil
}

// content says that a content of that length comes next, and returns its place in the tar.
func (w *frameWriter) content(size int64) (at int64, err error) {
	if size >= partedFile {
		err = w.cut()
		w.cutter = w.parts
		w.cutter.Reset()
	}
	return w.length, err
}

// contentEnds says that the content has been written.
func (w *frameWriter) contentEnds() error {
	if w.cutter == nil {
		return nil
	}
	w.cutter, w.own = nil, false
	return w.cut()
}

// cut ends the present frame.
func (w *frameWriter) cut() error {
	if len(w.present) == 0 {
		return nil
	}
	content, result := w.present, make(chan encoded, 1)
	w.present = nil
	go func() {
		compressed := w.encoder.EncodeAll(content, nil)
		result <- encoded{index.Frame{
			Length: int64(len(compressed)), Digest: sha256.Sum256(compressed), Size: int64(len(content)), Sum: sha256.Sum256(content),
		}, compressed}
	}()
	if w.waiting = append(w.waiting, result); len(w.waiting) < 2*runtime.GOMAXPROCS(0) {
		return nil
	}
	return w.write(1)
}

// write writes the oldest frames.
func (w *frameWriter) write(count int) error {
	for _, one := range w.waiting[:count] {
		made := <-one
		w.frames = append(w.frames, made.frame)
		if _, err := w.to.Write(made.compressed); err != nil {
			return err
		}
	}
	w.waiting = w.waiting[count:]
	return nil
}

// close ends the last frame and writes all that wait.
func (w *frameWriter) close() error {
	if err := w.cut(); err != nil {
		return err
	}
	return w.write(len(w.waiting))
}
