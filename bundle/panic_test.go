package bundle

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"io"
	"strings"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// burst gives some bytes, then panics: a panic in the middle of whatever library reads from it.
type burst struct{ rest io.Reader }

func (b *burst) Read(into []byte) (int, error) {
	n, err := b.rest.Read(into[:min(len(into), 512)])
	if err != nil {
		panic("the library broke")
	}
	return n, nil
}

// TestPanicOfADecoder: a decoder runs in a goroutine, and its panic is the fault of a damaged archive.
func TestPanicOfADecoder(t *testing.T) {
	text := append(plainTar(), make([]byte, 100_000)...)
	_, _ = rand.Read(text[len(text)-100_000:])
	for _, program := range []string{"gzip -1", "zstd -q", "bzip2", "xz"} {
		whole := compressed(t, text, program)
		for _, length := range []int{len(whole) / 10, len(whole) / 2} {
			plain, _, err := Decompress(&burst{bytes.NewReader(whole[:length])})
			if err == nil {
				_, err = io.Copy(io.Discard, plain)
				plain.Close()
			}
			wantCode(t, err, "archive-damaged")
			if err != nil && !strings.Contains(err.Error(), "the library broke") {
				t.Errorf("%s: %v", program, err)
			}
		}
	}
}

// TestPanicInAMessage: so is a panic of what reads OpenPGP messages and signatures, wherever it stands.
func TestPanicInAMessage(t *testing.T) {
	home := gpg(t)
	known := &session{function: packet.CipherAES256, key: make([]byte, 32)}
	for _, arguments := range [][]string{{"--sign"}, {"--sign", "--armor"}, {"--sign", "--compress-algo", "none"}, {"--encrypt", "-r", home.keys["ed"]}} {
		whole := home.must(t, plainTar(), append(arguments, "-u", home.keys["ed"])...)
		framing := framingOf(whole)
		for _, length := range []int{0, 1, 3, 20, len(whole) / 2, len(whole) - 60} {
			source := bufio.NewReaderSize(&burst{bytes.NewReader(whole[:length])}, 16)
			m, _, err := openFraming(source, framing, unlocked(known), true)
			if err == nil && len(m.layers) == 0 && framing != framingArmour {
				continue // nothing but this package's own code stands between the file and the content
			}
			if err == nil {
				beside := readAhead(buffersOf(layerBuffers, layerBuffer), m.content.Read)
				_, err = io.Copy(io.Discard, beside)
				beside.Close()
			}
			if err == nil {
				err = m.finish()
			}
			if err == nil {
				t.Errorf("%q, broken at %d: no error", arguments, length)
			}
		}
	}
}
