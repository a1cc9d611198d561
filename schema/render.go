package schema

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
)

// widest is how many columns of a source line are shown; of a longer one, the stretch around the span.
const widest = 160

// Render writes diagnostics for people: place and message, the line with the span underlined, and the hint.
//
//	recipes/ota.yaml:19:5: a step has no key "wehn"
//	   |
//	19 |     wehn: inputs.version != host.version
//	   |     ^~~~
//	   = did you mean "when"?
//
// Source gives a file's content; where it gives nil, the line is left out.
func (d Diagnostics) Render(to io.Writer, source func(file string) []byte) error {
	files := map[string][][]byte{}
	var text strings.Builder
	// A line with many problems may be very long: it is taken apart once.
	var line []rune
	for i, one := range d {
		lines, ok := files[one.File]
		if !ok {
			lines = bytes.Split(source(one.File), []byte{'\n'})
			files[one.File] = lines
		}
		if i == 0 || one.File != d[i-1].File || one.Line != d[i-1].Line {
			line = nil
			if one.Line >= 1 && one.Line <= len(lines) {
				line = []rune(string(bytes.TrimRight(lines[one.Line-1], "\r")))
			}
		}
		one.render(&text, line, one.Line <= len(lines) && lines[0] != nil)
	}
	_, err := io.WriteString(to, text.String())
	return err
}

func (d Diagnostic) render(to *strings.Builder, line []rune, known bool) {
	severity := ""
	if d.Severity != Error {
		severity = string(d.Severity) + ": "
	}
	fmt.Fprintf(to, "%s:%s: %s%s\n", visible(d.File), d.Position, severity, visible(d.Message))
	number := strconv.Itoa(d.Line)
	gutter := strings.Repeat(" ", len(number))
	if known {
		shown, mark := underline(line, d.Column, d.Length)
		fmt.Fprintf(to, "%s |\n%s |%s\n%s |%s\n", gutter, number, shown, gutter, mark)
	}
	if d.Hint != "" {
		fmt.Fprintf(to, "%s = %s\n", gutter, visible(d.Hint))
	}
}

// underline gives a source line as it is shown, and the mark below it. Both start with a blank where there is
// anything to show. A tab stays a tab in both, so that they agree at any tab width; of a wide character both
// its columns are marked.
func underline(characters []rune, column, length int) (shown, mark string) {
	from, to := window(characters, column-1)
	var top, below strings.Builder
	if from > 0 {
		top.WriteString("…")
		below.WriteString(" ")
	}
	marks := 0
	for i := from; i < to; i++ {
		character := characters[i]
		switch {
		case character == '\t' && i < column-1:
			below.WriteRune('\t')
		case i < column-1:
			below.WriteString(strings.Repeat(" ", columns(harmless(character))))
		case i < column-1+length:
			marks += columns(harmless(character))
		}
		top.WriteRune(harmless(character))
	}
	if to < len(characters) {
		top.WriteString("…")
	}
	below.WriteString("^" + strings.Repeat("~", max(marks, 1)-1))
	shown, mark = top.String(), below.String()
	if shown != "" {
		shown = " " + shown
	}
	return shown, " " + mark
}

// window picks the characters of a long line that are shown, so that the span's start is among them.
func window(characters []rune, start int) (from, to int) {
	if len(characters) <= widest {
		return 0, len(characters)
	}
	from = max(min(start-widest/3, len(characters)-widest), 0)
	return from, min(from+widest, len(characters))
}

// columns is how many columns of a terminal a character takes.
func columns(character rune) int {
	switch {
	case unicode.In(character, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case unicode.In(character, unicode.Han, unicode.Hangul, unicode.Hiragana, unicode.Katakana),
		character >= 0x3000 && character <= 0x303e,
		character >= 0xff01 && character <= 0xff60,
		character >= 0xffe0 && character <= 0xffe6,
		character >= 0x1f300 && character <= 0x1faff:
		return 2
	default:
		return 1
	}
}

// visible replaces what could fool a terminal or break a line.
func visible(text string) string {
	return strings.Map(harmless, strings.ReplaceAll(text, "\t", " "))
}

// harmless replaces control characters, except for the tab, and those that turn the direction of writing.
func harmless(character rune) rune {
	switch {
	case character == '\t':
		return character
	case unicode.IsControl(character), unicode.Is(unicode.Bidi_Control, character), character == '\u2028', character == '\u2029':
		return unicode.ReplacementChar
	}
	return character
}
