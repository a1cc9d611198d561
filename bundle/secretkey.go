package bundle

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"strings"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/value"
)

const keyFileMaximum = 16 << 20

// readSecretKeys reads an exported secret key, armoured or binary, and unlocks it. The file must be closed to
// everybody but its owner. purpose starts the fault codes: "package-decrypt" or "signing".
func readSecretKeys(path string, passphrase value.Secret, purpose string) (openpgp.EntityList, error) {
	return readSecretKeysIn(context.Background(), path, passphrase, purpose)
}

// readSecretKeysIn is readSecretKeys within a context.
func readSecretKeysIn(ctx context.Context, path string, passphrase value.Secret, purpose string) (openpgp.EntityList, error) {
	content, mode, err := readKeyFileMode(ctx, path, purpose+"-key")
	if err != nil {
		return nil, err
	}
	if mode.Perm()&0o077 != 0 {
		return nil, refuse(purpose+"-key-exposed", "the secret key %s can be read by others (mode %04o)", path, mode.Perm()).
			WithHint("close it: chmod 600 %s", path)
	}
	entities, err := parseKeys(path, content)
	if err != nil {
		return nil, refuse(purpose+"-key-unreadable", "%s is not an OpenPGP key", path).WithCause(err).
			WithHint("export it with gpg --export-secret-keys, or make one with gwe keys new")
	}
	secrets := entities[:0]
	for _, entity := range entities {
		if !holdsSecret(entity) {
			continue
		}
		if err := unlockEntity(entity, passphrase); err != nil {
			return nil, lockedKey(path, passphrase, purpose, err)
		}
		secrets = append(secrets, entity)
	}
	if len(secrets) == 0 {
		return nil, refuse(purpose+"-key-public", "%s holds no secret key", path).
			WithHint("a public key is not enough here: export the secret one with gpg --export-secret-keys")
	}
	return secrets, nil
}

func readKeyFile(path, code string) ([]byte, error) {
	return readKeyFileIn(context.Background(), path, code)
}

func readKeyFileIn(ctx context.Context, path, code string) ([]byte, error) {
	content, _, err := readKeyFileMode(ctx, path, code)
	return content, err
}

// readKeyFileMode reads a file with keys, and its mode.
func readKeyFileMode(ctx context.Context, path, code string) ([]byte, fs.FileMode, error) {
	file, size, err := openRegular(ctx, path, code)
	if err != nil {
		return nil, 0, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, 0, unreadable(code+"-unreadable", path, err)
	}
	if size > keyFileMaximum {
		return nil, 0, refuse(code+"-unreadable", "%s is too large to be a key", path)
	}
	content, err := io.ReadAll(io.LimitReader(file, keyFileMaximum))
	if err != nil {
		return nil, 0, unreadable(code+"-unreadable", path, err)
	}
	return content, info.Mode(), nil
}

func lockedKey(path string, passphrase value.Secret, purpose string, err error) error {
	if passphrase.IsZero() {
		return refuse(purpose+"-passphrase-missing", "the secret key %s is locked, and no passphrase was given", path).
			WithHint("give its passphrase: gwe pack and gwe verify take --passphrase-file or --passphrase-fd, a step the argument passphrase")
	}
	return refuse(purpose+"-passphrase-wrong", "the passphrase does not open the secret key %s", path).WithCause(err)
}

func holdsSecret(entity *openpgp.Entity) bool {
	for key := range secretKeysOf(entity) {
		if !key.Dummy() {
			return true
		}
	}
	return false
}

func unlockEntity(entity *openpgp.Entity, passphrase value.Secret) error {
	for key := range secretKeysOf(entity) {
		if !key.Encrypted || key.Dummy() {
			continue
		}
		if passphrase.IsZero() {
			return errors.New("no passphrase")
		}
		return contained(func() error { return entity.DecryptPrivateKeys([]byte(passphrase.Reveal())) })
	}
	return nil
}

// secretKeysOf gives the primary secret key and those of the subkeys.
func secretKeysOf(entity *openpgp.Entity) func(yield func(*packet.PrivateKey) bool) {
	return func(yield func(*packet.PrivateKey) bool) {
		if entity.PrivateKey != nil && !yield(entity.PrivateKey) {
			return
		}
		for _, subkey := range entity.Subkeys {
			if subkey.PrivateKey != nil && !yield(subkey.PrivateKey) {
				return
			}
		}
	}
}

// unlockWith gives the unlocker that tries the secret keys of a file. Expired and revoked keys still decrypt:
// they vouch for nothing.
func unlockWith(entities openpgp.EntityList) unlocker {
	return func(keys []*packet.EncryptedKey) (*session, error) {
		if len(entities) == 0 {
			return nil, refuse("package-decrypt-key-wanted", "the package is encrypted, and no secret key was given").
				WithHint("name the device's exported secret key (decrypt-key in a recipe, --decrypt-key); the package is for %s", recipients(keys))
		}
		var problem *fault.Fault
		for _, encrypted := range keys {
			for _, entity := range entities {
				for secret := range secretKeysOf(entity) {
					if secret.Dummy() || encrypted.Algo != secret.PubKeyAlgo || encrypted.KeyId != 0 && encrypted.KeyId != secret.KeyId {
						continue
					}
					err := contained(func() error { return encrypted.Decrypt(secret, nil) })
					if err == nil {
						return &session{encrypted.CipherFunc, encrypted.Key}, nil
					}
					if encrypted.KeyId != 0 && problem == nil {
						problem = locked(encrypted, secret, err)
					}
				}
			}
		}
		if problem != nil {
			return nil, problem
		}
		return nil, refuse("package-decrypt-key-wrong", "the package is not encrypted for this secret key").
			WithHint("the package is for %s; the secret key is %s", recipients(keys), fingerprintOf(entities[0].PrimaryKey))
	}
}

// locked says why a session key that is encrypted for a key cannot be decrypted with it.
func locked(encrypted *packet.EncryptedKey, secret *packet.PrivateKey, err error) *fault.Fault {
	if isUnsupported(err) {
		return unsupportedCipher(encrypted.CipherFunc)
	}
	return refuse("package-decrypt-failed", "the package is encrypted for the key %s, but cannot be decrypted with it", keyID(secret.KeyId)).
		WithCause(err).WithHint("it was damaged, or encrypted for another key with the same id: fetch it again")
}

// unlocked gives the unlocker of the second pass: the session key is known.
func unlocked(known *session) unlocker {
	if known == nil {
		return unlockWith(nil)
	}
	return func([]*packet.EncryptedKey) (*session, error) { return known, nil }
}

func recipients(keys []*packet.EncryptedKey) string {
	if len(keys) == 0 {
		return "a password, not a key"
	}
	var ids []string
	for _, key := range keys[:min(len(keys), 5)] {
		ids = append(ids, keyID(key.KeyId))
	}
	if len(keys) > len(ids) {
		ids = append(ids, "others")
	}
	return "the key " + strings.Join(ids, ", ")
}

// KeyIsLocked reports whether a secret key file needs a passphrase.
func KeyIsLocked(path string) (bool, error) {
	_, err := readSecretKeys(path, value.Secret{}, "signing")
	if found := fault.As(err); found != nil && found.Code == "signing-passphrase-missing" {
		return true, nil
	}
	return false, err
}
