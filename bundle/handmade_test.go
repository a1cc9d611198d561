package bundle

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"time"
)

// handmade is an Ed25519 key whose packets a test writes byte by byte: what other programs write, and the
// library does not. It is the same key in each process, as fuzzing wants it.
type handmade struct {
	secret ed25519.PrivateKey
	made   time.Time
	user   string
}

func newHandmade(made time.Time) handmade {
	return handmade{secret: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32)), made: made, user: "By hand <hand@example.org>"}
}

// body gives that of the public key packet (RFC 9580, section 5.5.5.5).
func (h handmade) body() []byte {
	body := append([]byte{4}, seconds(h.made.Unix())...)
	body = append(body, 22, 9, 0x2b, 6, 1, 4, 1, 0xda, 0x47, 0x0f, 1)
	return append(body, mpi(append([]byte{0x40}, h.secret.Public().(ed25519.PublicKey)...))...)
}

// id gives the key id.
func (h handmade) id() []byte {
	sum := sha1.Sum(h.hashedKey())
	return sum[12:]
}

// mpi gives a number as the format has it.
func mpi(number []byte) []byte {
	number = bytes.TrimLeft(number, "\x00")
	length := 8 * len(number)
	if len(number) > 0 {
		length -= bits.LeadingZeros8(number[0])
	}
	return append(binary.BigEndian.AppendUint16(nil, uint16(length)), number...)
}

// sign gives the body of a version 4 signature of that type over what hashed writes, with these subpackets.
func (h handmade) sign(kind byte, over, hashed []byte) []byte {
	head := append([]byte{4, kind, 22, 8}, binary.BigEndian.AppendUint16(nil, uint16(len(hashed)))...)
	head = append(head, hashed...)
	digest := sha256.New()
	digest.Write(over)
	digest.Write(head)
	digest.Write(binary.BigEndian.AppendUint32([]byte{4, 0xff}, uint32(len(head))))
	sum := digest.Sum(nil)
	signed := ed25519.Sign(h.secret, sum)
	unhashed := append([]byte{9, 16}, h.id()...)
	body := append(head, 0, byte(len(unhashed)))
	body = append(append(body, unhashed...), sum[:2]...)
	return append(append(body, mpi(signed[:32])...), mpi(signed[32:])...)
}

// subpacket gives one with a length of five octets, which the format allows and the library writes in another
// way.
func subpacket(kind byte, content ...byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{255}, uint32(len(content)+1)), append([]byte{kind}, content...)...)
}

func seconds(n int64) []byte { return binary.BigEndian.AppendUint32(nil, uint32(n)) }

// hashedKey is what a signature over the key hashes of it.
func (h handmade) hashedKey() []byte {
	body := h.body()
	return append([]byte{0x99, byte(len(body) >> 8), byte(len(body))}, body...)
}

// certificate gives the public key with a self-signature of that day, which lets it live so long (0 is for
// ever).
func (h handmade) certificate(dated time.Time, lives time.Duration) []byte {
	hashed := append(subpacket(2, seconds(dated.Unix())...), subpacket(27, 3)...)
	if lives > 0 {
		hashed = append(hashed, subpacket(9, seconds(int64(lives/time.Second))...)...)
	}
	over := append(h.hashedKey(), append([]byte{0xb4}, append(binary.BigEndian.AppendUint32(nil, uint32(len(h.user))), h.user...)...)...)
	all := append(framed(tagPublicKey, h.body()), framed(tagUserID, []byte(h.user))...)
	return append(all, framed(tagSignature, h.sign(0x13, over, hashed))...)
}

// revocation gives a certificate of revocation of that day.
func (h handmade) revocation(dated time.Time) []byte {
	return framed(tagSignature, h.sign(0x20, h.hashedKey(), append(subpacket(2, seconds(dated.Unix())...), subpacket(29, 0)...)))
}

// detached gives a detached signature of that day.
func (h handmade) detached(content []byte, dated time.Time, lives time.Duration) []byte {
	hashed := subpacket(2, seconds(dated.Unix())...)
	if lives > 0 {
		hashed = append(hashed, subpacket(3, seconds(int64(lives/time.Second))...)...)
	}
	return framed(tagSignature, h.sign(0, content, hashed))
}
