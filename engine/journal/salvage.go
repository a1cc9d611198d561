package journal

import (
	"bytes"

	"github.com/gwe-project/gwe/engine/regular"
)

// Salvaged is what is whole of a damaged journal. It is for people, and for the question whether the run had ended. A run is never
// continued or undone by it.
type Salvaged struct {
	// Records are those that are valid in themselves, in the order of their numbers. Some may be missing in between.
	Records []Record
	// ToEnd reports whether nothing but blanks and NULs follows the last of them: it is the last one that was written.
	ToEnd bool
}

// Salvage reads what it can of a journal that Read refuses as damaged. It changes nothing. Its only fault is journal-unreadable.
func Salvage(path string) (Salvaged, error) {
	content, err := regular.Read(path)
	if err != nil {
		return Salvaged{}, unreadable(path, err)
	}
	return salvage(content), nil
}

// salvage looks for records on every line, also behind rubbish on it: a block of NULs has no newline. A record whose number does not
// grow is a copy, or has no place: it is left out, and so nothing is known of the end.
func salvage(content []byte) (found Salvaged) {
	last := 0
	for len(content) > 0 {
		text := firstLine(content)
		content = content[len(text):]
		record, ok := within(text)
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
