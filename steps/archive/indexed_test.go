package archive

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"golang.org/x/sys/unix"

	"github.com/gwe-project/gwe/bundle"
	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/need"
	"github.com/gwe-project/gwe/engine/openat"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/steps/holdings"
	"github.com/gwe-project/gwe/steps/order"
	"github.com/gwe-project/gwe/steps/steptest"
)

// packIndexed packs a tree with the vendor's key, with an index unless noIndex is true.
func packIndexed(t testing.TB, tree, name string, noIndex bool) string {
	t.Helper()
	key, err := vendor()
	check(t, err)
	var secret bytes.Buffer
	check(t, key.SerializePrivate(&secret, nil))
	path := filepath.Join(t.TempDir(), "vendor.key")
	check(t, os.WriteFile(path, secret.Bytes(), 0o600))
	made, err := bundle.Pack(t.Context(), bundle.PackOptions{Directory: tree, Name: name, Output: t.TempDir(), SigningKey: path, NoIndex: noIndex})
	check(t, err)
	return made
}

// use takes another package, and begins a new frame.
func (b *bench) use(path string) {
	b.arguments.Package = value.Location(path)
	b.frame()
}

// noise is a content that does not compress.
func noise(seed uint64, length int) []byte {
	source, content := rand.New(rand.NewPCG(seed, 1)), make([]byte, length)
	for i := range content {
		content[i] = byte(source.Uint32())
	}
	return content
}

// firmwareTree is a tree with a large file, one of several frames, and some of less than one.
func firmwareTree(t testing.TB) string {
	t.Helper()
	tree := filepath.Join(t.TempDir(), "fw")
	check(t, os.MkdirAll(filepath.Join(tree, "d"), 0o755))
	for name, size := range map[string]int{"image": 6 << 20, "d/a": 100, "d/b": 5000, "d/c": 20_000, "d/e": 300_000, "empty": 0} {
		check(t, os.WriteFile(filepath.Join(tree, name), noise(uint64(size), size), 0o644))
	}
	check(t, os.Link(filepath.Join(tree, "d/c"), filepath.Join(tree, "d/twin")))
	check(t, os.Symlink("d/a", filepath.Join(tree, "link")))
	return tree
}

// TestIndexGivesTheSameTree: a package that is unpacked by its index is the tree that it is when it is read
// whole, whatever the running release is.
func TestIndexGivesTheSameTree(t *testing.T) {
	need.Root(t, "only root makes trees of all owners")
	for seed := range uint64(6) {
		random := rand.New(rand.NewPCG(seed, 7))
		tree := filepath.Join(t.TempDir(), "fw")
		randomTree(t, tree, random, false)
		b := benchFor(t, file("fw-0/a"))
		first := packIndexed(t, tree, "fw-1", false)
		b.use(first)
		b.install()
		sameTree(t, snapshot(t, tree), snapshot(t, b.path("fw-1")))

		changeTree(t, tree, random)
		b.use(packIndexed(t, tree, "fw-2", false))
		b.install()
		whole := benchFor(t, file("fw-0/a"))
		whole.use(packIndexed(t, tree, "fw-2", true))
		whole.install()
		// Which names are one file differs, since some are the old release's.
		sameTree(t, withoutLinks(snapshot(t, whole.path("fw-2"))), withoutLinks(snapshot(t, b.path("fw-2"))))
	}
}

var names = regexp.MustCompile(`(?s) = \d+ .*?( security\.| trusted\.| user\.|$)`)

// withoutLinks leaves out how many names a file has.
func withoutLinks(lines map[string]string) map[string]string {
	for name, line := range lines {
		lines[name] = names.ReplaceAllString(line, "$1")
	}
	return lines
}

// changeTree changes some files of a tree.
func changeTree(t testing.TB, tree string, random *rand.Rand) {
	t.Helper()
	check(t, filepath.WalkDir(tree, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || random.IntN(4) > 0 {
			return err
		}
		switch random.IntN(4) {
		case 0:
			return os.Remove(path)
		case 1:
			return os.Chmod(path, 0o640)
		case 2:
			return os.WriteFile(path, noise(random.Uint64(), random.IntN(100_000)), 0o600)
		}
		now := time.Unix(random.Int64N(1e9), 0)
		return os.Chtimes(path, now, now)
	}))
}

func TestIndexedUpdate(t *testing.T) {
	tree := firmwareTree(t)
	b := benchFor(t, file("fw-0/a"))
	b.use(packIndexed(t, tree, "fw-1", false))
	if out := b.install(); out.Linked != 0 || out.Files != 8 {
		t.Errorf("first: %+v", out)
	}
	// A file of several frames is changed by an insertion, a small one is changed, one gets another mode.
	image := noise(6<<20, 6<<20)
	check(t, os.WriteFile(filepath.Join(tree, "image"), append(append(bytes.Clone(image[:1000]), 'x'), image[1000:]...), 0o644))
	check(t, os.WriteFile(filepath.Join(tree, "d/a"), []byte("changed"), 0o644))
	check(t, os.Chmod(filepath.Join(tree, "d/e"), 0o755))
	second := packIndexed(t, tree, "fw-2", false)
	b.use(second)
	plan, err := (unpack{}).Plan(t.Context(), step.Local{}, b.arguments)
	if said := strings.Join(plan.Do, "\n"); err != nil || !strings.Contains(said, "by the index: link 3 files, write 3 files (6591464B), read at most ") || plan.Writes < 6<<20 {
		t.Errorf("the plan: %s %+v %v", said, plan, err)
	}
	if out := b.install(); out.Linked != 3 || out.Files != 8 { // b, c, empty
		t.Errorf("update: %+v", out)
	}
	sameTree(t, withoutLinks(snapshot(t, tree)), withoutLinks(snapshot(t, b.path("fw-2"))))
	verify := func() error { return (unpack{}).Verify(t.Context(), b.run, b.arguments, b.memo) }
	if err := verify(); err != nil {
		t.Error(err)
	}
	// The recorded digest of a file that was linked unread tells a further link from a change in place.
	linked := b.path("fw-2", "d", "b")
	check(t, os.Link(linked, b.path("fw-2", "d", "another")))
	if err := verify(); err != nil {
		t.Errorf("after another link: %v", err)
	}
	check(t, changeInPlace(linked))
	if found := fault.As(verify()); found == nil || found.Code != "linked-file-changed" {
		t.Errorf("after a change in place: %v", found)
	}
}

// changeInPlace writes into a file and gives it its old time.
func changeInPlace(path string) error {
	var status unix.Stat_t
	if err := unix.Stat(path, &status); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.WriteAt([]byte("changed"), status.Size/2); err != nil {
		return err
	}
	return unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{status.Atim, status.Mtim}, 0)
}

// damageFrames flips a bit in each frame that wanted chooses, in a copy of the package.
func damageFrames(t testing.TB, b *bench, wanted func(path string) bool) string {
	t.Helper()
	content, err := os.ReadFile(string(b.arguments.Package))
	check(t, err)
	opened, err := bundle.Open(t.Context(), string(b.arguments.Package))
	check(t, err)
	defer opened.Close()
	found, err := opened.Indexed(t.Context(), bundle.Policy{Keyring: string(b.arguments.Keyring)})
	check(t, err)
	defer found.Close()
	start := bytes.Index(content, []byte{0x28, 0xb5, 0x2f, 0xfd}) // the first frame's magic number
	for e := range found.Entries() {
		if e.Size == 0 || !wanted(e.Path) {
			continue
		}
		first, end := found.Holding(e.At, e.Size)
		for i := first; i < end; i++ {
			content[int64(start)+found.Frames[i].Offset+found.Frames[i].Length/2] ^= 1
		}
	}
	path := filepath.Join(t.TempDir(), "damaged.tar.zst.gpg")
	check(t, os.WriteFile(path, content, 0o644))
	return path
}

// TestOnlyNeededFramesAreRead: frames of what the running release has may be damaged, those that are needed
// are refused before they are decoded.
func TestOnlyNeededFramesAreRead(t *testing.T) {
	tree := firmwareTree(t)
	b := benchFor(t, file("fw-0/a"))
	b.use(packIndexed(t, tree, "fw-1", false))
	b.install()
	check(t, os.WriteFile(filepath.Join(tree, "d/e"), []byte(strings.Repeat("changed ", 5000)), 0o644))
	b.use(packIndexed(t, tree, "fw-2", false))
	intact := b.arguments.Package
	for _, base := range []string{"identity", "content"} {
		b.arguments.VerifyBase = base
		b.arguments.Package = intact
		b.use(damageFrames(t, b, func(path string) bool { return path != "d/e" }))
		out, err := b.try(t.Context())
		check(t, err)
		sameTree(t, withoutLinks(snapshot(t, tree)), withoutLinks(snapshot(t, string(out.Path))))
		check(t, b.undo())
	}
	b.arguments.Package = intact
	b.use(damageFrames(t, b, func(path string) bool { return path == "d/e" }))
	before := snapshot(t, b.target)
	_, err := b.try(t.Context())
	if found := fault.As(err); found == nil || found.Code != "index-frame-digest" {
		t.Errorf("a needed frame that is damaged: %v", err)
	}
	check(t, b.undo())
	delete(before, ".")
	after := snapshot(t, b.target)
	delete(after, ".")
	sameTree(t, before, after)
}

// TestChangedBaseIsNotLinked: a file of the running release that was changed in place is never linked, even
// if its size and time are as they were; nor does a large one give a part that is not as it was.
func TestChangedBaseIsNotLinked(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"in place, with its old time": changeInPlace,
		"cut short":                   func(path string) error { return os.Truncate(path, 50) },
		"removed":                     os.Remove,
		"a symbolic link": func(path string) error {
			return os.Rename(path, path+".moved")
		},
		"a directory": func(path string) error {
			if err := os.Remove(path); err != nil {
				return err
			}
			return os.Mkdir(path, 0o755)
		},
	} {
		for _, base := range []string{"identity", "content"} {
			t.Run(name+", "+base, func(t *testing.T) {
				tree := firmwareTree(t)
				b := benchFor(t, file("fw-0/a"))
				b.use(packIndexed(t, tree, "fw-1", false))
				b.install()
				for _, path := range []string{"image", "d/e", "d/a"} {
					check(t, damage(b.path("fw-1", path)))
				}
				if name == "a symbolic link" {
					check(t, os.Symlink("image.moved", b.path("fw-1", "image")))
				}
				b.arguments.VerifyBase = base
				b.use(packIndexed(t, tree, "fw-2", false))
				out := b.install()
				sameTree(t, withoutLinks(snapshot(t, tree)), withoutLinks(snapshot(t, b.path("fw-2"))))
				if out.Linked != 3 {
					t.Errorf("%d files were linked", out.Linked)
				}
			})
		}
	}
}

// TestRecordedIdentity: by default the record decides, and verify-base: content reads all. The record here is
// wrong on purpose; a damaged one, or one that others may write, does not count.
func TestRecordedIdentity(t *testing.T) {
	for name, test := range map[string]struct {
		base   string
		spoil  func(path string) error
		linked int
	}{
		"identity":          {"identity", nil, 0},
		"content":           {"content", nil, 6},
		"a damaged record":  {"identity", func(path string) error { return flipLast(path) }, 6},
		"written by others": {"identity", func(path string) error { return os.Chmod(path, 0o666) }, 6},
		"no record":         {"identity", os.Remove, 6},
	} {
		t.Run(name, func(t *testing.T) {
			tree := firmwareTree(t)
			b := benchFor(t, file("fw-0/a"))
			b.use(packIndexed(t, tree, "fw-1", false))
			b.install()
			path := rewriteHoldings(t, b, func(f *holdings.File) { f.Sum[0] ^= 1 })
			if test.spoil != nil {
				check(t, test.spoil(path))
			}
			b.arguments.VerifyBase = test.base
			b.use(packIndexed(t, tree, "fw-2", false))
			if out := b.install(); out.Linked != test.linked {
				t.Errorf("%d files were linked, want %d", out.Linked, test.linked)
			}
			sameTree(t, withoutLinks(snapshot(t, tree)), withoutLinks(snapshot(t, b.path("fw-2"))))
		})
	}
}

func flipLast(path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	content[len(content)-40] ^= 1
	return os.WriteFile(path, content, 0o600)
}

// rewriteHoldings changes each file of the one record that there is, and gives its path.
func rewriteHoldings(t testing.TB, b *bench, change func(f *holdings.File)) string {
	t.Helper()
	dir, err := openat.Open(b.target)
	check(t, err)
	defer dir.Close()
	var found []holdings.File
	var release holdings.Release
	var name string
	check(t, order.Files(dir, func(file string, content *os.File) bool {
		reader, err := holdings.NewReader(content)
		check(t, err)
		release, name = reader.Release, file
		for _, path := range []string{"d/a", "d/b", "d/c", "d/e", "empty", "image"} {
			if one, is := reader.Find(path); is {
				found = append(found, one)
			}
		}
		return false
	}))
	if len(found) != 6 {
		t.Fatalf("the record has %d files", len(found))
	}
	path := b.path(order.Directory, name)
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	check(t, err)
	writer := holdings.NewWriter(file, release)
	for _, one := range found {
		change(&one)
		writer.Add(one)
	}
	check(t, writer.Close())
	check(t, file.Close())
	return path
}

// TestIndexedCopyList: the package's own list of files to copy counts, wherever it stands in the index, and
// their content comes from the running release.
func TestIndexedCopyList(t *testing.T) {
	tree := firmwareTree(t)
	check(t, os.WriteFile(filepath.Join(tree, "+first"), []byte("first"), 0o644))
	check(t, os.Mkdir(filepath.Join(tree, ".gwe"), 0o755))
	check(t, os.WriteFile(filepath.Join(tree, ".gwe/copy"), []byte("d/b\nimage\n"), 0o644))
	b := benchFor(t, file("fw-0/a"))
	b.use(packIndexed(t, tree, "fw-1", false))
	b.install()
	b.use(packIndexed(t, tree, "fw-2", false))
	b.use(damageFrames(t, b, func(path string) bool { return path == "image" }))
	if out := b.install(); out.Linked != 6 { // +first, .gwe/copy, a, c, e, empty
		t.Errorf("%+v", out)
	}
	sameTree(t, withoutLinks(snapshot(t, tree)), withoutLinks(snapshot(t, b.path("fw-2"))))
}

// strangersKey is a public key with which nothing is signed.
func strangersKey(t testing.TB) []byte {
	t.Helper()
	stranger, err := openpgp.NewEntity("Stranger", "", "x@example.org", nil)
	check(t, err)
	var public bytes.Buffer
	check(t, stranger.Serialize(&public))
	return public.Bytes()
}

// TestIndexRefused: nothing is unpacked by an index that is not the vendor's.
func TestIndexRefused(t *testing.T) {
	tree := firmwareTree(t)
	b := benchFor(t, file("fw-0/a"))
	b.use(packIndexed(t, tree, "fw-1", false))
	before := snapshot(t, b.target)
	check(t, os.WriteFile(filepath.Join(string(b.arguments.Keyring), "vendor.gpg"), strangersKey(t), 0o600))
	_, err := b.try(t.Context())
	if found := fault.As(err); found == nil || found.Code != "index-signer-unknown" || found.Class != fault.Refused {
		t.Errorf("signed by a stranger: %v", err)
	}
	sameTree(t, before, snapshot(t, b.target))
}

// TestIndexedSelection: strip, include and exclude choose as they do in a package that is read whole.
func TestIndexedSelection(t *testing.T) {
	tree := firmwareTree(t)
	for _, choose := range []func(a *unpackArguments){
		func(a *unpackArguments) { a.Strip = 1 },
		func(a *unpackArguments) { a.Include = []string{"d"} },
		func(a *unpackArguments) { a.Exclude = []string{"image", "d/e", "d/twin"} },
	} {
		whole, by := benchFor(t, file("fw-0/a")), benchFor(t, file("fw-0/a"))
		choose(&whole.arguments)
		choose(&by.arguments)
		whole.use(packIndexed(t, tree, "fw-1", true))
		whole.install()
		by.use(packIndexed(t, tree, "fw-1", false))
		by.install()
		sameTree(t, snapshot(t, whole.path("fw-1")), snapshot(t, by.path("fw-1")))
		by.frame()
		if out := by.install(); out.Linked == 0 {
			t.Errorf("nothing is linked: %+v", out)
		}
	}
}

// TestConformanceIndexed: the suite, with a package that is unpacked by its index.
func TestConformanceIndexed(t *testing.T) {
	tree := filepath.Join(t.TempDir(), "fw-2")
	check(t, os.MkdirAll(filepath.Join(tree, "d"), 0o755))
	check(t, os.WriteFile(filepath.Join(tree, "d", "same"), []byte("same"), 0o644))
	check(t, os.WriteFile(filepath.Join(tree, "other"), noise(1, 30_000), 0o644))
	check(t, os.Link(filepath.Join(tree, "other"), filepath.Join(tree, "twice")))
	check(t, os.Symlink("d/same", filepath.Join(tree, "link")))
	stamp := time.Unix(1_000_000_000, 0)
	for _, path := range []string{"d/same", "d", "other", "."} {
		check(t, os.Chtimes(filepath.Join(tree, path), stamp, stamp))
	}
	packed, err := os.ReadFile(packIndexed(t, tree, "fw-2", false))
	check(t, err)
	for _, verifyBase := range []string{"identity", "content"} {
		t.Run(verifyBase, func(t *testing.T) {
			steptest.Run(t, steptest.Suite{
				Type: Unpack(),
				Arrange: func(t testing.TB, root string) map[string]any {
					target := filepath.Join(root, "opt", "fw")
					old := filepath.Join(target, "fw-1")
					check(t, os.MkdirAll(filepath.Join(old, "d"), 0o755))
					check(t, os.WriteFile(filepath.Join(old, "d", "same"), []byte("same"), 0o644))
					check(t, os.Symlink("fw-1", filepath.Join(target, "current")))
					for _, path := range []string{"d/same", "d", "."} {
						check(t, os.Chtimes(filepath.Join(old, path), stamp, stamp))
					}
					keyringAt(t, filepath.Join(root, "keys"))
					path := filepath.Join(root, "package.tar.zst.gpg")
					check(t, os.WriteFile(path, packed, 0o644))
					check(t, os.Chtimes(path, stamp, stamp))
					return map[string]any{
						"package": path, "keyring": filepath.Join(root, "keys"), "into": target,
						"link-dest": filepath.Join(target, "current"), "verify-base": verifyBase,
					}
				},
				AfterDo: func(t testing.TB, root string, outputs map[string]any) {
					if outputs["path"] != filepath.Join(root, "opt", "fw", "fw-2") || outputs["files"] != 4 || outputs["linked"] != 1 {
						t.Errorf("outputs: %v", outputs)
					}
				},
				Forget: []string{"package.tar.zst.gpg", "keys"},
				Varied: map[string]string{
					"opt/fw/.gwe-releases/20260102T030405Z-abcdef-tried.files": "it records the inode numbers and change times of the release's files",
				},
			})
		})
	}
}
