package schema

import (
	"sort"
	"unicode/utf8"
)

// source maps between byte offsets, and lines and columns, of a file. It holds the file as it is: line ends
// may be \n or \r\n.
type source struct {
	bytes []byte
	// starts holds the byte offset of each line.
	starts []int
	// wide holds, for lines with characters of more than one byte, the offset in the line of each of its
	// characters; made when first asked for, because a file may be one long line.
	wide map[int][]int
}

func newSource(content []byte) *source {
	made := &source{bytes: content, starts: []int{0}, wide: map[int][]int{}}
	for i, b := range content {
		if b == '\n' {
			made.starts = append(made.starts, i+1)
		}
	}
	return made
}

// lines counts the lines; the empty one after a last line end counts too.
func (s *source) lines() int { return len(s.starts) }

// line gives a line, counted from 1, without its line end; nil where there is none.
func (s *source) line(number int) []byte {
	if number < 1 || number > len(s.starts) {
		return nil
	}
	return s.bytes[s.starts[number-1]:s.lineEnd(number)]
}

// lineEnd is the byte offset of the line's end.
func (s *source) lineEnd(number int) int {
	end := len(s.bytes)
	if number < len(s.starts) {
		end = s.starts[number] - 1
		if end > s.starts[number-1] && s.bytes[end-1] == '\r' {
			end--
		}
	}
	return end
}

// offset is the byte offset of a position, held within its line.
func (s *source) offset(at Position) int {
	number := min(max(at.Line, 1), len(s.starts))
	column := max(at.Column-1, 0)
	if characters := s.characters(number); characters != nil {
		if column < len(characters) {
			return s.starts[number-1] + characters[column]
		}
		return s.lineEnd(number)
	}
	return min(s.starts[number-1]+column, s.lineEnd(number))
}

// position is the place of a byte offset.
func (s *source) position(offset int) Position {
	offset = min(max(offset, 0), len(s.bytes))
	number := sort.Search(len(s.starts), func(i int) bool { return s.starts[i] > offset })
	inLine := offset - s.starts[number-1]
	column := inLine
	if characters := s.characters(number); characters != nil {
		column = sort.SearchInts(characters, inLine)
	}
	return Position{Line: number, Column: column + 1}
}

// span is the stretch between two byte offsets, as far as it stands in its first line.
func (s *source) span(from, to int) Span {
	start := s.position(from)
	end := max(min(to, s.lineEnd(start.Line)), from)
	return Span{Position: start, Length: utf8.RuneCount(s.bytes[from:end])}
}

// characters gives the offsets of a line's characters, nil where each is one byte.
func (s *source) characters(number int) []int {
	if known, ok := s.wide[number]; ok {
		return known
	}
	var offsets []int
	line := s.line(number)
	if utf8.RuneCount(line) != len(line) {
		for i := range string(line) {
			offsets = append(offsets, i)
		}
	}
	s.wide[number] = offsets
	return offsets
}
