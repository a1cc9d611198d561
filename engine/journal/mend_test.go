package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// sick is a file on which one kind of call fails a few times.
type sick struct {
	disk
	call  string
	errno syscall.Errno
	times int
}

func (s *sick) fails(call string) bool {
	if s.call == call && s.times > 0 {
		s.times--
		return true
	}
	return false
}

func (s *sick) WriteAt(text []byte, at int64) (int, error) {
	if s.fails("write") {
		half, _ := s.disk.WriteAt(text[:len(text)/2], at)
		return half, s.errno
	}
	return s.disk.WriteAt(text, at)
}

func (s *sick) Sync() error {
	if s.fails("sync") {
		return s.errno
	}
	return s.disk.Sync()
}

// told are the texts of a journal's records, the first one left out.
func told(t *testing.T, path string) string {
	t.Helper()
	records, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, record := range records[1:] {
		var text string
		if err := json.Unmarshal(record.Data, &text); err != nil {
			t.Fatal(err)
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, " ")
}

// A write or a sync fails, once or some times more. What was kept is there when the journal is mended, in its
// order; what was not kept never was. Until then no record is taken, unless there was only no space.
func TestMend(t *testing.T) {
	for _, call := range []string{"write", "sync"} {
		for _, errno := range []syscall.Errno{syscall.EIO, syscall.EROFS, syscall.ENOSPC} {
			for _, kept := range []bool{true, false} {
				for times := 1; times < 4; times++ {
					t.Run(fmt.Sprint(call, " ", errno, " kept ", kept, " ", times), func(t *testing.T) {
						path := sample(t, 0)
						journal, _, err := Open(path)
						if err != nil {
							t.Fatal(err)
						}
						if err := errors.Join(journal.Append("a", "one"), journal.Note("a", "two")); err != nil {
							t.Fatal(err)
						}
						journal.file = &sick{journal.file, call, errno, times}
						failure := journal.Append("a", "a longer one that fails")
						if !errors.Is(failure, errno) {
							t.Fatalf("got %v", failure)
						}
						want := "one two "
						if kept {
							want += "a longer one that fails "
							if !journal.Keep() {
								t.Fatal("it cannot be kept")
							}
						}
						if kept || journal.broken != nil {
							if err := journal.Append("a", "refused"); !errors.Is(err, errno) {
								t.Errorf("a record was taken: %v", err)
							}
							mended := 1
							for ; journal.Mend() != nil; mended++ {
							}
							if mended != times {
								t.Errorf("mended with try %d of %d", mended, times)
							}
						} else {
							for range times - 1 {
								if err := journal.Append("a", "a longer one that fails"); !errors.Is(err, errno) {
									t.Errorf("got %v", err)
								}
							}
						}
						if err := journal.Append("a", "more"); err != nil {
							t.Fatal(err)
						}
						if got := told(t, path); got != want+"more" {
							t.Errorf("got %q, want %q", got, want+"more")
						}
						if err := errors.Join(journal.Note("a", "last"), journal.Close()); err != nil {
							t.Fatal(err)
						}
						if got := told(t, path); got != want+"more last" {
							t.Errorf("closed with %q", got)
						}
					})
				}
			}
		}
	}
}

// Nobody said what becomes of a record that failed: it stays in the file as it is, and nothing more is taken.
func TestNoRecordAfterAFailedOne(t *testing.T) {
	for call, want := range map[string]string{"write": "one", "sync": "one doubtful"} {
		path := sample(t, 0)
		journal, _, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := journal.Append("a", "one"); err != nil {
			t.Fatal(err)
		}
		journal.file = &sick{journal.file, call, syscall.EIO, 1}
		first := journal.Append("a", "doubtful")
		var unsure *Unsure
		if code(first) != "journal-unwritable" || !errors.Is(first, syscall.EIO) || errors.As(first, &unsure) != (call == "sync") {
			t.Errorf("got %v", first)
		}
		if second := journal.Append("a", "more"); !errors.Is(first, second) {
			t.Errorf("after a failed %s: %v", call, second)
		}
		if err := journal.Close(); err != nil {
			t.Error(err)
		}
		if got := told(t, path); got != want {
			t.Errorf("after a failed %s: %q", call, got)
		}
		if journal.Mend() == nil || journal.Keep() {
			t.Error("a closed journal was mended")
		}
	}
}

// Closing is one more try for what was kept.
func TestCloseMends(t *testing.T) {
	path := sample(t, 0)
	journal, _, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	journal.file = &sick{journal.file, "sync", syscall.EIO, 2}
	if journal.Append("a", "kept") == nil || !journal.Keep() || journal.Mend() == nil {
		t.Error("nothing failed")
	}
	if err := journal.Close(); err != nil {
		t.Error(err)
	}
	if got := told(t, path); got != "kept" {
		t.Errorf("got %q", got)
	}
}

// A record that no journal takes cannot be kept.
func TestKeepNothing(t *testing.T) {
	path := sample(t, 0)
	journal, _, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if journal.Append("a", strings.Repeat("x", MaximumRecord)) == nil || journal.Keep() {
		t.Error("it was kept")
	}
	if err := journal.Append("a", "one"); err != nil || journal.Keep() {
		t.Error(err)
	}
}

// Whatever fails, and whenever the power or the process goes: the journal can be read. All that was told to
// be durable is in it, after that the next records in their order, and at its end perhaps one that failed.
func TestWhateverFailsTheJournalCanBeRead(t *testing.T) {
	for seed := range uint64(150) {
		w := &writing{T: t, seed: seed}
		w.platter = newPlatter(seed, w.fails)
		w.journal = &Journal{file: w.platter, path: "journal", last: start(), tail: tail{stale: -1}}
		if err := w.journal.Append(headerKind, header{Format: Format}); err != nil {
			t.Fatal(err)
		}
		w.sick = true
		for range 12 {
			w.record()
		}
		w.sick = false
		if err := w.journal.Mend(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		w.durable = len(w.accepted)
		w.issued = append(w.issued, "last")
		if err := w.journal.Append("a", "last"); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		w.accept(true)
		w.look()
		if t.Failed() {
			return
		}
	}
}

// writing is a journal on a platter, and what must be in it.
type writing struct {
	*testing.T
	seed    uint64
	sick    bool
	platter *platter
	journal *Journal
	// issued are all records, accepted those that are part of the journal; durable is how many of these are.
	issued, accepted []string
	durable          int
}

// fails lets some calls fail. Before each of them the machine may stop.
func (w *writing) fails(string) error {
	if !w.sick {
		return nil
	}
	w.look()
	switch w.platter.random.IntN(8) {
	case 0, 1:
		return syscall.EIO
	case 2:
		return syscall.ENOSPC
	}
	return nil
}

// record writes one, on the way forward or back.
func (w *writing) record() {
	text := fmt.Sprintf("%d%s", len(w.issued), strings.Repeat("x", w.platter.random.IntN(150)))
	w.issued = append(w.issued, text)
	write, durable := w.journal.Note, w.platter.random.IntN(2) == 0
	if durable {
		write = w.journal.Append
	}
	if err := write("a", text); err == nil {
		w.accept(durable)
	} else if w.platter.random.IntN(2) == 0 {
		if !w.journal.Keep() {
			w.Errorf("seed %d: a record cannot be kept", w.seed)
		}
		w.accept(false)
		if w.journal.Mend() == nil {
			w.durable = len(w.accepted)
		}
	}
	w.look()
}

func (w *writing) accept(durable bool) {
	w.accepted = append(w.accepted, w.issued[len(w.issued)-1])
	if durable {
		w.durable = len(w.accepted)
	}
}

// look reads what a kill leaves, and some of what a power cut may.
func (w *writing) look() {
	w.read("kill", w.platter.cache)
	for range 3 {
		w.read("power cut", w.platter.cut())
	}
}

func (w *writing) read(how string, content []byte) {
	records, _, _, err := parse("journal", content)
	if err != nil {
		w.Fatalf("seed %d, %s: %v", w.seed, how, err)
	}
	var texts []string
	for _, record := range records[1:] {
		var text string
		if err := json.Unmarshal(record.Data, &text); err != nil {
			w.Fatal(err)
		}
		texts = append(texts, text)
	}
	common := 0
	for common < min(len(texts), len(w.accepted)) && texts[common] == w.accepted[common] {
		common++
	}
	rest := texts[common:]
	if common < w.durable || len(rest) > 1 || len(rest) == 1 && !slices.Contains(w.issued, rest[0]) {
		w.Fatalf("seed %d, %s: %d records are in order, of %d durable and %d in all; after them %d more", w.seed, how, common, w.durable, len(w.accepted), len(rest))
	}
}
