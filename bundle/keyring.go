package bundle

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"github.com/gwe-project/gwe/engine/fault"
)

// Keyring is a folder of trusted public keys.
type Keyring struct {
	folder string
	keys   []trustedKey
}

type trustedKey struct {
	entity *openpgp.Entity
	file   string
}

// Files is what a keyring is read from; step.Machine is one.
type Files interface {
	ReadDir(path string) ([]fs.DirEntry, error)
	ReadFile(path string) ([]byte, error)
}

type localFiles struct{}

func (localFiles) ReadDir(path string) ([]fs.DirEntry, error) { return os.ReadDir(path) }
func (localFiles) ReadFile(path string) ([]byte, error)       { return os.ReadFile(path) }

// LoadKeyring reads the public keys of a folder: *.asc and *.gpg, armoured or binary, and a GnuPG home's pubring.kbx and
// pubring.gpg. Other files are left alone, and so are secret keys (secring.gpg). An empty keyring is an error, because it
// could verify nothing; a file that cannot be read as keys is one too, because it might hold a revocation.
func LoadKeyring(folder string) (*Keyring, error) { return LoadKeyringFrom(localFiles{}, folder) }

// LoadKeyringFrom is LoadKeyring on another machine's files.
func LoadKeyringFrom(files Files, folder string) (*Keyring, error) {
	ring, err := readKeyring(files, folder)
	if err != nil {
		return nil, err
	}
	if len(ring.keys) == 0 {
		return nil, refuse("keyring-empty", "the keyring %s holds no public key", folder).
			WithHint("put the public key of whoever signs the packages there: gwe keys import KEY.asc --keyring %s", folder)
	}
	return ring, nil
}

func readKeyring(files Files, folder string) (*Keyring, error) {
	ring := &Keyring{folder: folder}
	entries, err := files.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, refuse("keyring-missing", "there is no keyring %s", folder).
			WithHint("make the folder and put the trusted public keys there: gwe keys import KEY.asc --keyring %s", folder)
	}
	if err != nil {
		return nil, refuse("keyring-unreadable", "cannot read the keyring %s", folder).WithCause(err).
			WithHint("it is a folder that the user who runs gwe may read")
	}
	for _, entry := range entries {
		if entry.IsDir() || !isKeyFile(entry.Name()) {
			continue
		}
		path := filepath.Join(folder, entry.Name())
		content, err := files.ReadFile(path)
		if err != nil {
			return nil, refuse("keyring-unreadable", "cannot read the keyring file %s", path).WithCause(err).
				WithHint("let the user who runs gwe read it: public keys are no secret")
		}
		parse := parseKeys
		if filepath.Ext(path) == ".kbx" {
			parse = parseKeybox
		}
		entities, err := parse(content)
		if err != nil {
			return nil, refuse("keyring-unreadable", "the keyring file %s does not hold public keys", path).WithCause(err).
				WithHint("write it again with gpg --export --armor, or move it elsewhere")
		}
		for _, entity := range entities {
			ring.keys = append(ring.keys, trustedKey{entity, path})
		}
	}
	return ring, nil
}

func isKeyFile(name string) bool {
	switch name {
	case "pubring.kbx":
		return true
	case "trustdb.gpg", "secring.gpg":
		return false
	}
	return !strings.HasPrefix(name, ".") && (strings.HasSuffix(name, ".asc") || strings.HasSuffix(name, ".gpg"))
}

// parseKeys reads keys from one file: binary, or one or more armoured blocks. Keys of kinds that the library does not
// know are left out; a file with nothing but these is an error.
func parseKeys(content []byte) (keys openpgp.EntityList, err error) {
	defer fault.Contain(openPGP, &err)
	if len(bytes.TrimSpace(content)) == 0 {
		return nil, errors.New("it is empty")
	}
	if !isArmoured(content) {
		return openpgp.ReadKeyRing(bytes.NewReader(content))
	}
	var all openpgp.EntityList
	reader := bufio.NewReader(bytes.NewReader(content))
	for {
		block, err := armor.Decode(reader)
		if errors.Is(err, io.EOF) && len(all) > 0 {
			return all, nil
		}
		if err != nil {
			return nil, truncated(err)
		}
		if block.Type != openpgp.PublicKeyType && block.Type != openpgp.PrivateKeyType {
			return nil, fmt.Errorf("it holds a %s", block.Type)
		}
		entities, err := openpgp.ReadKeyRing(block.Body)
		if err != nil {
			return nil, err
		}
		all = append(all, entities...)
	}
}

// find gives the copies of the keys with that id; where a fingerprint is known, it must be that of the key.
func (k *Keyring) find(id uint64, fingerprint []byte) []signingKey {
	var found []signingKey
	for _, trusted := range k.keys {
		for _, key := range (openpgp.EntityList{trusted.entity}).KeysById(id) {
			if len(fingerprint) == 0 || bytes.Equal(key.PublicKey.Fingerprint, fingerprint) {
				found = append(found, signingKey{entity: trusted.entity, public: key.PublicKey})
			}
		}
	}
	return found
}

// Key describes a key of a keyring.
type Key struct {
	// Fingerprint is the primary key's, in upper-case hexadecimal.
	Fingerprint string    `json:"fingerprint"`
	UserID      string    `json:"user_id"`
	Algorithm   string    `json:"algorithm"`
	Created     time.Time `json:"created"`
	// Expires is zero where the key does not.
	Expires time.Time `json:"expires,omitzero"`
	// State is "good", "not yet valid", "expired", "revoked" or "unusable", today.
	State string `json:"state"`
	// File is where the key lies.
	File string `json:"file"`
}

// Keys lists the keyring, by file name.
func (k *Keyring) Keys() []Key {
	var keys []Key
	for _, trusted := range k.keys {
		keys = append(keys, describe(trusted.entity, trusted.file, time.Now()))
	}
	return keys
}

func describe(entity *openpgp.Entity, file string, now time.Time) Key {
	key := Key{
		Fingerprint: fingerprintOf(entity.PrimaryKey),
		UserID:      userIDOf(entity),
		Algorithm:   algorithmOf(entity.PrimaryKey),
		Created:     entity.PrimaryKey.CreationTime,
		State:       "good",
		File:        file,
	}
	if self, err := entity.PrimarySelfSignature(time.Time{}, nil); err == nil && self.KeyLifetimeSecs != nil && *self.KeyLifetimeSecs > 0 {
		key.Expires = key.Created.Add(time.Duration(*self.KeyLifetimeSecs) * time.Second)
	}
	switch problem := usable(signingKey{entity: entity, public: entity.PrimaryKey}, now); {
	case problem == nil:
	case problem.Code == "package-key-expired":
		key.State = "expired"
	case problem.Code == "package-key-revoked":
		key.State = "revoked"
	case problem.Code == "package-key-not-yet-valid":
		key.State = "not yet valid"
	default:
		if _, err := entity.VerifyPrimaryKey(now, nil); err != nil {
			key.State = "unusable"
		}
	}
	return key
}

func fingerprintOf(key *packet.PublicKey) string {
	return strings.ToUpper(hex.EncodeToString(key.Fingerprint))
}

func keyID(id uint64) string { return fmt.Sprintf("%016X", id) }

// userIDOf gives the primary user id, or the first by name where none is marked.
func userIDOf(entity *openpgp.Entity) string {
	if _, identity := entity.PrimaryIdentity(time.Time{}, nil); identity != nil {
		return identity.Name
	}
	var names []string
	for name := range entity.Identities {
		names = append(names, name)
	}
	slices.Sort(names)
	if len(names) == 0 {
		return ""
	}
	return names[0]
}

func algorithmOf(key *packet.PublicKey) string {
	switch key.PubKeyAlgo {
	case packet.PubKeyAlgoRSA, packet.PubKeyAlgoRSASignOnly, packet.PubKeyAlgoRSAEncryptOnly:
		bits, err := key.BitLength()
		if err != nil {
			return "rsa"
		}
		return fmt.Sprintf("rsa%d", bits)
	case packet.PubKeyAlgoEdDSA, packet.PubKeyAlgoEd25519:
		return "ed25519"
	case packet.PubKeyAlgoEd448:
		return "ed448"
	case packet.PubKeyAlgoECDSA:
		if curve, err := key.Curve(); err == nil {
			return strings.ToLower(string(curve))
		}
		return "ecdsa"
	case packet.PubKeyAlgoDSA:
		return "dsa"
	}
	return fmt.Sprintf("algorithm %d", key.PubKeyAlgo)
}
