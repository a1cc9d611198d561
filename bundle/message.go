package bundle

import (
	"bufio"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zlib"

	"github.com/gwe-project/gwe/engine/fault"
)

// message is an OpenPGP message, opened as far as the start of its content. Both passes walk it by the same
// code.
type message struct {
	// signatures are announced before the content and follow it, outermost first.
	signatures []*candidate
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
	// encrypted means that the layer is an encryption, padded that bytes after its compressed data are
	// padding.
	encrypted, padded bool
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

// walk opens a message. unlock finds the session key among the encrypted ones; checked is false in the second
// pass, where digests vouch for all and the encryption's own check would be work for nothing.
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
			_, err = io.Copy(io.Discard, body)
		case tagEncryptedKey:
			// One for a key of a kind that the library does not know is for another device.
			var parsed packet.Packet
			if parsed, err = parseSmall(kind, body); isUnsupported(err) {
				err = nil
			} else if key, ok := parsed.(*packet.EncryptedKey); ok && err == nil {
				keys = append(keys, key)
			}
		case tagPasswordKey:
			if _, err = parseSmall(kind, body); isUnsupported(err) {
				err = nil
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
func (m *message) push(inside io.Reader, made layer) error {
	if len(m.layers) == layersMaximum || len(m.signatures) > 0 {
		return errors.New("OpenPGP packets are nested in a way that no package is")
	}
	made.outer = m.inner
	m.layers = append(m.layers, made)
	m.inner = bufio.NewReaderSize(fault.Contained(openPGP, inside), copyBuffer)
	return nil
}

func (m *message) openCompressed(body io.Reader) error {
	// A buffered body can be read byte by byte: the decompressors take no byte more than they need, and junk
	// after the compressed data is found.
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
		return refuse("package-unsupported", "gwe does not know the OpenPGP compression %d of the package", algorithm).
			WithHint("sign with --compress-algo none, or with gwe pack")
	}
	// Sequoia pads an encrypted message with random bytes after the end of its DEFLATE stream.
	return m.push(inside, layer{rest: buffered, padded: algorithm == 1 && m.isEncrypted()})
}

// isEncrypted reports whether what is read now lies in an encryption.
func (m *message) isEncrypted() bool {
	return slices.ContainsFunc(m.layers, func(l layer) bool { return l.encrypted })
}

func (m *message) addOnePass(body io.Reader) error {
	if len(m.signatures) == signaturesMaximum {
		return fmt.Errorf("more than %d signatures", signaturesMaximum)
	}
	if len(m.signatures) > 0 && m.signatures[len(m.signatures)-1].last {
		return refuse("package-unsupported", "the package holds a signature over another signature").
			WithHint("sign the content itself: gwe pack, or gpg --sign")
	}
	made, err := announce(body)
	if err != nil {
		return err
	}
	m.signatures = append(m.signatures, made)
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

// finish reads what follows the content: the signatures, as many as were announced, and after them nothing at
// all, in no layer, but padding inside an encryption, which is thrown away.
func (m *message) finish() (err error) {
	defer fault.Contain(openPGP, &err)
	for i := len(m.signatures) - 1; i >= 0; i-- {
		kind, body, err := readHeader(m.inner)
		if err != nil {
			return truncated(err)
		}
		if kind != tagSignature {
			return errOther(kind)
		}
		if err := m.signatures[i].read(body); err != nil {
			return err
		}
	}
	encrypted := m.isEncrypted()
	if err := atEndOf(m.inner, encrypted); err != nil {
		return err
	}
	for i := len(m.layers) - 1; i >= 0; i-- {
		made := m.layers[i]
		if made.padded {
			if _, err := io.Copy(io.Discard, made.rest); err != nil {
				return err
			}
		}
		if made.check != nil {
			if err := made.check(); err != nil {
				return err
			}
		}
		if err := atEnd(made.rest); err != nil {
			return err
		}
		encrypted = encrypted && !made.encrypted
		if err := atEndOf(made.outer, encrypted); err != nil {
			return err
		}
	}
	return nil
}

// atEndOf makes sure that a layer of packets has ended. In an encryption packets of padding may follow (RFC
// 9580, section 10.3.4).
func atEndOf(r *bufio.Reader, encrypted bool) error {
	for encrypted {
		if start, _ := r.Peek(1); len(start) == 0 || start[0] != 0xc0|byte(tagPadding) {
			break
		}
		_, body, err := readHeader(r)
		if err == nil {
			_, err = io.Copy(io.Discard, body)
		}
		if err != nil {
			return truncated(err)
		}
	}
	return atEnd(r)
}
