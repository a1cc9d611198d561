package fetch

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// note is what is known of a partial file, in a file beside it. It holds no address, since that may hold
// secrets, but its digest.
type note struct {
	// Version is noteVersion.
	Version int `json:"version"`
	// From is the SHA-256 of the address that the ETag is of, in hex digits.
	From string `json:"from"`
	// ETag is the strong validator of the content; "" where the server gave none.
	ETag string `json:"etag,omitempty"`
	// Total is how long the content is in bytes, -1 where that is not known.
	Total int64 `json:"total"`
	// Synced is how many bytes are surely on the disk, and Boot the boot of the machine in which more may be.
	Synced int64  `json:"synced"`
	Boot   string `json:"boot"`
	// Pieces is how many answers the content is made of.
	Pieces int `json:"pieces"`
}

const (
	noteVersion = 1
	// longestNote, longestETag and longestBoot are in bytes.
	longestNote = 4 << 10
	longestETag = 1 << 10
	longestBoot = 64
	// largest is the longest content that is dealt with, in bytes.
	largest = int64(1) << 60
)

var errNote = errors.New("the note of a partial download is not valid")

// parseNote reads a note strictly: what gwe would not have written is not valid.
func parseNote(sealed []byte) (note, error) {
	var read note
	if len(sealed) > longestNote || !utf8.Valid(sealed) {
		return note{}, errNote
	}
	text, _, found := bytes.Cut(sealed, []byte("\n"))
	if !found || !bytes.Equal(seal(text), sealed) {
		return note{}, errNote
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&read); err != nil {
		return note{}, errNote
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return note{}, errNote
	}
	from, err := hex.DecodeString(read.From)
	switch {
	case read.Version != noteVersion, err != nil, len(from) != 32:
	case read.ETag != "" && !strong(read.ETag), len(read.Boot) > longestBoot:
	case read.Total < -1, read.Total > largest, read.Synced < 0, read.Synced > largest:
	case read.Total >= 0 && read.Synced > read.Total, read.Pieces < 0, read.Pieces > 1<<30:
	default:
		return read, nil
	}
	return note{}, errNote
}

// text is the note as it is written: a line of JSON, and a line with its SHA-256.
func (n note) text() ([]byte, error) {
	line, err := json.Marshal(n)
	return seal(line), err
}

func seal(line []byte) []byte { return fmt.Appendf(nil, "%s\n%x\n", line, sha256.Sum256(line)) }

// strong reports whether an ETag is one that tells byte by byte: entity-tag without W/ (RFC 9110, 8.8.3). One
// that is not well formed, or too long, counts as none.
func strong(tag string) bool {
	if len(tag) < 2 || len(tag) > longestETag || tag[0] != '"' || tag[len(tag)-1] != '"' {
		return false
	}
	for _, one := range []byte(tag[1 : len(tag)-1]) {
		if one < 0x21 || one == '"' || one >= 0x7f {
			return false
		}
	}
	return true
}
