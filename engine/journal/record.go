package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/gwe-project/gwe/engine/fault"
)

// Format is the version of the format that this package writes, and the newest that it reads.
const Format = 2

// MaximumRecord is the most bytes that one record's line may have.
const MaximumRecord = 1 << 20

// Record is one entry.
type Record struct {
	// Number counts from 1.
	Number int
	Time   time.Time
	Kind   string
	Data   json.RawMessage
}

// header is the data of record 1.
type header struct {
	Format int `json:"format"`
	// Version is that of the gwe which began the journal.
	Version string `json:"gwe,omitempty"`
}

const headerKind = "journal"

// chain is the point that the next record continues from.
type chain struct {
	number int
	sum    string
	// synced is the number of the last record that is known to be durable.
	synced int
}

// start is the chain before record 1.
func start() chain {
	return chain{sum: string(bytes.Repeat([]byte("0"), sha256.Size*2))}
}

const (
	sumMember = `,"sha256":"`
	// tailLength is that of `,"sha256":"<hex>"}` and the line's end.
	tailLength = len(sumMember) + sha256.Size*2 + len("\"}\n")
)

// line is a record on disk, without its last member.
type line struct {
	Number   int             `json:"number"`
	Time     time.Time       `json:"time"`
	Kind     string          `json:"kind"`
	Data     json.RawMessage `json:"data"`
	Synced   int             `json:"synced"`
	Previous string          `json:"previous"`
}

// encode makes the line of the next record and the chain after it.
func (c chain) encode(now time.Time, kind string, data any) ([]byte, chain, error) {
	content, is := data.(json.RawMessage) // the line is compacted with it, and refused if it is not JSON
	if !is {
		var err error
		if content, err = compact(data); err != nil {
			return nil, c, fault.New(fault.Errored, "journal-data", "cannot journal a record of kind %q", kind).WithCause(err)
		}
	}
	encoded, err := compact(line{Number: c.number + 1, Time: now.UTC(), Kind: kind, Data: content, Synced: c.synced, Previous: c.sum})
	if err != nil {
		return nil, c, fault.New(fault.Errored, "journal-data", "cannot journal a record of kind %q", kind).WithCause(err)
	}
	encoded = encoded[:len(encoded)-len("}")]
	sum := sha256.Sum256(encoded)
	next := chain{number: c.number + 1, sum: hex.EncodeToString(sum[:]), synced: c.synced}
	encoded = fmt.Appendf(encoded, "%s%s\"}\n", sumMember, next.sum)
	if len(encoded) > MaximumRecord {
		return nil, c, fault.New(fault.Errored, "journal-record-too-large",
			"a record of kind %q has %d bytes, and %d are the most", kind, len(encoded), MaximumRecord).
			WithHint("keep large values in files, and pass their paths from step to step")
	}
	return encoded, next, nil
}

// compact encodes without blanks, without a newline, and without HTML escapes: people read journals.
func compact(data any) ([]byte, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(data); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buffer.Bytes(), []byte("\n")), nil
}

// decode reads a line that is valid in itself: whole, with the right checksum, and the members of a record.
// Whether it is the next of a chain is for the caller to see.
func decode(text []byte) (decoded line, sum string, ok bool) {
	if len(text) <= tailLength || len(text) > MaximumRecord {
		return line{}, "", false
	}
	sealed, tail := text[:len(text)-tailLength], text[len(text)-tailLength:]
	computed := sha256.Sum256(sealed)
	sum = hex.EncodeToString(computed[:])
	if string(tail) != sumMember+sum+"\"}\n" {
		return line{}, "", false
	}
	decoder := json.NewDecoder(bytes.NewReader(append(bytes.Clone(sealed), '}')))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&decoded); err != nil || decoded.Number < 1 {
		return line{}, "", false
	}
	return decoded, sum, true
}
