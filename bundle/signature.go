package bundle

import (
	"crypto"
	"errors"
	"fmt"
	"hash"
	"io"

	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/gwe-project/gwe/engine/fault"
)

// candidate is a signature of a package: announced before the content, or detached.
type candidate struct {
	// onePass announces it; nil where it is detached.
	onePass *packet.OnePassSignature
	// last is false where the announcement of another signature over the same content follows.
	last bool
	// signature is nil until it was read.
	signature *packet.Signature
	// hash takes the content.
	hash hash.Hash
	// problem is why it cannot be judged; a package may have another signature that can.
	problem *fault.Fault
}

// announce reads the packet that announces a signature.
func announce(body io.Reader) (*candidate, error) {
	content, err := readSmall(tagOnePass, body)
	if err != nil {
		return nil, err
	}
	made := &candidate{last: len(content) > 0 && content[len(content)-1] != 0}
	parsed, err := parseBytes(tagOnePass, content)
	if isUnsupported(err) && len(content) > 3 {
		// Version, type, hash, algorithm.
		made.problem = unsupportedSignature(0, content[2], content[3], err)
		return made, nil
	}
	if err != nil {
		return nil, truncated(err)
	}
	made.onePass = parsed.(*packet.OnePassSignature)
	made.hash, made.problem = hashOf(made.onePass.Hash, made.onePass.Salt)
	return made, nil
}

// read takes the signature itself.
func (c *candidate) read(body io.Reader) error {
	content, err := readSmall(tagSignature, body)
	if err != nil {
		return err
	}
	parsed, err := parseBytes(tagSignature, content)
	switch {
	case err == nil:
		c.signature = parsed.(*packet.Signature)
		return nil
	case !isUnsupported(err) || len(content) < 4:
		return truncated(err)
	}
	version, algorithm, hashed := content[0], content[2], content[3]
	if version < 4 && len(content) > 16 {
		algorithm, hashed = content[15], content[16]
	}
	if c.problem == nil {
		c.problem = unsupportedSignature(version, hashed, algorithm, err)
	}
	return nil
}

func isUnsupported(err error) bool {
	var unsupported pgperrors.UnsupportedError
	return errors.As(err, &unsupported)
}

// weakHashes are those that can be forged, by their number (RFC 9580, section 9.5).
var weakHashes = map[byte]string{1: "MD5", 2: "SHA-1", 3: "RIPEMD-160", 5: "MD2", 6: "TIGER192"}

// unsupportedSignature says why the library does not read a signature; version is 0 where it is not known
// yet.
func unsupportedSignature(version, hashed, algorithm byte, cause error) *fault.Fault {
	weak := weakHashes[hashed]
	switch {
	case weak != "":
		return refuse("package-signature-weak", "the signature uses %s, which can be forged", weak).WithHint(hintDigest)
	case version > 0 && version < 4:
		return refuse("package-unsupported", "the signature has version %d of the format, as programs before GnuPG 1.0 wrote it", version).
			WithHint("sign with a current GnuPG, or with gwe pack")
	}
	return refuse("package-unsupported", "gwe does not know signatures of this kind (version %d, public-key algorithm %d, hash %d)", version, algorithm, hashed).
		WithCause(cause).WithHint("sign with an ed25519 or RSA key and --digest-algo SHA256, or with gwe pack")
}

const hintDigest = "sign with --digest-algo SHA256, or with gwe pack"

// hashOf gives the hash for a signature, with the salt that its content starts with.
func hashOf(algorithm crypto.Hash, salt []byte) (hash.Hash, *fault.Fault) {
	if !algorithm.Available() {
		return nil, refuse("package-signature-weak", "the signature's hash %s is not accepted", algorithm).WithHint(hintDigest)
	}
	h := algorithm.New()
	h.Write(salt)
	return h, nil
}

// hashing gives what the content is written to.
func hashing(all []*candidate) io.Writer {
	var writers []io.Writer
	for _, one := range all {
		if one.hash != nil {
			writers = append(writers, one.hash)
		}
	}
	return io.MultiWriter(writers...)
}

// matchesAnnouncement reports whether a signature is the one that a one-pass packet promised.
func (c *candidate) matchesAnnouncement() bool {
	onePass, signature := c.onePass, c.signature
	return (onePass.Version == 6) == (signature.Version == 6) &&
		onePass.SigType == signature.SigType &&
		onePass.Hash == signature.Hash &&
		onePass.PubKeyAlgo == signature.PubKeyAlgo &&
		string(onePass.Salt) == string(signature.Salt()) &&
		signature.IssuerKeyId != nil && *signature.IssuerKeyId == onePass.KeyId
}

// errOther says that an OpenPGP packet stands where a signature should.
func errOther(kind tag) error {
	return fmt.Errorf("an OpenPGP packet of type %d stands where a signature should", kind)
}
