package bundle

import (
	"context"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/gwe-project/gwe/engine/regular"
)

// nonBlocking keeps open(2) from waiting for the other end of a named pipe.
const nonBlocking = syscall.O_NONBLOCK

// Package is an opened package file. All reading goes through one descriptor, so that a file put in its place
// meanwhile changes nothing.
type Package struct {
	file *regular.Foreign
	path string
	// alone says that no file beside it is looked for.
	alone bool
	size  int64
	// buffers are those of the one reader that there is at a time.
	buffers [][]byte
}

// Open opens a package. It refuses what is not a regular file. It waits no longer than the context lasts, nor
// than regular.Patience, for a file system that does not answer; reading has the context that it is given.
func Open(ctx context.Context, path string) (*Package, error) {
	file, size, err := openRegular(ctx, path, "package")
	if err != nil {
		return nil, err
	}
	return &Package{file: file, path: path, size: size}, nil
}

// OpenAlone opens a package that has no signature and no index beside it, for it was downloaded; shown names
// it in errors.
func OpenAlone(ctx context.Context, path, shown string) (*Package, error) {
	opened, err := Open(ctx, path)
	if err == nil {
		opened.path, opened.alone = shown, true
	}
	return opened, err
}

// Close gives the descriptor back. Readers of the content must be closed before.
func (p *Package) Close() error { return p.file.Close() }

// Size is the file's length in bytes when it was opened.
func (p *Package) Size() int64 { return p.size }

// Name is the file's name without the suffixes of the format: firmware-2.tar.zst.gpg is firmware-2.
func (p *Package) Name() string { return nameOf(p.path) }

func nameOf(path string) string {
	name := filepath.Base(path)
	for _, suffix := range []string{".asc", ".gpg", ".pgp", ".tgz", ".tzst", ".txz", ".tbz2", ".zst", ".gz", ".xz", ".bz2", ".tar", ".zip"} {
		if bare, found := strings.CutSuffix(name, suffix); found && bare != "" {
			name = bare
		}
	}
	return name
}
