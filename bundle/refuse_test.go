package bundle

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"context"
	"encoding/binary"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/value"
)

// signed writes a package made by gpg into a new directory.
func signed(t testing.TB, content []byte, arguments ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fw-1.tar.gz.gpg")
	write(t, path, gpg(t).must(t, content, arguments...), 0o644)
	return path
}

func TestRefusesBadSignatures(t *testing.T) {
	home := gpg(t)
	content := compress(t, Gzip, sample(t, 10<<10))
	revokeOnce(t, home)
	ring := home.keyring(t, "rsa", "ed", "revoked", "weak", "expired")
	good := home.must(t, content, "-u", home.keys["ed"], "--sign", "--compress-algo", "none")
	// gpg compresses what is not compressed yet.
	inflated := home.must(t, sample(t, 1000), "-u", home.keys["ed"], "--sign", "--compress-algo", "zlib")
	if kind, _, err := readHeader(bufio.NewReader(bytes.NewReader(inflated))); err != nil || kind != tagCompressed {
		t.Fatalf("this is a packet of type %d, not a compressed one: %v", kind, err)
	}
	sealed := home.must(t, content, "-u", home.keys["ed"], "--sign", "--encrypt", "-r", home.keys["ed"])
	other := home.must(t, []byte("something else"), "-u", home.keys["ed"], "--detach-sign")
	for name, test := range map[string]struct {
		file []byte
		sig  []byte
		code string
		pins []string
	}{
		"unsigned":                 {file: home.must(t, content, "--store"), code: "package-unsigned"},
		"unsigned, bare":           {file: content, code: "package-unsigned"},
		"unsigned but encrypted":   {file: home.must(t, content, "--encrypt", "-r", home.keys["ed"]), code: "package-unsigned"},
		"password":                 {file: home.must(t, content, "--symmetric", "--passphrase", "x"), code: "package-decrypt-key-wrong"},
		"signed, password":         {file: home.must(t, content, "--symmetric", "--sign", "--passphrase", "x", "-u", home.keys["ed"]), code: "package-decrypt-key-wrong"},
		"for somebody else":        {file: home.must(t, content, "--encrypt", "--sign", "-u", home.keys["ed"], "-r", home.keys["rsa"]), code: "package-decrypt-key-wrong"},
		"stranger":                 {file: home.must(t, content, "-u", home.keys["stranger"], "--sign"), code: "package-signer-unknown"},
		"stranger, encrypted":      {file: home.must(t, content, "-u", home.keys["stranger"], "--sign", "--encrypt", "-r", home.keys["ed"]), code: "package-signer-unknown"},
		"revoked":                  {file: signedByRevoked, code: "package-key-revoked"},
		"expired":                  {file: home.must(t, content, "--faked-system-time", "20200115T000000", "-u", home.keys["expired"], "--sign"), code: "package-key-expired"},
		"weak key":                 {file: home.must(t, content, "-u", home.keys["weak"], "--sign"), code: "package-key-unusable"},
		"weak hash":                {file: home.must(t, content, "-u", home.keys["rsa"], "--sign", "--digest-algo", "SHA1"), code: "package-signature-weak"},
		"not pinned":               {file: good, pins: []string{home.keys["rsa"]}, code: "package-signer-not-pinned"},
		"bad pin":                  {file: good, pins: []string{"1234"}, code: "signed-by-invalid"},
		"text mode":                {file: home.must(t, []byte("a\nb\n"), "-u", home.keys["ed"], "--sign", "--textmode"), code: "package-unsupported"},
		"clear text":               {file: home.must(t, []byte("a\nb\n"), "-u", home.keys["ed"], "--clear-sign"), code: "package-not-openpgp"},
		"signature for other file": {file: content, sig: other, code: "package-signature-bad"},
		"no signature at all":      {file: content, sig: content, code: "signature-unreadable"},
		"key as signature":         {file: content, sig: home.must(t, nil, "--armor", "--export", home.keys["ed"]), code: "signature-unreadable"},
		"inline as signature":      {file: content, sig: good, code: "signature-unreadable"},
		"empty":                    {file: nil, code: "package-truncated"},
		"text":                     {file: []byte("hello"), code: "package-not-openpgp"},
		"a key":                    {file: home.must(t, nil, "--armor", "--export", home.keys["ed"]), code: "package-not-openpgp"},
		"a binary key":             {file: home.must(t, nil, "--export", home.keys["ed"]), code: "package-not-openpgp"},
		"two messages":             {file: append(bytes.Clone(good), good...), code: "package-trailing-data"},
		"junk behind":              {file: append(home.must(t, content, "-u", home.keys["ed"], "--sign", "--compress-algo", "none"), 0), code: "package-trailing-data"},
		"junk behind, compressed":  {file: append(bytes.Clone(inflated), 0), code: "package-trailing-data"},
		"junk in the compression":  {file: zipped(t, good, 0), code: "package-trailing-data"},
		"nested compression":       {file: zipped(t, zipped(t, zipped(t, good))), code: "package-damaged"},
		"other key announced":      {file: announcing(t, good, home.keys["rsa"]), code: "package-signature-bad"},
		"changed detection code":   {file: lastByteChanged(sealed), code: "package-damaged"},
		"junk behind, encrypted": {
			file: append(home.must(t, content, "-u", home.keys["ed"], "--sign", "--encrypt", "-r", home.keys["ed"]), 0), code: "package-trailing-data"},
		"junk behind armour": {file: append(home.must(t, content, "-u", home.keys["ed"], "--sign", "--armor"), "more"...), code: "package-trailing-data"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "fw-1.tar.gz.gpg")
			write(t, path, test.file, 0o644)
			if test.sig != nil {
				write(t, path+".sig", test.sig, 0o644)
			}
			_, verified, err := open(t, path, Policy{Keyring: ring, SignedBy: test.pins, DecryptKey: home.secret(t, "ed")})
			wantCode(t, err, test.code)
			if verified != nil || fault.ClassOf(err) != fault.Refused {
				t.Fatalf("want a refusal before any content: %v", err)
			}
		})
	}
}

// zipped puts a message into a compressed packet of known length, and more after the compressed data.
func zipped(t testing.TB, message []byte, more ...byte) []byte {
	t.Helper()
	var buffer bytes.Buffer
	buffer.WriteByte(2)
	writer := zlib.NewWriter(&buffer)
	if _, err := writer.Write(message); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	buffer.Write(more)
	header := binary.BigEndian.AppendUint32([]byte{0xc0 | byte(tagCompressed), 255}, uint32(buffer.Len()))
	return append(header, buffer.Bytes()...)
}

// announcing changes the key that the one-pass packet at the start of a message names.
func announcing(t testing.TB, message []byte, fingerprint string) []byte {
	t.Helper()
	id, err := hex.DecodeString(fingerprint[24:])
	if err != nil {
		t.Fatal(err)
	}
	changed := bytes.Clone(message)
	copy(changed[6:14], id)
	return changed
}

func lastByteChanged(file []byte) []byte {
	changed := bytes.Clone(file)
	changed[len(changed)-1] ^= 1
	return changed
}

// signedByRevoked was signed before its key was revoked.
var signedByRevoked []byte

func revokeOnce(t *testing.T, home *gpgHome) {
	t.Helper()
	if signedByRevoked != nil {
		return
	}
	signedByRevoked = home.must(t, compress(t, Gzip, sample(t, 1000)), "-u", home.keys["revoked"], "--sign")
	certificate, err := os.ReadFile(filepath.Join(home.directory, "openpgp-revocs.d", home.keys["revoked"]+".rev"))
	if err != nil {
		t.Fatal(err)
	}
	home.must(t, bytes.ReplaceAll(certificate, []byte(":-----BEGIN"), []byte("-----BEGIN")), "--import")
}

func TestDetachedSignatures(t *testing.T) {
	home := gpg(t)
	archive := sample(t, 1500<<10)
	content := compress(t, Zstandard, archive)
	for name, arguments := range map[string][]string{
		".sig": {"--detach-sign"}, ".asc": {"--detach-sign", "--armor"},
		".elsewhere": {"--detach-sign", "-u", home.keys["stranger"]},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "fw-1.tar.zst")
			write(t, path, content, 0o644)
			write(t, path+name, home.must(t, content, append(arguments, "-u", home.keys["nist"])...), 0o644)
			policy := Policy{Keyring: home.keyring(t, "nist")}
			if name == ".elsewhere" {
				_, _, err := open(t, path, policy)
				wantCode(t, err, "package-unsigned")
				policy.Signature = path + name
			}
			have, verified, err := open(t, path, policy)
			if err != nil || !bytes.Equal(have, archive) || verified.Signer.Fingerprint != home.keys["nist"] {
				t.Fatalf("%d bytes, %+v, %v", len(have), verified, err)
			}
		})
	}
	t.Run("over an encrypted message", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "fw-1.tar.zst.gpg")
		encrypted := home.must(t, content, "--encrypt", "-r", home.keys["ed"])
		write(t, path, encrypted, 0o644)
		write(t, path+".sig", home.must(t, encrypted, "--detach-sign", "-u", home.keys["rsa"]), 0o644)
		policy := Policy{Keyring: home.keyring(t, "rsa"), Signature: path + ".sig", DecryptKey: home.secret(t, "ed")}
		have, _, err := open(t, path, policy)
		if err != nil || !bytes.Equal(have, archive) {
			t.Fatalf("%d bytes, %v", len(have), err)
		}
	})
}

// TestDamage cuts a package short and flips bits all over it. Whatever happens, it is refused, or (where the
// bit was one that nobody signs, the date of the literal packet say) the content is what was signed.
func TestDamage(t *testing.T) {
	home := gpg(t)
	archive := sample(t, 30<<10)
	content := compress(t, Gzip, archive)
	for name, arguments := range map[string][]string{
		"compressed": {"--sign", "--compress-algo", "zlib"},
		"bare":       {"--sign", "--compress-algo", "none"},
		"encrypted":  {"--sign", "--encrypt", "-r", home.keys["ed"]},
		"armoured":   {"--sign", "--armor"},
	} {
		t.Run(name, func(t *testing.T) {
			whole := home.must(t, content, append(arguments, "-u", home.keys["ed"])...)
			policy := Policy{Keyring: home.keyring(t, "ed"), DecryptKey: home.secret(t, "ed")}
			path := filepath.Join(t.TempDir(), "fw-1.tar.gz.gpg")
			for cut := 0; cut < len(whole); cut += 1 + cut/3 {
				write(t, path, whole[:cut], 0o644)
				_, _, err := open(t, path, policy)
				wantCode(t, err, "package-truncated", "package-damaged", "package-decrypt-failed", "package-not-openpgp")
			}
			for _, left := range []int{1, 2, 20, 22, 40, 60, 100} {
				if cut := len(whole) - left; name != "armoured" || left > 40 {
					write(t, path, whole[:cut], 0o644)
					_, _, err := open(t, path, policy)
					wantCode(t, err, "package-truncated", "package-damaged")
				}
			}
			harmless := 0
			for at := 0; at < len(whole); at += 1 + at/40 {
				flipped := bytes.Clone(whole)
				flipped[at] ^= 1 << (at % 8)
				write(t, path, flipped, 0o644)
				have, _, err := open(t, path, policy)
				if err == nil {
					harmless++
					if !bytes.Equal(have, archive) {
						t.Fatalf("bit flipped at %d: other content was accepted", at)
					}
				} else if fault.ClassOf(err) != fault.Refused {
					t.Fatalf("bit flipped at %d: %v", at, err)
				}
			}
			t.Logf("%d flips were harmless", harmless)
		})
	}
}

func TestChangedBetweenThePasses(t *testing.T) {
	home := gpg(t)
	archive := sample(t, 3<<20)
	path := signed(t, compress(t, Gzip, archive), "-u", home.keys["ed"], "--sign")
	policy := Policy{Keyring: home.keyring(t, "ed")}
	original, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(t *testing.T){
		"one byte": func(t *testing.T) {
			changed := bytes.Clone(original)
			changed[len(changed)/2] ^= 1
			write(t, path, changed, 0o644)
		},
		"shorter": func(t *testing.T) { write(t, path, original[:len(original)-1], 0o644) },
		"grown":   func(t *testing.T) { write(t, path, append(bytes.Clone(original), 0), 0o644) },
		"other":   func(t *testing.T) { write(t, path, make([]byte, len(original)), 0o644) },
	} {
		t.Run(name, func(t *testing.T) {
			write(t, path, original, 0o644)
			opened, err := Open(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			defer opened.Close()
			verified, err := opened.Verify(t.Context(), policy, nil)
			if err != nil {
				t.Fatal(err)
			}
			change(t)
			content, err := verified.Content(t.Context())
			if err == nil {
				var have []byte
				have, err = io.ReadAll(content)
				content.Close()
				if !bytes.HasPrefix(compress(t, Gzip, archive), have) {
					t.Error("content came out that was never signed")
				}
			}
			wantCode(t, err, "package-changed")
		})
	}
	t.Run("grown while it was verified", func(t *testing.T) {
		write(t, path, original, 0o644)
		opened, err := Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		defer opened.Close()
		write(t, path, append(bytes.Clone(original), original...), 0o644)
		_, err = opened.Verify(t.Context(), policy, nil)
		wantCode(t, err, "package-changed")
	})
	t.Run("replaced by a rename", func(t *testing.T) {
		write(t, path, original, 0o644)
		opened, err := Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		defer opened.Close()
		write(t, path+".new", []byte("other"), 0o644)
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
		if _, err := opened.Verify(t.Context(), policy, nil); err != nil {
			t.Fatalf("the opened file is still the old one: %v", err)
		}
	})
}

func TestInterrupted(t *testing.T) {
	home := gpg(t)
	path := signed(t, compress(t, Gzip, sample(t, 3<<20)), "-u", home.keys["ed"], "--sign")
	opened, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	ctx, cancel := context.WithCancel(t.Context())
	_, err = opened.Verify(ctx, Policy{Keyring: home.keyring(t, "ed")}, func(current, total int64) { cancel() })
	wantCode(t, err, "interrupted")
	if fault.ClassOf(err) != fault.Interrupted {
		t.Fatal(err)
	}
}

func TestDecryptionKey(t *testing.T) {
	home := gpg(t)
	archive := sample(t, 1000)
	path := signed(t, compress(t, Gzip, archive), "-u", home.keys["ed"], "--sign", "--encrypt", "-r", home.keys["nist"])
	ring := home.keyring(t, "ed")
	key := home.secret(t, "nist")
	locked := filepath.Join(t.TempDir(), "locked")
	write(t, locked, lock(t, key, "correct horse"), 0o600)
	public := filepath.Join(home.keyring(t, "nist"), "nist.asc")
	if err := os.Chmod(public, 0o600); err != nil {
		t.Fatal(err)
	}
	exposed := filepath.Join(t.TempDir(), "exposed")
	content, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, exposed, content, 0o640)
	for name, test := range map[string]struct {
		key        string
		passphrase value.Secret
		code       string
	}{
		"right":            {key: key},
		"locked":           {key: locked, passphrase: value.NewSecret("correct horse")},
		"no key":           {code: "package-decrypt-key-wanted"},
		"other key":        {key: home.secret(t, "rsa"), code: "package-decrypt-key-wrong"},
		"no passphrase":    {key: locked, code: "package-decrypt-passphrase-missing"},
		"wrong passphrase": {key: locked, passphrase: value.NewSecret("x"), code: "package-decrypt-passphrase-wrong"},
		"public":           {key: public, code: "package-decrypt-key-public"},
		"exposed":          {key: exposed, code: "package-decrypt-key-exposed"},
		"missing":          {key: key + "x", code: "package-decrypt-key-missing"},
		"not a key":        {key: unkeyed(t), code: "package-decrypt-key-unreadable"},
	} {
		t.Run(name, func(t *testing.T) {
			have, _, err := open(t, path, Policy{Keyring: ring, DecryptKey: test.key, Passphrase: test.passphrase})
			if test.code != "" {
				wantCode(t, err, test.code)
			} else if err != nil || !bytes.Equal(have, archive) {
				t.Fatal(err)
			}
		})
	}
}

func unkeyed(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "text")
	write(t, path, []byte("not a key"), 0o600)
	return path
}
