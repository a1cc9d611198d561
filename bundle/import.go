package bundle

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
)

// Imported is what came of an import.
type Imported struct {
	// Keys are the keys as they are in the keyring now.
	Keys []Key
	// Warnings name keys of the file that were left out, and files of the keyring that cannot be read.
	Warnings []string
}

// ImportKeys is Import for callers that have no place for warnings.
func ImportKeys(directory, file string) ([]Key, error) {
	imported, err := Import(directory, file)
	return imported.Keys, err
}

// Import puts the public keys of a file into a keyring, each as <fingerprint>.asc, and makes the directory
// where it is missing. A key that is there already is joined with the new copy, as GnuPG does it: nothing
// that either knows is lost, and a revocation stays. The packets stay as they were written, and are read back
// before they are put in place, by what reads a keyring; nothing is written unless all of them can be. A
// certificate of revocation without its key revokes the key that is there. An expired or revoked key is
// imported too: so it is known why its signatures are refused.
func Import(directory, file string) (Imported, error) {
	content, err := readKeyFile(file, "key")
	if err != nil {
		return Imported{}, err
	}
	found, err := splitKeyFile(file, content)
	if err != nil {
		return Imported{}, unreadableKeys(file, err)
	}
	if slices.ContainsFunc(found.keys, certificate.isSecret) {
		return Imported{}, refuse("key-secret", "%s holds a secret key, which must not go to the devices", file).
			WithHint("import the public part: gpg --export --armor, or the .asc file that gwe keys new wrote")
	}
	// A keyring is made only for keys that can be imported.
	if _, err := os.Stat(directory); errors.Is(err, fs.ErrNotExist) {
		if _, err := found.into(&Keyring{directory: directory}, file); err != nil {
			return Imported{}, err
		}
	}
	unlock, err := lockKeyring(directory)
	if err != nil {
		return Imported{}, err
	}
	defer unlock()
	ring, err := ReadKeyring(directory)
	if err != nil {
		return Imported{}, err
	}
	work, err := found.into(ring, file)
	if err != nil {
		return Imported{}, err
	}
	keys, err := work.write()
	return Imported{Keys: keys, Warnings: append(work.warnings, work.remaining()...)}, err
}

// importPatience is how long an import waits for another one into the same keyring. An import takes a moment;
// who holds the lock for longer need not be gwe, since every user who can read the directory can lock it.
const importPatience = 15 * time.Second

// lockKeyring makes the directory and waits for other imports into it: each reads what the one before has
// written.
func lockKeyring(directory string) (unlock func(), err error) {
	unwritable := fault.New(fault.Failed, "key-unwritable", "cannot make the keyring %s", directory)
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return nil, unwritable.WithCause(err)
	}
	opened, err := os.OpenFile(directory, os.O_RDONLY|syscall.O_DIRECTORY, 0)
	if err != nil {
		return nil, unwritable.WithCause(err)
	}
	err = lockWithin(opened, importPatience)
	if err == nil {
		return func() { opened.Close() }, nil
	}
	opened.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, refuse("keyring-busy", "cannot import into the keyring %s: another process has locked it for %v", directory, importPatience).
			WithHint("look who it is with `fuser %s`, and import again when it has ended", directory)
	}
	return nil, unwritable.WithCause(err)
}

// lockWithin takes the lock on an open file as soon as it is free.
func lockWithin(file *os.File, patience time.Duration) error {
	for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		err := durable.Flock(file)
		if !errors.Is(err, syscall.EWOULDBLOCK) || time.Since(begun) >= patience {
			return err
		}
	}
}

// into joins what the file holds with a keyring.
func (k keyPackets) into(ring *Keyring, file string) (*importing, error) {
	work := &importing{ring: ring, content: map[string][]certificate{}}
	var problem error
	for _, one := range k.keys {
		if err := work.take(one); err != nil {
			work.warnings = append(work.warnings, fmt.Sprintf("left out a key of %s: %v", file, err))
			problem = err
		}
	}
	for _, one := range k.revocations {
		if err := work.revoke(one); err != nil {
			work.warnings = append(work.warnings, fmt.Sprintf("left out a revocation of %s: %v", file, err))
			problem = err
		}
	}
	if len(work.order) == 0 {
		return nil, unreadableKeys(file, problem)
	}
	return work, nil
}

// unreadableKeys is the fault of a file of which nothing can be imported.
func unreadableKeys(file string, err error) error {
	if found := fault.As(err); found != nil {
		return found
	}
	return refuse("key-unreadable", "%s does not hold public keys", file).WithCause(cutShort(err)).
		WithHint("export the key with gpg --export --armor, or take the .asc file that gwe keys new wrote")
}

// importing collects what an import writes.
type importing struct {
	ring *Keyring
	// content is what each file gets, by its path; order has the paths.
	content map[string][]certificate
	order   []string
	// warnings name what of the file was left out.
	warnings []string
}

// take joins a key with its copies in the keyring.
func (m *importing) take(one certificate) error {
	primary, err := one.primary()
	if err != nil {
		return unsupportedKey(err)
	}
	// Such a packet and one without these bytes are the same key, and would be two in one file.
	if _, used, _ := one.parts[0].packet.read(); len(used.body) < len(one.parts[0].packet.body) {
		return refuse("key-unusable", "the packet of the key %s has %d bytes that belong to no key", fingerprintOf(primary), len(one.parts[0].packet.body)-len(used.body)).
			WithHint("it is damaged: export the key again: gpg --export --armor")
	}
	path := filepath.Join(m.ring.directory, fingerprintOf(primary)+".asc")
	all := certificate{}
	for _, trusted := range m.ring.keys {
		if bytes.Equal(trusted.entity.PrimaryKey.Fingerprint, primary.Fingerprint) && !trusted.packets.isSecret() {
			all = all.merged(trusted.packets)
		}
	}
	if known := m.content[path]; len(known) > 0 {
		all = known[0]
	}
	if len(all.parts) > 0 {
		one = all.merged(one)
	}
	entity, err := one.entity()
	if err != nil {
		return err
	}
	if err := contained(func() error { _, err := entity.PrimarySelfSignature(time.Time{}, nil); return err }); err != nil {
		return refuse("key-unusable", "the key %s is not signed by itself as it must be", fingerprintOf(primary)).WithCause(err).
			WithHint("export the key again: gpg --export --armor")
	}
	if m.content[path] == nil {
		m.order = append(m.order, path)
	}
	// Other keys that somebody put into the same file stay there.
	m.content[path] = []certificate{one}
	for _, trusted := range m.ring.keys {
		if trusted.file == path && !bytes.Equal(trusted.entity.PrimaryKey.Fingerprint, primary.Fingerprint) {
			m.content[path] = append(m.content[path], trusted.packets)
		}
	}
	return nil
}

// revoke takes a revocation that stands without its key.
func (m *importing) revoke(revocation rawPacket) error {
	for path := range m.content {
		if m.content[path][0].revokedBy(revocation) {
			return m.take(m.content[path][0].with(revocation))
		}
	}
	for _, trusted := range m.ring.keys {
		if !trusted.packets.isSecret() && trusted.packets.revokedBy(revocation) {
			return m.take(trusted.packets.with(revocation))
		}
	}
	return refuse("key-unknown", "it revokes a key that the keyring %s does not have", m.ring.directory).
		WithHint("a key that is not in the keyring is not trusted anyway; gwe keys list shows what is")
}

// files gives what is to be written, by path, and the keys in it, once all of it was read back.
func (m *importing) files() (map[string][]byte, []Key, error) {
	files := map[string][]byte{}
	var keys []Key
	for _, path := range m.order {
		var content []byte
		for _, one := range m.content[path] {
			armoured, err := one.armoured()
			if err != nil {
				return nil, nil, err
			}
			content = append(content, armoured...)
		}
		key, err := readBack(path, content, m.content[path])
		if err != nil {
			return nil, nil, err
		}
		files[path] = content
		keys = append(keys, key)
	}
	return files, keys, nil
}

// write puts the files in place, and leaves those alone that are as they should be.
func (m *importing) write() ([]Key, error) {
	files, keys, err := m.files()
	if err != nil {
		return nil, err
	}
	for _, path := range m.order {
		if present, err := readKeyFile(path, "key"); err == nil && bytes.Equal(present, files[path]) {
			continue
		}
		if err := durable.WriteFile(path, files[path], 0o644); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// readBack lets the reader of keyrings read a file before it is one of the keyring. It gives the file's first
// key.
func readBack(path string, content []byte, want []certificate) (Key, error) {
	ring, err := readKeyring(oneFile{filepath.Base(path), content}, filepath.Dir(path))
	switch {
	case err != nil:
		return Key{}, err
	case len(ring.unread) > 0:
		err = ring.unread[0].errs[0]
	case len(ring.keys) != len(want):
		err = fmt.Errorf("%d keys were written, and %d can be read", len(want), len(ring.keys))
	case !bytes.Equal(ring.keys[0].packets.bytes(), want[0].bytes()):
		err = errors.New("other packets are read than were written")
	default:
		return describe(ring.keys[0].entity, path), nil
	}
	return Key{}, refuse("key-unreadable", "the key could not be read back, and nothing was imported").WithCause(err).
		WithHint("export the key again: gpg --export --armor")
}

// remaining are the warnings about files of the keyring that the import did not write anew.
func (m *importing) remaining() []string {
	var all []string
	for _, file := range m.ring.unread {
		if m.content[file.path] == nil {
			all = append(all, file.String())
		}
	}
	return all
}

// armoured gives a public key in its armour, with its packets as they were written.
func (c certificate) armoured() ([]byte, error) {
	return armoured(openpgp.PublicKeyType, func(w io.Writer) error {
		_, err := w.Write(c.bytes())
		return err
	})
}

// oneFile is a keyring in memory, of one file.
type oneFile struct {
	name    string
	content []byte
}

func (o oneFile) ReadDir(string) ([]fs.DirEntry, error) {
	return []fs.DirEntry{fs.FileInfoToDirEntry(o)}, nil
}
func (o oneFile) Stat(string) (fs.FileInfo, error) { return o, nil }
func (o oneFile) ReadFile(string) ([]byte, error)  { return o.content, nil }
func (o oneFile) Name() string                     { return o.name }
func (o oneFile) Size() int64                      { return int64(len(o.content)) }
func (oneFile) Mode() fs.FileMode                  { return 0o644 }
func (oneFile) ModTime() time.Time                 { return time.Time{} }
func (oneFile) IsDir() bool                        { return false }
func (oneFile) Sys() any                           { return nil }
