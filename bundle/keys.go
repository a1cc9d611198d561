package bundle

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
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
	// Folder receives the files; "" is the working directory.
	Folder string
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

// NewKey makes a key that can sign and be encrypted for, as <name>.key and <name>.asc, both armoured. It never writes over
// a file. email may be "".
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
	base := filepath.Join(options.Folder, fileNameOf(name))
	files := KeyFiles{Secret: base + ".key", Public: base + ".asc"}
	if err := createFile(files.Secret, secret, 0o600); err != nil {
		return KeyFiles{}, err
	}
	if err := createFile(files.Public, public, 0o644); err != nil {
		os.Remove(files.Secret)
		return KeyFiles{}, err
	}
	files.Key = describe(entity, files.Public, time.Now())
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
	return durable.SyncFolder(filepath.Dir(path))
}

// ListKeys lists a keyring; an empty one is no error here.
func ListKeys(folder string) ([]Key, error) {
	ring, err := readKeyring(localFiles{}, folder)
	if err != nil {
		return nil, err
	}
	return ring.Keys(), nil
}

// ImportKeys puts the public keys of a file into a keyring, each as <fingerprint>.asc, and makes the folder where it is
// missing. A key that is there already is replaced by the newer copy, unless that lacks its revocation. An expired or
// revoked key is imported too: so it is known why its signatures are refused.
func ImportKeys(folder, file string) ([]Key, error) {
	content, err := readKeyFile(file, "key")
	if err != nil {
		return nil, err
	}
	parse := parseKeys
	if filepath.Ext(file) == ".kbx" {
		parse = parseKeybox
	}
	entities, err := parse(content)
	if err != nil || len(entities) == 0 {
		return nil, refuse("key-unreadable", "%s does not hold public keys", file).WithCause(err).
			WithHint("export the key with gpg --export --armor, or take the .asc file that gwe keys new wrote")
	}
	for _, entity := range entities {
		if entity.PrivateKey != nil {
			return nil, refuse("key-secret", "%s holds a secret key, which must not go to the devices", file).
				WithHint("import the public part: gpg --export --armor, or the .asc file that gwe keys new wrote")
		}
		if _, err := entity.PrimarySelfSignature(time.Time{}, nil); err != nil {
			return nil, refuse("key-unusable", "the key %s is not signed by itself as it must be", fingerprintOf(entity.PrimaryKey)).WithCause(err)
		}
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, fault.New(fault.Failed, "key-unwritable", "cannot make the keyring %s", folder).WithCause(err)
	}
	ring, err := readKeyring(localFiles{}, folder)
	if err != nil {
		return nil, err
	}
	var imported []Key
	for _, entity := range entities {
		path := filepath.Join(folder, fingerprintOf(entity.PrimaryKey)+".asc")
		if ring.revokes(entity) && !revoked(signingKey{entity: entity, public: entity.PrimaryKey}) {
			return nil, refuse("key-revoked", "the keyring knows that the key %s was revoked", fingerprintOf(entity.PrimaryKey))
		}
		armoured, err := armoured(openpgp.PublicKeyType, entity.Serialize)
		if err != nil {
			return nil, err
		}
		if err := durable.WriteFile(path, armoured, 0o644); err != nil {
			return nil, err
		}
		imported = append(imported, describe(entity, path, time.Now()))
	}
	return imported, nil
}

// revokes tells whether the keyring holds a revocation of the key.
func (k *Keyring) revokes(entity *openpgp.Entity) bool {
	return slices.ContainsFunc(k.keys, func(trusted trustedKey) bool {
		return bytes.Equal(trusted.entity.PrimaryKey.Fingerprint, entity.PrimaryKey.Fingerprint) &&
			revoked(signingKey{entity: trusted.entity, public: trusted.entity.PrimaryKey})
	})
}

// ExportKey gives the armoured public key of a keyring that the selector names: the end of a fingerprint, or a part of
// the user id. It must name one key.
func ExportKey(folder, selector string) ([]byte, error) {
	ring, err := LoadKeyring(folder)
	if err != nil {
		return nil, err
	}
	var found *openpgp.Entity
	for _, trusted := range ring.keys {
		if !selects(selector, trusted.entity) {
			continue
		}
		if found != nil && !bytes.Equal(found.PrimaryKey.Fingerprint, trusted.entity.PrimaryKey.Fingerprint) {
			return nil, refuse("key-ambiguous", "%q names more than one key in %s", selector, folder).
				WithHint("give the fingerprint; gwe keys list shows it")
		}
		found = trusted.entity
	}
	if found == nil {
		return nil, refuse("key-unknown", "the keyring %s has no key %q", folder, selector).WithHint("gwe keys list shows the keys")
	}
	return armoured(openpgp.PublicKeyType, found.Serialize)
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
