package bundle

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/gwe-project/gwe/engine/fault"
)

// sample is a tar with text and noise in it, a few blocks long.
func sample(t testing.TB, noise int) []byte {
	t.Helper()
	var buffer bytes.Buffer
	writer := tar.NewWriter(&buffer)
	random := make([]byte, noise)
	source := rand.NewChaCha8([32]byte{1})
	source.Read(random)
	for name, content := range map[string][]byte{"fw-1/text": bytes.Repeat([]byte("all work and no play\n"), 5000), "fw-1/noise": random} {
		if err := writer.WriteHeader(&tar.Header{Name: name, Size: int64(len(content)), Mode: 0o644, Format: tar.FormatPAX}); err != nil {
			t.Fatal(err)
		}
		if _, err := writer.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return buffer.Bytes()
}

func compress(t testing.TB, kind Compression, content []byte) []byte {
	t.Helper()
	var buffer bytes.Buffer
	var writer io.WriteCloser = gzip.NewWriter(&buffer)
	if kind == Zstandard {
		encoder, err := zstd.NewWriter(&buffer)
		if err != nil {
			t.Fatal(err)
		}
		writer = encoder
	}
	if _, err := writer.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return buffer.Bytes()
}

// open verifies a package and gives what is in its archive.
func open(t testing.TB, path string, policy Policy) ([]byte, *Verified, error) {
	t.Helper()
	opened, err := Open(t.Context(), path)
	if err != nil {
		return nil, nil, err
	}
	defer opened.Close()
	verified, err := opened.Verify(context.Background(), policy, nil)
	if err != nil {
		return nil, nil, err
	}
	content, err := verified.Content(context.Background())
	if err != nil {
		return nil, verified, err
	}
	defer content.Close()
	archive, _, err := Decompress(content)
	if err != nil {
		return nil, verified, err
	}
	defer archive.Close()
	all, err := io.ReadAll(archive)
	return all, verified, err
}

func wantCode(t testing.TB, err error, codes ...string) {
	t.Helper()
	found := fault.As(err)
	if found == nil {
		t.Fatalf("want the fault %v, have %v", codes, err)
	}
	for _, code := range codes {
		if found.Code == code {
			return
		}
	}
	t.Fatalf("want the fault %v, have %s: %v", codes, found.Code, err)
}

func TestOpensWhatGnuPGWrites(t *testing.T) {
	home := gpg(t)
	archive := sample(t, 1200<<10)
	gzipped, zstandard := compress(t, Gzip, archive), compress(t, Zstandard, archive)
	ring := home.keyring(t, "rsa", "ed", "nist", "nist521", "revoked", "expired")
	for _, signer := range []string{"rsa", "ed", "nist", "nist521"} {
		for name, form := range map[string]struct {
			content   []byte
			arguments []string
			recipient string
		}{
			"signed":                {content: gzipped, arguments: []string{"--sign"}},
			"signed zstd":           {content: zstandard, arguments: []string{"--sign"}},
			"signed plain tar":      {content: archive, arguments: []string{"--sign"}},
			"uncompressed":          {content: gzipped, arguments: []string{"--sign", "--compress-algo", "none"}},
			"zip":                   {content: gzipped, arguments: []string{"--sign", "--compress-algo", "zip"}},
			"bzip2":                 {content: gzipped, arguments: []string{"--sign", "--compress-algo", "bzip2"}},
			"armoured":              {content: gzipped, arguments: []string{"--sign", "--armor"}},
			"two signatures":        {content: gzipped, arguments: []string{"--sign", "-u", home.keys["stranger"]}},
			"encrypted":             {content: gzipped, arguments: []string{"--sign", "--encrypt"}, recipient: signer},
			"encrypted, two":        {content: gzipped, arguments: []string{"--sign", "--encrypt", "-r", home.keys["stranger"]}, recipient: signer},
			"encrypted, hidden":     {content: gzipped, arguments: []string{"--sign", "--encrypt", "--throw-keyids"}, recipient: signer},
			"encrypted, armoured":   {content: gzipped, arguments: []string{"--sign", "--encrypt", "--armor"}, recipient: signer},
			"encrypted, AES128":     {content: gzipped, arguments: []string{"--sign", "--encrypt", "--cipher-algo", "AES"}, recipient: signer},
			"encrypted, unzipped":   {content: gzipped, arguments: []string{"--sign", "--encrypt", "--compress-algo", "none"}, recipient: signer},
			"SHA-512":               {content: gzipped, arguments: []string{"--sign", "--digest-algo", "SHA512"}},
			"file with name inside": {content: gzipped, arguments: []string{"--sign", "--set-filename", "firmware-1.tar.gz"}},
		} {
			// The forms do not depend on the kind of key, but for these two.
			if signer != "ed" && name != "signed" && name != "encrypted" {
				continue
			}
			t.Run(signer+"/"+name, func(t *testing.T) {
				arguments := append([]string{"-u", home.keys[signer]}, form.arguments...)
				policy := Policy{Keyring: ring, SignedBy: []string{home.keys[signer]}}
				if form.recipient != "" {
					arguments = append(arguments, "-r", home.keys[form.recipient])
					policy.DecryptKey = home.secret(t, form.recipient)
				}
				path := filepath.Join(t.TempDir(), "fw-1.tar.gz.gpg")
				write(t, path, home.must(t, form.content, arguments...), 0o644)
				have, verified, err := open(t, path, policy)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(have, archive) {
					t.Fatalf("the archive differs: %d bytes, want %d", len(have), len(archive))
				}
				if verified.Signer.Fingerprint != home.keys[signer] || verified.Name != "fw-1" {
					t.Fatalf("signed by %+v, name %s", verified.Signer, verified.Name)
				}
			})
		}
	}
}

// readAll counts bytes.
func readAll(r io.Reader) (int64, error) { return io.Copy(io.Discard, onlyReader{r}) }
