package journal

import (
	"bytes"

	"github.com/gwe-project/gwe/engine/regular"
)

// Salvaged is what is whole of a damaged journal. It is for people, and for the question whether the run had
// ended. A run is never continued or undone by it.
type Salvaged struct {
	// Records are those that are valid in themselves, in the order of their numbers. Some may be missing in
	// between. The last one may have been read in spite of one flipped bit: no record after it says how the
	// run ended.
	Records []Record
	// ToEnd reports whether nothing but blanks and NULs follows the last of them: it is the last one that was
	// written.
	ToEnd bool
}

// Salvage reads what it can of a journal that Read refuses as damaged. It changes nothing. Its only fault is
// journal-unreadable.
func Salvage(path string) (Salvaged, error) {
	content, err := regular.Read(path)
	if err != nil {
		return Salvaged{}, unreadable(path, err)
	}
	return salvage(content), nil
}

// salvage looks for records on every line, also behind rubbish on it: a block of NULs has no newline. A
// record whose number does not grow is a copy, or has no place: it is left out, and so nothing is known of
// the end.
func salvage(content []byte) (found Salvaged) {
	last := 0
	content = bytes.TrimRight(content, "\x00")
	for len(content) > 0 {
		text := firstLine(content)
		record, ok := within(text)
		if !ok {
			if record, ok = mended(content); ok {
				text = content
			}
		}
		content = content[len(text):]
		switch {
		case ok && record.Number > last:
			last = record.Number
			found.Records = append(found.Records, Record{Number: record.Number, Time: record.Time, Kind: record.Kind, Data: record.Data})
			found.ToEnd = true
		case ok, len(bytes.Trim(text, "\x00 \n")) > 0:
			found.ToEnd = false
		}
	}
	return found
}

// mendable is the most bytes that a line may have to be tried bit by bit: that is a SHA-256 of the line for
// each of its bits.
const mendable = 4 << 10

// mended is the last record of a journal with one bit as it was: if the checksum holds then, that is what was
// written.
func mended(text []byte) (line, bool) {
	if len(text) > mendable || len(text) <= tailLength {
		return line{}, false
	}
	again := bytes.Clone(text)
	for at := range again {
		for bit := range 8 {
			again[at] ^= 1 << bit
			if found, _, ok := decode(again); ok {
				return found, true
			}
			again[at] ^= 1 << bit
		}
	}
	return line{}, false
}

// within finds the record that a line ends with.
func within(text []byte) (line, bool) {
	for {
		begin := bytes.Index(text, opening)
		if begin < 0 {
			return line{}, false
		}
		if found, _, ok := decode(text[begin:]); ok {
			return found, true
		}
		text = text[begin+len(opening):]
	}
}
