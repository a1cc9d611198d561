package bundle

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine/fault"
)

// compressed has the real program compress a text that begins as a tar does.
func compressed(t testing.TB, text []byte, program string) []byte {
	t.Helper()
	if program == "" {
		return text
	}
	words := strings.Fields(program)
	command := exec.Command(words[0], append(words[1:], "-c")...)
	command.Stdin = bytes.NewReader(text)
	output, err := command.Output()
	if err != nil {
		t.Fatalf("%s: %v", program, err)
	}
	return output
}

// plainTar is a text that a tar may begin with, long enough for several buffers.
func plainTar() []byte {
	start := make([]byte, 512)
	copy(start[257:], "ustar")
	return append(start, bytes.Repeat([]byte("some content of a tar\n"), 100_000)...)
}

// TestDecompress: what each program writes is read, whatever its settings; two streams are one; and a stream
// that is cut, changed or followed by something else is an error.
func TestDecompress(t *testing.T) {
	text := plainTar()
	for program, want := range map[string]Compression{
		"": Uncompressed, "gzip -1": Gzip, "zstd -q": Zstandard, "zstd -q --long=27": Zstandard, "bzip2": Bzip2, "bzip2 -1": Bzip2,
		"xz": XZ, "xz -1 --check=none": XZ, "xz --check=sha256 -T2 --block-size=100000": XZ, "xz --arm --lzma2": XZ, "xz --x86 --lzma2": XZ, "xz --delta=dist=4 --lzma2": XZ,
		"xz --lzma2=dict=128MiB": XZ,
	} {
		t.Run(program, func(t *testing.T) {
			whole := compressed(t, text, program)
			if got, kind, err := decompressed(whole); err != nil || kind != want || !bytes.Equal(got, text) {
				t.Fatalf("%d bytes, %s, %v", len(got), kind, err)
			}
			if want == Uncompressed {
				return
			}
			if got, _, err := decompressed(append(bytes.Clone(whole), whole...)); err != nil || len(got) != 2*len(text) {
				t.Errorf("two streams: %d bytes, %v", len(got), err)
			}
			// Tapes and partitions are filled up with zeros. The real zstd refuses them, and so is it here.
			if want != Zstandard {
				if got, _, err := decompressed(append(bytes.Clone(whole), make([]byte, 10_240)...)); err != nil || !bytes.Equal(got, text) {
					t.Errorf("zeros after the end: %d bytes, %v", len(got), err)
				}
			}
			for what, broken := range map[string][]byte{
				"cut":                whole[:len(whole)-1],
				"cut, and filled up": append(bytes.Clone(whole[:len(whole)-4]), make([]byte, 10_240)...),
				"zeros, then more":   append(append(bytes.Clone(whole), make([]byte, 1024)...), "garbage that is long enough"...),
				"cut in half":        whole[:len(whole)/2],
				"more":               append(bytes.Clone(whole), "garbage that is long enough"...),
			} {
				if _, _, err := decompressed(broken); fault.As(err) == nil || fault.As(err).Code != "archive-damaged" {
					t.Errorf("%s: %v", what, err)
				}
			}
		})
	}
}

func decompressed(archive []byte) ([]byte, Compression, error) {
	reader, kind, err := Decompress(bytes.NewReader(archive))
	if err != nil {
		return nil, kind, err
	}
	defer reader.Close()
	got, err := io.ReadAll(reader)
	return got, kind, err
}

// TestLargeDictionary: a stream that would need more memory than a device may have is refused before it gets
// any.
func TestLargeDictionary(t *testing.T) {
	stream := compressed(t, plainTar(), "xz -0")
	const blockHeader, dictionary = 12, 12 + 4
	stream[dictionary] = 39 // 3 GiB
	binary.LittleEndian.PutUint32(stream[blockHeader+8:], crc32.ChecksumIEEE(stream[blockHeader:blockHeader+8]))
	if _, _, err := decompressed(stream); fault.As(err) == nil || fault.As(err).Code != "package-window-too-large" || fault.ClassOf(err) != fault.Refused {
		t.Errorf("a dictionary of 3 GiB: %v", err)
	}
}

// TestVoucher: only what Voucher writes is one.
func TestVoucher(t *testing.T) {
	good := Voucher{Signer: strings.Repeat("AB", 20), Digest: strings.Repeat("0f", 32)}
	if read, ok := ParseVoucher(good.String()); !ok || read != good {
		t.Errorf("%v %v", read, ok)
	}
	for _, text := range []string{"", good.Digest, "sha256:" + good.Digest, good.String() + "0", " " + good.String(), strings.ToLower(good.String())} {
		if _, ok := ParseVoucher(text); ok {
			t.Errorf("%q is taken for a voucher", text)
		}
	}
}
