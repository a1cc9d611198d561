package archive

import (
	"context"

	"github.com/gwe-project/gwe/bundle"
)

// source is an archive that is read as a whole, or by its index.
type source interface {
	// Size is the length of its file, Position how much of that was read or passed over.
	Size() int64
	Position() int64
	// open gives the entries.
	open(ctx context.Context, wanted options) (archive entries, done func(), err error)
}

// streamed is an archive that is read from its beginning to its end.
type streamed struct{ *bundle.Pinned }

// open tells by the first bytes what the archive is. A package is a tar, and no zip: its one directory comes
// first.
func (s streamed) open(ctx context.Context, wanted options) (archive entries, done func(), err error) {
	isZip, err := s.IsZip()
	if err != nil {
		return nil, nil, err
	}
	if isZip {
		random, err := s.Random(ctx)
		if err != nil {
			return nil, nil, err
		}
		archive, err := entriesOfZip(random, s.Size())
		return archive, func() {}, err
	}
	content, err := s.Content(ctx)
	if err != nil {
		return nil, nil, err
	}
	plain, _, err := bundle.Decompress(content)
	if err != nil {
		_ = content.Close()
		return nil, nil, s.Diagnose(err)
	}
	return entriesOfTar(plain, wanted.limit), func() { _, _ = plain.Close(), content.Close() }, nil
}
