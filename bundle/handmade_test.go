package bundle

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// handmade is an RSA key whose packets a test writes byte by byte: what other programs write, and the library does not.
type handmade struct {
	secret *rsa.PrivateKey
	made   time.Time
	user   string
}

var handmadeSecret = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

func newHandmade(t testing.TB, made time.Time) handmade {
	t.Helper()
	secret, err := handmadeSecret()
	if err != nil {
		t.Fatal(err)
	}
	return handmade{secret: secret, made: made, user: "By hand <hand@example.org>"}
}

func (h handmade) body(t testing.TB) []byte {
	t.Helper()
	var buffer bytes.Buffer
	if err := packet.NewRSAPublicKey(h.made, &h.secret.PublicKey).Serialize(&buffer); err != nil {
		t.Fatal(err)
	}
	found, err := splitPackets(buffer.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return found.keys[0].parts[0].packet.body
}

// id gives the key id.
func (h handmade) id() []byte {
	return packet.NewRSAPublicKey(h.made, &h.secret.PublicKey).Fingerprint[12:]
}

// sign gives the body of a version 4 signature of that type over what hashed writes, with these subpackets.
func (h handmade) sign(t testing.TB, kind byte, over, hashed []byte) []byte {
	t.Helper()
	head := append([]byte{4, kind, 1, 8}, binary.BigEndian.AppendUint16(nil, uint16(len(hashed)))...)
	head = append(head, hashed...)
	digest := sha256.New()
	digest.Write(over)
	digest.Write(head)
	digest.Write(binary.BigEndian.AppendUint32([]byte{4, 0xff}, uint32(len(head))))
	sum := digest.Sum(nil)
	signed, err := rsa.SignPKCS1v15(nil, h.secret, crypto.SHA256, sum)
	if err != nil {
		t.Fatal(err)
	}
	unhashed := append([]byte{9, 16}, h.id()...)
	body := append(head, 0, byte(len(unhashed)))
	body = append(append(body, unhashed...), sum[:2]...)
	return append(binary.BigEndian.AppendUint16(body, uint16(8*len(signed))), signed...)
}

// subpacket gives one with a length of five octets, which the format allows and the library writes in another way.
func subpacket(kind byte, content ...byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{255}, uint32(len(content)+1)), append([]byte{kind}, content...)...)
}

func seconds(n int64) []byte { return binary.BigEndian.AppendUint32(nil, uint32(n)) }

// hashedKey is what a signature over the key hashes of it.
func (h handmade) hashedKey(t testing.TB) []byte {
	body := h.body(t)
	return append([]byte{0x99, byte(len(body) >> 8), byte(len(body))}, body...)
}

// certificate gives the public key with a self-signature of that day, which lets it live so long (0 is for ever).
func (h handmade) certificate(t testing.TB, dated time.Time, lives time.Duration) []byte {
	t.Helper()
	hashed := append(subpacket(2, seconds(dated.Unix())...), subpacket(27, 3)...)
	if lives > 0 {
		hashed = append(hashed, subpacket(9, seconds(int64(lives/time.Second))...)...)
	}
	over := append(h.hashedKey(t), append([]byte{0xb4}, append(binary.BigEndian.AppendUint32(nil, uint32(len(h.user))), h.user...)...)...)
	all := append(framed(tagPublicKey, h.body(t)), framed(tagUserID, []byte(h.user))...)
	return append(all, framed(tagSignature, h.sign(t, 0x13, over, hashed))...)
}

// revocation gives a certificate of revocation of that day.
func (h handmade) revocation(t testing.TB, dated time.Time) []byte {
	return framed(tagSignature, h.sign(t, 0x20, h.hashedKey(t), append(subpacket(2, seconds(dated.Unix())...), subpacket(29, 0)...)))
}

// detached gives a detached signature of that day.
func (h handmade) detached(t testing.TB, content []byte, dated time.Time, lives time.Duration) []byte {
	hashed := subpacket(2, seconds(dated.Unix())...)
	if lives > 0 {
		hashed = append(hashed, subpacket(3, seconds(int64(lives/time.Second))...)...)
	}
	return framed(tagSignature, h.sign(t, 0, content, hashed))
}
