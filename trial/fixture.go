package trial

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gwe-project/gwe/bundle"
	"github.com/gwe-project/gwe/schema"
)

// workshop builds a fixture. Keys and the folders that are packed lie in a folder of its own.
type workshop struct {
	folder string
	keys   map[string]bundle.KeyFiles
}

// build puts a fixture below a root. Hard links come last: what they share may stand below them in the file.
func (w *workshop) build(ctx context.Context, root string, all []*schema.Placed) error {
	for _, links := range []bool{false, true} {
		for _, one := range all {
			if (one.Kind == schema.PlacedHardLink) != links {
				continue
			}
			if err := w.place(ctx, root, one); err != nil {
				return fmt.Errorf("the fixture %s: %w", one.Path.Text, err)
			}
		}
	}
	return nil
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
	case schema.PlacedFolder:
		if err := os.MkdirAll(path, 0o755); err != nil {
			return err
		}
		return chmod(path, one.Mode, 0o755)
	case schema.PlacedPackage:
		if err := w.pack(ctx, path, one); err != nil {
			return err
		}
		return chmod(path, one.Mode, 0o644)
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
	// One time for all, as of a reproducible build: a release's file that equals that of the one before may become a link.
	return os.Chtimes(path, built, built)
}

var built = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

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

// pack makes a signed package, as a vendor does.
func (w *workshop) pack(ctx context.Context, path string, one *schema.Placed) error {
	name := filepath.Base(path)
	name, _, _ = strings.Cut(name, ".tar.")
	compression, known := map[string]bundle.Compression{".tar.zst.gpg": bundle.Zstandard, ".tar.gz.gpg": bundle.Gzip}[filepath.Base(path)[len(name):]]
	if !known || name == "" {
		return fmt.Errorf("a package is called NAME.tar.zst.gpg or NAME.tar.gz.gpg")
	}
	source := filepath.Join(w.folder, "packed", path)
	if err := os.MkdirAll(source, 0o755); err != nil {
		return err
	}
	if err := w.build(ctx, source, one.Files); err != nil {
		return err
	}
	key, err := w.key(cmp.Or(one.SignedBy, schema.DefaultKey))
	if err != nil {
		return err
	}
	_, err = bundle.Pack(ctx, bundle.PackOptions{
		Folder: source, Name: name, Output: path, Compression: compression, SigningKey: key.Secret,
	})
	return err
}

// key gives the throw-away key of that name.
func (w *workshop) key(name string) (bundle.KeyFiles, error) {
	if made, known := w.keys[name]; known {
		return made, nil
	}
	folder := filepath.Join(w.folder, "keys")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return bundle.KeyFiles{}, err
	}
	made, err := bundle.NewKey(name, "", bundle.NewKeyOptions{Folder: folder})
	w.keys[name] = made
	return made, err
}

// keyring makes a folder of public keys, NAME.asc each.
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
