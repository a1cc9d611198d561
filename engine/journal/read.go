package journal

import (
	"bytes"
	"encoding/json"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/regular"
)

// Read gives the records of a journal that may be in use: a torn last line is passed over, and nothing is
// changed.
//
// Its faults: journal-unreadable; journal-empty (not even record 1 is there: the run never began);
// journal-damaged; journal-newer-format.
func Read(path string) ([]Record, error) {
	content, err := regular.Read(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	records, _, _, err := parse(path, content)
	return records, err
}

func unreadable(path string, err error) error {
	unread := fault.New(fault.Errored, "journal-unreadable", "cannot read the journal %s", path).WithCause(err)
	if fault.As(err) != nil {
		return unread.WithHint("it was replaced: restore it; where it is lost, read the run's log (gwe log RUN), " +
			"put the machine right by hand, and move the run's directory away")
	}
	return unread.WithHint("the storage of the state directory may be failing: see the kernel's log, and the run's (gwe log RUN)")
}

// parse gives the longest valid prefix: its records, the chain after it, and its length in bytes. What is
// after it must be explained by a power cut.
func parse(path string, content []byte) (records []Record, last chain, length int, err error) {
	last = start()
	for length < len(content) {
		text := firstLine(content[length:])
		next, sum, ok := decode(text)
		if !ok || next.Number != last.number+1 || next.Previous != last.sum {
			break
		}
		if next.Number == 1 {
			if err := checkHeader(path, next); err != nil {
				return nil, start(), 0, err
			}
		}
		records = append(records, Record{Number: next.Number, Time: next.Time, Kind: next.Kind, Data: next.Data})
		last = chain{number: next.Number, sum: sum}
		length += len(text)
	}
	if len(records) == 0 {
		if err := checkNewerHeader(path, content); err != nil {
			return nil, start(), 0, err
		}
	}
	if later, found := contradiction(content[length:], last.number+1); found {
		return nil, start(), 0, fault.New(fault.Errored, "journal-damaged",
			"the journal %s is damaged at record %d, byte %d: record %d after it is whole", path, last.number+1, length, later).
			WithHint("%s", damageHint)
	}
	if length < len(content) && !torn(content[length:], last.number+1) {
		return nil, start(), 0, fault.New(fault.Errored, "journal-damaged",
			"the journal %s is damaged at record %d, byte %d: the line is complete, and its checksum is wrong", path, last.number+1, length).
			WithHint("%s", damageHint)
	}
	if len(records) == 0 {
		return nil, start(), 0, fault.New(fault.Errored, "journal-empty",
			"the journal %s holds no whole record: its run never began", path)
	}
	return records, last, length, nil
}

// damageHint is what an operator can do about a damaged journal.
const damageHint = "the storage or another program changed what was already safe on disk, so gwe will not guess what was done: " +
	"read the run's log (gwe log RUN), put the machine right by hand, and move the run's directory away"

// firstLine gives all up to and with the first newline; the whole text if there is none.
func firstLine(content []byte) []byte {
	if end := bytes.IndexByte(content, '\n'); end >= 0 {
		return content[:end+1]
	}
	return content
}

// opening starts every record; inside a JSON string its quotes would be escaped.
var opening = []byte(`{"number":`)

// contradiction looks for a valid record that no power cut can have left behind the place where record
// missing should be: one that was written when record missing was durable already, or one that does not
// belong after it. It looks everywhere, also behind rubbish on a line: a block of NULs has no newline.
func contradiction(remainder []byte, missing int) (number int, found bool) {
	for len(remainder) > 0 {
		text := firstLine(remainder)
		remainder = remainder[len(text):]
		for {
			begin := bytes.Index(text, opening)
			if begin < 0 {
				break
			}
			text = text[begin:]
			if later, _, ok := decode(text); ok && (later.Synced >= missing || later.Number <= missing) {
				return later.Number, true
			}
			text = text[len(opening):]
		}
	}
	return 0, false
}

// checkHeader sees to it that record 1 is the header of a format that this gwe knows.
func checkHeader(path string, first line) error {
	var head header
	if first.Kind != headerKind || json.Unmarshal(first.Data, &head) != nil || head.Format < 1 {
		return fault.New(fault.Errored, "journal-foreign", "%s does not start as a journal does", path)
	}
	if head.Format > Format {
		return fault.New(fault.Refused, "journal-newer-format",
			"the journal %s has format %d, and this gwe reads up to format %d", path, head.Format, Format).
			WithHint("%s: `gwe recover` of that one finishes what is left", head.needed())
	}
	return nil
}

// needed names the gwe that reads the journal.
func (h header) needed() string {
	if h.Version == "" {
		return "use the gwe that wrote it, or a newer one"
	}
	return "use gwe " + h.Version + ", which wrote it, or a newer one"
}

// checkNewerHeader looks at a first line that is not a record of this format: a newer format may seal its
// lines in another way, and is to be told from damage.
func checkNewerHeader(path string, content []byte) error {
	var first line
	if json.Unmarshal(firstLine(content), &first) != nil || first.Kind != headerKind {
		return nil
	}
	var head header
	if json.Unmarshal(first.Data, &head) != nil || head.Format <= Format {
		return nil
	}
	return checkHeader(path, first)
}
