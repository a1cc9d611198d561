package process

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"
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
	for _, size := range []int{7, 4096, 1 << 20} {
		got := cutInto(text, size, 20)
		if !slices.Equal(got[:4], []string{"0123456", "0123456", "0123", "… 8323060 bytes left out …"}) || got[4] != "0123456" || len(got) != 4+tailLimit/8-1 {
			t.Errorf("in chunks of %d: %d lines, %.100q", size, len(got), got)
		}
	}
	// As long as head and tail hold it all, nothing is missing and no line is broken.
	if got := cutInto(text[:tailLimit+16], 100, 20); len(got) != tailLimit/8+2 || slices.ContainsFunc(got, func(line string) bool { return line != "0123456" }) {
		t.Errorf("%d lines, %.100q", len(got), got)
	}
}

// The lines do not depend on how the bytes arrive, none is too long, and no byte is lost but the ends of lines.
func FuzzLines(f *testing.F) {
	f.Add("a\r\nb\rc\n", 2)
	f.Add(strings.Repeat("ä", lineLimit), 3)
	f.Add("\r\n\r\n\xff\xfe", 1)
	f.Fuzz(func(t *testing.T, text string, size int) {
		if size < 1 {
			return
		}
		whole, parts := cutInto(text, len(text)+1, 0), cutInto(text, size, 0)
		if !slices.Equal(whole, parts) {
			t.Fatalf("in chunks of %d: %q, at once: %q", size, parts, whole)
		}
		if int64(len(text)) > DefaultOutputLimit {
			return
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
