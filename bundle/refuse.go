package bundle

import (
	"errors"
	"io"

	"github.com/gwe-project/gwe/engine/fault"
)

func refuse(code, format string, arguments ...any) *fault.Fault {
	return fault.New(fault.Refused, code, format, arguments...)
}

// unreadable gives the fault of a read: the read's own, as of a file system that does not answer or a run
// that was told to stop, or a refusal with the code.
func unreadable(code, path string, err error) error {
	if fault.As(err) != nil {
		return err
	}
	return refuse(code, "cannot read %s", path).WithCause(err)
}

// diagnose turns an error from the layers of a message into a fault. What the file itself did wrong comes
// first: the layers above only stumbled over it.
func (p *Package) diagnose(raw *rawReader, err error) error {
	if trouble := raw.trouble(); trouble != nil {
		return trouble
	}
	if found := fault.As(err); found != nil {
		return found
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return refuse("package-truncated", "%s ends too early", p.path).
			WithHint("the file is not complete: fetch or copy it again")
	}
	if isUnsupported(err) {
		return refuse("package-unsupported", "%s uses a part of OpenPGP that gwe does not know", p.path).WithCause(err).
			WithHint("make it with a current GnuPG, or with gwe pack")
	}
	return refuse("package-damaged", "%s is damaged", p.path).WithCause(err).
		WithHint("the file is not as it was written: fetch or copy it again")
}
