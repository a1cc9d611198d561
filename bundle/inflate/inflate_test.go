package inflate

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
	"testing/iotest"
)

// samples are contents of all kinds: each makes other blocks.
func samples() map[string][]byte {
	random := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 700_000)
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	var text bytes.Buffer
	for text.Len() < 900_000 {
		fmt.Fprintf(&text, "%x the quick brown fox %d ", random.IntN(5000), random.IntN(9))
	}
	skewed := make([]byte, 400_000) // long code words: symbols from very common to very rare
	for i := range skewed {
		for skewed[i] < 255 && random.IntN(2) == 0 {
			skewed[i]++
		}
		if random.IntN(4000) == 0 {
			skewed[i] = byte(random.Uint32())
		}
	}
	mixed := bytes.Join([][]byte{noise[:100_000], text.Bytes(), noise[:70_000], skewed, make([]byte, 300_000)}, nil)
	return map[string][]byte{
		"empty": {}, "one": {7}, "short": []byte("hello"), "noise": noise, "text": text.Bytes(), "skewed": skewed,
		"zeros": make([]byte, 1<<20), "mixed": mixed, "twice far": append(noise[:40_000:40_000], noise[:40_000]...),
		"window": bytes.Repeat(noise[:32<<10], 4), "runs": []byte(strings.Repeat("abc", 1000) + strings.Repeat("ab", 999) + strings.Repeat("abcdefg", 700)),
	}
}

func compressed(t testing.TB, content []byte, level int) []byte {
	t.Helper()
	var packed bytes.Buffer
	writer, err := gzip.NewWriterLevel(&packed, level)
	if err != nil {
		t.Fatal(err)
	}
	writer.Name, writer.Comment, writer.Extra = "a name", "a comment", []byte("extra")
	if _, err := writer.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

func TestRoundTrip(t *testing.T) {
	for name, content := range samples() {
		for _, level := range []int{flate.HuffmanOnly, 0, 1, 6, 9} {
			packed := compressed(t, content, level)
			for reader, source := range map[string]io.Reader{
				"whole": bytes.NewReader(packed), "halves": iotest.HalfReader(bytes.NewReader(packed)),
				"early end": iotest.DataErrReader(bytes.NewReader(packed)),
			} {
				is, err := io.ReadAll(NewReader(source))
				if err != nil || !bytes.Equal(is, content) {
					t.Errorf("%s, level %d, %s: %d of %d bytes, %v", name, level, reader, len(is), len(content), err)
				}
			}
		}
	}
	content := samples()["short"]
	if is, err := io.ReadAll(NewReader(iotest.OneByteReader(bytes.NewReader(compressed(t, content, 9))))); err != nil || !bytes.Equal(is, content) {
		t.Error(string(is), err)
	}
}

// TestGzip reads what the real gzip writes, several members in a row too.
func TestGzip(t *testing.T) {
	content := samples()["mixed"]
	var members []byte
	for _, level := range []string{"-1", "-6", "-9"} {
		command := exec.Command("gzip", "-c", level)
		command.Stdin = bytes.NewReader(content)
		packed, err := command.Output()
		if err != nil {
			t.Fatal(err)
		}
		members = append(members, packed...)
	}
	is, err := io.ReadAll(NewReader(bytes.NewReader(members)))
	if err != nil || !bytes.Equal(is, bytes.Repeat(content, 3)) {
		t.Errorf("%d bytes, %v", len(is), err)
	}
}

// TestDamage: whatever bit is wrong and wherever the stream breaks off, there is an error. The head's time
// and name are not covered by any checksum.
func TestDamage(t *testing.T) {
	for _, name := range []string{"short", "runs", "empty"} {
		packed := compressed(t, samples()[name], 9)
		for length := range packed {
			if _, err := io.ReadAll(NewReader(bytes.NewReader(packed[:length]))); err == nil {
				t.Errorf("%s passes when it breaks off at %d of %d", name, length, len(packed))
			}
		}
		head := len(packed) - len(compressedBody(packed))
		for i := head * 8; i < len(packed)*8; i++ {
			damaged := bytes.Clone(packed)
			damaged[i/8] ^= 1 << (i % 8)
			is, err := io.ReadAll(NewReader(bytes.NewReader(damaged)))
			if err == nil && !bytes.Equal(is, samples()[name]) {
				t.Errorf("%s passes with bit %d wrong", name, i)
			}
		}
	}
	broken := errors.New("broken")
	packed := compressed(t, samples()["mixed"], 6)
	_, err := io.ReadAll(NewReader(io.MultiReader(bytes.NewReader(packed[:50_000]), iotest.ErrReader(broken))))
	if !errors.Is(err, broken) {
		t.Errorf("the source's error is lost: %v", err)
	}
	if _, err := io.ReadAll(NewReader(bytes.NewReader(append(packed, "more"...)))); !errors.Is(err, ErrDamaged) && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("more after the end: %v", err)
	}
}

// compressedBody is what follows the head that compressed writes.
func compressedBody(packed []byte) []byte {
	_, body, _ := bytes.Cut(packed, []byte("a comment\x00"))
	return body
}

// FuzzReader compares with the standard library: the same output, and an error in the same cases.
func FuzzReader(f *testing.F) {
	for _, content := range samples() {
		for _, level := range []int{flate.HuffmanOnly, 0, 1, 9} {
			body := content[:min(len(content), 3000)]
			f.Add(compressedBody(compressed(f, body, level)))
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		head := []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255}
		packed := append(head, body...)
		want, wantErr := []byte(nil), error(nil)
		if reader, err := gzip.NewReader(bytes.NewReader(packed)); err != nil {
			wantErr = err
		} else {
			want, wantErr = io.ReadAll(io.LimitReader(reader, 1<<22))
		}
		is, err := io.ReadAll(io.LimitReader(NewReader(bytes.NewReader(packed)), 1<<22))
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("the error is %v, and should be %v", err, wantErr)
		}
		if err == nil && !bytes.Equal(is, want) {
			t.Fatal("the output differs")
		}
		// Without regard to the checksum: the blocks must decode alike.
		want, wantErr = io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(body)), 1<<16))
		d := newDecoder(bytes.NewReader(body))
		_, err = d.fill()
		if wantErr == nil && err != nil {
			t.Fatalf("a good block is refused: %v", err)
		}
		if wantErr != nil && len(want) < 1<<16 && err == nil {
			t.Fatalf("a bad block passes: %v", wantErr)
		}
		if err == nil && !bytes.HasPrefix(d.output[:d.to], want[:min(len(want), d.to)]) {
			t.Fatal("the blocks decode differently")
		}
	})
}

func BenchmarkReader(b *testing.B) {
	content := samples()["text"]
	packed := compressed(b, content, 6)
	for name, read := range map[string]func() (io.Reader, error){
		"this":     func() (io.Reader, error) { return NewReader(bytes.NewReader(packed)), nil },
		"standard": func() (io.Reader, error) { return gzip.NewReader(bytes.NewReader(packed)) },
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(content)))
			for b.Loop() {
				reader, err := read()
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, reader); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
