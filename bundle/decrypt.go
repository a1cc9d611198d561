package bundle

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha1"
	"crypto/subtle"
	"fmt"
	"hash"
	"io"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/gwe-project/gwe/engine/fault"
)

// session is the key that a message is encrypted with.
type session struct {
	// function is 0 where the encrypted packet itself names its cipher.
	function packet.CipherFunction
	key      []byte
}

// unlocker finds the session key of a message among the encrypted ones.
type unlocker func(keys []*packet.EncryptedKey) (*session, error)

// openProtected opens a "symmetrically encrypted and integrity protected data" packet: version 1 is AES in
// cipher feedback mode with a SHA-1 inside (RFC 9580, section 5.13.1), version 2 is authenticated (5.13.2).
func (m *message) openProtected(body io.Reader, keys []*packet.EncryptedKey, unlock unlocker, checked bool) error {
	var header [4]byte
	if _, err := io.ReadFull(body, header[:1]); err != nil {
		return truncated(err)
	}
	if m.session != nil {
		return fmt.Errorf("the package is encrypted twice")
	}
	var err error
	if m.session, err = unlock(keys); err != nil {
		return err
	}
	switch header[0] {
	case 1:
		inside, err := newFeedbackReader(body, m.session, checked)
		if err != nil {
			return err
		}
		return m.push(inside, layer{rest: body, check: inside.check, encrypted: true})
	case 2:
		if _, err := io.ReadFull(body, header[:3]); err != nil {
			return truncated(err)
		}
		sealed := &packet.SymmetricallyEncrypted{
			Version: 2, IntegrityProtected: true, Contents: body,
			Cipher: packet.CipherFunction(header[0]), Mode: packet.AEADMode(header[1]), ChunkSizeByte: header[2],
		}
		if !isAES(sealed.Cipher) || sealed.Mode < packet.AEADModeEAX || sealed.Mode > packet.AEADModeGCM || sealed.ChunkSizeByte > 16 {
			return unsupportedCipher(sealed.Cipher)
		}
		if _, err := io.ReadFull(body, sealed.Salt[:]); err != nil {
			return truncated(err)
		}
		inside, err := sealed.Decrypt(0, m.session.key)
		if err != nil {
			return err
		}
		return m.push(inside, layer{rest: body, check: inside.Close, encrypted: true})
	}
	return unsupportedCipher(0)
}

// openAuthenticated opens the "AEAD encrypted data" packet that GnuPG 2.3 and later write for keys that it
// made itself. The library reads its frame too.
func (m *message) openAuthenticated(keys []*packet.EncryptedKey, unlock unlocker) error {
	parsed, err := packet.Read(m.inner)
	if err != nil {
		return err
	}
	sealed := parsed.(*packet.AEADEncrypted)
	if m.session, err = unlock(keys); err != nil {
		return err
	}
	if !isAES(m.session.function) {
		return unsupportedCipher(m.session.function)
	}
	inside, err := sealed.Decrypt(m.session.function, m.session.key)
	if err != nil {
		return err
	}
	return m.push(inside, layer{rest: sealed.Contents, check: inside.Close, encrypted: true})
}

func isAES(function packet.CipherFunction) bool {
	return function == packet.CipherAES128 || function == packet.CipherAES192 || function == packet.CipherAES256
}

// ciphers are the names of those that are not AES, by their number (RFC 9580, section 9.3, and RFC 5581).
var ciphers = map[packet.CipherFunction]string{
	1: "IDEA", 2: "3DES", 3: "CAST5", 4: "Blowfish", 10: "Twofish", 11: "Camellia", 12: "Camellia", 13: "Camellia",
}

// unsupportedCipher is the fault of a package that is encrypted with that cipher; 0 is one of another form.
func unsupportedCipher(function packet.CipherFunction) *fault.Fault {
	if name := ciphers[function]; name != "" {
		return refuse("package-decrypt-unsupported", "the package is encrypted with %s, which gwe does not support", name).
			WithHint("encrypt it with AES, as GnuPG and gwe pack do by default")
	}
	return refuse("package-decrypt-unsupported", "the package is encrypted in a way that gwe does not know").
		WithHint("encrypt it with AES, as GnuPG and gwe pack do by default")
}

const detectionSize = 1 + 1 + sha1.Size

// feedbackReader decrypts a version 1 packet. Its last 22 bytes are the "modification detection code", a
// SHA-1 of all before it, which never leaves this reader.
type feedbackReader struct {
	in     io.Reader
	stream cipher.Stream
	// hash is nil where the check is not wanted.
	hash       hash.Hash
	buffer     []byte
	start, end int
	err        error
}

func newFeedbackReader(body io.Reader, s *session, checked bool) (*feedbackReader, error) {
	if !isAES(s.function) {
		return nil, unsupportedCipher(s.function)
	}
	block, err := aes.NewCipher(s.key)
	if err != nil {
		return nil, err
	}
	f := &feedbackReader{in: body, buffer: make([]byte, copyBuffer+detectionSize)}
	// Cipher feedback mode is what the format prescribes; the SHA-1 and the signature authenticate it.
	f.stream = cipher.NewCFBDecrypter(block, make([]byte, aes.BlockSize)) //nolint:staticcheck // deprecated, but the format has no other
	prefix := f.buffer[:aes.BlockSize+2]
	if _, err := io.ReadFull(body, prefix); err != nil {
		return nil, truncated(err)
	}
	f.stream.XORKeyStream(prefix, prefix)
	if subtle.ConstantTimeCompare(prefix[aes.BlockSize-2:aes.BlockSize], prefix[aes.BlockSize:]) != 1 {
		return nil, wrongKey()
	}
	if checked {
		f.hash = sha1.New()
		f.hash.Write(prefix)
	}
	return f, nil
}

func (f *feedbackReader) Read(p []byte) (int, error) {
	for f.end-f.start <= detectionSize && f.err == nil {
		f.end = copy(f.buffer, f.buffer[f.start:f.end])
		f.start = 0
		var n int
		n, f.err = f.in.Read(f.buffer[f.end:])
		f.stream.XORKeyStream(f.buffer[f.end:f.end+n], f.buffer[f.end:f.end+n])
		f.end += n
	}
	available := f.end - f.start - detectionSize
	if available <= 0 {
		return 0, f.err
	}
	n := copy(p, f.buffer[f.start:f.start+available])
	if f.hash != nil {
		f.hash.Write(p[:n])
	}
	f.start += n
	return n, nil
}

// check compares the detection code; all must have been read.
func (f *feedbackReader) check() error {
	code := f.buffer[f.start:f.end]
	if len(code) != detectionSize {
		return io.ErrUnexpectedEOF
	}
	f.hash.Write(code[:2])
	if code[0] != 0xd3 || code[1] != sha1.Size || subtle.ConstantTimeCompare(f.hash.Sum(nil), code[2:]) != 1 {
		return fmt.Errorf("the encrypted content was changed (its detection code differs)")
	}
	return nil
}

func wrongKey() error {
	return refuse("package-decrypt-failed", "the package cannot be decrypted with this key").
		WithHint("it was damaged, or its session key is not the one that the content was encrypted with")
}
