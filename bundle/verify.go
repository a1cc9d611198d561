package bundle

import (
	"bufio"
	"context"
	"crypto/sha256" // registers its hashes for signatures, as those below do
	_ "crypto/sha3"
	_ "crypto/sha512"
	"io"
	"path/filepath"
	"strings"

	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/value"
)

// Policy says whose packages are accepted, and how they are opened.
type Policy struct {
	// Keyring is the directory of trusted public keys.
	Keyring string
	// SignedBy are the fingerprints of the accepted keys, whole or their last 16 digits or more; spaces are
	// allowed. Empty accepts every key of the keyring.
	SignedBy []string
	// DecryptKey is a file with an exported secret key, mode 0600, for encrypted packages; "" is none.
	DecryptKey string
	// Passphrase opens that key, where it is locked.
	Passphrase value.Secret
	// Signature is a file with a detached signature. "" expects the signature inside, or, where the package
	// is not an OpenPGP message, beside it as <package>.sig or <package>.asc.
	Signature string
	// Clock says whether this machine's clock decides that a key has expired; "" is ClockTrusted.
	Clock Clock
	// Warn, which may be nil, is told what a person should know though the package may be good: files of the
	// keyring that cannot be read, a clock that is behind. It is called before Verify returns.
	Warn func(text string)
	// Digest asks for Verified.Digest.
	Digest bool
}

func (p Policy) warn(text string) {
	if p.Warn != nil && text != "" {
		p.Warn(text)
	}
}

// Verified is a package whose signature was found good.
type Verified struct {
	// Signer signed it.
	Signer Signer
	// Name is the file's name without the suffixes of the format.
	Name string
	// Digest is the SHA-256 of the whole file, in hexadecimal, where the policy asks for it.
	Digest string
	Pinned
}

// framing is what lies between the file and the compressed tar.
type framing int

const (
	framingNone framing = iota
	framingBinary
	framingArmour
)

// framingOf tells it by the first bytes of a file.
func framingOf(start []byte) framing {
	switch {
	case isArmoured(start):
		return framingArmour
	case looksLikeMessage(start):
		return framingBinary
	}
	return framingNone
}

// pass is the first pass over a package: read all, hash, keep digests.
type pass struct {
	source   *Package
	raw      *rawReader
	ring     *Keyring
	clock    clock
	warn     func(text string)
	pins     []string
	secrets  openpgp.EntityList
	progress func(current, total int64)
	session  *session
	framing  framing
}

// Verify reads the whole package and decides whether the policy accepts its signature. progress, which may be
// nil, is told how many bytes of the file were read, of how many.
func (p *Package) Verify(ctx context.Context, policy Policy, progress func(current, total int64)) (*Verified, error) {
	ring, err := LoadKeyringFrom(localFiles{ctx}, policy.Keyring)
	if err != nil {
		return nil, err
	}
	for _, text := range ring.Warnings() {
		policy.warn(text)
	}
	first := &pass{source: p, ring: ring, warn: policy.warn, progress: progress}
	if first.clock, err = newClock(policy.Clock); err != nil {
		return nil, err
	}
	if first.pins, err = normalisePins(policy.SignedBy); err != nil {
		return nil, err
	}
	if policy.DecryptKey != "" {
		if first.secrets, err = readSecretKeysIn(ctx, policy.DecryptKey, policy.Passphrase, "package-decrypt"); err != nil {
			return nil, err
		}
	}
	known, err := newDigests(p.size)
	if err != nil {
		return nil, fault.New(fault.Errored, "random-unavailable", "cannot make a random key").WithCause(err)
	}
	if policy.Digest {
		known.whole = sha256.New()
	}
	first.raw = p.raw(ctx, known, true)
	signer, err := first.run(ctx, policy.Signature)
	first.raw.Close()
	if err == nil {
		err = p.sameSize()
	}
	if err != nil {
		return nil, p.diagnose(first.raw, err)
	}
	return &Verified{
		Signer: signer, Name: p.Name(), Digest: known.sum(),
		Pinned: Pinned{source: p, digests: known, framing: first.framing, session: first.session, position: &first.raw.position},
	}, nil
}

// run tells by the first bytes which of the three forms the package has: inline signature, detached signature
// over a compressed tar, or (only where the policy names the signature file) detached signature over an
// OpenPGP message.
func (f *pass) run(ctx context.Context, signaturePath string) (signer Signer, err error) {
	defer fault.Contain(openPGP, &err)
	var raw io.Reader = f.raw
	if f.progress != nil {
		raw = &progressReader{f}
	}
	reader := bufio.NewReaderSize(raw, copyBuffer)
	start, err := reader.Peek(sniffed)
	if len(start) == 0 {
		return Signer{}, truncated(err)
	}
	f.framing = framingOf(start)
	if armourStart(start) > 0 && (signaturePath != "" || f.source.signatureBeside(ctx) != "") {
		// A text that has an armour in it, and a signature of its own.
		f.framing = framingNone
	}
	isMessage := f.framing != framingNone
	if signaturePath == "" && !isMessage {
		if signaturePath = f.source.signatureBeside(ctx); signaturePath == "" {
			return Signer{}, f.source.unsigned(start)
		}
	}
	if signaturePath == "" {
		return f.inline(reader)
	}
	signatures, err := readSignatures(ctx, signaturePath)
	if err != nil {
		return Signer{}, err
	}
	if err := f.anyKnown(signatures); err != nil {
		return Signer{}, err
	}
	if isMessage {
		err = f.unwrap(bufio.NewReaderSize(io.TeeReader(reader, hashing(signatures)), copyBuffer))
	} else {
		_, err = io.CopyBuffer(hashing(signatures), onlyReader{reader}, make([]byte, copyBuffer))
	}
	if err != nil {
		return Signer{}, err
	}
	return f.verdict(signatures)
}

// inline verifies a message that holds its own signature.
func (f *pass) inline(reader *bufio.Reader) (Signer, error) {
	m, after, err := openFraming(reader, f.framing, unlockWith(f.secrets), true)
	if err != nil {
		return Signer{}, err
	}
	f.session = m.session
	if len(m.signatures) == 0 {
		return Signer{}, notSigned(f.source.path)
	}
	if err := f.anyKnown(m.signatures); err != nil {
		return Signer{}, err
	}
	// Decrypting and inflating run beside the hashing.
	content := m.content
	if len(m.layers) > 0 {
		beside := readAhead(buffersOf(layerBuffers, layerBuffer), content.Read)
		defer beside.Close()
		content = beside
	}
	if _, err := io.CopyBuffer(hashing(m.signatures), onlyReader{content}, make([]byte, copyBuffer)); err != nil {
		return Signer{}, err
	}
	err = m.finish()
	if err == nil {
		err = after()
	}
	if err != nil {
		return Signer{}, err
	}
	for _, one := range m.signatures {
		if one.problem == nil && !one.matchesAnnouncement() {
			one.problem = refuse("package-signature-bad", "the signature is not the one that was announced before the content")
		}
	}
	return f.verdict(m.signatures)
}

// unwrap reads a message whose bytes a detached signature vouches for; what it holds may be signed again or
// not.
func (f *pass) unwrap(reader *bufio.Reader) error {
	m, after, err := openFraming(reader, f.framing, unlockWith(f.secrets), true)
	if err != nil {
		return err
	}
	f.session = m.session
	if _, err := io.Copy(io.Discard, m.content); err != nil {
		return err
	}
	if err := m.finish(); err != nil {
		return err
	}
	return after()
}

// verdict accepts the first signature that is good; without one, the fault of a known key says more than that
// of a stranger.
func (f *pass) verdict(signatures []*candidate) (Signer, error) {
	var worst *fault.Fault
	for _, one := range signatures {
		problem := one.problem
		if problem == nil {
			var signer Signer
			if signer, problem = f.ring.judge(one.hash, one.signature, f.pins, f.clock); problem == nil {
				f.warn(f.clock.warning(one.signature))
				return signer, nil
			}
		}
		if worst == nil || worst.Code == "package-signer-unknown" {
			worst = problem
		}
	}
	return Signer{}, worst
}

// openFraming opens the message, and gives what must be checked after it.
func openFraming(reader *bufio.Reader, framing framing, unlock unlocker, checked bool) (*message, func() error, error) {
	after := func() error { return nil }
	if framing == framingArmour {
		var err error
		if reader, after, err = dearmour(reader); err != nil {
			return nil, nil, err
		}
	}
	m, err := walk(reader, unlock, checked)
	return m, after, err
}

// onlyReader hides WriteTo, so that a copy uses the buffer that it was given.
type onlyReader struct{ io.Reader }

type progressReader struct{ pass *pass }

func (p *progressReader) Read(buffer []byte) (int, error) {
	n, err := p.pass.raw.Read(buffer)
	p.pass.progress(p.pass.raw.position.Load(), p.pass.source.size)
	return n, err
}

func notSigned(path string) error {
	return refuse("package-unsigned", "%s is not signed", path).
		WithHint("sign it: gwe pack signs what it packs, gpg --sign or gpg --detach-sign what is packed already")
}

// unsigned says why a file without any signature is refused.
func (p *Package) unsigned(start []byte) error {
	if _, err := splitPackets(start); err == nil {
		return refuse("package-not-openpgp", "%s holds OpenPGP keys, not a package", p.path).
			WithHint("name the package itself; gwe keys import puts a key into a keyring")
	}
	if compressionOf(start) == "" && !looksLikeZip(start) {
		if zip := p.zipInside(); zip != nil {
			return refuse("package-not-openpgp", "%s is not a package", p.path).WithCause(zip).WithHint("%s", zip.Hint)
		}
		what, hint := contentOf(start)
		if what == "" {
			what = "neither an OpenPGP message nor an archive"
		}
		return refuse("package-not-openpgp", "%s is not a package: it is %s", p.path, what).WithHint("%s", hint)
	}
	return refuse("package-unsigned", "%s is not signed, and there is no %s.sig or .asc beside it", p.path, filepath.Base(p.path)).
		WithHint("sign it: gpg --detach-sign %s", p.path)
}

// normalisePins checks fingerprints and gives them in upper case without spaces.
func normalisePins(given []string) ([]string, error) {
	var pins []string
	for _, text := range given {
		pin := strings.ToUpper(strings.Join(strings.Fields(text), ""))
		pin = strings.TrimPrefix(pin, "0X")
		if len(pin) < 16 || len(pin) > 64 || strings.Trim(pin, "0123456789ABCDEF") != "" {
			return nil, refuse("signed-by-invalid", "%q is not a fingerprint: it needs 16 hexadecimal digits or more", text).
				WithHint("gwe keys list and gpg --fingerprint show it")
		}
		pins = append(pins, pin)
	}
	return pins, nil
}
