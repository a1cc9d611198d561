package bundle

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/value"
)

// PackOptions says what to pack, and how.
type PackOptions struct {
	// Directory is the tree.
	Directory string
	// Output is the package's file, or a directory that receives it under its own name. "" is the working
	// directory.
	Output string
	// Name is the one top-level directory in the package; "" is the directory's own name.
	Name string
	// Exclude are patterns beside .git, .svn and .bzr, as a shell's: one without a slash is a name anywhere
	// in the tree, one with a slash is a path from its top. What lies below an excluded directory is
	// excluded.
	Exclude []string
	// Compression is Zstandard where it is "".
	Compression Compression
	// Level is 1 (fast) to 9 for gzip and to 22 for zstd; 0 is the usual one.
	Level int
	// SigningKey is a file with an exported secret key, mode 0600; Passphrase opens it where it is locked.
	SigningKey string
	Passphrase value.Secret
	// Unsigned writes the compressed tar alone, for a signature in a file of its own, which Sign makes. No
	// key is wanted then.
	Unsigned bool
	// SignedAt is the date of the signatures, as in SignOptions; zero is now.
	SignedAt time.Time
	// EncryptFor are files with public keys. Each of them can decrypt the package; none means that it is not
	// encrypted.
	EncryptFor []string
	// NoIndex leaves the index out. Packages that are compressed with gzip, encrypted or unsigned never have
	// one.
	NoIndex bool
	// Progress, which may be nil, is told how many bytes of the files are packed, of how many.
	Progress func(current, total int64)
	// PlainFiles leaves extended attributes out: capabilities, IMA signatures and those of users.
	PlainFiles bool
	// Warn, which may be nil, is told in one line each what of the tree no package keeps: access control
	// lists, say.
	Warn func(text string)
}

// packedWindow bounds what unpacking needs in memory: a device unpacks in less than 32 MiB, all of gwe
// included.
const packedWindow = 4 << 20

// Pack packs a tree into a signed package and gives the package's path. The package appears under its name
// when it is complete and on the disk; nothing is left of one that failed. An older package of that name is
// replaced.
//
// A package that is compressed with zstd and signed, but not encrypted, has an index: its tar is cut into
// independent frames, and what they hold is listed and signed, in the package and in a file beside it,
// whose name ends in IndexSuffix.
//
// The same tree gives the same tar, byte by byte: entries sorted by name, numeric owners without names,
// modes, modification times to the nanosecond, links, the extended attributes that PortableAttribute
// reports, and nothing else of the file system (no access control lists, no labels, no access times).
func Pack(ctx context.Context, options PackOptions) (path string, err error) {
	directory, name, err := options.place()
	if err != nil {
		return "", err
	}
	var seal *sealer
	if !options.Unsigned {
		if seal, err = newSealer(SignOptions{Key: options.SigningKey, Passphrase: options.Passphrase, SignedAt: options.SignedAt}, options.EncryptFor); err != nil {
			return "", err
		}
	}
	root, err := os.OpenRoot(directory)
	if err != nil {
		return "", refuse("pack-directory", "cannot read the directory %s", directory).WithCause(err)
	}
	defer root.Close()
	excluded, err := parsePatterns(options.Exclude)
	if err != nil {
		return "", err
	}
	tree := &tree{ctx: ctx, root: root, directory: directory, name: name, excluded: excluded, progress: options.Progress, plain: options.PlainFiles}
	if err := tree.survey(); err != nil {
		return "", err
	}
	if path, err = options.target(directory, name); err != nil {
		return "", err
	}
	file, err := os.CreateTemp(filepath.Dir(path), durable.Prefix+"pack-*")
	if err != nil {
		return "", fault.New(fault.Failed, "pack-output", "cannot write into %s", filepath.Dir(path)).WithCause(err)
	}
	defer func() {
		file.Close()
		if err != nil {
			os.Remove(file.Name())
		}
	}()
	buffered := bufio.NewWriterSize(file, blockSize)
	var message []byte
	if options.isIndexed() {
		message, err = options.writeIndexed(buffered, seal, tree, filepath.Dir(path))
	} else {
		err = options.write(buffered, seal, tree)
	}
	if err != nil {
		if fault.As(err) == nil {
			err = fault.New(fault.Failed, "pack-output", "cannot write %s", path).WithCause(err)
		}
		return "", err
	}
	if err := errors.Join(buffered.Flush(), file.Chmod(0o644), file.Sync()); err != nil {
		return "", fault.New(fault.Failed, "pack-output", "cannot write %s", path).WithCause(err)
	}
	if err := removeIndexBeside(path); err != nil {
		return "", err
	}
	if err := durable.Rename(file.Name(), path); err != nil {
		return "", err
	}
	if message != nil {
		if err := writeIndexBeside(path, message); err != nil {
			return path, err
		}
	}
	if options.Warn != nil {
		for _, line := range tree.warnings() {
			options.Warn(line)
		}
	}
	return path, nil
}

// write puts the layers on top of each other: tar, compression, signature, encryption, file.
func (o PackOptions) write(file io.Writer, seal *sealer, tree *tree) error {
	var sealed io.WriteCloser
	if seal != nil {
		var err error
		if sealed, err = seal.open(file); err != nil {
			return err
		}
		file = sealed
	}
	compressed, err := o.compressor(file)
	if err != nil {
		return err
	}
	if err := tree.write(compressed); err != nil {
		compressed.Close()
		return err
	}
	if err := compressed.Close(); err != nil || sealed == nil {
		return err
	}
	return sealed.Close()
}

func (o PackOptions) compressor(w io.Writer) (io.WriteCloser, error) {
	switch o.compression() {
	case Gzip:
		level := gzip.DefaultCompression
		if o.Level != 0 {
			level = o.Level
		}
		return gzip.NewWriterLevel(w, level)
	default:
		level := zstd.SpeedDefault
		if o.Level != 0 {
			level = zstd.EncoderLevelFromZstd(o.Level)
		}
		return zstd.NewWriter(w, zstd.WithEncoderLevel(level), zstd.WithWindowSize(packedWindow),
			zstd.WithEncoderConcurrency(runtime.GOMAXPROCS(0)))
	}
}

func (o PackOptions) compression() Compression {
	if o.Compression == "" {
		return Zstandard
	}
	return o.Compression
}

// place finds the directory and the name of the top-level directory, and checks what can be checked before
// anything is read.
func (o PackOptions) place() (directory, name string, err error) {
	highest := 22
	switch o.compression() {
	case Zstandard:
	case Gzip:
		highest = 9
	default:
		return "", "", refuse("pack-compression", "packages are not compressed with %q", o.Compression).WithHint("use zstd or gzip")
	}
	if o.Level < 0 || o.Level > highest {
		return "", "", refuse("pack-compression", "%s has no level %d", o.compression(), o.Level).WithHint("use 1 to %d", highest)
	}
	if directory, err = filepath.Abs(o.Directory); err != nil {
		return "", "", refuse("pack-directory", "cannot find the directory %q", o.Directory).WithCause(err)
	}
	info, err := os.Stat(directory)
	if err != nil {
		return "", "", refuse("pack-directory", "cannot read the directory %s", directory).WithCause(err)
	}
	if !info.IsDir() {
		return "", "", refuse("pack-directory", "%s is not a directory", directory)
	}
	if name = o.Name; name == "" {
		name = filepath.Base(directory)
	}
	return directory, name, checkName(name)
}

// checkName refuses names of top-level directories that unpack would refuse, or that could not be used as a
// file's name.
func checkName(name string) error {
	hint := "give the release a name of its own, firmware-1.2.3 say (--name)"
	switch {
	case name == "current" || name == "failsafe":
		return refuse("pack-name", "a release cannot have the name %q, which is that of a link beside the releases", name).WithHint("%s", hint)
	case name == "." || name == ".." || name == "/" || strings.HasPrefix(name, "."):
		return refuse("pack-name", "a release cannot have the name %q", name).WithHint("%s", hint)
	case strings.Contains(name, "/") || !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return refuse("pack-name", "the name of a release is plain printable text without slashes, not %q", name).WithHint("%s", hint)
	case len(name) > 200:
		return refuse("pack-name", "the name of the release is too long").WithHint("%s", hint)
	}
	return nil
}

// target gives the package's path, and refuses one inside the tree: the package would hold itself.
func (o PackOptions) target(directory, name string) (string, error) {
	suffix := ".tar.zst"
	if o.compression() == Gzip {
		suffix = ".tar.gz"
	}
	if !o.Unsigned {
		suffix += ".gpg"
	}
	path := o.Output
	if path == "" {
		path = "."
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, name+suffix)
	} else if err == nil && !info.Mode().IsRegular() {
		return "", refuse("pack-output", "%s is there and is not a file", path)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", refuse("pack-output", "cannot find %q", o.Output).WithCause(err)
	}
	real, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return "", refuse("pack-output", "cannot write into %s", filepath.Dir(path)).WithCause(err)
	}
	source, err := filepath.EvalSymlinks(directory)
	if err != nil {
		return "", refuse("pack-directory", "cannot read the directory %s", directory).WithCause(err)
	}
	if real == source || strings.HasPrefix(real, strings.TrimSuffix(source, "/")+"/") {
		return "", refuse("pack-output", "the package %s would lie in the directory that it is made of", path).
			WithHint("write it elsewhere: into the directory above, say (--to ..)")
	}
	return path, nil
}
