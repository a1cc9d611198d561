package bundle

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"io"
	"path/filepath"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/value"
)

// sealer signs a stream and, where there are recipients, encrypts it, so that every GnuPG since 2.1 can read
// it.
type sealer struct {
	signer     *openpgp.Entity
	recipients []*openpgp.Entity
	config     *packet.Config
}

func newSealer(signing SignOptions, recipients []string) (*sealer, error) {
	if signing.Key == "" {
		return nil, refuse("signing-key-wanted", "a package is always signed, and no signing key was given").
			WithHint("make one with gwe keys new NAME, or export one with gpg --export-secret-keys, and name it with --key")
	}
	secrets, err := readSecretKeys(signing.Key, signing.Passphrase, "signing")
	if err != nil {
		return nil, err
	}
	s := &sealer{config: &packet.Config{
		DefaultHash:            crypto.SHA256, // fast where the processor helps; the library takes a longer one for keys that want it
		DefaultCipher:          packet.CipherAES256,
		DefaultCompressionAlgo: packet.CompressionNone, // the tar is compressed already
	}}
	now := time.Now()
	var problem error
	for _, entity := range secrets {
		if problem = canSign(entity, now); problem == nil {
			s.signer = entity
			break
		}
	}
	if problem != nil {
		return nil, problem
	}
	if !signing.SignedAt.IsZero() {
		day := signing.SignedAt
		if made := signingSince(s.signer, now); day.Before(made) {
			day = made
		}
		s.config.Time = func() time.Time { return day }
		s.config.NonDeterministicSignaturesViaNotation = packet.BoolPointer(false)
	}
	for _, path := range recipients {
		recipient, err := readRecipient(path, now)
		if err != nil {
			return nil, err
		}
		s.recipients = append(s.recipients, recipient)
	}
	return s, nil
}

// signingSince is when the key could first sign: before that day no device would accept a signature by it.
func signingSince(entity *openpgp.Entity, now time.Time) time.Time {
	since := entity.PrimaryKey.CreationTime
	if key, ok := entity.SigningKey(now, nil); ok && key.PublicKey.CreationTime.After(since) {
		since = key.PublicKey.CreationTime
	}
	return since
}

// canSign makes sure of what the device will make sure of.
func canSign(entity *openpgp.Entity, now time.Time) error {
	primary, clock := signingKey{entity: entity, public: entity.PrimaryKey}, clock{now: now}
	if problem := usable(primary, clock, nil); problem != nil && problem.Code != "package-key-unusable" {
		return problem
	}
	if entity.PrimaryKey.CreationTime.After(now) {
		return refuse("package-key-not-yet-valid", "the key %s %s was made on %s, which is in the future",
			fingerprintOf(entity.PrimaryKey), userIDOf(entity), day(entity.PrimaryKey.CreationTime)).WithHint("%s", clock.hint())
	}
	var key openpgp.Key
	ok := false
	if err := contained(func() error { key, ok = entity.SigningKey(now, nil); return nil }); err != nil || !ok || key.PrivateKey == nil || key.PrivateKey.Dummy() {
		return refuse("signing-key-unusable", "the key %s %s cannot sign", fingerprintOf(entity.PrimaryKey), userIDOf(entity)).
			WithHint("make a signing key with gwe keys new NAME, and see that its secret part is in the file")
	}
	return nil
}

func readRecipient(path string, now time.Time) (*openpgp.Entity, error) {
	content, err := readKeyFile(path, "recipient-key")
	if err != nil {
		return nil, err
	}
	entities, err := parseKeys(path, content)
	if err == nil && len(entities) != 1 {
		err = errors.New("it holds more than one key")
	}
	if err != nil {
		return nil, refuse("recipient-key-unreadable", "%s is not one public key", path).WithCause(err).
			WithHint("export the device's public key: gwe keys export, or gpg --export --armor")
	}
	if err := contained(func() error { _, err := entities[0].EncryptionKeyWithError(now, nil); return err }); err != nil {
		return nil, refuse("recipient-key-unusable", "nothing can be encrypted for the key in %s", path).WithCause(err).
			WithHint("it needs an encryption subkey that has not expired")
	}
	return entities[0], nil
}

// open starts the message; the writer must be closed for the signature to be written.
func (s *sealer) open(w io.Writer) (sealed io.WriteCloser, err error) {
	signers := []*openpgp.Entity{s.signer}
	err = contained(func() (err error) {
		if len(s.recipients) == 0 {
			sealed, err = openpgp.Sign(w, signers, nil, s.config)
		} else {
			sealed, err = openpgp.Encrypt(w, s.recipients, nil, signers, nil, s.config)
		}
		return err
	})
	return sealed, err
}

// SignOptions says by which key to sign.
type SignOptions struct {
	// Key is a file with an exported secret key, mode 0600; Passphrase opens it where it is locked.
	Key        string
	Passphrase value.Secret
	// SignedAt, if it is not zero, is the date of the signature, or the day on which the key was made if that
	// is later. The same file then gets the same signature each time. Zero is now.
	SignedAt time.Time
}

// Sign writes a detached signature over a file, armoured where the signature's name ends in .asc. It replaces
// a signature that is there. A key that cannot sign today is refused.
func Sign(file, signature string, options SignOptions) error {
	seal, err := newSealer(options, nil)
	if err != nil {
		return err
	}
	content, _, err := openRegular(context.Background(), file, "package")
	if err != nil {
		return err
	}
	defer content.Close()
	write := func(w io.Writer) error {
		return contained(func() error {
			return openpgp.DetachSign(w, []*openpgp.Entity{seal.signer}, content, seal.config)
		})
	}
	var made []byte
	if filepath.Ext(signature) == ".asc" {
		made, err = armoured(openpgp.SignatureType, write)
	} else {
		var buffer bytes.Buffer
		err = write(&buffer)
		made = buffer.Bytes()
	}
	if err != nil {
		return fault.New(fault.Errored, "signing-failed", "cannot sign %s", file).WithCause(err)
	}
	return durable.WriteFile(signature, made, 0o644)
}
