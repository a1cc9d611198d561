package inflate

import "math/bits"

// A table maps the next bits of the input to an entry:
//
//	bits 0-7    how many bits the code takes
//	bits 8-11   how many extra bits follow it; for a link, how many bits its second table is indexed by
//	bits 12-15  the kind
//	bits 16-31  the literal, the base of a length or distance, or where the second table begins
type table []uint32

const (
	literal uint32 = iota << 12
	base
	end
	link
	invalid

	kindMask uint32 = 0xf << 12
)

const (
	longestCode = 15
	// literalBits and distanceBits index the first tables. Codes that are longer, and so rare, continue in a
	// second table.
	literalBits  = 11
	distanceBits = 8
	literals     = 288
	distances    = 32
)

// symbols turns a symbol into an entry without its code's length.
type symbols func(symbol int) uint32

// fill builds the table of a code from the lengths of its words. It is false where they make no prefix code,
// or one that leaves words unused: only a code of a single word may do that, and one without any, as long as
// nobody uses it.
func (t table) fill(lengths []uint8, root uint, entry symbols) bool {
	var count [longestCode + 1]int
	for _, length := range lengths {
		count[length]++
	}
	count[0] = 0
	var next [longestCode + 2]int
	left, used := 1, 0
	for length := 1; length <= longestCode; length++ {
		left = left<<1 - count[length]
		if left < 0 {
			return false
		}
		next[length+1] = (next[length] + count[length]) << 1
		used += count[length]
	}
	if left > 0 && (used > 1 || used == 1 && count[1] == 0) {
		return false
	}
	first := t[:1<<root]
	clear(first) // of the links of the block before
	if left > 0 {
		for i := range first {
			first[i] = invalid | 1
		}
	}
	free := 1 << root
	for symbol, length := range lengths {
		if length == 0 {
			continue
		}
		size := uint(length)
		word := uint(bits.Reverse16(uint16(next[length])) >> (16 - size))
		next[length]++
		if size <= root {
			for i := word; i < 1<<root; i += 1 << size {
				first[i] = entry(symbol) | uint32(size)
			}
			continue
		}
		// Words that begin with the same root bits share a second table, large enough for the longest word
		// there can be.
		low := word & (1<<root - 1)
		const linked = longestCode
		if first[low]&kindMask != link {
			first[low] = uint32(free)<<16 | link | uint32(linked-root)<<8 | uint32(root)
			free += 1 << (linked - root)
		}
		second := t[first[low]>>16:][:1<<(linked-root)]
		for i := word >> root; i < 1<<(linked-root); i += 1 << (size - root) {
			second[i] = entry(symbol) | uint32(size-root)
		}
	}
	return true
}

// literalEntry is for the alphabet of literals and lengths.
func literalEntry(symbol int) uint32 {
	switch {
	case symbol < 256:
		return uint32(symbol)<<16 | literal
	case symbol == 256:
		return end
	case symbol < 265:
		return uint32(symbol-257+3)<<16 | base
	case symbol < 285:
		extra := uint32(symbol-261) / 4
		return (3+(4+uint32(symbol-261)%4)<<extra)<<16 | extra<<8 | base
	case symbol == 285:
		return 258<<16 | base
	}
	return invalid
}

// distanceEntry is for the alphabet of distances.
func distanceEntry(symbol int) uint32 {
	switch {
	case symbol < 4:
		return uint32(symbol+1)<<16 | base
	case symbol < 30:
		extra := uint32(symbol-2) / 2
		return (1+(2+uint32(symbol)%2)<<extra)<<16 | extra<<8 | base
	}
	return invalid
}

// plainEntry is for the code in which the lengths of the other two are written.
func plainEntry(symbol int) uint32 { return uint32(symbol)<<16 | literal }
