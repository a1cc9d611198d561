package tasklog

import (
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// cellsOf is how many columns of a terminal a character takes: 0, 1 or 2.
func cellsOf(r rune) int {
	if r < 0x300 {
		return 1
	}
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) || r >= 0x1160 && r <= 0x11ff {
		return 0 // combining marks, joiners, and the vowels and finals of decomposed Hangul
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// cells is how many columns a text takes that has no tabs. Colours take none.
func cells(text string) int {
	used := 0
	for _, r := range plainText(text) {
		used += cellsOf(r)
	}
	return used
}

// plainText is a text without its colours.
func plainText(text string) string {
	if !strings.Contains(text, "\x1b") {
		return text
	}
	return escapes.ReplaceAllString(text, "")
}

// cut shortens text to a number of columns.
func cut(text string, columns int) string {
	used := 0
	for at, r := range text {
		if used += cellsOf(r); used > columns {
			return text[:at]
		}
	}
	return text
}
