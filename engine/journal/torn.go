package journal

import (
	"bytes"
	"fmt"
)

// torn reports whether a power cut can have left these bytes where the record of that number should begin.
//
// Under a record that is being written lie zeros, or the file ends: no other bytes are ever there (see
// Durability). So of each part of that line either the new bytes are there, or zeros are, or the file ends
// before it. A line that is complete up to its end, without such a gap, was written whole: if it is not
// valid, it was changed since. The same holds where one bit makes it valid. A line that has neither the
// beginning nor the end of a record is none: whatever left it there changed no record.
func torn(remainder []byte, number int) bool {
	text := firstLine(remainder)
	gap := bytes.IndexByte(text, 0)
	switch {
	case gap == 0:
		return true
	case gap > 0:
		return !closedOtherwise(text[:gap]) && !flipped(text, gap)
	case bytes.HasSuffix(text, []byte("\n")):
		return !recordLike(text, number)
	}
	return !closedOtherwise(text)
}

// recordLike reports whether a line begins or ends as a record does, but for a byte or two.
func recordLike(text []byte, number int) bool {
	begins := fmt.Appendf(nil, `{"number":%d,"time":"`, number)
	if size := min(len(begins), len(text)-1); size > 2 && differing(begins[:size], text[:size]) <= 2 {
		return true
	}
	end := len(text) - tailLength
	return end >= 0 && differing([]byte(sumMember), text[end:end+len(sumMember)]) <= 2
}

// differing counts the bytes in which two texts of one length differ.
func differing(a, b []byte) (count int) {
	for i := range a {
		if a[i] != b[i] {
			count++
		}
	}
	return count
}

// closedOtherwise reports whether the text holds a whole record, but for the newline at its end: another byte
// is in its place.
func closedOtherwise(text []byte) bool {
	for from := 0; ; {
		at := bytes.Index(text[from:], []byte(sumMember))
		if at < 0 {
			return false
		}
		end := from + at + tailLength
		if end <= len(text) {
			if _, _, ok := decode(append(bytes.Clone(text[:end-1]), '\n')); ok {
				return true
			}
		}
		from += at + len(sumMember)
	}
}

// flipped reports whether the zero at that place of the line is one bit that was lost: with it, the record is
// whole.
func flipped(text []byte, at int) bool {
	again := bytes.Clone(text)
	for bit := range 8 {
		again[at] = 1 << bit
		if _, _, ok := decode(again); ok {
			return true
		}
	}
	return false
}
