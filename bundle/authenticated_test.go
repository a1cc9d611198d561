package bundle

import (
	"bytes"
	"crypto/aes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/ProtonMail/go-crypto/ocb"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/gwe-project/gwe/engine/value"
)

// gnupg24 encrypts as GnuPG 2.3 and later do for keys that they made themselves ("AEAD encrypted data",
// LibrePGP), which the GnuPG of the test machine cannot write: AES-256 in OCB mode, in chunks.
func gnupg24(t testing.TB, recipient *openpgp.Entity, inside []byte) []byte {
	t.Helper()
	const chunkSizeByte = 4
	chunkSize := 1 << (chunkSizeByte + 6)
	key := bytes.Repeat([]byte{7}, 32)
	var message bytes.Buffer
	for _, subkey := range recipient.Subkeys {
		if err := packet.SerializeEncryptedKeyAEAD(&message, subkey.PublicKey, packet.CipherAES256, false, key, nil); err != nil {
			t.Fatal(err)
		}
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := ocb.NewOCB(block)
	if err != nil {
		t.Fatal(err)
	}
	iv := bytes.Repeat([]byte{9}, 15)
	associated := []byte{0xd4, 1, byte(packet.CipherAES256), byte(packet.AEADModeOCB), chunkSizeByte}
	nonce := func(index uint64) []byte {
		n := bytes.Clone(iv)
		for i, octet := range binary.BigEndian.AppendUint64(nil, index) {
			n[len(n)-8+i] ^= octet
		}
		return n
	}
	body := append(bytes.Clone(associated[1:]), iv...)
	index := uint64(0)
	for rest := inside; len(rest) > 0; index++ {
		chunk := rest[:min(chunkSize, len(rest))]
		rest = rest[len(chunk):]
		body = sealed.Seal(body, nonce(index), chunk, binary.BigEndian.AppendUint64(bytes.Clone(associated), index))
	}
	last := binary.BigEndian.AppendUint64(bytes.Clone(associated), index)
	body = sealed.Seal(body, nonce(index), nil, binary.BigEndian.AppendUint64(last, uint64(len(inside))))
	message.Write(binary.BigEndian.AppendUint32([]byte{0xc0 | byte(tagAuthenticated), 255}, uint32(len(body))))
	message.Write(body)
	return message.Bytes()
}

// rfc9580 encrypts with a version 2 packet.
func rfc9580(t testing.TB, recipient *openpgp.Entity, inside []byte) []byte {
	t.Helper()
	key := bytes.Repeat([]byte{7}, 32)
	var message bytes.Buffer
	config := &packet.Config{AEADConfig: &packet.AEADConfig{}}
	for _, subkey := range recipient.Subkeys {
		if err := packet.SerializeEncryptedKeyAEAD(&message, subkey.PublicKey, packet.CipherAES256, true, key, config); err != nil {
			t.Fatal(err)
		}
	}
	writer, err := packet.SerializeSymmetricallyEncrypted(&message, packet.CipherAES256, true,
		packet.CipherSuite{Cipher: packet.CipherAES256, Mode: packet.AEADModeGCM}, key, config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := writer.Write(inside); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return message.Bytes()
}

func TestAuthenticatedEncryption(t *testing.T) {
	home := gpg(t)
	archive := sample(t, 40<<10)
	inside := home.must(t, compress(t, Gzip, archive), "-u", home.keys["ed"], "--sign")
	for name, encrypt := range map[string]func(testing.TB, *openpgp.Entity, []byte) []byte{"GnuPG 2.4": gnupg24, "RFC 9580": rfc9580} {
		t.Run(name, func(t *testing.T) {
			policy := Policy{Keyring: home.keyring(t, "ed"), DecryptKey: home.secret(t, "rsa")}
			recipients, err := readSecretKeys(policy.DecryptKey, value.Secret{}, "signing")
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "p.gpg")
			message := encrypt(t, recipients[0], inside)
			write(t, path, message, 0o644)
			have, _, err := open(t, path, policy)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(have, archive) {
				t.Error(cmp.Diff(len(archive), len(have)))
			}
			for _, cut := range []int{1, 15, 16, 17, 32, 100, 1024 + 16, len(message) / 2} {
				write(t, path, message[:len(message)-cut], 0o644)
				_, _, err := open(t, path, policy)
				wantCode(t, err, "package-truncated", "package-damaged")
			}
			for at := 0; at < len(message); at += 1 + at/15 {
				flipped := bytes.Clone(message)
				flipped[at] ^= 1 << (at % 8)
				write(t, path, flipped, 0o644)
				if have, _, err := open(t, path, policy); err == nil && !bytes.Equal(have, archive) {
					t.Fatalf("bit flipped at %d: other content was accepted", at)
				}
			}
			unsigned := encrypt(t, recipients[0], home.must(t, archive, "--store"))
			write(t, path, unsigned, 0o644)
			_, _, err = open(t, path, policy)
			wantCode(t, err, "package-unsigned")
			write(t, path, append(message, 0), 0o644)
			_, _, err = open(t, path, policy)
			wantCode(t, err, "package-trailing-data")
		})
	}
}

// TestLargerThanTwoGiB crosses the sizes at which 32-bit numbers break: a sparse file whose zeros a detached
// signature covers. Its last byte changes between the passes.
func TestLargerThanTwoGiB(t *testing.T) {
	home := gpg(t)
	path := filepath.Join(t.TempDir(), "large.tar")
	write(t, path, nil, 0o644)
	const size = 1<<31 + 3*blockSize/2
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
	home.must(t, nil, "-u", home.keys["ed"], "--digest-algo", "SHA256", "--detach-sign", path)
	opened, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	verified, err := opened.Verify(t.Context(), Policy{Keyring: home.keyring(t, "ed")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if verified.Size() != size || verified.Position() != size {
		t.Errorf("size %d, position %d", verified.Size(), verified.Position())
	}
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteAt([]byte{1}, size-1); err != nil {
		t.Fatal(err)
	}
	content, err := verified.Content(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	read, err := readAll(content)
	wantCode(t, err, "package-changed")
	if want := int64(size / blockSize * blockSize); read != want {
		t.Errorf("%d bytes came out before the changed block, want %d", read, want)
	}
}
