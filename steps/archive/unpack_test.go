package archive

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/need"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/steps/order"
	"github.com/gwe-project/gwe/steps/steptest"
)

func pathOf(path string) value.Path { return value.Path(path) }

func conformance(t *testing.T, beside bool) {
	steptest.Run(t, steptest.Suite{
		Type: Unpack(),
		Arrange: func(t testing.TB, root string) map[string]any {
			target := filepath.Join(root, "opt", "fw")
			arguments := map[string]any{
				"package": filepath.Join(root, "package.tar.zst.gpg"), "keyring": filepath.Join(root, "keys"),
				"into": target, "link-dest": filepath.Join(target, "current"),
			}
			check(t, os.Mkdir(filepath.Dir(target), 0o755))
			if beside {
				old := filepath.Join(target, "fw-1")
				check(t, os.MkdirAll(filepath.Join(old, "d"), 0o755))
				check(t, os.WriteFile(filepath.Join(old, "d", "same"), []byte("content of fw-2/d/same"), 0o600))
				check(t, os.Chmod(filepath.Join(old, "d", "same"), 0o644))
				check(t, os.Symlink("fw-1", filepath.Join(target, "current")))
				stamp := time.Unix(1_000_000_000, 0)
				for _, path := range []string{"d/same", "d", "."} {
					check(t, os.Chtimes(filepath.Join(old, path), stamp, stamp))
				}
			}
			keyringAt(t, filepath.Join(root, "keys"))
			packageAt(t, filepath.Join(root, "package.tar.zst.gpg"), archiveOf(t,
				item{name: "fw-2/"}, item{name: "fw-2/d/"}, file("fw-2/d/same"), file("fw-2/other"),
				symlink("fw-2/link", "d/same"), hardLink("fw-2/twice", "fw-2/other")))
			return arguments
		},
		AfterDo: func(t testing.TB, root string, outputs map[string]any) {
			if outputs["path"] != filepath.Join(root, "opt", "fw", "fw-2") || outputs["files"] != 4 {
				t.Errorf("outputs: %v", outputs)
			}
			if want := map[bool]int{true: 1}[beside]; outputs["linked"] != want {
				t.Errorf("%v files were linked, not %d", outputs["linked"], want)
			}
		},
		Forget: []string{"package.tar.zst.gpg", "keys"},
	})
}

func TestConformanceFirst(t *testing.T)  { conformance(t, false) }
func TestConformanceUpdate(t *testing.T) { conformance(t, true) }

// TestNames: a name that is taken, by whatever, gets a number.
func TestNames(t *testing.T) {
	b := benchFor(t, file("fw/a"))
	check(t, os.Symlink("nowhere", b.path("fw")))
	check(t, os.WriteFile(b.path("fw-1"), nil, 0o600))
	for _, want := range []string{"fw-2", "fw-3", "fw-4"} {
		b.frame()
		if outputs := b.install(); outputs.Name != want || string(outputs.Path) != b.path(want) {
			t.Errorf("want %s, got %+v", want, outputs)
		}
	}
	if err := b.undo(); fault.As(err) == nil || fault.As(err).Code != "release-in-use" {
		t.Errorf("the running release was removed, or: %v", err)
	}
	check(t, os.Remove(b.path("current")))
	check(t, os.Symlink("fw-3", b.path("current")))
	for range 2 {
		check(t, b.undo())
		b.has("current", "fw", "fw-1", "fw-2", "fw-3")
	}
	// Somebody else's directory of that name is not ours to remove.
	check(t, os.Mkdir(b.path("fw-4"), 0o755))
	check(t, b.undo())
	b.has("current", "fw", "fw-1", "fw-2", "fw-3", "fw-4")
}

// TestInUseBefore: a link that led to the name of the release before there was one does not keep it.
func TestInUseBefore(t *testing.T) {
	b := benchFor(t, file("fw/a"))
	check(t, os.Symlink("fw", b.path("current")))
	b.frame()
	b.install()
	check(t, b.undo())
	b.has("current")
}

// has fails the test where the target holds other names.
func (b *bench) has(names ...string) {
	b.Helper()
	entries, err := os.ReadDir(b.target)
	check(b, err)
	is := []string{}
	for _, entry := range entries {
		if entry.Name() != order.Directory || len(names) == 0 {
			is = append(is, entry.Name())
		}
	}
	if !slices.Equal(is, names) {
		b.Errorf("want %q, found %q", names, is)
	}
}

// TestUndoNeverTakesOthers: a directory that got the name after the release was removed is left alone, even
// with the note still there.
func TestUndoNeverTakesOthers(t *testing.T) {
	b := benchFor(t, file("fw/a"))
	_, err := b.try(t.Context())
	check(t, err)
	check(t, os.RemoveAll(b.path("fw")))
	check(t, os.Mkdir(b.path("fw"), 0o755))
	check(t, b.undo())
	b.has("fw")
}

// TestStopped: stopped at every progress of the extraction, undo leaves nothing; the frame may be tried
// again.
func TestStopped(t *testing.T) {
	items := []item{{name: "fw/"}}
	for i := range 30 {
		items = append(items, file(fmt.Sprintf("fw/d%d/f%d", i%3, i)))
	}
	b := benchFor(t, items...)
	for after := range 40 {
		b.frame()
		memo, err := unpack{}.Prepare(t.Context(), b.run, b.arguments)
		check(t, err)
		b.memo = memo
		ctx := &countdown{Context: t.Context()}
		ctx.left.Store(int64(after))
		if _, err := (unpack{}).Do(ctx, b.run, b.arguments, b.memo); err == nil {
			t.Fatalf("it was not stopped at %d", after)
		} else if fault.ClassOf(err) != fault.Interrupted {
			t.Fatal(err)
		}
		check(t, b.undo())
		b.has()
	}
	b.install()
}

// countdown is cancelled when it was asked a number of times.
type countdown struct {
	context.Context
	left atomic.Int64
}

func (c *countdown) Err() error {
	if c.left.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

// TestFullDisk: a file system without room, in bytes or in inodes, ends in a clear fault, and undo frees it
// again.
func TestFullDisk(t *testing.T) {
	need.Root(t, "it mounts")
	many := []item{}
	for i := range 400 {
		many = append(many, item{name: fmt.Sprintf("fw/%d", i)})
	}
	for name, one := range map[string]struct {
		options string
		items   []item
	}{
		"bytes":  {"size=2m", []item{file("fw/a"), {name: "fw/large", content: strings.Repeat("large", 1_000_000)}}},
		"inodes": {"nr_inodes=100", many},
	} {
		t.Run(name, func(t *testing.T) {
			b := benchFor(t, one.items...)
			check(t, unix.Mount("tmpfs", b.target, "tmpfs", 0, one.options))
			t.Cleanup(func() { check(t, unix.Unmount(b.target, unix.MNT_DETACH)) })
			_, err := b.try(t.Context())
			found := fault.As(err)
			if found == nil || found.Code != "disk-full" || found.Class != fault.Failed || !strings.Contains(err.Error(), b.target) {
				t.Fatalf("want a full disk, got %v", err)
			}
			check(t, b.undo())
			b.has()
		})
	}
}

// TestReadOnly: it is refused before anything is done.
func TestReadOnly(t *testing.T) {
	need.Root(t, "it mounts")
	b := benchFor(t, file("fw/a"))
	check(t, unix.Mount("tmpfs", b.target, "tmpfs", unix.MS_RDONLY, ""))
	t.Cleanup(func() { check(t, unix.Unmount(b.target, unix.MNT_DETACH)) })
	if _, err := b.try(t.Context()); fault.As(err) == nil || fault.As(err).Code != "target-not-writable" || fault.ClassOf(err) != fault.Refused {
		t.Fatal(err)
	}
}

// TestBomb: what unpacks to far more than its size is stopped, unless its author has said how large it is.
func TestBomb(t *testing.T) {
	b := benchFor(t, file("fw/a"))
	var header bytes.Buffer
	writer := tar.NewWriter(&header)
	const size = 100 << 20
	check(t, writer.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "fw/zeros", Size: size}))
	b.packStream(io.MultiReader(&header, io.LimitReader(endless{}, size+1024)))
	for limit, code := range map[int64]string{size - 1: "archive-too-large", size + 4096: ""} {
		given := value.SizeOf(limit)
		b.arguments.MaxSize = &given
		b.frame()
		_, err := b.try(t.Context())
		if found := fault.As(err); code == "" && err != nil || code != "" && (found == nil || found.Code != code) {
			t.Errorf("with %d bytes allowed: %v", limit, err)
		}
		check(t, b.undo())
		b.has()
	}
	if small, large := limitOf(nil, 1000), limitOf(nil, 1<<30); small != 1<<30 || large != 64<<30 {
		t.Errorf("the limits of packages of 1000 and of 2^30 bytes are %d and %d", small, large)
	}
}

// TestBadPackages: nothing is done before the signature is good.
func TestBadPackages(t *testing.T) {
	b := benchFor(t, file("fw/a"))
	good, err := os.ReadFile(string(b.arguments.Package))
	check(t, err)
	plain := archiveOf(t, file("fw/a"))
	for name, content := range map[string][]byte{
		"unsigned": plain, "empty": {}, "cut": good[:len(good)-20], "flipped": flipped(good, len(good)/2),
	} {
		check(t, os.WriteFile(string(b.arguments.Package), content, 0o600))
		b.frame()
		if _, err := b.try(t.Context()); fault.ClassOf(err) != fault.Refused {
			t.Errorf("%s: %v", name, err)
		}
		b.has()
	}
	check(t, os.Remove(string(b.arguments.Package)))
	if _, err := b.try(t.Context()); fault.As(err) == nil || fault.As(err).Code != "package-missing" {
		t.Error(err)
	}
}

func flipped(content []byte, at int) []byte {
	result := bytes.Clone(content)
	result[at] ^= 1
	return result
}

// TestArrangements: what is refused before anything is done.
func TestArrangements(t *testing.T) {
	for code, change := range map[string]func(b *bench){
		"package-not-a-file":     func(b *bench) { b.arguments.Package = value.Location(b.target) },
		"target-not-a-directory": func(b *bench) { b.arguments.Into = value.Path(b.arguments.Package) },
		"link-dest":              func(b *bench) { b.arguments.LinkDest = value.Path(b.arguments.Package) },
		"target-missing":         func(b *bench) { b.arguments.Into = pathOf(b.path("not", "yet")) },
		"copy-pattern":           func(b *bench) { b.arguments.Copy = []string{"["} },
	} {
		b := benchFor(t, file("fw/a"))
		change(b)
		if _, err := b.try(t.Context()); fault.As(err) == nil || fault.As(err).Code != code {
			t.Errorf("want %s, got %v", code, err)
		}
		b.has()
	}
}

// TestPlan: it says what would be done, and where space is needed.
func TestPlan(t *testing.T) {
	b := benchFor(t, file("fw/a"))
	b.arguments.Into = pathOf(b.path("yet"))
	plan, err := unpack{}.Plan(t.Context(), step.Local{}, b.arguments)
	check(t, err)
	if len(plan.Do) == 0 || plan.Space[b.target] == 0 {
		t.Errorf("%+v", plan)
	}
	b.arguments.Into = pathOf(b.target)
	b.install()
	plan, err = unpack{}.Plan(t.Context(), step.Local{}, b.arguments)
	check(t, err)
	if len(plan.Space) != 0 || !strings.Contains(strings.Join(plan.Do, "\n"), b.path("fw")) {
		t.Errorf("%+v", plan)
	}
	b.arguments.Package = "/no/such/package"
	if _, err = (unpack{}).Plan(t.Context(), step.Local{}, b.arguments); fault.ClassOf(err) != fault.Refused {
		t.Error(err)
	}
}

// TestIdentityDamaged: an undo that cannot know which release it made says so.
func TestIdentityDamaged(t *testing.T) {
	b := benchFor(t, file("fw/a"))
	b.install()
	check(t, os.Remove(b.path("current")))
	check(t, os.WriteFile(filepath.Join(b.run.Directory, identityName+".sealed"), []byte("{"), 0o600))
	var leftover *step.Leftover
	if err := b.undo(); err == nil || errors.As(err, &leftover) {
		t.Errorf("want a failed restore, got %v", err)
	}
}

// TestUndoOfWhatIsAway: a later step may have moved the release, and not be undone yet: an undo that comes
// again knows it still.
func TestUndoOfWhatIsAway(t *testing.T) {
	b := benchFor(t, file("fw/a"))
	outputs := b.install()
	check(t, os.Remove(b.path("current")))
	check(t, os.Rename(string(outputs.Path), b.path("away")))
	check(t, b.undo())
	b.has("away")
	check(t, os.Rename(b.path("away"), string(outputs.Path)))
	check(t, b.undo())
	b.has()
}
