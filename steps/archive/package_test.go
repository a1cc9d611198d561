package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/klauspost/compress/zstd"

	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/tasklog"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/steps/steptest"
)

func TestMain(m *testing.M) { steptest.Main(m, Unpack(), Extract()) }

// vendor is the key of all test packages.
var vendor = sync.OnceValues(func() (*openpgp.Entity, error) {
	return openpgp.NewEntity("Vendor", "", "releases@example.org", nil)
})

// keyringAt makes a keyring that trusts the vendor.
func keyringAt(t testing.TB, directory string) {
	t.Helper()
	key, err := vendor()
	check(t, err)
	check(t, os.MkdirAll(directory, 0o700))
	var public bytes.Buffer
	check(t, key.Serialize(&public))
	check(t, os.WriteFile(filepath.Join(directory, "vendor.gpg"), public.Bytes(), 0o600))
}

// packages are the signed forms of archives: a signature holds its time, and the conformance suite wants the
// same tree every time.
var packages sync.Map

// packageAt writes the signed package of an archive.
func packageAt(t testing.TB, path string, archive []byte) {
	t.Helper()
	key := sha256.Sum256(archive)
	content, found := packages.Load(key)
	if !found {
		signedAt(t, path, bytes.NewReader(archive))
		text, err := os.ReadFile(path)
		check(t, err)
		content, _ = packages.LoadOrStore(key, text)
	}
	check(t, os.WriteFile(path, content.([]byte), 0o644))
	check(t, os.Chtimes(path, time.Unix(1_000_000_000, 0), time.Unix(1_000_000_000, 0)))
}

// signedAt signs a tar stream of any length.
func signedAt(t testing.TB, path string, archive io.Reader) {
	t.Helper()
	key, err := vendor()
	check(t, err)
	file, err := os.Create(path)
	check(t, err)
	signed, err := openpgp.Sign(file, key, &openpgp.FileHints{IsBinary: true}, nil)
	check(t, err)
	compressed, err := zstd.NewWriter(signed, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	check(t, err)
	_, err = io.Copy(compressed, archive)
	check(t, err)
	check(t, compressed.Close())
	check(t, signed.Close())
	check(t, file.Close())
}

// signedBeside writes the vendor's detached signature of a file.
func signedBeside(t testing.TB, path string, content io.Reader) {
	t.Helper()
	key, err := vendor()
	check(t, err)
	file, err := os.Create(path)
	check(t, err)
	check(t, openpgp.DetachSign(file, key, content, nil))
	check(t, file.Close())
}

// encryptedAt writes an encrypted message that nobody has signed.
func encryptedAt(t testing.TB, path string, key *openpgp.Entity, content []byte) {
	t.Helper()
	file, err := os.Create(path)
	check(t, err)
	plain, err := openpgp.Encrypt(file, []*openpgp.Entity{key}, nil, &openpgp.FileHints{IsBinary: true}, nil)
	check(t, err)
	_, err = plain.Write(content)
	check(t, err)
	check(t, plain.Close())
	check(t, file.Close())
}

// bench is one machine with a target directory, and one frame of unpack on it.
type bench struct {
	testing.TB
	target    string
	arguments unpackArguments
	run       *step.Run
	memo      memo
	lines     []string
}

// benchFor makes a machine with a package of these entries. More packages can be made for it.
func benchFor(t testing.TB, items ...item) *bench {
	t.Helper()
	base := t.TempDir()
	b := &bench{TB: t, target: filepath.Join(base, "target")}
	check(t, os.Mkdir(b.target, 0o755))
	keyringAt(t, filepath.Join(base, "keys"))
	b.arguments = unpackArguments{
		Keyring: pathOf(filepath.Join(base, "keys")), Into: pathOf(b.target),
		LinkDest: pathOf(filepath.Join(b.target, "current")), Links: "inside",
	}
	b.pack(items...)
	return b
}

// pack puts another package in the place of the one there was, and begins a new frame.
func (b *bench) pack(items ...item) {
	b.Helper()
	path := filepath.Join(b.TempDir(), "package.tar.zst.gpg")
	packageAt(b, path, archiveOf(b, items...))
	b.arguments.Package = value.Location(path)
	b.frame()
}

func (b *bench) packStream(archive io.Reader) {
	b.Helper()
	path := filepath.Join(b.TempDir(), "package.tar.zst.gpg")
	signedAt(b, path, archive)
	b.arguments.Package = value.Location(path)
	b.frame()
}

// frame begins a new frame.
func (b *bench) frame() {
	b.run = &step.Run{ID: "20260101-run", Step: "fw", Machine: step.Local{}, Directory: b.TempDir(), Log: tasklog.Begin(b, "step", "unpack")}
}

// Handle keeps the lines of the log.
func (b *bench) Handle(event tasklog.Event) {
	if event.Kind == tasklog.Line {
		b.lines = append(b.lines, event.Text)
	}
}

func (b *bench) try(ctx context.Context) (unpackOutputs, error) {
	b.Helper()
	var err error
	if b.memo, err = (unpack{}).Prepare(b.Context(), b.run, b.arguments); err != nil {
		return unpackOutputs{}, err
	}
	return unpack{}.Do(ctx, b.run, b.arguments, b.memo)
}

// install unpacks and points current to it.
func (b *bench) install() unpackOutputs {
	b.Helper()
	outputs, err := b.try(b.Context())
	check(b, err)
	link := filepath.Join(b.target, "current")
	if err := os.Remove(link); err != nil && !os.IsNotExist(err) {
		b.Fatal(err)
	}
	check(b, os.Symlink(outputs.Name, link))
	return outputs
}

func (b *bench) undo() error { return unpack{}.Undo(b.Context(), b.run, b.arguments, b.memo) }

func (b *bench) path(parts ...string) string {
	return filepath.Join(append([]string{b.target}, parts...)...)
}
