package bundle

// Range is a part of a package's file.
type Range struct{ Offset, Length int64 }

const (
	// rangeGap is the most bytes between two frames that are read along rather than asked for apart: what a
	// request costs.
	rangeGap = 16 << 10
	// rangeMaximum is the most bytes of a range, unless a frame alone has more: what is in memory at once.
	rangeMaximum = 8 << 20
)

// Ranges are the parts of the package's file that hold the frames of which needed is true, in their order.
// Frames that lie close together are in one range.
func (x *Indexed) Ranges(needed []bool) []Range {
	var found []Range
	for i, one := range x.Frames {
		if !needed[i] {
			continue
		}
		start, end := x.content.place(one.Offset), x.content.place(one.Offset+one.Length-1)+1
		if last := len(found) - 1; last >= 0 {
			before := &found[last]
			if start-(before.Offset+before.Length) <= rangeGap && end-before.Offset <= rangeMaximum {
				before.Length = end - before.Offset
				continue
			}
		}
		found = append(found, Range{start, end - start})
	}
	return found
}

// place is where in the source a byte of the content lies.
func (s *segments) place(at int64) int64 {
	last := 0
	for i, start := range s.starts {
		if start <= at {
			last = i
		}
	}
	return s.offsets[last] + at - s.starts[last]
}
