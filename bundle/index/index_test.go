package index

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/gwe-project/gwe/engine/fault"
)

// body is a small index, with an entry of each kind.
func body(change func(x *Index, entries []Entry)) []byte {
	x := Index{Name: "fw-1", Product: "fw", Version: "1", Frames: []Frame{{Length: 100, Size: 1024}, {Length: 50, Size: 1536}}}
	entries := []Entry{
		{Kind: Directory, Mode: 0o755, Seconds: -5, Nanoseconds: 7},
		{Kind: Directory, Path: "a", Attributes: []Attribute{{"user.one", "1"}, {"user.two", "\x00"}}},
		{Kind: File, Path: "a/f", Mode: 0o4755, UID: 1, GID: 2, Size: 1000, At: 1024, Notes: []Attribute{{"n", "v"}}},
		{Kind: File, Path: "a.b"},
		{Kind: HardLink, Path: "h", Target: "a/f"},
		{Kind: Symlink, Path: "s", Target: "../x"},
	}
	if change != nil {
		change(&x, entries)
	}
	var b Builder
	for _, e := range entries {
		b.Add(e)
	}
	return b.Encode(x)
}

func TestParse(t *testing.T) {
	x, err := Parse(body(nil))
	if err != nil {
		t.Fatal(err)
	}
	if x.Name != "fw-1" || x.Product != "fw" || x.Version != "1" || x.Content != 150 || x.Tar != 2560 || x.Count() != 6 {
		t.Errorf("%+v", x)
	}
	if !bytes.Equal(x.append(nil), body(nil)) {
		t.Error("it is encoded in another way")
	}
	for range x.Entries() { // may be left early
		break
	}
	for _, one := range []struct{ at, size, first, end int64 }{{0, 1, 0, 1}, {1023, 1, 0, 1}, {1023, 2, 0, 2}, {1024, 1000, 1, 2}, {5, 0, 0, 0}} {
		if first, end := x.Holding(one.at, one.size); int64(first) != one.first || int64(end) != one.end {
			t.Errorf("%+v: %d, %d", one, first, end)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	long := strings.Repeat("x", 300)
	for name, test := range map[string]struct {
		code   string
		change func(x *Index, entries []Entry)
	}{
		"no name":                  {"index-path", func(x *Index, _ []Entry) { x.Name = "" }},
		"name of a hidden file":    {"index-path", func(x *Index, _ []Entry) { x.Name = ".x" }},
		"long name":                {"index-limit", func(x *Index, _ []Entry) { x.Name = long }},
		"unprintable version":      {"index-damaged", func(x *Index, _ []Entry) { x.Version = "1\n" }},
		"large frame":              {"index-limit", func(x *Index, _ []Entry) { x.Frames[0].Length = FrameMaximum + 1 }},
		"mode":                     {"index-limit", func(_ *Index, e []Entry) { e[2].Mode = 0o10000 }},
		"owner":                    {"index-limit", func(_ *Index, e []Entry) { e[2].UID = 1<<32 - 1 }},
		"nanoseconds":              {"index-limit", func(_ *Index, e []Entry) { e[2].Nanoseconds = 1e9 }},
		"first is not a directory": {"index-path", func(_ *Index, e []Entry) { e[0].Kind, e[0].Target = Symlink, "x" }},
		"second root":              {"index-path", func(_ *Index, e []Entry) { e[1].Path = "" }},
		"dots":                     {"index-path", func(_ *Index, e []Entry) { e[5].Path = "s/.." }},
		"empty part":               {"index-path", func(_ *Index, e []Entry) { e[5].Path = "s//x" }},
		"slash at the end":         {"index-path", func(_ *Index, e []Entry) { e[5].Path = "s/" }},
		"NUL":                      {"index-path", func(_ *Index, e []Entry) { e[5].Path = "s\x00" }},
		"long part":                {"index-path", func(_ *Index, e []Entry) { e[5].Path = long }},
		"too deep":                 {"index-path", func(_ *Index, e []Entry) { e[5].Path = strings.Repeat("s/", 200) + "s" }},
		"below a file":             {"index-path", func(_ *Index, e []Entry) { e[3].Path = "a/f/x" }},
		"hard link to a symlink":   {"index-path", func(_ *Index, e []Entry) { e[4].Target = "s" }},
		"hard link outside":        {"index-path", func(_ *Index, e []Entry) { e[4].Target = "../x" }},
		"symlink to nothing":       {"index-path", func(_ *Index, e []Entry) { e[5].Target = "" }},
		"content beyond the tar":   {"index-frames", func(_ *Index, e []Entry) { e[2].Size = 2000 }},
		"content without header":   {"index-frames", func(_ *Index, e []Entry) { e[2].At = 0 }},
		"content not at a block":   {"index-frames", func(_ *Index, e []Entry) { e[2].At = 1025 }},
		"place of no content":      {"index-frames", func(_ *Index, e []Entry) { e[3].At = 512 }},
		"attributes not in order":  {"index-damaged", func(_ *Index, e []Entry) { e[1].Attributes[1].Name = "user.one" }},
		"long attributes":          {"index-limit", func(_ *Index, e []Entry) { e[1].Attributes[1].Value = strings.Repeat("x", AttributeBytes) }},
		"long note":                {"index-limit", func(_ *Index, e []Entry) { e[2].Notes[0].Value = long }},
		"attribute without name":   {"index-damaged", func(_ *Index, e []Entry) { e[1].Attributes[0].Name = "" }},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse(body(test.change)); fault.As(err) == nil || fault.As(err).Code != test.code {
				t.Errorf("want %s, have %v", test.code, err)
			}
		})
	}
	whole := body(nil)
	for length := range whole {
		if _, err := Parse(whole[:length]); err == nil {
			t.Fatalf("cut after %d bytes it is accepted", length)
		}
	}
	for at := range whole {
		changed := bytes.Clone(whole)
		changed[at] ^= 1 << (at % 8)
		if x, err := Parse(changed); err == nil && !bytes.Equal(x.append(nil), changed) {
			t.Fatalf("with a bit changed at %d it is accepted as another", at)
		}
	}
}

// TestCountsAllocateNothing: a count of entries or frames that the body cannot hold costs no memory.
func TestCountsAllocateNothing(t *testing.T) {
	x := Index{Name: "x", Content: 1, Tar: 1}
	start := x.append(nil)
	start = start[:len(start)-2]
	if _, err := Parse(binary.AppendUvarint(start, FramesMaximum)); err == nil || testing.AllocsPerRun(1, func() { _, _ = Parse(binary.AppendUvarint(start, FramesMaximum)) }) > 50 {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(body(nil))
	f.Add(body(func(_ *Index, e []Entry) { e[5].Path = "../x" }))
	f.Add([]byte(Tag))
	f.Fuzz(func(t *testing.T, data []byte) {
		x, err := Parse(data)
		if err != nil {
			if found := fault.As(err); found == nil || found.Code == "" || found.Hint == "" {
				t.Fatalf("an error without code or cure: %v", err)
			}
			return
		}
		if !bytes.Equal(x.append(nil), data) {
			t.Fatal("two encodings of one index")
		}
		count := 0
		for e := range x.Entries() {
			if strings.HasPrefix(e.Path, "/") || strings.Contains("/"+e.Path+"/", "/../") {
				t.Fatalf("%q leads outside", e.Path)
			}
			first, end := x.Holding(e.At, e.Size)
			if e.Size > 0 && (x.Frames[first].At > e.At || x.Frames[end-1].At+x.Frames[end-1].Size < e.At+e.Size) {
				t.Fatalf("frames %d to %d do not hold %q", first, end, e.Path)
			}
			count++
		}
		if count != x.Count() {
			t.Fatalf("%d entries of %d", count, x.Count())
		}
	})
}

func FuzzFind(f *testing.F) {
	f.Add(Wrap([]byte("message")))
	f.Fuzz(func(t *testing.T, data []byte) {
		message, err := Find(bytes.NewReader(data), int64(len(data)))
		if err == nil && message != nil && !bytes.HasSuffix(data, Wrap(message)) {
			t.Fatal("what was found is not at the end")
		}
	})
}

func TestFind(t *testing.T) {
	content := append([]byte("frames"), Wrap([]byte("message"))...)
	if have, err := Find(bytes.NewReader(content), int64(len(content))); err != nil || string(have) != "message" {
		t.Errorf("%q %v", have, err)
	}
	for _, none := range []string{"", "frames", strings.Repeat("x", 100)} {
		if have, err := Find(strings.NewReader(none), int64(len(none))); err != nil || have != nil {
			t.Errorf("%q: %q %v", none, have, err)
		}
	}
	for _, at := range []int{6, 10, len(content) - 12} {
		changed := bytes.Clone(content)
		changed[at] ^= 0x40
		if _, err := Find(bytes.NewReader(changed), int64(len(changed))); err == nil {
			t.Errorf("with byte %d changed it is found", at)
		}
	}
}

func TestDecode(t *testing.T) {
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	decoder, err := NewDecoder(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer decoder.Close()
	content := bytes.Repeat([]byte("content "), 1000)
	compressed := encoder.EncodeAll(content, nil)
	good := Frame{Length: int64(len(compressed)), Digest: sha256.Sum256(compressed), Size: int64(len(content)), Sum: sha256.Sum256(content)}
	if have, err := decoder.Decode(0, good, compressed); err != nil || !bytes.Equal(have, content) || good.CheckContent(0, have) != nil {
		t.Error(err)
	}
	for code, spoil := range map[string]func(f *Frame) []byte{
		"index-frame-digest": func(f *Frame) []byte { return append(bytes.Clone(compressed), 0) },
		"index-frame-size":   func(f *Frame) []byte { f.Size--; return compressed },
		"index-second":       func(f *Frame) []byte { return Wrap(nil) },
		"index-frame-damaged": func(f *Frame) []byte {
			return append(bytes.Clone(compressed[:len(compressed)-1]), compressed[len(compressed)-1]^1)
		},
	} {
		frame := good
		bytes := spoil(&frame)
		if code != "index-frame-digest" {
			frame.Length, frame.Digest = int64(len(bytes)), sha256.Sum256(bytes)
		}
		if _, err := decoder.Decode(0, frame, bytes); fault.As(err) == nil || fault.As(err).Code != code {
			t.Errorf("want %s, have %v", code, err)
		}
	}
}

// TestCutter: parts have the lengths that they may have, do not depend on how the content comes, and an
// insertion moves only the cuts next to it.
func TestCutter(t *testing.T) {
	source := rand.New(rand.NewPCG(1, 2))
	content := make([]byte, 30<<20)
	for i := range content {
		content[i] = byte(source.Uint32())
	}
	cuts := func(content []byte, block int) (ends []int) {
		c, at := NewCutter(), 0
		for at < len(content) {
			taken, ends1 := c.Next(content[at:min(len(content), at+block)])
			if at += taken; ends1 {
				ends = append(ends, at)
			}
		}
		return ends
	}
	whole := cuts(content, len(content))
	if len(whole) < 10 {
		t.Errorf("only %d cuts", len(whole))
	}
	last := 0
	for _, end := range whole {
		if end-last < PartLeast || end-last > PartMost {
			t.Errorf("a part of %d bytes", end-last)
		}
		last = end
	}
	if pieces := cuts(content, 1000); len(pieces) != len(whole) || pieces[3] != whole[3] {
		t.Error("the cuts depend on how the content comes")
	}
	inserted := cuts(append(append(bytes.Clone(content[:1000]), 1, 2, 3), content[1000:]...), 1<<20)
	if inserted[len(inserted)-1] != whole[len(whole)-1]+3 || inserted[len(inserted)-5] != whole[len(whole)-5]+3 {
		t.Error("an insertion moved later cuts")
	}
	if zeros := cuts(make([]byte, 10<<20), 1<<20); len(zeros) != 10 || zeros[0] != PartMost {
		t.Errorf("zeros: %v", zeros)
	}
}
