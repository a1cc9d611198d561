package bundle

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sync/atomic"

	"github.com/gwe-project/gwe/engine/fault"
)

// Voucher is what a verification hands on to whoever reads the package later: whose signature was found good,
// and over which content. Its text is openpgp:FINGERPRINT:sha256:DIGEST.
type Voucher struct {
	// Signer is the fingerprint of the key, Digest the SHA-256 of the file as it was verified.
	Signer, Digest string
}

// String gives the text that ParseVoucher reads.
func (v Voucher) String() string { return fmt.Sprintf("openpgp:%s:sha256:%s", v.Signer, v.Digest) }

var voucherText = regexp.MustCompile(`^openpgp:([0-9A-F]{16,64}):sha256:([0-9a-f]{64})$`)

// ParseVoucher reads it; ok is false where the text is none. That a text is one proves nothing: it is worth
// what the recipe is worth that hands it on.
func ParseVoucher(text string) (voucher Voucher, ok bool) {
	found := voucherText.FindStringSubmatch(text)
	if found == nil {
		return Voucher{}, false
	}
	return Voucher{Signer: found[1], Digest: found[2]}, true
}

// Pin is the first pass over a package that was verified before: it reads the whole file and makes sure that
// it is what the voucher says. progress, which may be nil, is told how many bytes were read, of how many.
func (p *Package) Pin(ctx context.Context, voucher Voucher, progress func(current, total int64)) (*Pinned, error) {
	known, err := newDigests(p.size)
	if err != nil {
		return nil, fault.New(fault.Errored, "random-unavailable", "cannot make a random key").WithCause(err)
	}
	known.whole = sha256.New()
	raw := p.raw(ctx, known, true)
	var reader io.Reader = raw
	if progress != nil {
		reader = &progressReader{&pass{source: p, raw: raw, progress: progress}}
	}
	_, err = io.CopyBuffer(io.Discard, onlyReader{reader}, make([]byte, copyBuffer))
	raw.Close()
	if err == nil {
		err = p.sameSize()
	}
	if err != nil {
		return nil, p.diagnose(raw, err)
	}
	if known.sum() != voucher.Digest {
		return nil, refuse("package-changed", "%s is not what was verified", p.path).
			WithHint("something has written to it since: fetch it again, and let the verify step read the same file")
	}
	return p.pinned(known)
}

// Unpinned gives the package as it is, without a first pass: nobody vouches for it, and whatever is read is
// taken.
func (p *Package) Unpinned() (*Pinned, error) { return p.pinned(nil) }

func (p *Package) pinned(known *digests) (*Pinned, error) {
	start, err := p.start()
	if err != nil {
		return nil, err
	}
	return &Pinned{source: p, digests: known, framing: framingOf(start), position: &atomic.Int64{}}, nil
}

// start gives the first bytes, to tell what the file is. Nothing else is believed of them.
func (p *Package) start() ([]byte, error) {
	start := make([]byte, min(p.size, sniffed))
	n, err := p.file.ReadAt(start, 0)
	if fault.As(err) != nil {
		return nil, err
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fault.New(fault.Errored, "package-unreadable", "cannot read %s", p.path).WithCause(err)
	}
	return start[:n], nil
}
