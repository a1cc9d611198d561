package bundle

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/regular"
)

// Keyring is a directory of trusted public keys.
type Keyring struct {
	directory string
	keys      []trustedKey
	// unread are the files that could not be read, wholly or in part.
	unread []unreadFile
}

// trustedKey is a copy of a key in a file. entity is that of all copies together.
type trustedKey struct {
	entity  *openpgp.Entity
	packets certificate
	file    string
}

// unreadFile is a file of a keyring that could not be read, or of which something could not.
type unreadFile struct {
	path string
	errs []error
}

func (u unreadFile) String() string {
	text := fmt.Sprintf("cannot read all of the keyring file %s, and what cannot be read does not count: %v", u.path, u.errs[0])
	if len(u.errs) > 1 {
		text += fmt.Sprintf(" (and %d more)", len(u.errs)-1)
	}
	return text
}

// Files is what a keyring is read from; step.Machine is one.
type Files interface {
	ReadDir(path string) ([]fs.DirEntry, error)
	Stat(path string) (fs.FileInfo, error)
	ReadFile(path string) ([]byte, error)
}

// localFiles are read within a context.
type localFiles struct{ ctx context.Context }

func (l localFiles) ReadDir(path string) ([]fs.DirEntry, error) {
	return regular.Await(l.ctx, path, func() ([]fs.DirEntry, error) { return os.ReadDir(path) }, nil)
}

func (l localFiles) Stat(path string) (fs.FileInfo, error) {
	return regular.Await(l.ctx, path, func() (fs.FileInfo, error) { return os.Stat(path) }, nil)
}

func (l localFiles) ReadFile(path string) ([]byte, error) { return readKeyFileIn(l.ctx, path, "key") }

// LoadKeyring reads the public keys of a directory: *.asc and *.gpg, armoured or binary, and a GnuPG home's
// pubring.kbx and pubring.gpg. Other files are left alone, and so are secret keys (secring.gpg). A file that
// cannot be read takes nothing from the others; Warnings names it. Copies of one key count as one, with all
// that any of them knows. A keyring without a readable key is an error, because it could verify nothing.
func LoadKeyring(directory string) (*Keyring, error) {
	return LoadKeyringFrom(localFiles{context.Background()}, directory)
}

// LoadKeyringFrom is LoadKeyring on another machine's files.
func LoadKeyringFrom(files Files, directory string) (*Keyring, error) {
	ring, err := readKeyring(files, directory)
	if err != nil {
		return nil, err
	}
	switch {
	case len(ring.keys) > 0:
		return ring, nil
	case len(ring.unread) > 0:
		first := ring.unread[0]
		return nil, refuse("keyring-unreadable", "no key of the keyring %s can be read: %s", directory, first.path).WithCause(first.errs[0]).
			WithHint("write it again with gpg --export --armor, and import it: gwe keys import KEY.asc --keyring %s", directory)
	}
	return nil, refuse("keyring-empty", "the keyring %s holds no public key", directory).
		WithHint("put the public key of whoever signs the packages there: gwe keys import KEY.asc --keyring %s", directory)
}

// ReadKeyring is LoadKeyring for a keyring that may be empty.
func ReadKeyring(directory string) (*Keyring, error) {
	return readKeyring(localFiles{context.Background()}, directory)
}

// interrupted reports whether a read ended because its run was told to stop, which says nothing about the
// file.
func interrupted(err error) bool { return err != nil && fault.ClassOf(err) == fault.Interrupted }

func readKeyring(files Files, directory string) (*Keyring, error) {
	ring := &Keyring{directory: directory}
	entries, err := files.ReadDir(directory)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, refuse("keyring-missing", "there is no keyring %s", directory).
			WithHint("make the directory and put the trusted public keys there: gwe keys import KEY.asc --keyring %s", directory)
	}
	if interrupted(err) {
		return nil, err
	}
	if err != nil {
		return nil, refuse("keyring-unreadable", "cannot read the keyring %s", directory).WithCause(err).
			WithHint("it is a directory that the user who runs gwe may read")
	}
	var revocations []rawPacket
	for _, entry := range entries {
		if entry.IsDir() || !isKeyFile(entry.Name()) {
			continue
		}
		path := filepath.Join(directory, entry.Name())
		content, err := readKeyringFile(files, path)
		var found keyPackets
		if err == nil {
			found, err = splitKeyFile(path, content)
		}
		if interrupted(err) {
			return nil, err
		}
		if err != nil {
			ring.unreadable(path, cutShort(err))
		}
		for _, one := range found.keys {
			ring.keys = append(ring.keys, trustedKey{packets: one, file: path})
		}
		revocations = append(revocations, found.revocations...)
	}
	ring.apply(revocations)
	ring.read()
	return ring, nil
}

// readKeyringFile reads a file without waiting for the other end of a pipe, and not without end.
func readKeyringFile(files Files, path string) ([]byte, error) {
	info, err := files.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("it is not a regular file")
	case info.Size() > keyFileMaximum:
		return nil, errors.New("it is too large to hold keys")
	}
	return files.ReadFile(path)
}

func (k *Keyring) unreadable(path string, err error) {
	for i := range k.unread {
		if k.unread[i].path == path {
			k.unread[i].errs = append(k.unread[i].errs, err)
			return
		}
	}
	k.unread = append(k.unread, unreadFile{path, []error{err}})
}

// apply gives revocations that stand alone to their keys.
func (k *Keyring) apply(revocations []rawPacket) {
	for _, one := range revocations {
		for i, trusted := range k.keys {
			if trusted.packets.revokedBy(one) {
				k.keys[i].packets = trusted.packets.with(one)
			}
		}
	}
}

// read makes entities of the packets. Copies of a key become one, with all that any of them has.
func (k *Keyring) read() {
	copies := map[string][]int{}
	for i, trusted := range k.keys {
		primary, err := trusted.packets.primary()
		if err == nil && !trusted.packets.isSecret() {
			copies[string(primary.Fingerprint)] = append(copies[string(primary.Fingerprint)], i)
		}
	}
	for _, same := range copies {
		var all certificate
		for _, i := range same {
			all = all.merged(k.keys[i].packets)
		}
		entity, err := all.entity()
		for _, i := range same {
			if err == nil {
				k.keys[i].entity = entity
			}
		}
	}
	readable := k.keys[:0]
	for _, trusted := range k.keys {
		if trusted.entity == nil {
			var err error
			if trusted.entity, err = trusted.packets.entity(); err != nil {
				k.unreadable(trusted.file, err)
				continue
			}
		}
		readable = append(readable, trusted)
	}
	k.keys = readable
}

// Warnings names the files that could not be read, and why: their keys do not count.
func (k *Keyring) Warnings() []string {
	var all []string
	for _, file := range k.unread {
		all = append(all, file.String())
	}
	return all
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

// splitKeyFile takes a file with keys apart: a keybox by its name, else binary packets, or one or more
// armoured blocks with text around them. With an error it gives the keys that are not touched by it.
func splitKeyFile(path string, content []byte) (keyPackets, error) {
	switch {
	case filepath.Ext(path) == ".kbx":
		return splitKeybox(content)
	case len(bytes.TrimSpace(content)) == 0:
		return keyPackets{}, errors.New("it is empty")
	case !isArmoured(content) && content[0]&0x80 == 0:
		return keyPackets{}, fmt.Errorf("%w, neither armoured nor binary", errNoKey)
	case !isArmoured(content):
		return splitPackets(content)
	}
	var all keyPackets
	other := ""
	blocks, err := armourBlocks(content)
	for _, block := range blocks {
		if block.kind != openpgp.PublicKeyType && block.kind != openpgp.PrivateKeyType {
			other = block.kind
			continue
		}
		found, problem := splitPackets(block.body)
		all.append(found)
		if err == nil {
			err = problem
		}
	}
	if len(all.keys) == 0 && len(all.revocations) == 0 && err == nil {
		err = fmt.Errorf("%w, but a %s", errNoKey, other)
	}
	return all, err
}

// parseKeys reads the keys of one file. Keys that cannot be read are left out; a file with nothing but these
// is an error.
func parseKeys(path string, content []byte) (openpgp.EntityList, error) {
	found, err := splitKeyFile(path, content)
	if err != nil {
		return nil, err
	}
	var all openpgp.EntityList
	for _, one := range found.keys {
		entity, problem := one.entity()
		if problem != nil {
			err = problem
			continue
		}
		all = append(all, entity)
	}
	switch {
	case len(all) > 0:
		return all, nil
	case err == nil:
		err = errNoKey
	}
	return nil, err
}

// find gives the copies of the keys with that id; where a fingerprint is known, it must be that of the key.
func (k *Keyring) find(id uint64, fingerprint []byte) []signingKey {
	var found []signingKey
	for _, trusted := range k.keys {
		for _, key := range (openpgp.EntityList{trusted.entity}).KeysById(id) {
			candidate := signingKey{entity: trusted.entity, public: key.PublicKey}
			if (len(fingerprint) == 0 || bytes.Equal(key.PublicKey.Fingerprint, fingerprint)) && !slices.Contains(found, candidate) {
				found = append(found, candidate)
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
	// State is "good", "expired", "revoked" or "unusable" today; it is "not yet valid" where the key expires
	// and the clock is older than the key.
	State string `json:"state"`
	// File is where the key lies.
	File string `json:"file"`
}

// Keys lists the keyring, by file name.
func (k *Keyring) Keys() []Key {
	var keys []Key
	for _, trusted := range k.keys {
		keys = append(keys, describe(trusted.entity, trusted.file))
	}
	return keys
}

func describe(entity *openpgp.Entity, file string) Key {
	key := Key{
		Fingerprint: fingerprintOf(entity.PrimaryKey),
		UserID:      userIDOf(entity),
		Algorithm:   algorithmOf(entity.PrimaryKey),
		Created:     entity.PrimaryKey.CreationTime,
		State:       "good",
		File:        file,
	}
	primary := signingKey{entity: entity, public: entity.PrimaryKey}
	life, err := primary.life()
	key.Expires = life.expires
	switch problem := usable(primary, clock{now: time.Now()}, nil); {
	case problem == nil:
	case problem.Code == "package-key-expired":
		key.State = "expired"
	case problem.Code == "package-key-revoked":
		key.State = "revoked"
	case problem.Code == "package-key-not-yet-valid":
		key.State = "not yet valid"
	case err != nil:
		key.State = "unusable"
	}
	return key
}

func fingerprintOf(key *packet.PublicKey) string {
	return strings.ToUpper(hex.EncodeToString(key.Fingerprint))
}

func keyID(id uint64) string { return fmt.Sprintf("%016X", id) }

// userIDOf gives the primary user id, or the first by name where none is marked.
func userIDOf(entity *openpgp.Entity) string {
	var primary *openpgp.Identity
	_ = contained(func() error { _, primary = entity.PrimaryIdentity(time.Time{}, nil); return nil })
	if primary != nil {
		return primary.Name
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
