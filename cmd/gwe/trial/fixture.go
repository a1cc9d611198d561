package trial

import (
	"cmp"
	"context"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gwe-project/gwe/bundle"
	"github.com/gwe-project/gwe/schema"
)

// workshop builds a fixture. Keys and the directories that are packed lie in a directory of its own.
type workshop struct {
	directory string
	keys      map[string]bundle.KeyFiles
}

// build puts a fixture below a root. Hard links and then signatures come last: what they share and are over
// may stand below them in the file.
func (w *workshop) build(ctx context.Context, root string, all []*schema.Placed) error {
	for turn := range 3 {
		for _, one := range all {
			if turnOf(one.Kind) != turn {
				continue
			}
			if err := w.place(ctx, root, one); err != nil {
				return fmt.Errorf("the fixture %s: %w", one.Path.Text, err)
			}
		}
	}
	return nil
}

func turnOf(kind schema.PlacedKind) int {
	switch kind {
	case schema.PlacedHardLink:
		return 1
	case schema.PlacedSignature:
		return 2
	}
	return 0
}

func (w *workshop) place(ctx context.Context, root string, one *schema.Placed) error {
	path := filepath.Join(root, one.Path.Text)
	if one.Kind == schema.PlacedAbsent {
		return os.RemoveAll(path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	switch one.Kind {
	case schema.PlacedLink:
		return os.Symlink(one.Target, path)
	case schema.PlacedHardLink:
		return os.Link(filepath.Join(root, one.Target), path)
	case schema.PlacedDirectory, schema.PlacedMount:
		if err := os.MkdirAll(path, 0o755); err != nil {
			return err
		}
		return chmod(path, one.Mode, 0o755)
	case schema.PlacedPackage:
		if err := w.pack(ctx, path, one); err != nil {
			return err
		}
		return chmod(path, one.Mode, 0o644)
	case schema.PlacedSignature:
		key, err := w.key(cmp.Or(one.SignedBy, schema.DefaultKey))
		if err != nil {
			return err
		}
		return bundle.Sign(filepath.Join(root, one.Target), path, bundle.SignOptions{Key: key.Secret})
	case schema.PlacedKeyring:
		return w.keyring(path, one.Keys)
	}
	content := ""
	if one.Content != nil {
		content = *one.Content
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		return err
	}
	if err := chmod(path, one.Mode, usualMode(content)); err != nil {
		return err
	}
	written := builtAt(content)
	return os.Chtimes(path, written, written)
}

// builtAt is the time of a file of a fixture. Equal files have one time, so that a release's file may become
// a link to the one of the release before; others differ, as files do that were written at different times,
// and what compares size and time sees that.
func builtAt(content string) time.Time {
	const day = 24 * 60 * 60
	return time.Date(2026, 1, 1, 0, 0, int(crc32.ChecksumIEEE([]byte(content))%day), 0, time.UTC)
}

// usualMode is that of a file whose mode is not said: a script can be executed.
func usualMode(content string) uint32 {
	if strings.HasPrefix(content, "#!") {
		return 0o755
	}
	return 0o644
}

func chmod(path string, mode *uint32, usual uint32) error {
	bits := usual
	if mode != nil {
		bits = *mode
	}
	converted := fs.FileMode(bits & 0o777)
	for bit, special := range map[uint32]fs.FileMode{0o4000: fs.ModeSetuid, 0o2000: fs.ModeSetgid, 0o1000: fs.ModeSticky} {
		if bits&bit != 0 {
			converted |= special
		}
	}
	return os.Chmod(path, converted)
}

// pack makes a package, as a vendor does: signed, or as an archive that a signature beside it may be over.
func (w *workshop) pack(ctx context.Context, path string, one *schema.Placed) error {
	archive, sealed := strings.CutSuffix(filepath.Base(path), ".gpg")
	options := bundle.PackOptions{Output: path, Unsigned: !sealed}
	for suffix, compression := range map[string]bundle.Compression{".tar.zst": bundle.Zstandard, ".tar.gz": bundle.Gzip} {
		if name, found := strings.CutSuffix(archive, suffix); found {
			options.Name, options.Compression = name, compression
		}
	}
	if options.Name == "" {
		return fmt.Errorf("a package is called NAME.tar.zst.gpg or NAME.tar.gz.gpg; without .gpg it is not signed")
	}
	options.Directory = filepath.Join(w.directory, "packed", path)
	if err := os.MkdirAll(options.Directory, 0o755); err != nil {
		return err
	}
	if err := w.build(ctx, options.Directory, one.Files); err != nil {
		return err
	}
	if sealed {
		key, err := w.key(cmp.Or(one.SignedBy, schema.DefaultKey))
		if err != nil {
			return err
		}
		options.SigningKey = key.Secret
	}
	_, err := bundle.Pack(ctx, options)
	return err
}

// key gives the throw-away key of that name.
func (w *workshop) key(name string) (bundle.KeyFiles, error) {
	if made, known := w.keys[name]; known {
		return made, nil
	}
	directory := filepath.Join(w.directory, "keys")
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return bundle.KeyFiles{}, err
	}
	made, err := bundle.NewKey(name, "", bundle.NewKeyOptions{Directory: directory})
	w.keys[name] = made
	return made, err
}

// keyring makes a directory of public keys, NAME.asc each.
func (w *workshop) keyring(path string, names []string) error {
	if err := os.MkdirAll(path, 0o755); err != nil {
		return err
	}
	for _, name := range names {
		key, err := w.key(name)
		if err != nil {
			return err
		}
		public, err := os.ReadFile(key.Public)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(path, name+".asc"), public, 0o644); err != nil {
			return err
		}
	}
	return nil
}
