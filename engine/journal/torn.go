package journal

import "bytes"

// torn reports whether a power cut can have left these bytes where the next record should begin.
//
// Under a record that is being written lie zeros, or the file ends: no other bytes are ever there (see Durability). So of each part of
// that line either the new bytes are there, or zeros are, or the file ends before it. A line that is complete up to its end, without such
// a gap, was written whole: if it is not valid, it was changed since. The same holds where one bit makes it valid.
func torn(remainder []byte) bool {
	text := firstLine(remainder)
	gap := bytes.IndexByte(text, 0)
	switch {
	case gap == 0:
		return true
	case gap > 0:
		return !closedOtherwise(text[:gap]) && !flipped(text, gap)
	case bytes.HasSuffix(text, []byte("\n")):
		return false
	}
	return !closedOtherwise(text)
}

// closedOtherwise reports whether the text holds a whole record, but for the newline at its end: another byte is in its place.
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

// flipped reports whether the zero at that place of the line is one bit that was lost: with it, the record is whole.
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
