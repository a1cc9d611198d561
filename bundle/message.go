package bundle

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zlib"

	"github.com/gwe-project/gwe/engine/fault"
)

// message is an OpenPGP message, opened as far as the start of its content. Both passes walk it by the same code.
type message struct {
	// onePass announces the signatures that follow the content, outermost first.
	onePass []*packet.OnePassSignature
	// content is the literal data: the compressed tar.
	content io.Reader
	// layers are the encryption and the compression around it, outermost first.
	layers []layer
	// inner is what the content and its signatures are read from.
	inner *bufio.Reader
	// session is the key of the encryption, nil without one.
	session *session
}

// layer is a packet that holds other packets.
type layer struct {
	outer *bufio.Reader
	// rest is what of the packet was not read yet: at the end, nothing may be.
	rest io.Reader
	// check tells, at the end, whether the layer was whole; nil where reading to its end has told already.
	check func() error
}

// openPGP is what the errors of a panic call the libraries that read messages and keys.
const openPGP = "the OpenPGP library"

const (
	copyBuffer         = 64 << 10
	signaturesMaximum  = 16
	recipientsMaximum  = 10000
	layersMaximum      = 2
	markersMaximum     = 16
	literalNameMaximum = 255
)

// walk opens a message. unlock finds the session key among the encrypted ones; checked is false in the second pass, where
// digests vouch for all and the encryption's own check would be work for nothing.
func walk(r *bufio.Reader, unlock unlocker, checked bool) (opened *message, err error) {
	defer fault.Contain(openPGP, &err)
	m := &message{inner: r}
	var keys []*packet.EncryptedKey
	for range recipientsMaximum + signaturesMaximum + markersMaximum {
		if start, _ := m.inner.Peek(1); len(start) == 1 && start[0] == 0xc0|byte(tagAuthenticated) && m.session == nil {
			if err := m.openAuthenticated(keys, unlock); err != nil {
				return nil, err
			}
			continue
		}
		kind, body, err := readHeader(m.inner)
		if err != nil {
			return nil, truncated(err)
		}
		switch kind {
		case tagMarker, tagPadding:
			if _, err := io.CopyN(io.Discard, body, smallPacketMaximum); !errors.Is(err, io.EOF) {
				return nil, fmt.Errorf("an OpenPGP packet of type %d is too large", kind)
			}
		case tagEncryptedKey:
			parsed, err := parseSmall(kind, body)
			if err != nil && parsed == nil {
				return nil, err
			}
			if key, ok := parsed.(*packet.EncryptedKey); ok && err == nil {
				keys = append(keys, key)
			}
		case tagPasswordKey:
			if _, err := parseSmall(kind, body); err != nil {
				return nil, err
			}
		case tagProtected:
			err = m.openProtected(body, keys, unlock, checked)
		case tagCompressed:
			err = m.openCompressed(body)
		case tagOnePass:
			err = m.addOnePass(body)
		case tagLiteral:
			return m, m.openLiteral(body)
		case tagUnprotected:
			err = refuse("package-decrypt-unprotected", "the package's encryption does not protect its content against changes").
				WithHint("encrypt it with a current GnuPG, or with gwe pack")
		case tagSignature:
			err = refuse("package-unsupported", "the package's signature comes before its content, as programs of the 1990s wrote it").
				WithHint("sign it with gpg --sign, or with gwe pack")
		default:
			err = fmt.Errorf("an OpenPGP packet of type %d, where the content should start", kind)
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, errors.New("too many OpenPGP packets before the content")
}

// push goes one layer deeper.
func (m *message) push(inside, rest io.Reader, check func() error) error {
	if len(m.layers) == layersMaximum || len(m.onePass) > 0 {
		return errors.New("OpenPGP packets are nested in a way that no package is")
	}
	m.layers = append(m.layers, layer{outer: m.inner, rest: rest, check: check})
	m.inner = bufio.NewReaderSize(fault.Contained(openPGP, inside), copyBuffer)
	return nil
}

func (m *message) openCompressed(body io.Reader) error {
	// A buffered body can be read byte by byte: the decompressors take no byte more than they need, and junk behind the
	// compressed data is found.
	buffered := bufio.NewReaderSize(body, copyBuffer)
	algorithm, err := buffered.ReadByte()
	if err != nil {
		return truncated(err)
	}
	var inside io.Reader
	switch algorithm {
	case 0:
		inside = buffered
	case 1:
		inside = flate.NewReader(buffered)
	case 2:
		if inside, err = zlib.NewReader(buffered); err != nil {
			return truncated(err)
		}
	case 3:
		inside = bzip2.NewReader(buffered)
	default:
		return fmt.Errorf("the OpenPGP compression %d is not known", algorithm)
	}
	return m.push(inside, buffered, nil)
}

func (m *message) addOnePass(body io.Reader) error {
	if len(m.onePass) == signaturesMaximum {
		return fmt.Errorf("more than %d signatures", signaturesMaximum)
	}
	if len(m.onePass) > 0 && m.onePass[len(m.onePass)-1].IsLast {
		return refuse("package-unsupported", "the package holds a signature over another signature").
			WithHint("sign the content itself: gwe pack, or gpg --sign")
	}
	parsed, err := parseSmall(tagOnePass, body)
	if err != nil {
		return err
	}
	m.onePass = append(m.onePass, parsed.(*packet.OnePassSignature))
	return nil
}

func (m *message) openLiteral(body io.Reader) error {
	var header [2 + literalNameMaximum + 4]byte
	if _, err := io.ReadFull(body, header[:2]); err != nil {
		return truncated(err)
	}
	if header[0] != 'b' {
		return refuse("package-unsupported", "the package's content is marked as text").
			WithHint("sign it without --textmode")
	}
	if _, err := io.ReadFull(body, header[:int(header[1])+4]); err != nil {
		return truncated(err)
	}
	m.content = body
	return nil
}

// finish reads what follows the content: the signatures, as many as were announced, and after them nothing at all, in
// no layer. It gives the signatures in the order of onePass.
func (m *message) finish() (found []*packet.Signature, err error) {
	defer fault.Contain(openPGP, &err)
	signatures := make([]*packet.Signature, len(m.onePass))
	for i := range signatures {
		kind, body, err := readHeader(m.inner)
		if err != nil {
			return nil, truncated(err)
		}
		if kind != tagSignature {
			return nil, fmt.Errorf("an OpenPGP packet of type %d, where a signature should be", kind)
		}
		parsed, err := parseSmall(kind, body)
		if err != nil {
			return nil, err
		}
		signatures[len(signatures)-1-i] = parsed.(*packet.Signature)
	}
	if err := atEnd(m.inner); err != nil {
		return nil, err
	}
	for i := len(m.layers) - 1; i >= 0; i-- {
		if check := m.layers[i].check; check != nil {
			if err := check(); err != nil {
				return nil, err
			}
		}
		if err := atEnd(m.layers[i].rest); err != nil {
			return nil, err
		}
		if err := atEnd(m.layers[i].outer); err != nil {
			return nil, err
		}
	}
	return signatures, nil
}

// dearmour removes the ASCII armour from a message; what follows the armour is checked by the function that it gives.
func dearmour(r *bufio.Reader) (plain *bufio.Reader, after func() error, err error) {
	defer fault.Contain(openPGP, &err)
	block, err := armor.Decode(r)
	if err != nil {
		return nil, nil, truncated(err)
	}
	if block.Type != "PGP MESSAGE" {
		return nil, nil, refuse("package-not-openpgp", "the file is a %s, not a package", block.Type)
	}
	after = func() error {
		rest, err := io.ReadAll(io.LimitReader(r, 256))
		if err != nil {
			return err
		}
		if rest = bytes.TrimSpace(rest); len(rest) > 0 && string(rest) != "-----END PGP MESSAGE-----" {
			return atEnd(bytes.NewReader(rest))
		}
		return nil
	}
	return bufio.NewReaderSize(fault.Contained(openPGP, block.Body), copyBuffer), after, nil
}
