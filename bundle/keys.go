package bundle

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/value"
)

// Algorithm is the kind of a new key.
type Algorithm string

const (
	// Ed25519 signs fast and with short signatures; every GnuPG since 2.1 reads it.
	Ed25519 Algorithm = "ed25519"
	// RSA is for tools that know nothing else: 3072 bits.
	RSA Algorithm = "rsa"
)

const rsaBits = 3072

// NewKeyOptions says how a key is made.
type NewKeyOptions struct {
	// Directory receives the files; "" is the working directory.
	Directory string
	// Algorithm is Ed25519 where it is "".
	Algorithm Algorithm
	// Passphrase locks the secret key; none leaves it open to whoever can read the file.
	Passphrase value.Secret
	// Expires is until when the key may sign; zero is for ever.
	Expires time.Time
}

// KeyFiles are the files of a new key.
type KeyFiles struct {
	Key
	// Secret, mode 0600, stays with whoever signs; Public goes into the devices' keyrings.
	Secret, Public string
}

// NewKey makes a key that can sign and be encrypted for, as <name>.key and <name>.asc, both armoured. It
// never writes over a file. email may be "".
func NewKey(name, email string, options NewKeyOptions) (KeyFiles, error) {
	if err := checkUser(name, email); err != nil {
		return KeyFiles{}, err
	}
	config := &packet.Config{
		Algorithm:     packet.PubKeyAlgoEdDSA,
		Curve:         packet.Curve25519,
		RSABits:       rsaBits,
		DefaultCipher: packet.CipherAES256,
	}
	if !options.Expires.IsZero() {
		// The format counts seconds in 32 bits.
		lifetime := time.Until(options.Expires) / time.Second
		if lifetime <= 0 || lifetime > math.MaxUint32 {
			return KeyFiles{}, refuse("key-expiry", "a key cannot expire on %s", day(options.Expires)).
				WithHint("name a day from tomorrow on, within 130 years")
		}
		config.KeyLifetimeSecs = uint32(lifetime)
	}
	switch options.Algorithm {
	case "", Ed25519:
	case RSA:
		config.Algorithm = packet.PubKeyAlgoRSA
	default:
		return KeyFiles{}, refuse("key-algorithm", "keys of the kind %q are not made", options.Algorithm).WithHint("use ed25519 or rsa")
	}
	entity, err := openpgp.NewEntity(name, "", email, config)
	if err != nil {
		return KeyFiles{}, fault.New(fault.Errored, "key-failed", "cannot make a key").WithCause(err)
	}
	public, err := armoured(openpgp.PublicKeyType, entity.Serialize)
	if err != nil {
		return KeyFiles{}, err
	}
	if !options.Passphrase.IsZero() {
		if err := entity.EncryptPrivateKeys([]byte(options.Passphrase.Reveal()), config); err != nil {
			return KeyFiles{}, fault.New(fault.Errored, "key-failed", "cannot lock the key").WithCause(err)
		}
	}
	secret, err := armoured(openpgp.PrivateKeyType, func(w io.Writer) error { return entity.SerializePrivateWithoutSigning(w, config) })
	if err != nil {
		return KeyFiles{}, err
	}
	base := filepath.Join(options.Directory, fileNameOf(name))
	files := KeyFiles{Secret: base + ".key", Public: base + ".asc"}
	if err := createFile(files.Secret, secret, 0o600); err != nil {
		return KeyFiles{}, err
	}
	if err := createFile(files.Public, public, 0o644); err != nil {
		os.Remove(files.Secret)
		return KeyFiles{}, err
	}
	files.Key = describe(entity, files.Public)
	return files, nil
}

func checkUser(name, email string) error {
	if strings.TrimSpace(name) == "" || fileNameOf(name) == "" {
		return refuse("key-name", "a key needs a name").WithHint("gwe keys new \"Example releases\"")
	}
	for _, text := range []string{name, email} {
		if strings.ContainsAny(text, "()<>") || strings.ContainsFunc(text, unicode.IsControl) {
			return refuse("key-name", "%q cannot be a key's name or address", text).WithHint("leave out ( ) < > and control characters")
		}
	}
	return nil
}

// fileNameOf makes a plain file name of a person's or firm's.
func fileNameOf(name string) string {
	plain := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' || r == '_' {
			return r
		}
		return '-'
	}, strings.ToLower(name))
	return strings.Trim(strings.Join(strings.FieldsFunc(plain, func(r rune) bool { return r == '-' }), "-"), ".")
}

// createFile writes a new file, durably, and never over an old one.
func createFile(path string, content []byte, mode fs.FileMode) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, fs.ErrExist) {
		return refuse("key-exists", "%s is there already", path).
			WithHint("keys are never overwritten: move it away, or give the new key another name")
	}
	if err != nil {
		return fault.New(fault.Failed, "key-unwritable", "cannot write %s", path).WithCause(err)
	}
	_, err = file.Write(content)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		os.Remove(path)
		return fault.New(fault.Failed, "key-unwritable", "cannot write %s", path).WithCause(err)
	}
	return durable.SyncDirectory(filepath.Dir(path))
}

// ExportKey gives the armoured public key of a keyring that the selector names: the end of a fingerprint, or
// a part of the user id. It must name one key. All copies of the key in the keyring are joined; their packets
// are as they were.
func ExportKey(directory, selector string) ([]byte, error) {
	ring, err := LoadKeyring(directory)
	if err != nil {
		return nil, err
	}
	var found *openpgp.Entity
	var packets certificate
	for _, trusted := range ring.keys {
		if !selects(selector, trusted.entity) {
			continue
		}
		if found != nil && !bytes.Equal(found.PrimaryKey.Fingerprint, trusted.entity.PrimaryKey.Fingerprint) {
			return nil, refuse("key-ambiguous", "%q names more than one key in %s", selector, directory).
				WithHint("give the fingerprint; gwe keys list shows it")
		}
		found = trusted.entity
		if !trusted.packets.isSecret() {
			packets = packets.merged(trusted.packets)
		}
	}
	switch {
	case found == nil:
		return nil, refuse("key-unknown", "the keyring %s has no key %q", directory, selector).WithHint("gwe keys list shows the keys")
	case len(packets.parts) == 0:
		return armoured(openpgp.PublicKeyType, found.Serialize)
	}
	return packets.armoured()
}

func selects(selector string, entity *openpgp.Entity) bool {
	digits := strings.ToUpper(strings.Join(strings.Fields(selector), ""))
	return len(digits) >= 8 && strings.HasSuffix(fingerprintOf(entity.PrimaryKey), digits) ||
		selector != "" && strings.Contains(strings.ToLower(userIDOf(entity)), strings.ToLower(selector))
}

func armoured(kind string, serialize func(io.Writer) error) ([]byte, error) {
	var buffer bytes.Buffer
	w, err := armor.Encode(&buffer, kind, nil)
	if err == nil {
		err = errors.Join(serialize(w), w.Close())
	}
	if err != nil {
		return nil, fault.New(fault.Errored, "key-failed", "cannot write a key").WithCause(err)
	}
	buffer.WriteByte('\n')
	return buffer.Bytes(), nil
}
