package release

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/regular"
	"github.com/gwe-project/gwe/engine/step"
)

// listName is the file in Run.Directory that holds the changes, one a line: there may be too many for the
// journal, and for the memory. So they are read one by one, from either end.
const listName = "changes"

// listWriter writes the changes down.
type listWriter struct {
	file    *os.File
	buffer  *bufio.Writer
	encoder *json.Encoder
	run     *step.Run
	count   int
}

func newListWriter(run *step.Run) (*listWriter, error) {
	file, err := regular.Open(filepath.Join(run.Directory, listName), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, unwritten(err)
	}
	buffer := bufio.NewWriter(file)
	return &listWriter{file: file, buffer: buffer, encoder: json.NewEncoder(buffer), run: run}, nil
}

// add gives a change the hidden name that it needs, and writes it.
func (l *listWriter) add(one change) error {
	if one.Kind == replaceByLink || one.Kind == removeStale {
		hidden := fmt.Sprintf("%slink-%s-%s-%d", durable.Prefix, l.run.ID, filepath.Base(l.run.Step), l.count)
		one.Hidden = name(filepath.Join(filepath.Dir(string(one.Path)), hidden))
	}
	l.count++
	return unwritten(l.encoder.Encode(one))
}

func (l *listWriter) close() error {
	return unwritten(errors.Join(l.buffer.Flush(), l.file.Close()))
}

func unwritten(err error) error {
	return durable.Explain(err, "cannot write down what is to be linked")
}

// each reads the changes in the order in which they are made. There must be as many as the memo says.
func (m linkTreeMemo) each(ctx context.Context, directory string, visit func(change) error) error {
	return m.read(ctx, directory, func(file *os.File) func() ([]byte, error) {
		lines := bufio.NewReader(file)
		return func() ([]byte, error) { return lines.ReadBytes('\n') }
	}, visit)
}

// eachBackward reads the last change first.
func (m linkTreeMemo) eachBackward(ctx context.Context, directory string, visit func(change) error) error {
	return m.read(ctx, directory, func(file *os.File) func() ([]byte, error) {
		lines := backward{file: file, at: -1}
		return lines.line
	}, visit)
}

func (m linkTreeMemo) read(ctx context.Context, directory string, lines func(*os.File) func() ([]byte, error), visit func(change) error) error {
	if m.Changes == 0 {
		return nil
	}
	file, err := regular.Open(filepath.Join(directory, listName), os.O_RDONLY, 0)
	if err != nil {
		return durable.Explain(err, "cannot read what was linked")
	}
	defer file.Close()
	if whole, err := countLines(file); err != nil || whole != m.Changes {
		return fault.New(fault.Errored, "link-tree-changes-unreadable", "what was linked is not written down whole: %d of %d changes", whole, m.Changes).
			WithCause(err)
	}
	next := lines(file)
	for i := range m.Changes {
		if err := ctx.Err(); err != nil {
			return err
		}
		var one change
		line, err := next()
		if err == nil {
			err = json.Unmarshal(line, &one)
		}
		if err != nil {
			return fault.New(fault.Errored, "link-tree-changes-unreadable", "what was linked cannot be read: change %d of %d", i+1, m.Changes).WithCause(err)
		}
		if err := visit(one); err != nil {
			return err
		}
	}
	return nil
}

// countLines counts the whole lines of a file and goes back to its start.
func countLines(file *os.File) (count int, err error) {
	block := make([]byte, 64<<10)
	for {
		read, err := file.Read(block)
		count += bytes.Count(block[:read], []byte{'\n'})
		if errors.Is(err, io.EOF) {
			_, err := file.Seek(0, io.SeekStart)
			return count, err
		}
		if err != nil {
			return count, err
		}
	}
}

// backward reads the lines of a file, the last one first. The file ends with a line's end.
type backward struct {
	file *os.File
	// at is where what was read begins, -1 at first; the rest are its bytes that were not given out yet.
	at   int64
	rest []byte
}

func (b *backward) line() ([]byte, error) {
	if b.at < 0 {
		end, err := b.file.Seek(0, io.SeekEnd)
		if err != nil {
			return nil, err
		}
		b.at = end
	}
	for {
		text := bytes.TrimSuffix(b.rest, []byte{'\n'})
		if end := bytes.LastIndexByte(text, '\n'); end >= 0 {
			b.rest = b.rest[:end+1]
			return text[end+1:], nil
		}
		if b.at == 0 {
			b.rest = nil
			if len(text) == 0 {
				return nil, io.EOF
			}
			return text, nil
		}
		block := make([]byte, min(b.at, 64<<10), min(b.at, 64<<10)+int64(len(b.rest)))
		if _, err := b.file.ReadAt(block, b.at-int64(len(block))); err != nil {
			return nil, err
		}
		b.at -= int64(len(block))
		b.rest = append(block, b.rest...)
	}
}
