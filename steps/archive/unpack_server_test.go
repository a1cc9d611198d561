package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/steps/order"
	"github.com/gwe-project/gwe/steps/server"
)

// packageServer gives a package, and counts what it gives of it.
type packageServer struct {
	*httptest.Server
	mutex   sync.Mutex
	content []byte
	// spoil may change an answer's content; whole is true where it is that of the file and not of a range.
	spoil func(content []byte, at int64, whole bool) []byte
	// before is called with each request. It answers itself where it returns true.
	before   func(w http.ResponseWriter, r *http.Request) bool
	requests int
	bytes    int64
}

func servePackage(t testing.TB, path string) *packageServer {
	t.Helper()
	content, err := os.ReadFile(path)
	check(t, err)
	s := &packageServer{content: content}
	s.Server = httptest.NewServer(http.HandlerFunc(s.answer))
	t.Cleanup(s.Close)
	return s
}

func (s *packageServer) answer(w http.ResponseWriter, r *http.Request) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.requests++
	w.Header().Set("ETag", `"one"`)
	if s.before != nil && s.before(w, r) {
		return
	}
	http.ServeContent(&countedAnswer{w, s}, r, "", time.Time{}, bytes.NewReader(s.spoiled(r)))
}

// spoiled is the content as this request sees it.
func (s *packageServer) spoiled(r *http.Request) []byte {
	if s.spoil == nil {
		return s.content
	}
	return s.spoil(bytes.Clone(s.content), 0, r.Header.Get("Range") == "")
}

type countedAnswer struct {
	http.ResponseWriter
	of *packageServer
}

func (c *countedAnswer) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.of.bytes += int64(n)
	return n, err
}

// count gives what was asked and given since the last call.
func (s *packageServer) count() (requests int, share float64) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	requests, share = s.requests, float64(s.bytes)/float64(len(s.content))
	s.requests, s.bytes = 0, 0
	return requests, share
}

// remote is a bench whose package comes from servers.
func remote(t *testing.T) *bench {
	b := benchFor(t, file("fw-0/a"))
	b.arguments.Arguments = server.Arguments{
		Connect: value.DurationOf(10 * time.Second), LowSpeed: value.SizeOf(1), LowTime: value.DurationOf(10 * time.Second),
		Attempts: 3, Partial: pathOf(filepath.Join(t.TempDir(), "partial")),
	}
	return b
}

// from takes the package of a server, and begins a new frame.
func (b *bench) from(s *packageServer) {
	b.arguments.Package = value.Location(s.URL + "/fw.tar.zst.gpg?key=hush")
	b.frame()
}

// partials are the names of what is left of downloads.
func (b *bench) partials() (names []string) {
	entries, err := os.ReadDir(string(b.arguments.Partial))
	if err != nil {
		return nil
	}
	for _, one := range entries {
		if strings.HasSuffix(one.Name(), ".part") {
			names = append(names, one.Name())
		}
	}
	return names
}

// releases is the target without the records of the one run that all frames are of.
func (b *bench) releases() map[string]string {
	is := snapshot(b, b.target)
	for name := range is {
		if name == "." || strings.HasPrefix(name, order.Directory) {
			delete(is, name)
		}
	}
	return is
}

// largeTree is one of many files, of which a change of a few is a small share.
func largeTree(t testing.TB) string {
	t.Helper()
	tree := filepath.Join(t.TempDir(), "fw")
	for _, dir := range []string{"bin", "lib", "share/deep"} {
		check(t, os.MkdirAll(filepath.Join(tree, dir), 0o755))
	}
	for i := range 400 {
		name := filepath.Join(tree, []string{"bin", "lib", "share/deep"}[i%3], strings.Repeat("n", i%7+1)+string(rune('a'+i%26))+string(rune('0'+i/26%10))+string(rune('A'+i/260)))
		check(t, os.WriteFile(name, noise(uint64(i), 20_000+i*50), 0o644))
	}
	check(t, os.WriteFile(filepath.Join(tree, "image"), noise(77, 9<<20), 0o644))
	return tree
}

// TestFromServer: the first installation fetches the package whole, an update what has changed, and one of
// the same content next to nothing. The trees are those of the package's file.
func TestFromServer(t *testing.T) {
	tree := largeTree(t)
	b := remote(t)
	first := servePackage(t, packIndexed(t, tree, "fw-1", false))
	b.from(first)
	b.install()
	if requests, share := first.count(); requests != 1 || share != 1 {
		t.Errorf("the first installation: %d requests, %.3f of the package", requests, share)
	}
	sameTree(t, snapshot(t, tree), snapshot(t, b.path("fw-1")))

	same := servePackage(t, packIndexed(t, tree, "fw-2", false))
	b.from(same)
	if out := b.install(); out.Linked != out.Files {
		t.Errorf("nothing has changed: %+v", out)
	}
	if requests, share := same.count(); share >= 0.01 {
		t.Errorf("nothing has changed: %d requests, %.4f of the package", requests, share)
	}

	// A byte goes into the large file, and one file in fifty is new.
	image := noise(77, 9<<20)
	check(t, os.WriteFile(filepath.Join(tree, "image"), append(append(bytes.Clone(image[:5<<20]), 'x'), image[5<<20:]...), 0o644))
	for i := range 8 {
		matches, err := filepath.Glob(filepath.Join(tree, "*", strings.Repeat("n", i%7+1)+"*"))
		check(t, err)
		check(t, os.WriteFile(matches[i], noise(uint64(1000+i), 20_000), 0o644))
	}
	// A file that is the same but for its time is written, and needs nothing of the package.
	now := time.Unix(1_700_000_000, 0)
	check(t, filepath.WalkDir(filepath.Join(tree, "share"), func(path string, _ os.DirEntry, err error) error {
		if err == nil {
			err = os.Chtimes(path, now, now)
		}
		return err
	}))
	update := servePackage(t, packIndexed(t, tree, "fw-3", false))
	b.from(update)
	b.install()
	if requests, share := update.count(); share >= 0.15 || requests > 20 {
		t.Errorf("the update: %d requests, %.3f of the package", requests, share)
	}
	sameTree(t, withoutLinks(snapshot(t, tree)), withoutLinks(snapshot(t, b.path("fw-3"))))
	if left := b.partials(); len(left) > 0 {
		t.Errorf("left of downloads: %q", left)
	}
}

// TestFromBadServer: whatever a server does, the tree is that of the package or there is none.
func TestFromBadServer(t *testing.T) {
	tree := firmwareTree(t)
	old := packIndexed(t, tree, "fw-1", false)
	check(t, os.WriteFile(filepath.Join(tree, "d/e"), noise(99, 250_000), 0o644))
	path := packIndexed(t, tree, "fw-2", false)
	plain := packIndexed(t, tree, "fw-2", true)
	content, err := os.ReadFile(path)
	check(t, err)
	other, err := os.ReadFile(packIndexed(t, largeTree(t), "fw-2", false))
	check(t, err)
	size := int64(len(content))
	times := 0
	for _, test := range []struct {
		name  string
		spoil func(content []byte, at int64, whole bool) []byte
		// before answers itself.
		before func(w http.ResponseWriter, r *http.Request) bool
		with   func(b *bench, s *packageServer)
		// code is that of the fault; "" is a good installation.
		code string
		// whole is true where all of the package is fetched at last.
		whole bool
	}{
		{name: "good"},
		{name: "no ranges", whole: true, before: func(w http.ResponseWriter, r *http.Request) bool { r.Header.Del("Range"); return false }},
		{name: "no ETag", before: func(w http.ResponseWriter, r *http.Request) bool { w.Header().Set("ETag", ""); return false }},
		{name: "416 for every range", whole: true, before: func(w http.ResponseWriter, r *http.Request) bool {
			if r.Header.Get("Range") != "" {
				w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
				return true
			}
			return false
		}},
		{name: "the range of another place", whole: true, before: func(w http.ResponseWriter, r *http.Request) bool {
			if one := r.Header.Get("Range"); one != "" {
				r.Header.Set("Range", "bytes=7-99")
			}
			return false
		}},
		{name: "another file behind the beginning", whole: true, before: func(w http.ResponseWriter, r *http.Request) bool {
			if one := r.Header.Get("Range"); one != "" && !strings.HasPrefix(one, "bytes=0-") {
				http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(other))
				return true
			}
			return false
		}},
		{name: "flips a byte of the index in ranges", whole: true, spoil: func(content []byte, _ int64, whole bool) []byte {
			if !whole {
				content[size-2000] ^= 1
			}
			return content
		}},
		{name: "flips a byte of a frame in ranges", whole: true, spoil: func(content []byte, _ int64, whole bool) []byte {
			if !whole {
				content[frameOf(content, size)] ^= 1
			}
			return content
		}},
		{name: "flips a byte of a frame once", spoil: func(content []byte, _ int64, whole bool) []byte {
			if times++; times == 3 {
				content[frameOf(content, size)] ^= 1
			}
			return content
		}},
		{name: "flips a byte always", whole: true, code: "index-signature-bad", spoil: func(content []byte, _ int64, _ bool) []byte {
			content[size-2000] ^= 1
			return content
		}},
		{name: "not there", code: "download-not-found", before: func(w http.ResponseWriter, r *http.Request) bool { http.NotFound(w, r); return true }},
		{name: "gone after the index", code: "download-not-found", before: func(w http.ResponseWriter, r *http.Request) bool {
			if times++; times > 2 {
				w.WriteHeader(http.StatusGone)
			}
			return times > 2
		}},
		{name: "no index", whole: true, with: func(b *bench, s *packageServer) {
			var err error
			s.content, err = os.ReadFile(plain)
			check(b, err)
		}},
		{name: "another mirror has ranges", with: func(b *bench, s *packageServer) {
			good := servePackage(b, path)
			b.arguments.Mirrors = []value.URL{value.URL(good.URL)}
		}, before: func(w http.ResponseWriter, r *http.Request) bool { r.Header.Del("Range"); return false }},
		{name: "signed by a stranger", code: "index-signer-unknown", with: func(b *bench, s *packageServer) {
			check(b, os.WriteFile(filepath.Join(string(b.arguments.Keyring), "vendor.gpg"), strangersKey(b), 0o600))
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			times = 0
			b := remote(t)
			b.use(old)
			b.install()
			s := servePackage(t, path)
			s.spoil, s.before = test.spoil, test.before
			if test.with != nil {
				test.with(b, s)
			}
			before := b.releases()
			b.from(s)
			_, err := b.try(t.Context())
			found := fault.As(err)
			if test.code == "" && err != nil || test.code != "" && (found == nil || found.Code != test.code) {
				t.Fatalf("%v", err)
			}
			if err != nil && strings.Contains(err.Error()+found.Hint, "hush") {
				t.Errorf("what may be secret in the address is shown: %v", err)
			}
			_, share := s.count()
			if test.whole != (share >= 1) {
				t.Errorf("%.2f of the package was fetched", share)
			}
			if err == nil {
				sameTree(t, withoutLinks(snapshot(t, tree)), withoutLinks(snapshot(t, b.path("fw-2"))))
				return
			}
			check(t, b.undo())
			sameTree(t, before, b.releases())
			if left := b.partials(); len(left) > 0 {
				t.Errorf("left of a download that was refused: %q", left)
			}
		})
	}
}

// frameOf is a place in the frames of the one file that has changed.
func frameOf(content []byte, size int64) int64 {
	// d/e has a frame of its own, before that of the large file.
	at := int64(bytes.Index(content, []byte{0x28, 0xb5, 0x2f, 0xfd}))
	next := int64(bytes.Index(content[at+4:], []byte{0x28, 0xb5, 0x2f, 0xfd}))
	return min(at+4+next+100_000, size-1)
}

// TestStoppedAtAServer: stopped at any moment, the undo leaves nothing, and the next attempt installs.
func TestStoppedAtAServer(t *testing.T) {
	tree := firmwareTree(t)
	b := remote(t)
	b.use(packIndexed(t, tree, "fw-1", false))
	b.install()
	check(t, os.WriteFile(filepath.Join(tree, "d/e"), noise(99, 250_000), 0o644))
	s := servePackage(t, packIndexed(t, tree, "fw-2", false))
	before := b.releases()
	for after := range 25 {
		b.from(s)
		memo, err := unpack{}.Prepare(t.Context(), b.run, b.arguments)
		check(t, err)
		b.memo = memo
		ctx, cancel := context.WithCancel(t.Context())
		stopping := &countdown{Context: ctx}
		stopping.left.Store(int64(after))
		if _, err := (unpack{}).Do(stopping, b.run, b.arguments, b.memo); err == nil {
			t.Fatalf("it was not stopped at %d", after)
		} else if fault.ClassOf(err) != fault.Interrupted {
			t.Fatal(err)
		}
		cancel()
		check(t, b.undo())
		sameTree(t, before, b.releases())
	}
	b.from(s)
	b.install()
	sameTree(t, withoutLinks(snapshot(t, tree)), withoutLinks(snapshot(t, b.path("fw-2"))))
}

// TestPlanAsksNoServer: a plan says what would be fetched, and asks for nothing.
func TestPlanAsksNoServer(t *testing.T) {
	b := remote(t)
	s := servePackage(t, packIndexed(t, firmwareTree(t), "fw-1", false))
	b.from(s)
	plan, err := (unpack{}).Plan(t.Context(), step.Local{}, b.arguments)
	check(t, err)
	if said := strings.Join(plan.Do, "\n"); !strings.Contains(said, "download the package whole") || strings.Contains(said, "hush") {
		t.Error(said)
	}
	b.install()
	s.count()
	b.from(s)
	plan, err = (unpack{}).Plan(t.Context(), step.Local{}, b.arguments)
	check(t, err)
	if said := strings.Join(plan.Do, "\n"); !strings.Contains(said, "fetch the package's index") {
		t.Error(said)
	}
	if requests, _ := s.count(); requests > 0 {
		t.Errorf("%d requests", requests)
	}
}

// TestPackageOfTheCache: with cache: true the package is downloaded once. It is verified when it is used
// again, and a damaged one is downloaded once more.
func TestPackageOfTheCache(t *testing.T) {
	tree := firmwareTree(t)
	b := remote(t)
	s := servePackage(t, packIndexed(t, tree, "fw-1", false))
	digest := sha256.Sum256(s.content)
	b.arguments.Cache, b.arguments.CacheDir, b.arguments.CacheSize = true, pathOf(filepath.Join(t.TempDir(), "cache")), value.SizeOf(1<<30)
	b.from(s)
	if _, err := b.try(t.Context()); fault.As(err) == nil || fault.As(err).Code != "download-option-invalid" {
		t.Errorf("without a digest: %v", err)
	}
	b.arguments.SHA256 = hex.EncodeToString(digest[:])
	for _, test := range []struct {
		name     string
		before   func(entry string)
		requests int
	}{
		{"first", nil, 1},
		{"again", nil, 0},
		{"damaged", func(entry string) {
			content, err := os.ReadFile(entry)
			check(t, err)
			content[len(content)/2] ^= 1
			check(t, os.WriteFile(entry, content, 0o600))
		}, 1},
		{"again", nil, 1}, // what was damaged was not kept again
		{"and again", nil, 0},
	} {
		if test.before != nil {
			test.before(filepath.Join(string(b.arguments.CacheDir), "sha256-"+b.arguments.SHA256))
		}
		b.from(s)
		out, err := b.try(t.Context())
		check(t, err)
		sameTree(t, withoutLinks(snapshot(t, tree)), withoutLinks(snapshot(t, string(out.Path))))
		check(t, b.undo())
		if requests, _ := s.count(); requests != test.requests {
			t.Errorf("%s: %d requests", test.name, requests)
		}
	}
	b.arguments.SHA256 = strings.Repeat("0", 64)
	b.from(s)
	if _, err := b.try(t.Context()); fault.As(err) == nil || fault.As(err).Code != "download-digest-wrong" {
		t.Errorf("another digest: %v", err)
	}
}
