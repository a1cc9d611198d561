package bundle

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// rawPacket is an OpenPGP packet as it was written. Keys are kept and joined in this form: what the library
// makes of a packet and writes anew is not always what it was, and need not be readable.
type rawPacket struct {
	kind tag
	body []byte
	// whole is the packet with its header.
	whole []byte
}

// certificate is an OpenPGP key as its packets: the primary key first, then user ids and subkeys, each with
// the signatures over it.
type certificate struct {
	parts []certificatePart
}

type certificatePart struct {
	packet     rawPacket
	signatures []rawPacket
}

const (
	tagSecretKey     tag = 5
	tagPublicKey     tag = 6
	tagSecretSubkey  tag = 7
	tagTrust         tag = 12
	tagUserID        tag = 13
	tagPublicSubkey  tag = 14
	tagUserAttribute tag = 17
)

// packetsMaximum bounds what a file with keys takes of memory and time.
const packetsMaximum = 200_000

// errNoKey means that a file holds OpenPGP packets, but no key.
var errNoKey = errors.New("it holds no key")

// keyPackets is what a file with keys holds.
type keyPackets struct {
	keys []certificate
	// revocations stand without their key, as GnuPG writes a certificate of revocation.
	revocations []rawPacket
}

func (k *keyPackets) append(more keyPackets) {
	k.keys = append(k.keys, more.keys...)
	k.revocations = append(k.revocations, more.revocations...)
}

// splitPackets takes the packets of a file with keys apart. With an error it gives the keys before the
// damage; a key that is itself cut short is not among them.
func splitPackets(content []byte) (keyPackets, error) {
	var found keyPackets
	reader := bytes.NewReader(content)
	buffered := bufio.NewReader(reader)
	var other tag
	for range packetsMaximum {
		start := len(content) - reader.Len() - buffered.Buffered()
		one, err := readRaw(buffered, func() []byte {
			return content[start : len(content)-reader.Len()-buffered.Buffered()]
		})
		if errors.Is(err, io.EOF) {
			return found, found.orNoKey(other)
		}
		if err != nil {
			// The last key may have lost what follows: a revocation, say.
			found.keys = found.keys[:max(0, len(found.keys)-1)]
			return found, err
		}
		switch {
		case one.kind == tagPublicKey || one.kind == tagSecretKey:
			found.keys = append(found.keys, certificate{parts: []certificatePart{{packet: one}}})
		case one.kind == tagMarker || one.kind == tagTrust || one.kind == tagPadding:
		case len(found.keys) > 0:
			found.keys[len(found.keys)-1].add(one)
		case one.isRevocation():
			found.revocations = append(found.revocations, one)
		case other == 0:
			other = one.kind
		}
	}
	return keyPackets{}, fmt.Errorf("it holds more than %d OpenPGP packets", packetsMaximum)
}

// orNoKey is errNoKey for a file without keys; other is a packet that it holds, or 0.
func (k keyPackets) orNoKey(other tag) error {
	switch {
	case len(k.keys) > 0 || len(k.revocations) > 0:
		return nil
	case other != 0:
		return fmt.Errorf("%w, but an OpenPGP packet of type %d", errNoKey, other)
	}
	return errNoKey
}

// isRevocation reports whether it is a signature that revokes a primary key.
func (p rawPacket) isRevocation() bool {
	return p.kind == tagSignature && len(p.body) > 1 && packet.SignatureType(p.body[1]) == packet.SigTypeKeyRevocation
}

// readRaw reads one packet; whole gives its bytes once it was read. io.EOF means that there is none.
func readRaw(r *bufio.Reader, whole func() []byte) (rawPacket, error) {
	kind, body, err := readHeader(r)
	if err != nil {
		return rawPacket{}, err
	}
	content, err := io.ReadAll(body)
	if err != nil {
		return rawPacket{}, err
	}
	written := whole()
	if known, ok := body.(*newBody); !ok || known.inParts {
		written = framed(kind, content) // a key's packets have their whole length in front
	}
	return rawPacket{kind: kind, body: content, whole: written}, nil
}

// add puts the next packet of a key to its parts.
func (c *certificate) add(one rawPacket) {
	if one.kind != tagSignature {
		c.parts = append(c.parts, certificatePart{packet: one})
		return
	}
	last := &c.parts[len(c.parts)-1]
	last.signatures = append(last.signatures, one)
}

// revokedBy reports whether the signature is a revocation that this key itself has made.
func (c certificate) revokedBy(revocation rawPacket) bool {
	primary, err := c.primary()
	if err != nil {
		return false
	}
	parsed, err := revocation.parse()
	signature, ok := parsed.(*packet.Signature)
	return err == nil && ok && contained(func() error { return primary.VerifyRevocationSignature(signature) }) == nil
}

// with gives the key and a signature over its primary key.
func (c certificate) with(signature rawPacket) certificate {
	return c.merged(certificate{parts: []certificatePart{{packet: c.parts[0].packet, signatures: []rawPacket{signature}}}})
}

// isSecret reports whether it holds secret keys.
func (c certificate) isSecret() bool {
	return slices.ContainsFunc(c.parts, func(p certificatePart) bool {
		return p.packet.kind == tagSecretKey || p.packet.kind == tagSecretSubkey
	})
}

// merged joins two copies of one public key: it has every user id, subkey and signature that either has, as
// an import of GnuPG has it. Nothing that a copy knows is lost by a copy that does not know it: a longer
// life, a new subkey, a revocation.
func (c certificate) merged(other certificate) certificate {
	joined := certificate{}
	parts := map[string]int{}
	type signatureOf struct {
		part int
		body string
	}
	known := map[signatureOf]bool{}
	for _, from := range []certificate{c, other} {
		for _, part := range from.parts {
			key := string(rune(part.packet.kind)) + string(part.packet.body)
			at, there := parts[key]
			if !there {
				at = len(joined.parts)
				parts[key] = at
				joined.parts = append(joined.parts, certificatePart{packet: part.packet})
			}
			into := &joined.parts[at]
			for _, signature := range part.signatures {
				if one := (signatureOf{at, string(signature.body)}); !known[one] {
					known[one] = true
					into.signatures = append(into.signatures, signature)
				}
			}
		}
	}
	// The order that RFC 9580, section 10.1 gives a key.
	slices.SortStableFunc(joined.parts, func(a, b certificatePart) int { return a.packet.rank() - b.packet.rank() })
	return joined
}

// parse lets the library read the packet.
func (p rawPacket) parse() (packet.Packet, error) {
	parsed, _, err := p.read()
	return parsed, err
}

// read is parse, and gives the packet without the bytes that the library left unread. After a packet with
// such bytes the library would take them for the next packet.
func (p rawPacket) read() (parsed packet.Packet, used rawPacket, err error) {
	source := bytes.NewReader(framed(p.kind, p.body))
	err = contained(func() (err error) {
		parsed, err = packet.Read(source)
		return err
	})
	used = rawPacket{kind: p.kind, body: p.body[:max(0, len(p.body)-source.Len())]}
	used.whole = framed(used.kind, used.body)
	return parsed, used, err
}

// rank is the place of a packet in a key; 3 is of those that the format does not know there.
func (p rawPacket) rank() int {
	switch p.kind {
	case tagPublicKey, tagSecretKey:
		return 0
	case tagUserID, tagUserAttribute:
		return 1
	case tagPublicSubkey, tagSecretSubkey:
		return 2
	}
	return 3
}

// bytes gives the packets as they were written.
func (c certificate) bytes() []byte {
	var all []byte
	for _, part := range c.parts {
		all = append(all, part.packet.whole...)
		for _, signature := range part.signatures {
			all = append(all, signature.whole...)
		}
	}
	return all
}

// primary lets the library read the primary key alone.
func (c certificate) primary() (*packet.PublicKey, error) {
	parsed, err := c.parts[0].packet.parse()
	if err != nil {
		return nil, err
	}
	switch key := parsed.(type) {
	case *packet.PublicKey:
		return key, nil
	case *packet.PrivateKey:
		return &key.PublicKey, nil
	}
	return nil, errNoKey
}

// entity lets the library read the key. User ids, subkeys and signatures of kinds that it does not know, or
// that are damaged, are left out, as GnuPG leaves them out: they must not make the rest useless.
func (c certificate) entity() (*openpgp.Entity, error) {
	primary, err := c.primary()
	if err != nil {
		return nil, unsupportedKey(err)
	}
	readable := certificate{}
	for i, part := range c.parts {
		if part.packet.rank() == 3 {
			continue
		}
		_, used, err := part.packet.read()
		if i > 0 && err != nil {
			continue
		}
		kept := certificatePart{packet: used}
		for _, signature := range part.signatures {
			if _, used, err := signature.read(); err == nil {
				kept.signatures = append(kept.signatures, used)
			}
		}
		readable.parts = append(readable.parts, kept)
	}
	// The library keeps one part for each user id, and the last wins.
	readable = certificate{}.merged(readable)
	var entity *openpgp.Entity
	err = contained(func() (err error) {
		entity, err = openpgp.ReadEntity(packet.NewReader(bytes.NewReader(readable.bytes())))
		return err
	})
	switch {
	case err != nil && len(readable.userIDs()) == 0 && primary.Version < 6:
		return nil, fmt.Errorf("the key %s has no user id", fingerprintOf(primary))
	case err != nil:
		return nil, fmt.Errorf("the key %s: %w", fingerprintOf(primary), err)
	}
	return entity, nil
}

func (c certificate) userIDs() []string {
	var names []string
	for _, part := range c.parts {
		if part.packet.kind == tagUserID {
			names = append(names, string(part.packet.body))
		}
	}
	return names
}

// unsupportedKey says what is wrong with a primary key that the library cannot read.
func unsupportedKey(err error) error {
	if isUnsupported(err) {
		return fmt.Errorf("it is a key of a kind that gwe does not know: %w", err)
	}
	return fmt.Errorf("a key in it is damaged: %v", err)
}
