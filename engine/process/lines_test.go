package process

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/gwe-project/gwe/engine/tasklog"
)

// cutInto gives the lines of a text that comes in chunks of that size.
func cutInto(text string, size int, limit int64) []string {
	var found []string
	sink := &lines{name: "stdout", limit: limit, mutex: &sync.Mutex{}, output: func(_, line string) { found = append(found, line) }}
	for len(text) > 0 {
		count := min(size, len(text))
		_, _ = sink.Write([]byte(text[:count]))
		text = text[count:]
	}
	sink.end()
	return found
}

func TestLines(t *testing.T) {
	long := strings.Repeat("ä", lineLimit)
	for text, want := range map[string][]string{
		"":                nil,
		"a":               {"a"},
		"a\n":             {"a"},
		"\n\na":           {"", "", "a"},
		"a\r\nb\r\n":      {"a", "b"},
		" 1%\r 2%\r 3%\n": {" 1%", " 2%", " 3%"},
		"a\r\rb\r":        {"a", "", "b"},
		"\xff\x00\n":      {"\xff\x00"},
		long[1:] + "\n":   {long[1:lineLimit], long[lineLimit : 2*lineLimit]},
		long:              {long[:lineLimit], long[lineLimit:]},
		"x" + long:        {"x" + long[:lineLimit-2], long[lineLimit-2 : 2*lineLimit-2], "ä"},
	} {
		for _, size := range []int{1, 2, 3, 4096, 1 << 20} {
			if got := cutInto(text, size, 0); !slices.Equal(got, want) && !strings.HasPrefix(text, "\xa4") {
				t.Errorf("%.20q in chunks of %d: got %d lines %.200q", text, size, len(got), got)
			}
		}
	}
}

func TestOnlyHeadAndTail(t *testing.T) {
	text := strings.Repeat("0123456\n", 1<<20)
	const cost, tail = lineFrame + 7, tailLimit / (lineFrame + 7)
	for _, size := range []int{7, 4096, 1 << 20} {
		got := cutInto(text, size, 2*cost-1)
		if !slices.Equal(got[:3], []string{"0123456", "0123456", fmt.Sprintf("… %d bytes left out …", 8*(1<<20-2-tail))}) || got[3] != "0123456" || len(got) != 3+tail {
			t.Errorf("in chunks of %d: %d lines, %.100q", size, len(got), got)
		}
	}
	// As long as head and tail hold it all, nothing is missing and no line is broken.
	for _, end := range []string{"\n", "\r", "\r\n"} {
		if got := cutInto(strings.Repeat("0123456"+end, tail+2), 100, 2*cost); len(got) != tail+2 || slices.ContainsFunc(got, func(line string) bool { return line != "0123456" }) {
			t.Errorf("%d lines, %.100q", len(got), got)
		}
		if got := cutInto(strings.Repeat("0123456"+end, tail+3), 100, 2*cost); len(got) != tail+3 || got[2] != fmt.Sprintf("… %d bytes left out …", 7+len(end)) {
			t.Errorf("%d lines, %.100q", len(got), got)
		}
	}
	// A line that is longer than a tail may be is broken.
	got := cutInto("head\n"+strings.Repeat("x", 1<<20)+"end\n", 4096, 1)
	if last := got[len(got)-1]; len(got) < 4 || len(got) > 12 || got[0] != "head" || !strings.HasSuffix(last, "end") || !strings.Contains(got[1], "left out") {
		t.Errorf("%d lines, %.100q", len(got), got)
	}
}

// A flood costs no more in the log than the bound says, whatever it is made of.
func TestTheBoundCountsWhatIsWritten(t *testing.T) {
	for name, text := range map[string]string{
		"short lines":       strings.Repeat("1234567\n", 1<<20),
		"empty lines":       strings.Repeat("\n", 8<<20),
		"carriage returns":  strings.Repeat("\r", 8<<20),
		"control bytes":     strings.Repeat("\x01", 8<<20),
		"NULs in lines":     strings.Repeat("\x00\x00\n", 2<<20),
		"not UTF-8":         strings.Repeat("a\xff", 4<<20),
		"escape sequences":  strings.Repeat("\x1b[31mred\x1b[0m\n", 1<<19),
		"what JSON escapes": strings.Repeat("\"\\\t", 2<<20),
		"line separators":   strings.Repeat("\u2028", 2<<20),
		"one long line":     strings.Repeat("x", 8<<20),
		"umlauts":           strings.Repeat("äöü€ ", 1<<20),
	} {
		var log countingWriter
		task := tasklog.Begin(tasklog.NewJSON(&log), "run", "x")
		for range 1 << 16 { // as the task of a late step has
			task = task.Begin("step", "s")
		}
		before := log
		for _, line := range cutInto(text, 64<<10, 0) {
			task.Output(line)
		}
		if written := int64(log - before); written > DefaultOutputLimit+tailLimit+64<<10 || written < DefaultOutputLimit/4 {
			t.Errorf("%s: %d bytes are written", name, written)
		}
	}
}

type countingWriter int64

func (c *countingWriter) Write(text []byte) (int, error) {
	*c += countingWriter(len(text))
	return len(text), nil
}

// The lines do not depend on how the bytes arrive, none is too long, and no byte is lost but the ends of
// lines.
func FuzzLines(f *testing.F) {
	f.Add("a\r\nb\rc\n", 2)
	f.Add(strings.Repeat("ä", lineLimit), 3)
	f.Add("\r\n\r\n\xff\xfe", 1)
	f.Fuzz(func(t *testing.T, text string, size int) {
		if size < 1 {
			return
		}
		for _, limit := range []int64{1, 1000} {
			if whole, parts := cutInto(text, len(text)+1, limit), cutInto(text, size, limit); !slices.Equal(whole, parts) {
				t.Fatalf("with a limit of %d in chunks of %d: %q, at once: %q", limit, size, parts, whole)
			}
		}
		const unlimited = 1 << 40
		whole, parts := cutInto(text, len(text)+1, unlimited), cutInto(text, size, unlimited)
		if !slices.Equal(whole, parts) {
			t.Fatalf("in chunks of %d: %q, at once: %q", size, parts, whole)
		}
		for _, line := range whole {
			if len(line) > lineLimit || strings.ContainsAny(line, "\r\n") || utf8.ValidString(text) && !utf8.ValidString(line) {
				t.Fatalf("line %q", line)
			}
		}
		if got, want := strings.Join(whole, ""), strings.NewReplacer("\r", "", "\n", "").Replace(text); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}

// The name of a program is whatever its author likes.
func TestStatusOfOddNames(t *testing.T) {
	const rest = " S 1 2 3 0 -1 0 0 0 0 0 0 0 0 0 20 0 4 0 77 0 0\n"
	for _, name := range []string{"sh", "a b", ") S 9 9 9", "((", ""} {
		got, err := parseStatus(5, []byte("5 ("+name+")"+rest))
		if want := (status{pid: 5, parent: 1, group: 2, session: 3, state: 'S', threads: 4, start: 77}); err != nil || got != want {
			t.Errorf("%q: %+v, %v", name, got, err)
		}
	}
}

func FuzzStatus(f *testing.F) {
	f.Add([]byte("5 (sh) S 1 2 3 0 -1 0 0 0 0 0 0 0 0 0 20 0 4 0 77 0 0\n"))
	f.Add([]byte("5 (sh) S"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if got, err := parseStatus(5, text); err == nil && got.state == 0 {
			t.Fatalf("%+v", got)
		}
	})
}
