package bundle

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/regular"
)

// signatureBeside gives the detached signature beside the package, "" where there is none.
func (p *Package) signatureBeside(ctx context.Context) string {
	if p.alone {
		return ""
	}
	for _, suffix := range []string{".sig", ".asc"} {
		path := p.path + suffix
		if _, err := regular.Await(ctx, path, func() (fs.FileInfo, error) { return os.Stat(path) }, nil); err == nil {
			return path
		}
	}
	return ""
}

// readSignatures reads a detached signature file, armoured or binary, and refuses anything else in it.
func readSignatures(ctx context.Context, path string) ([]*candidate, error) {
	file, size, err := openRegular(ctx, path, "signature")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if size > signaturesMaximum*smallPacketMaximum {
		return nil, refuse("signature-unreadable", "%s is too large to be a signature", path)
	}
	content, err := io.ReadAll(io.LimitReader(file, signaturesMaximum*smallPacketMaximum))
	if err != nil {
		return nil, unreadable("signature-unreadable", path, err)
	}
	signatures, err := parseSignatures(content)
	if err != nil {
		return nil, refuse("signature-unreadable", "%s is not a detached signature", path).WithCause(err).
			WithHint("make it with gpg --detach-sign")
	}
	return signatures, nil
}

// parseSignatures reads the content of a signature file. A signature of a kind that gwe does not know is a
// candidate with a problem.
func parseSignatures(content []byte) ([]*candidate, error) {
	if isArmoured(content) {
		blocks, err := armourBlocks(content)
		switch {
		case err != nil:
			return nil, err
		case len(blocks) == 0 || blocks[0].kind != openpgp.SignatureType:
			return nil, errors.New("it is a " + blocks[0].kind)
		}
		content = blocks[0].body
	}
	if len(content) > 0 && content[0]&0x80 == 0 {
		return nil, errors.New("it is neither armoured nor a binary signature")
	}
	var signatures []*candidate
	buffered := bufio.NewReader(bytes.NewReader(content))
	for {
		kind, body, err := readHeader(buffered)
		switch {
		case errors.Is(err, io.EOF) && len(signatures) > 0:
			return signatures, nil
		case errors.Is(err, io.EOF):
			return nil, errors.New("it is empty")
		case err != nil:
			return nil, cutShort(err)
		case kind != tagSignature:
			return nil, errOther(kind)
		case len(signatures) == signaturesMaximum:
			return nil, fmt.Errorf("it holds more than %d signatures", signaturesMaximum)
		}
		made := &candidate{}
		if err := made.read(body); err != nil {
			return nil, cutShort(err)
		}
		if made.problem == nil {
			made.hash, made.problem = hashOf(made.signature.Hash, made.signature.Salt())
		}
		signatures = append(signatures, made)
	}
}

func cutShort(err error) error {
	if errors.Is(truncated(err), io.ErrUnexpectedEOF) {
		return errors.New("it is cut short")
	}
	return err
}

// anyKnown makes sure that a signature can be by a key of the keyring; else there is no need to read the
// package at all.
func (f *pass) anyKnown(signatures []*candidate) error {
	var problem *fault.Fault
	for _, one := range signatures {
		var id *uint64
		var fingerprint []byte
		switch {
		case one.problem != nil:
		case one.onePass != nil:
			id, fingerprint = &one.onePass.KeyId, one.onePass.KeyFingerprint
		default:
			id, fingerprint = one.signature.IssuerKeyId, one.signature.IssuerFingerprint
		}
		switch {
		case one.problem != nil:
			problem = one.problem
		case id == nil:
			problem = refuse("package-signature-bad", "the signature does not name its key")
		case len(f.ring.find(*id, fingerprint)) > 0:
			return nil
		case problem == nil:
			problem = f.ring.stranger(*id)
		}
	}
	if problem == nil {
		return nil
	}
	return problem
}
