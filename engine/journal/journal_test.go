package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gwe-project/gwe/engine/fault"
)

// sample writes a journal with the header and count records more, and gives its path.
func sample(t testing.TB, count int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journal")
	journal, err := Create(path, "1.2.3", 0)
	if err != nil {
		t.Fatal(err)
	}
	for at := range count {
		if err := journal.Append("intent", map[string]any{"step": fmt.Sprintf("steps[%d]", at), "text": "ä <&> \u2028 \" {\"number\":7,"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := journal.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func code(err error) string {
	if found := fault.As(err); found != nil {
		return found.Code
	}
	return fmt.Sprint(err)
}

func TestRecordsComeBack(t *testing.T) {
	path := sample(t, 2)
	journal, records, err := Open(path)
	if err != nil || len(records) != 3 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	if err := errors.Join(journal.Note("note", nil), journal.Append("result", []int{1}), journal.Close()); err != nil {
		t.Fatal(err)
	}
	records, err = Read(path)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, record := range records {
		fmt.Fprintf(&got, "%d %s %s\n", record.Number, record.Kind, record.Data)
	}
	want := `1 journal {"format":2,"gwe":"1.2.3"}
2 intent {"step":"steps[0]","text":"ä <&> \u2028 \" {\"number\":7,"}
3 intent {"step":"steps[1]","text":"ä <&> \u2028 \" {\"number\":7,"}
4 note null
5 result [1]
`
	if got.String() != want {
		t.Errorf("got\n%swant\n%s", got.String(), want)
	}
	if status, err := os.Stat(path); err != nil || status.Mode() != 0o600 {
		t.Errorf("mode %v, %v", status.Mode(), err)
	}
}

// A journal of this very text must stay readable for ever: it is what the doc promises as format 1.
func TestFormatOneIsFixed(t *testing.T) {
	const text = `{"number":1,"time":"2026-03-01T12:00:00.5Z","kind":"journal","data":{"format":1},"synced":0,"previous":"0000000000000000000000000000000000000000000000000000000000000000","sha256":"SUM1"}
{"number":2,"time":"2026-03-01T12:00:01Z","kind":"intent","data":{"step":"fw"},"synced":1,"previous":"SUM1","sha256":"SUM2"}
`
	// The sums are what `head -c -78 | sha256sum` gives for each line.
	sealed := strings.NewReplacer(
		"SUM1", "ddaf61e12240f4559dd9dda9456e76ce63065a3a564928ee315904ffe6f46b24",
		"SUM2", "75f052339ca6b64e49e0d0cfbe621455d84ec3879b6f788b7b5900c04e445bf5").Replace(text)
	records, _, length, err := parse("journal", []byte(sealed))
	if err != nil || len(records) != 2 || length != len(sealed) || string(records[1].Data) != `{"step":"fw"}` {
		t.Errorf("%v, %d of %d bytes, %v", records, length, len(sealed), err)
	}
}

func TestCreateRefusesAnExistingFile(t *testing.T) {
	path := sample(t, 0)
	if _, err := Create(path, "1.2.3", 0); !errors.Is(err, os.ErrExist) {
		t.Errorf("got %v", err)
	}
	if records, err := Read(path); err != nil || len(records) != 1 {
		t.Errorf("the existing journal was touched: %v", err)
	}
}

// Cut at every byte, as a power cut may, with and without NULs behind: what was whole stays, Open continues
// from there.
func TestTornAtEveryByte(t *testing.T) {
	whole, err := os.ReadFile(sample(t, 2))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "journal")
	for _, tail := range []string{"", "\x00", strings.Repeat("\x00", 4096), `{"number":4,"ti`, "\x00\n\x00\n", "\x00\x00{\"number\":5,\n"} {
		for length := range len(whole) + 1 {
			text := append(bytes.Clone(whole[:length]), tail...)
			if err := os.WriteFile(path, text, 0o600); err != nil {
				t.Fatal(err)
			}
			count := bytes.Count(whole[:length], []byte("\n"))
			if tail[:min(1, len(tail))] == "{" && length < len(whole) && whole[length] == '\n' {
				continue // a line's end is missing without a gap
			}
			records, err := Read(path)
			if count == 0 {
				if code(err) != "journal-empty" {
					t.Fatalf("%d bytes and %q: %v", length, tail, err)
				}
				continue
			}
			if err != nil || len(records) != count {
				t.Fatalf("%d bytes and %q: %d records of %d, %v", length, tail, len(records), count, err)
			}
			if (length+len(tail))%113 != 0 { // a sync each is slow
				continue
			}
			journal, _, err := Open(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := journal.Append("more", length); err != nil {
				t.Fatal(err)
			}
			if records, err = Read(path); err != nil || len(records) != count+1 {
				t.Fatalf("%d bytes and %q, continued with: %d records of %d, %v", length, tail, len(records), count+1, err)
			}
			if err := errors.Join(journal.Release(), journal.Close()); err != nil {
				t.Fatal(err)
			}
			if text, err := os.ReadFile(path); err != nil || bytes.Count(text, []byte("\n")) != count+1 || text[len(text)-1] != '\n' {
				t.Fatalf("%d bytes and %q: closed with %q, %v", length, tail, text, err)
			}
			if records, err = Read(path); err != nil || len(records) != count+1 {
				t.Fatalf("%d bytes and %q, continued with: %d records of %d, %v", length, tail, len(records), count+1, err)
			}
		}
	}
}

// A line that is complete and invalid was changed after it was written: no power cut leaves a line's end
// after a line that is torn anywhere but at a block.
func TestACompleteLineIsNotTorn(t *testing.T) {
	whole, err := os.ReadFile(sample(t, 2))
	if err != nil {
		t.Fatal(err)
	}
	last := bytes.LastIndexByte(whole[:len(whole)-1], '\n') + 1
	for name, text := range map[string]string{
		"cut out within the line":     string(whole[:last+20]) + string(whole[last+21:]),
		"another byte for its end":    string(whole[:len(whole)-1]) + "x",
		"the same, before zeros":      string(whole[:len(whole)-1]) + "x" + strings.Repeat("\x00", 4096),
		"a bit of a blank is lost":    string(whole[:last]) + strings.Replace(string(whole[last:]), "ä <&>", "ä\x00<&>", 1),
		"a line's end after a part":   string(whole[:last+100]) + "\n",
		"a changed line, a torn one":  string(whole[:last+20]) + "!" + string(whole[last+21:]) + `{"number":4,"ti`,
		"a changed end, then more":    string(whole[:len(whole)-1]) + "x" + `{"number":4,"ti`,
		"the header alone, changed":   strings.Replace(string(whole[:bytes.IndexByte(whole, '\n')+1]), "1.2.3", "1.2.4", 1),
		"the header alone, other end": string(whole[:bytes.IndexByte(whole, '\n')]) + "x",
	} {
		if _, _, _, err := parse("journal", []byte(text)); code(err) != "journal-damaged" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Every bit of every byte: a flip is damage, named, in the last record too.
func TestEveryFlippedBitIsFound(t *testing.T) {
	whole, err := os.ReadFile(sample(t, 2))
	if err != nil {
		t.Fatal(err)
	}
	first := bytes.IndexByte(whole, '\n') + 1
	for at := range whole {
		for bit := range 8 {
			flipped := bytes.Clone(whole)
			flipped[at] ^= 1 << bit
			_, _, _, err := parse("journal", flipped)
			if found := code(err); found != "journal-damaged" && (found != "journal-newer-format" || at >= first) {
				t.Fatalf("byte %d, bit %d: %v", at, bit, err)
			}
		}
	}
}

func TestDamageIsNamedAndNothingIsCut(t *testing.T) {
	path := sample(t, 3)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(whole, []byte("\n"))
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	second := len(lines[0])
	for name, test := range map[string]struct {
		text []byte
		want string
	}{
		"NULs over a record":  {join(lines[0], make([]byte, len(lines[1])), lines[2]), fmt.Sprintf("damaged at record 2, byte %d: record 3 after it is whole", second)},
		"a record missing":    {join(lines[0], lines[2], lines[3]), fmt.Sprintf("damaged at record 2, byte %d: record 3 after it is whole", second)},
		"a record twice":      {join(lines[0], lines[1], lines[1]), fmt.Sprintf("damaged at record 3, byte %d: record 2 after it is whole", second+len(lines[1]))},
		"a line without end":  {join(lines[0], lines[1][:len(lines[1])-1], lines[2]), fmt.Sprintf("damaged at record 2, byte %d: record 3 after it is whole", second)},
		"the header missing":  {join(lines[1], lines[2]), "damaged at record 1, byte 0: record 2 after it is whole"},
		"rubbish in between":  {join(lines[0], []byte("\xff\xfe\n\n"), lines[1]), fmt.Sprintf("damaged at record 2, byte %d: record 2 after it is whole", second)},
		"rubbish in the line": {join(lines[0], []byte("\x00\x00{\"number\":"), lines[1]), fmt.Sprintf("damaged at record 2, byte %d: record 2 after it is whole", second)},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path, test.text, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Read(path)
			_, _, openErr := Open(path)
			if code(err) != "journal-damaged" || !strings.Contains(err.Error(), test.want) || openErr == nil || openErr.Error() != err.Error() {
				t.Errorf("got %v and %v, want %s", err, openErr, test.want)
			}
			if now, _ := os.ReadFile(path); !bytes.Equal(now, test.text) {
				t.Error("Open changed a damaged journal")
			}
		})
	}
}

// A disk may write later records and lose earlier ones, as long as nobody waited for these.
func TestRecordsLostOutOfOrder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	journal, err := Create(path, "1.2.3", 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(journal.Append("intent", 2), journal.Note("note", 3), journal.Note("note", 4), journal.Append("intent", 5)); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(whole, []byte("\n"))
	for lost, want := range map[int]int{2: -1, 3: 2, 4: 3, 5: 4} { // the number of the lost record, and of those that are left
		text := bytes.Clone(whole)
		begin := len(bytes.Join(lines[:lost-1], nil))
		copy(text[begin:], make([]byte, len(lines[lost-1])))
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		records, err := Read(path)
		if want < 0 {
			if code(err) != "journal-damaged" {
				t.Errorf("record %d lost: %d records, %v", lost, len(records), err)
			}
			continue
		}
		if err != nil || len(records) != want {
			t.Fatalf("record %d lost: %d records of %d, %v", lost, len(records), want, err)
		}
		// Gone on with, no lost record may come back, whatever the length of the new ones.
		again, _, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		for more := range 4 {
			if err := again.Note("more", strings.Repeat("x", more)); err != nil {
				t.Fatal(err)
			}
			if records, err := Read(path); err != nil || len(records) != want+more+1 {
				t.Errorf("record %d lost, %d more: %d records, %v", lost, more+1, len(records), err)
			}
		}
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestForeignAndNewerFiles(t *testing.T) {
	newer, _, err := start().encode(t0, headerKind, header{Format: Format + 1})
	if err != nil {
		t.Fatal(err)
	}
	other, _, err := start().encode(t0, "intent", 1)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"":            "journal-empty",
		"hello\n":     "journal-empty",
		string(newer): "journal-newer-format",
		string(other): "journal-foreign",
		// A format that seals its lines in another way.
		`{"number":1,"kind":"journal","data":{"format":9},"blake3":"xyz"}` + "\n": "journal-newer-format",
	} {
		if _, _, _, err := parse("journal", []byte(text)); code(err) != want {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
	if _, err := Read(filepath.Join(t.TempDir(), "none")); code(err) != "journal-unreadable" || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestRecordsAreBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	journal, err := Create(path, "1.2.3", 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := journal.Append("big", strings.Repeat("x", MaximumRecord)); code(err) != "journal-record-too-large" {
		t.Errorf("got %v", err)
	}
	if err := journal.Append("bad", func() {}); code(err) != "journal-data" {
		t.Errorf("got %v", err)
	}
	text := strings.Repeat("x", MaximumRecord-400)
	if err := errors.Join(journal.Append("large", text), journal.Close()); err != nil {
		t.Fatal(err)
	}
	if records, err := Read(path); err != nil || len(records) != 2 || len(records[1].Data) != len(text)+2 {
		t.Errorf("%d records, %v", len(records), err)
	}
	if err := journal.Append("late", nil); code(err) != "journal-closed" {
		t.Errorf("got %v", err)
	}
	if err := journal.Close(); err != nil {
		t.Errorf("closed twice: %v", err)
	}
}

func TestManyGoroutinesMakeOneChain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	journal, err := Create(path, "1.2.3", 1<<16)
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			for at := range 20 {
				if err := journal.Note("note", json.RawMessage(fmt.Sprintf("[%d, %d]", worker, at))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if records, err := Read(path); err != nil || len(records) != 161 {
		t.Errorf("read while open: %d records, %v", len(records), err)
	}
	if err := journal.Close(); err != nil {
		t.Fatal(err)
	}
	if records, err := Read(path); err != nil || len(records) != 161 {
		t.Errorf("%d records, %v", len(records), err)
	}
}
