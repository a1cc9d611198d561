package tasklog

import (
	"strings"
	"unicode/utf8"
)

// tabStop is how far tab stops are apart.
const tabStop = 8

// glyph is a character with the colours that begin in front of it.
type glyph struct {
	escapes string
	char    rune
}

func (g glyph) blank() bool { return g.char == ' ' || g.char == '\t' }

// glyphs takes a line apart; rest are the colours after its last character.
func glyphs(line string) (all []glyph, rest string) {
	for line != "" {
		if line[0] == '\x1b' {
			if at := escapes.FindStringIndex(line); at != nil && at[0] == 0 {
				rest += line[:at[1]]
				line = line[at[1]:]
				continue
			}
		}
		char, size := utf8.DecodeRuneInString(line)
		all = append(all, glyph{rest, char})
		line, rest = line[size:], ""
	}
	return all, rest
}

// fold breaks a line of the log into rows of at most so many columns, between words where it can. All but the
// first row stand below the text of the line.
func fold(line string, columns int) []string {
	return Fold(line, columns, textStart(plainText(line), columns/3))
}

// Fold breaks a line into rows of at most so many columns, between words where it can. All but the first
// begin with hang blanks, or with a third of the columns where that is less.
func Fold(line string, columns, hang int) []string {
	if !strings.Contains(line, "\t") && cells(line) <= columns {
		return []string{line}
	}
	hang = min(hang, columns/3)
	all, rest := glyphs(line)
	var rows []string
	for first := true; first || len(all) > 0; first = false {
		row, count := foldOnce(all, columns, hang, first)
		all = all[count:]
		for len(all) > 0 && all[0].blank() { // a blank at the end of a row is not seen
			row, all = row+all[0].escapes, all[1:]
		}
		rows = append(rows, row)
	}
	rows[len(rows)-1] += rest
	return rows
}

// foldOnce gives one row, and how many characters it takes up.
func foldOnce(all []glyph, columns, hang int, first bool) (row string, count int) {
	var text strings.Builder
	used := 0
	if !first {
		text.WriteString(strings.Repeat(" ", hang))
		used = hang
	}
	broken, at := 0, -1 // where the row ends if the next word does not fit: after so many characters, and bytes of the row
	for i, g := range all {
		wide, shown := cellsOf(g.char), string(g.char)
		if g.char == '\t' {
			wide = tabStop - used%tabStop
			shown = strings.Repeat(" ", wide)
		}
		if (g.blank() || wide == 2) && used > hang { // Chinese and Japanese have no blanks
			broken, at = i, text.Len()
		}
		if used+wide > columns && i > 0 {
			if at < 0 || wordAt(all[broken:]) > columns-hang {
				return text.String(), i
			}
			return text.String()[:at], broken
		}
		text.WriteString(g.escapes + shown)
		used += wide
	}
	return text.String(), len(all)
}

// wordAt is how many columns the word takes that the characters begin with, with the blank before it left
// out.
func wordAt(all []glyph) int {
	used := 0
	for i, g := range all {
		if i > 0 && g.blank() {
			break
		}
		if !g.blank() {
			used += cellsOf(g.char)
		}
	}
	return used
}

// textStart is the column in which the text of a line of the log begins: after its indentation, its mark,
// the labels of its branches, and what marks the output of a program. Where that is farther than most, it is
// the end of the mark, or most.
func textStart(line string, most int) int {
	text := strings.TrimLeft(line, " ")
	_, text, _ = strings.Cut(text, " ")
	mark := cells(line) - cells(text)
	if strings.HasPrefix(text, "[") {
		if _, behind, found := strings.Cut(text, "] "); found {
			text = behind
		}
	}
	text = strings.TrimPrefix(text, "| ")
	if start := cells(line) - cells(text); start <= most {
		return start
	}
	return min(mark, most)
}
