package command

import (
	"strings"
	"unicode/utf8"
)

// capture keeps the beginning of a stream.
type capture struct {
	limit     int
	kept      []byte
	truncated bool
}

// Write never fails: what is over the limit is counted as truncated and let go.
func (c *capture) Write(chunk []byte) (int, error) {
	room := min(c.limit-len(c.kept), len(chunk))
	c.kept = append(c.kept, chunk[:room]...)
	c.truncated = c.truncated || room < len(chunk)
	return len(chunk), nil
}

// text is what was kept, as text that every log and journal can carry, and truncated counts what they cannot:
// a character that the limit cut through is left out, other bytes that are not UTF-8 become U+FFFD, and one
// final newline goes.
func (c *capture) text() string {
	kept := c.kept
	if c.truncated {
		for back := 1; back < utf8.UTFMax && back <= len(kept); back++ {
			if start := kept[len(kept)-back:]; utf8.RuneStart(start[0]) {
				if !utf8.FullRune(start) {
					kept = kept[:len(kept)-back]
				}
				break
			}
		}
	}
	text := strings.ToValidUTF8(string(kept), "\uFFFD")
	if !c.truncated {
		text = strings.TrimSuffix(text, "\n")
	}
	if end := journalable(text); end < len(text) {
		c.truncated = true
		return text[:end]
	}
	return text
}

// largestJournaled is how many bytes of a stream's text go into the journal, escapes included: a record holds
// two of them.
const largestJournaled = 448 << 10

// journalable returns where a text must end to fit into the journal, whose JSON writes six bytes for a
// control character.
func journalable(text string) int {
	size := 0
	for at, r := range text {
		switch {
		case r == '"' || r == '\\' || r == '\n' || r == '\r' || r == '\t' || r == '\b' || r == '\f':
			size += 2
		case r < ' ' || r == '\u2028' || r == '\u2029':
			size += 6
		default:
			size += utf8.RuneLen(r)
		}
		if size > largestJournaled {
			return at
		}
	}
	return len(text)
}
