package bundle

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/gwe-project/gwe/engine/fault"
)

// readings is a source that counts how often it is read, and gives a bad byte as long as spoil is positive.
type readings struct {
	mutex  sync.Mutex
	source io.ReaderAt
	reads  int
	at     int64
	spoil  int
}

func (r *readings) ReadAt(p []byte, at int64) (int, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.reads++
	n, err := r.source.ReadAt(p, at)
	if r.at >= at && r.at < at+int64(n) && r.spoil > 0 {
		r.spoil--
		p[r.at-at] ^= 1
	}
	return n, err
}

// set changes what it does, and gives how often it was read until then.
func (r *readings) set(spoil int) (reads int) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	reads, r.reads, r.spoil = r.reads, 0, spoil
	return reads
}

// openedFrames is a package with many frames, read from a source that counts.
func openedFrames(t testing.TB) (*Indexed, *readings) {
	t.Helper()
	home, directory := gpg(t), firmware(t)
	write(t, filepath.Join(directory, "large"), noise(1, 9<<20), 0o644)
	for i := range 40 {
		write(t, filepath.Join(directory, string(rune('A'+i))), noise(uint64(i), 20_000), 0o644)
	}
	path := pack(t, PackOptions{Directory: directory})
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	source := &readings{source: bytes.NewReader(content), at: -1}
	found, err := IndexedIn(t.Context(), source, int64(len(content)), "fw", Policy{Keyring: home.keyring(t, "ed")})
	if err != nil || found == nil || len(found.Frames) < 30 {
		t.Fatal(found, err)
	}
	t.Cleanup(found.Close)
	return found, source
}

// TestReadAhead: whatever is needed and whatever is read, in whatever order, a frame is its content.
func TestReadAhead(t *testing.T) {
	found, source := openedFrames(t)
	var all [][]byte
	for i := range found.Frames {
		content, err := found.ReadFrame(i)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, bytes.Clone(content))
	}
	for seed := range uint64(30) {
		random := rand.New(rand.NewPCG(seed, 3))
		needed, order := make([]bool, len(all)), random.Perm(len(all))
		for i := range needed {
			needed[i] = random.IntN(3) > 0
		}
		if seed%3 > 0 {
			slices.Sort(order)
		}
		if err := found.ReadAhead(needed, seed%2 == 0); err != nil {
			t.Fatal(err)
		}
		for _, number := range order[:random.IntN(len(order)+1)] {
			if content, err := found.ReadFrame(number); err != nil || !bytes.Equal(content, all[number]) {
				t.Fatalf("seed %d, frame %d: %v", seed, number, err)
			}
		}
	}
	// Frames that lie close together come with one read.
	needed := make([]bool, len(all))
	for i := range needed {
		needed[i] = true
	}
	if err := found.ReadAhead(make([]bool, len(all)), true); err != nil { // ends what still reads
		t.Fatal(err)
	}
	source.set(0)
	if err := found.ReadAhead(needed, true); err != nil {
		t.Fatal(err)
	}
	for i := range all {
		if _, err := found.ReadFrame(i); err != nil {
			t.Fatal(err)
		}
	}
	if reads := source.set(0); reads > 2+int(found.Content/frameWindowMaximum) {
		t.Errorf("%d reads", reads)
	}
}

// TestDamageAhead: a frame that comes damaged once is read again from a distant source, and refused from a
// near one; one that is not needed, and is damaged, does not matter.
func TestDamageAhead(t *testing.T) {
	found, source := openedFrames(t)
	needed := make([]bool, len(found.Frames))
	for i := range needed {
		needed[i] = true
	}
	bad := len(needed) / 2
	source.at = found.content.place(found.Frames[bad].Offset + found.Frames[bad].Length/2)
	for _, test := range []struct {
		distant bool
		spoil   int
		refused bool
	}{{true, 1, false}, {true, frameTries, true}, {false, 1, true}, {false, 0, false}} {
		source.set(test.spoil)
		if err := found.ReadAhead(needed, test.distant); err != nil {
			t.Fatal(err)
		}
		for i := range needed {
			_, err := found.ReadFrame(i)
			is := fault.As(err)
			if refused := is != nil && is.Code == "index-frame-digest"; refused != (test.refused && i == bad) || !refused && err != nil {
				t.Fatalf("%+v: frame %d: %v", test, i, err)
			}
		}
	}
	// The caller passes over the damaged one: those behind it are read nevertheless.
	source.set(1 << 30)
	if err := found.ReadAhead(needed, false); err != nil {
		t.Fatal(err)
	}
	for i := range needed {
		if i == bad {
			continue
		}
		if _, err := found.ReadFrame(i); err != nil {
			t.Fatalf("frame %d: %v", i, err)
		}
	}
}
