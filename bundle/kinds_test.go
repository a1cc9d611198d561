package bundle

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/value"
)

// TestNamesWhatItDoesNotSupport: a message that is whole, but of a kind that gwe does not read, is not called
// damaged or for somebody else; the message says what it is.
func TestNamesWhatItDoesNotSupport(t *testing.T) {
	home := gpg(t)
	content := compress(t, Gzip, sample(t, 1000))
	old := newHandmade(time.Now().Add(-time.Hour))
	ring := home.keyring(t, "rsa", "ed")
	write(t, filepath.Join(ring, "hand.gpg"), old.certificate(time.Now().Add(-time.Hour), 0), 0o644)
	policy := Policy{Keyring: ring, DecryptKey: home.secret(t, "rsa")}
	recipients, err := readSecretKeys(policy.DecryptKey, value.Secret{}, "signing")
	if err != nil {
		t.Fatal(err)
	}
	encrypted := func(cipher string) []byte {
		return home.must(t, content, "--cipher-algo", cipher, "--sign", "--encrypt", "-u", home.keys["rsa"], "-r", home.keys["rsa"])
	}
	hashed := func(hash string, arguments ...string) []byte {
		return home.must(t, content, append(arguments, "--allow-weak-digest-algos", "--digest-algo", hash, "-u", home.keys["rsa"])...)
	}
	version3 := old.version3(8, 1)
	for name, test := range map[string]struct {
		file, sig  []byte
		code, says string
	}{
		"IDEA":        {file: encrypted("IDEA"), code: "package-decrypt-unsupported", says: "IDEA"},
		"3DES":        {file: encrypted("3DES"), code: "package-decrypt-unsupported", says: "3DES"},
		"CAST5":       {file: encrypted("CAST5"), code: "package-decrypt-unsupported", says: "CAST5"},
		"Blowfish":    {file: encrypted("BLOWFISH"), code: "package-decrypt-unsupported", says: "Blowfish"},
		"Twofish":     {file: encrypted("TWOFISH"), code: "package-decrypt-unsupported", says: "Twofish"},
		"Camellia":    {file: encrypted("CAMELLIA128"), code: "package-decrypt-unsupported", says: "Camellia"},
		"RIPEMD-160":  {file: hashed("RIPEMD160", "--sign"), code: "package-signature-weak", says: "RIPEMD-160"},
		"MD5":         {file: hashed("MD5", "--sign"), code: "package-signature-weak", says: "MD5"},
		"SHA-1":       {file: hashed("SHA1", "--sign"), code: "package-signature-weak", says: "SHA-1"},
		"detached, R": {file: content, sig: hashed("RIPEMD160", "--detach-sign"), code: "package-signature-weak", says: "RIPEMD-160"},
		"detached, M": {file: content, sig: hashed("MD5", "--detach-sign", "--armor"), code: "package-signature-weak", says: "MD5"},
		"detached, S": {file: content, sig: hashed("SHA1", "--detach-sign"), code: "package-signature-weak", says: "SHA-1"},
		"version 3":   {file: content, sig: version3, code: "package-unsupported", says: "version 3"},
		"version 3, inline": {file: bytes.Join([][]byte{
			framed(tagOnePass, append([]byte{3, 0, 8, 1}, append(old.id(), 1)...)),
			framed(tagLiteral, append([]byte{'b', 0, 0, 0, 0, 0}, content...)), version3}, nil), code: "package-unsupported", says: "version 3"},
		"another algorithm":   {file: content, sig: framed(tagSignature, []byte{4, 0, 99, 8, 0, 0, 0, 0, 1, 2}), code: "package-unsupported", says: "public-key algorithm 99"},
		"another hash":        {file: content, sig: framed(tagSignature, []byte{4, 0, 1, 77, 0, 0, 0, 0, 1, 2}), code: "package-unsupported", says: "hash 77"},
		"another compression": {file: rfc9580(t, recipients[0], framed(tagCompressed, []byte{9, 1, 2, 3})), code: "package-unsupported", says: "compression 9"},
		"cut signature":       {file: content, sig: hashed("SHA256", "--detach-sign")[:100], code: "signature-unreadable", says: "cut short"},
		"empty signature":     {file: content, sig: []byte{}, code: "signature-unreadable", says: "empty"},
		"message for one":     {file: content, sig: hashed("SHA256", "--sign", "-z", "0"), code: "signature-unreadable", says: "packet of type 4"},
		"armoured message":    {file: content, sig: hashed("SHA256", "--sign", "--armor"), code: "signature-unreadable", says: "PGP MESSAGE"},
		"a page as signature": {file: content, sig: []byte("<html>"), code: "signature-unreadable", says: "neither armoured nor a binary signature"},
		"a key":               {file: home.must(t, nil, "--export", home.keys["ed"]), code: "package-not-openpgp", says: "holds OpenPGP keys"},
		"a clear text":        {file: home.must(t, []byte("x\n"), "--clear-sign"), code: "package-not-openpgp", says: "PGP SIGNED MESSAGE"},
		"a critical notation": {file: home.must(t, content, "--sign", "-u", home.keys["ed"], "--sig-notation", "!a@example.org=1"), code: "package-unsupported", says: "a@example.org"},
		"damaged session key": {file: damagedSessionKey(encrypted("AES256")), code: "package-decrypt-failed", says: "cannot be decrypted with it"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "fw-1.tar.gz")
			write(t, path, test.file, 0o644)
			if test.sig != nil {
				write(t, path+".sig", test.sig, 0o644)
			}
			_, _, err := open(t, path, policy)
			wantCode(t, err, test.code)
			if !strings.Contains(err.Error(), test.says) || fault.As(err).Hint == "" {
				t.Errorf("want %q, have %v", test.says, err)
			}
		})
	}
	// Where one signature is of such a kind, another one counts.
	path := filepath.Join(t.TempDir(), "fw-1.tar.gz")
	write(t, path, content, 0o644)
	good := home.must(t, content, "--detach-sign", "-u", home.keys["ed"])
	for name, both := range map[string][][]byte{"first": {version3, good}, "last": {good, hashed("RIPEMD160", "--detach-sign")}} {
		write(t, path+".sig", bytes.Join(both, nil), 0o644)
		if _, verified, err := open(t, path, policy); err != nil || verified.Signer.Fingerprint != home.keys["ed"] {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// version3 gives a signature as programs of the 1990s wrote it. It is a good one as far as anybody looks at
// it.
func (h handmade) version3(hash, algorithm byte) []byte {
	body := append([]byte{3, 5, 0, 0x60, 0, 0, 0}, h.id()...)
	return framed(tagSignature, append(body, algorithm, hash, 1, 2, 0, 8, 0xff))
}

// damagedSessionKey changes the end of the first packet of a message, which is an encrypted session key for
// an RSA key.
func damagedSessionKey(message []byte) []byte {
	changed := bytes.Clone(message)
	length := int(binary.BigEndian.Uint16(message[1:]))
	changed[3+length-1] ^= 1
	return changed
}

// TestPadding: what pads an encrypted message is passed over, and nothing of the kind anywhere else.
func TestPadding(t *testing.T) {
	home := gpg(t)
	archive := sample(t, 1000)
	content := compress(t, Gzip, archive)
	policy := Policy{Keyring: home.keyring(t, "ed"), DecryptKey: home.secret(t, "rsa")}
	recipients, err := readSecretKeys(policy.DecryptKey, value.Secret{}, "signing")
	if err != nil {
		t.Fatal(err)
	}
	bare := home.must(t, content, "-u", home.keys["ed"], "--sign", "--compress-algo", "none")
	random := bytes.Repeat([]byte("\x99padding"), 20_000)
	deflated := func(more []byte) []byte {
		var buffer bytes.Buffer
		buffer.WriteByte(1)
		writer, err := flate.NewWriter(&buffer, flate.NoCompression)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := writer.Write(bare); err != nil {
			t.Fatal(err)
		}
		if err := writer.Close(); err != nil {
			t.Fatal(err)
		}
		buffer.Write(more)
		return framed(tagCompressed, buffer.Bytes())
	}
	packet := framed(tagPadding, random)
	for name, test := range map[string]struct {
		inside []byte
		code   string
		// open is the code of the same without an encryption.
		open string
	}{
		"none":                      {inside: deflated(nil)},
		"after the compressed data": {inside: deflated(random), open: "package-trailing-data"},
		"one byte of it":            {inside: deflated([]byte{0}), open: "package-trailing-data"},
		"a packet after it":         {inside: append(bytes.Clone(bare), packet...), open: "package-trailing-data"},
		"packets after both":        {inside: bytes.Join([][]byte{deflated(random), packet, packet}, nil), open: "package-trailing-data"},
		"a packet before it":        {inside: append(framed(tagPadding, []byte("padding")), bare...)},
		"much of it before it":      {inside: append(bytes.Clone(packet), bare...), open: "package-not-openpgp"},
		"another message after it":  {inside: append(bytes.Clone(bare), bare...), code: "package-trailing-data", open: "package-trailing-data"},
		"a message after padding":   {inside: bytes.Join([][]byte{bare, packet, bare}, nil), code: "package-trailing-data", open: "package-trailing-data"},
		"bytes after it":            {inside: append(bytes.Clone(bare), 0), code: "package-trailing-data", open: "package-trailing-data"},
		"junk after zlib":           {inside: zipped(t, bare, 0), code: "package-trailing-data", open: "package-trailing-data"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "p.gpg")
			for form, message := range map[string][]byte{
				"GnuPG 2.4": gnupg24(t, recipients[0], test.inside), "RFC 9580": rfc9580(t, recipients[0], test.inside), "open": test.inside,
			} {
				write(t, path, message, 0o644)
				have, _, err := open(t, path, policy)
				code := test.code
				if form == "open" {
					code = test.open
				}
				if code != "" {
					wantCode(t, err, code)
				} else if err != nil || !bytes.Equal(have, archive) {
					t.Errorf("%s: %d bytes, %v", form, len(have), err)
				}
			}
			// Padding is not content: what is appended outside of the encryption is refused as ever.
			write(t, path, append(rfc9580(t, recipients[0], test.inside), packet...), 0o644)
			_, _, err := open(t, path, policy)
			wantCode(t, err, "package-trailing-data")
		})
	}
}

// TestTextAboveAMessage: text above an armour is passed over, and a text file with an armour in it is still a
// file.
func TestTextAboveAMessage(t *testing.T) {
	home := gpg(t)
	archive := sample(t, 1000)
	message := home.must(t, compress(t, Gzip, archive), "-u", home.keys["ed"], "--sign", "--armor")
	policy := Policy{Keyring: home.keyring(t, "ed")}
	for name, above := range map[string]string{
		"nothing": "", "a line": "Release 2, für Sie\n", "lines": strings.Repeat("words words\r\n", 1000), "a mark": "\xef\xbb\xbf",
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "p.asc")
			write(t, path, append([]byte(above), message...), 0o644)
			have, _, err := open(t, path, policy)
			if err != nil || !bytes.Equal(have, archive) {
				t.Fatalf("%d bytes, %v", len(have), err)
			}
		})
	}
	t.Run("above a signature", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "p.tar.gz")
		content := compress(t, Gzip, archive)
		write(t, path, content, 0o644)
		write(t, path+".asc", append([]byte("signed by us\n\n"), home.must(t, content, "--detach-sign", "--armor", "-u", home.keys["ed"])...), 0o644)
		if _, _, err := open(t, path, policy); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("in a file", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "README")
		content := append([]byte("# How to\n"), message[:len(message)/2]...)
		write(t, path, content, 0o644)
		write(t, path+".sig", home.must(t, content, "--detach-sign", "-u", home.keys["ed"]), 0o644)
		opened, err := Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		defer opened.Close()
		for _, signature := range []string{"", path + ".sig"} {
			policy.Signature = signature
			if _, err := opened.Verify(t.Context(), policy, nil); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestSequoia reads what Sequoia's sq writes: keys, signatures, and encrypted packages, which it pads.
func TestSequoia(t *testing.T) {
	directory, archive := t.TempDir(), sample(t, 5000)
	path := filepath.Join(directory, "fw-1.tar.gz")
	write(t, path, compress(t, Gzip, archive), 0o644)
	sq := func(arguments ...string) {
		t.Helper()
		command := exec.Command("sq", append([]string{"--force"}, arguments...)...)
		if output, err := command.CombinedOutput(); err != nil {
			t.Fatalf("sq %q: %v\n%s", arguments, err, output)
		}
	}
	key, ring := filepath.Join(directory, "key.pgp"), filepath.Join(directory, "keys")
	for _, suite := range []string{"cv25519", "rsa3k"} {
		sq("key", "generate", "--userid", "Sequoia <"+suite+"@example.org>", "--cipher-suite", suite, "--export", key)
		sq("key", "extract-cert", "-o", key+".asc", key)
		if err := os.Chmod(key, 0o600); err != nil {
			t.Fatal(err)
		}
		imported, err := ImportKeys(ring, key+".asc")
		if err != nil || imported[0].State != "good" {
			t.Fatalf("%+v, %v", imported, err)
		}
		content, err := os.ReadFile(key + ".asc")
		if err != nil {
			t.Fatal(err)
		}
		blocks, err := armourBlocks(content)
		if err != nil || !bytes.Equal(blocks[0].body, stored(t, imported[0].File)) {
			t.Errorf("the packets are not what they were: %v", err)
		}
		policy := Policy{Keyring: ring, DecryptKey: key}
		packed := filepath.Join(directory, "p.pgp")
		check := func(name, path string) {
			t.Helper()
			have, verified, err := open(t, path, policy)
			if err != nil || !bytes.Equal(have, archive) || verified.Signer.Fingerprint != imported[0].Fingerprint {
				t.Errorf("%s: %d bytes, %v", name, len(have), err)
			}
		}
		sq("sign", "--signer-key", key, "-o", packed, path)
		check("signed", packed)
		for _, kind := range []string{"pad", "none", "zip", "zlib", "bzip2"} {
			sq("encrypt", "--compression", kind, "--signer-key", key, "--recipient-cert", key+".asc", "-o", packed, path)
			check(kind, packed)
		}
		sq("sign", "--detached", "--signer-key", key, "-o", path+".sig", path)
		check("detached", path)
	}
}
