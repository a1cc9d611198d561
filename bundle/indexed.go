package bundle

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/gwe-project/gwe/bundle/index"
	"github.com/gwe-project/gwe/engine/fault"
)

// Indexed is a package that has an index whose signature was found good. What is read of it was checked
// against the index.
type Indexed struct {
	*index.Index
	// Signer signed the index.
	Signer Signer
	// Length is that of the package's file, and Message the length of the signed index, both in bytes.
	Length, Message int64

	// reading is held for each read of the content.
	reading sync.Mutex
	content *segments
	path    string
	message []byte
	frames  *frameSource
	ahead   *framesAhead
}

// Indexed opens the index of a package, and verifies the signature of the index. It reads the index
// alone, not the package: what is read later, ReadFrame checks. It returns nil where there is no index
// to go by: the package has none, is encrypted, armoured, not signed or not whole, or the policy names
// a signature. Verify then says what is to be said.
//
// An index beside the package must equal the one inside. The faults are index-signer-unknown,
// index-signature-bad, index-other-package, index-older, those of index.Parse, and those of reading.
func (p *Package) Indexed(ctx context.Context, policy Policy) (*Indexed, error) {
	if policy.Signature != "" {
		return nil, nil
	}
	if signed, err := p.looksSigned(ctx); err != nil || !signed {
		return nil, err
	}
	found, err := OpenIndexed(ctx, p.file.Within(ctx), p.size, p.path, nil, policy)
	if err != nil || found == nil {
		return nil, err
	}
	if err := p.sameBeside(ctx, found, policy); err != nil {
		found.Close()
		return nil, err
	}
	return found, nil
}

// IndexedIn opens the index of a package that is read from any source of that size, as Package.Indexed does;
// shown names it in errors. A file beside the package is not looked for.
func IndexedIn(ctx context.Context, source io.ReaderAt, size int64, shown string, policy Policy) (*Indexed, error) {
	if policy.Signature != "" {
		return nil, nil
	}
	content, err := literalIn(source, size)
	if err == nil && content.end < size {
		var signed bool
		if signed, err = content.signed(size); err == nil && signed {
			return OpenIndexed(ctx, source, size, shown, nil, policy)
		}
	}
	if err = ignoreEnd(err); err != nil {
		return nil, indexUnread(shown, err)
	}
	return nil, nil
}

// looksSigned reports whether the package has the form of a signed one: only then its index is looked for.
// What else is wrong with it, Verify says.
func (p *Package) looksSigned(ctx context.Context) (bool, error) {
	content, err := literalIn(p.file.Within(ctx), p.size)
	if err != nil {
		if err = ignoreEnd(err); err != nil {
			err = indexUnread(p.path, err)
		}
		return false, err
	}
	if content.end == p.size {
		return p.signatureBeside(ctx) != "", nil
	}
	signed, err := content.signed(p.size)
	if err != nil {
		err = indexUnread(p.path, err)
	}
	return signed, err
}

// OpenIndexed opens the index of a package that is read from any source of that size; path names it in
// errors. message is the file beside the package, or nil if the index is to be read from the end of the
// package. Of the source it reads the first bytes, and where message is nil the index.
func OpenIndexed(ctx context.Context, source io.ReaderAt, size int64, path string, message []byte, policy Policy) (*Indexed, error) {
	content, err := literalIn(source, size)
	switch {
	case errors.Is(err, errNotInPieces):
		return nil, nil
	case err != nil && fault.As(err) == nil && errors.Is(truncated(err), io.ErrUnexpectedEOF):
		return nil, nil // cut short: what verifies the package says so
	case err != nil:
		return nil, indexUnread(path, err)
	}
	inside := message == nil
	if inside {
		if message, err = index.Find(content, content.size); err != nil {
			return nil, indexUnread(path, err)
		}
		if message == nil {
			return nil, nil
		}
	}
	body, signer, err := openMessage(ctx, path, message, policy)
	if err != nil {
		return nil, err
	}
	parsed, err := index.Parse(body)
	if err != nil {
		return nil, err
	}
	if parsed.Content+index.Wrapped(len(message)) != content.size {
		return nil, otherPackage("the index is not that of %s: it describes %d bytes, and the package has %d", path, parsed.Content, content.size-index.Wrapped(len(message)))
	}
	found := &Indexed{Index: parsed, Signer: signer, Length: size, Message: int64(len(message)), content: content, path: path, message: message}
	found.frames, err = found.newFrameSource()
	return found, err
}

// longest is the length of the longest frame.
func longest(frames []index.Frame) (length int64) {
	for _, one := range frames {
		length = max(length, one.Length)
	}
	return length
}

// Close frees what reading frames needs, and waits for what reads ahead.
func (x *Indexed) Close() {
	if x.ahead != nil {
		x.ahead.close()
	}
	x.frames.close()
}

// ReadFrame reads and decodes a frame. Its bytes are checked against the index before a decoder sees them.
// What it returns is valid until the next call.
func (x *Indexed) ReadFrame(number int) ([]byte, error) {
	if x.ahead != nil {
		if content, taken, err := x.ahead.take(number); taken {
			return content, err
		}
	}
	return x.frames.read(number, nil)
}

// readAt reads the frames' bytes at a place in the content, all of them.
func (x *Indexed) readAt(into []byte, at int64) error {
	x.reading.Lock()
	defer x.reading.Unlock()
	if n, err := x.content.ReadAt(into, at); n < len(into) {
		return indexUnread(x.path, truncated(err))
	}
	return nil
}

func indexUnread(path string, err error) error {
	switch {
	case fault.As(err) != nil:
		return err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return refuse("package-truncated", "%s ends too early", path).WithHint("the file is not complete: fetch or copy it again")
	}
	return fault.New(fault.Errored, "package-unreadable", "cannot read %s", path).WithCause(err)
}

func otherPackage(format string, arguments ...any) *fault.Fault {
	return refuse("index-other-package", format, arguments...).
		WithHint("fetch the package together with its own index, or remove the file that ends in %s: the package holds its index, too", IndexSuffix)
}

// sameBeside makes sure that the index beside the package, if there is one, is the one inside.
func (p *Package) sameBeside(ctx context.Context, inside *Indexed, policy Policy) error {
	if p.alone {
		return nil
	}
	path := p.path + IndexSuffix
	file, size, err := openRegular(ctx, path, "package-index")
	if found := fault.As(err); found != nil && found.Code == "package-index-missing" {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	if size == int64(len(inside.message)) {
		beside, err := io.ReadAll(io.LimitReader(file, size+1))
		if err != nil {
			return indexUnread(path, err)
		}
		if bytes.Equal(beside, inside.message) {
			return nil
		}
	}
	return p.otherBeside(ctx, path, inside, policy)
}

// otherBeside says what is wrong with an index that is not the one in the package.
func (p *Package) otherBeside(ctx context.Context, path string, inside *Indexed, policy Policy) error {
	message, err := readIndexFile(ctx, path)
	if err != nil {
		return err
	}
	_, signer, err := openMessage(ctx, path, message, policy)
	switch {
	case err != nil:
		return err
	case signer.SignedAt.Before(inside.Signer.SignedAt):
		return refuse("index-older", "%s is older than the package: it was signed on %s, and the package on %s",
			path, day(signer.SignedAt), day(inside.Signer.SignedAt)).
			WithHint("fetch the package's own index, or remove the file: the package holds its index, too")
	}
	return otherPackage("%s is not the index of the package that it lies beside", path)
}

// readIndexFile reads the index beside a package.
func readIndexFile(ctx context.Context, path string) ([]byte, error) {
	file, size, err := openRegular(ctx, path, "package-index")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if size > index.MessageMaximum {
		return nil, refuse("index-limit", "%s is larger than %d bytes", path, index.MessageMaximum).WithHint("fetch the package's own index")
	}
	content, err := io.ReadAll(io.LimitReader(file, index.MessageMaximum))
	if err != nil {
		return nil, indexUnread(path, err)
	}
	return content, nil
}

// openMessage verifies the signature of a short message and returns its content.
func openMessage(ctx context.Context, path string, message []byte, policy Policy) ([]byte, Signer, error) {
	ring, err := LoadKeyringFrom(localFiles{ctx}, policy.Keyring)
	if err != nil {
		return nil, Signer{}, err
	}
	f := &pass{source: &Package{path: path, size: int64(len(message))}, ring: ring, warn: policy.warn}
	if f.clock, err = newClock(policy.Clock); err != nil {
		return nil, Signer{}, err
	}
	if f.pins, err = normalisePins(policy.SignedBy); err != nil {
		return nil, Signer{}, err
	}
	for _, text := range ring.Warnings() {
		policy.warn(text)
	}
	body, signer, err := f.plain(message)
	if err == nil {
		return body, signer, nil
	}
	code, hint := "index-signature-bad", "fetch the package and its index again"
	if found := fault.As(err); found != nil {
		if found.Class == fault.Errored {
			return nil, Signer{}, err
		}
		hint = found.Hint
		if found.Code == "package-signer-unknown" || found.Code == "package-signer-not-pinned" {
			code = "index-signer-unknown"
		}
	}
	return nil, Signer{}, refuse(code, "the signature of the package's index is not accepted: %s", path).WithCause(err).WithHint("%s", hint)
}

// plain verifies a message that is neither armoured, compressed nor encrypted.
func (f *pass) plain(message []byte) (body []byte, signer Signer, err error) {
	defer fault.Contain(openPGP, &err)
	if looksLikeMessage(message[:min(len(message), sniffed)]) && isArmoured(message) || len(message) == 0 {
		return nil, Signer{}, errors.New("it is not a binary OpenPGP message")
	}
	m, err := walk(bufio.NewReaderSize(bytes.NewReader(message), copyBuffer), unlockWith(nil), true)
	switch {
	case err != nil:
		return nil, Signer{}, err
	case len(m.layers) > 0:
		return nil, Signer{}, errors.New("the message is compressed or encrypted")
	case len(m.signatures) == 0:
		return nil, Signer{}, errors.New("it is not signed")
	}
	if err := f.anyKnown(m.signatures); err != nil {
		return nil, Signer{}, err
	}
	size, err := io.CopyBuffer(hashing(m.signatures), onlyReader{m.content}, make([]byte, copyBuffer))
	if err != nil {
		return nil, Signer{}, err
	}
	if size > index.BodyMaximum {
		return nil, Signer{}, fmt.Errorf("it is longer than %d bytes", index.BodyMaximum)
	}
	if err := m.finish(); err != nil {
		return nil, Signer{}, err
	}
	for _, one := range m.signatures {
		if one.problem == nil && !one.matchesAnnouncement() {
			one.problem = refuse("package-signature-bad", "the signature is not the one that was announced before the content")
		}
	}
	if signer, err = f.verdict(m.signatures); err != nil {
		return nil, Signer{}, err
	}
	body, err = literalOf(message)
	return body, signer, err
}

// literalOf gives the content of a message that was verified. As a rule it is a part of the message: an index
// of many files is in memory once.
func literalOf(message []byte) ([]byte, error) {
	found, err := literalIn(bytes.NewReader(message), int64(len(message)))
	if err == nil && len(found.starts) == 1 {
		return message[found.offsets[0] : found.offsets[0]+found.size], nil
	}
	// In parts, as GnuPG writes it.
	m, err := walk(bufio.NewReaderSize(bytes.NewReader(message), copyBuffer), unlockWith(nil), true)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(m.content)
}
