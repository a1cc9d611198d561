package schema

import "strconv"

// Position is a place in a file, as an editor counts: lines and columns start at 1, a column is one
// character.
type Position struct {
	Line   int `json:"line"`
	Column int `json:"column"`
}

// String gives "12:5".
func (p Position) String() string {
	return strconv.Itoa(p.Line) + ":" + strconv.Itoa(p.Column)
}

// Span is a stretch of one line. Length counts characters; what is in progress in later lines is not part of
// it. A length of 0 marks a place between two characters.
type Span struct {
	Position
	Length int `json:"length"`
}
