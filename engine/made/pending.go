package made

import (
	"errors"
	"os"

	"github.com/gwe-project/gwe/engine/regular"
)

// pending is what is still to be written to a new file: it grows with that, for most files get some bytes.
// The file is opened where it gets too much for one call.
type pending struct {
	path string
	file *os.File
	text []byte
	// ended means that all is written.
	ended bool
}

func (p *pending) write(text []byte) error {
	if p.text = append(p.text, text...); len(p.text) < buffered {
		return nil
	}
	if p.file == nil {
		var err error
		if p.file, err = regular.Open(p.path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600); err != nil {
			return err
		}
	}
	_, err := p.file.Write(p.text)
	p.text = p.text[:0]
	return err
}

// end writes the rest, and closes the file. It may be called again.
func (p *pending) end() error {
	if p.ended {
		return nil
	}
	p.ended = true
	if p.file == nil {
		return regular.Write(p.path, p.text, 0o600)
	}
	_, err := p.file.Write(p.text)
	return errors.Join(err, p.file.Close())
}

// drop closes the file as it is.
func (p *pending) drop() {
	if p.file != nil {
		_ = p.file.Close()
	}
}
