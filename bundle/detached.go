package bundle

import (
	"bufio"
	"bytes"
	"errors"
	"hash"
	"io"
	"os"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"github.com/gwe-project/gwe/engine/fault"
)

// signatureBeside gives the detached signature beside the package, "" where there is none.
func (p *Package) signatureBeside() string {
	for _, suffix := range []string{".sig", ".asc"} {
		if _, err := os.Stat(p.path + suffix); err == nil {
			return p.path + suffix
		}
	}
	return ""
}

// readSignatures reads a detached signature file, armoured or binary, and refuses anything else in it.
func readSignatures(path string) ([]*packet.Signature, error) {
	file, size, err := openRegular(path, "signature")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if size > signaturesMaximum*smallPacketMaximum {
		return nil, refuse("signature-unreadable", "%s is too large to be a signature", path)
	}
	content, err := io.ReadAll(io.LimitReader(file, signaturesMaximum*smallPacketMaximum))
	if err != nil {
		return nil, refuse("signature-unreadable", "cannot read %s", path).WithCause(err)
	}
	signatures, err := parseSignatures(content)
	if err != nil {
		return nil, refuse("signature-unreadable", "%s is not a detached signature", path).WithCause(err).
			WithHint("make it with gpg --detach-sign")
	}
	return signatures, nil
}

func parseSignatures(content []byte) (found []*packet.Signature, err error) {
	defer fault.Contain(openPGP, &err)
	var reader io.Reader = bytes.NewReader(content)
	if isArmoured(content) {
		block, err := armor.Decode(reader)
		if err != nil {
			return nil, err
		}
		if block.Type != openpgp.SignatureType {
			return nil, errors.New("it is a " + block.Type)
		}
		reader = block.Body
	}
	var signatures []*packet.Signature
	buffered := bufio.NewReader(reader)
	for {
		kind, body, err := readHeader(buffered)
		if errors.Is(err, io.EOF) && len(signatures) > 0 {
			return signatures, nil
		}
		if err != nil {
			return nil, truncated(err)
		}
		if kind != tagSignature || len(signatures) == signaturesMaximum {
			return nil, errors.New("it holds something else than signatures")
		}
		parsed, err := parseSmall(kind, body)
		if err != nil {
			return nil, err
		}
		signatures = append(signatures, parsed.(*packet.Signature))
	}
}

// hashesFor gives the hashes that the signatures need; where none of them is by a key of the keyring there is no need to
// read the package at all.
func (f *pass) hashesFor(signatures []*packet.Signature) ([]hash.Hash, error) {
	var hashes []hash.Hash
	known := false
	for _, signature := range signatures {
		if signature.IssuerKeyId == nil {
			return nil, refuse("package-signature-bad", "the signature does not name its key")
		}
		known = known || len(f.ring.find(*signature.IssuerKeyId, signature.IssuerFingerprint)) > 0
		h, err := hashOf(signature.Hash, signature.Salt())
		if err != nil {
			return nil, err
		}
		hashes = append(hashes, h)
	}
	if !known {
		return nil, f.ring.stranger(*signatures[0].IssuerKeyId)
	}
	return hashes, nil
}
