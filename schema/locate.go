package schema

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// Locate finds the place in the file of the bytes from..to of the scalar's Text, through quotes, escapes,
// indentation and folded line ends. Where it cannot, it gives the scalar's own place.
func (s Scalar) Locate(from, to int) Span {
	if s.source == nil || from < 0 || from > len(s.Text) {
		return s.Span
	}
	origins := s.origins()
	if origins == nil {
		return s.Span
	}
	start, end := origins[from].from, origins[from].from
	if to = min(to, len(s.Text)); to > from {
		end = origins[to-1].to
	}
	return s.source.span(start, end)
}

// origin is the stretch of the source, in bytes, that one byte of a scalar's text was read from.
type origin struct{ from, to int }

// origins gives one origin for each byte of the text, and one for its end; nil where source and text do not
// agree.
func (s Scalar) origins() []origin {
	var walk walker
	switch s.Style {
	case Literal, Folded:
		walk = walker{source: s.source.bytes, at: s.begin, text: s.Text}
		if !walk.block(s.Style == Folded) {
			return nil
		}
	default:
		walk = walker{source: s.source.bytes, at: s.begin, text: s.Text}
		if !walk.flow(s.Style) {
			return nil
		}
	}
	return append(walk.origins, origin{walk.at, walk.at})
}

// walker goes through a scalar's source and its text side by side, by the line folding rules of YAML 1.2,
// chapters 7.3 and 8.1.
type walker struct {
	source  []byte
	at      int
	text    string
	origins []origin
}

// rest is the text that has no origin yet.
func (w *walker) rest() string { return w.text[len(w.origins):] }

// take says that the next size bytes of the text come from the next width bytes of the source.
func (w *walker) take(size, width int) {
	for range size {
		w.origins = append(w.origins, origin{w.at, w.at + width})
	}
	w.at += width
}

// same takes one byte that stands in the text as it stands in the source.
func (w *walker) same() bool {
	if w.at >= len(w.source) || w.source[w.at] != w.rest()[0] {
		return false
	}
	w.take(1, 1)
	return true
}

// flow walks through a plain or quoted scalar.
func (w *walker) flow(style Style) bool {
	if style != Plain {
		w.at++
	}
	for w.rest() != "" {
		ahead := w.source[min(w.at, len(w.source)):]
		switch {
		case style == DoubleQuoted && bytes.HasPrefix(ahead, []byte{'\\'}):
			w.escape(ahead)
		case style == SingleQuoted && bytes.HasPrefix(ahead, []byte("''")):
			w.take(1, 2)
		case len(ahead) > 0 && strings.IndexByte(" \t\r\n", ahead[0]) >= 0:
			blank := len(ahead) - len(bytes.TrimLeft(ahead, " \t\r\n"))
			breaks := bytes.Count(ahead[:blank], []byte{'\n'})
			if breaks == 0 {
				if !w.same() {
					return false
				}
				continue
			}
			folded := " "
			if breaks > 1 {
				folded = strings.Repeat("\n", breaks-1)
			}
			if !strings.HasPrefix(w.rest(), folded) {
				return false
			}
			w.take(len(folded), 0)
			w.at += blank
		default:
			if !w.same() {
				return false
			}
		}
	}
	return true
}

// escape takes one escape sequence of a double-quoted scalar; ahead starts with the backslash.
func (w *walker) escape(ahead []byte) {
	width := 2
	if len(ahead) > 1 {
		switch ahead[1] {
		case 'x':
			width = 4
		case 'u':
			width = 6
		case 'U':
			width = 10
		case '\n', '\r':
			// An escaped line end: nothing of it, nor of the next line's indentation, is in the text.
			w.at += len(ahead) - len(bytes.TrimLeft(ahead[1:], " \t\r\n"))
			return
		}
	}
	_, size := utf8.DecodeRuneInString(w.rest())
	w.take(size, width)
}

// block walks through a literal or folded block scalar.
func (w *walker) block(folded bool) bool {
	w.skipLine()
	indent := w.indent()
	for w.rest() != "" {
		if w.at >= len(w.source) {
			return false
		}
		w.skipIndent(indent)
		for w.rest() != "" && !w.atBreak() {
			if !w.same() {
				return false
			}
		}
		if w.rest() == "" {
			break
		}
		if !folded {
			if w.rest()[0] != '\n' {
				return false
			}
			w.take(1, 0)
			w.skipLine()
			continue
		}
		if !w.foldedBreaks(indent) {
			return false
		}
	}
	return true
}

// foldedBreaks takes a run of line ends of a folded block: one stands for a blank, more stand for one line
// end less, and beside lines that are indented further all of them stay.
func (w *walker) foldedBreaks(indent int) bool {
	start, breaks := w.at, 0
	for w.at < len(w.source) && w.atBreak() {
		breaks++
		w.skipLine()
		resume := w.at
		w.skipIndent(indent)
		if !w.atBreak() {
			w.at = resume
			break
		}
	}
	resume := w.at
	w.at = start
	size := min(len(w.rest())-len(strings.TrimLeft(w.rest(), "\n")), breaks)
	if size == 0 {
		if w.rest()[0] != ' ' {
			return false
		}
		size = 1
	}
	w.take(size, 0)
	w.at = resume
	return true
}

// indent finds how far the block is indented: what the first line with content has more in the source than in
// the text.
func (w *walker) indent() int {
	inText := 0
	for line := range strings.SplitSeq(w.text, "\n") {
		if trimmed := strings.TrimLeft(line, " "); trimmed != "" {
			inText = len(line) - len(trimmed)
			break
		}
	}
	for line := range bytes.SplitSeq(w.source[min(w.at, len(w.source)):], []byte{'\n'}) {
		if trimmed := bytes.TrimLeft(line, " "); len(bytes.TrimSpace(trimmed)) > 0 {
			return max(len(line)-len(trimmed)-inText, 0)
		}
	}
	return 0
}

func (w *walker) atBreak() bool {
	return w.at >= len(w.source) || w.source[w.at] == '\n' || bytes.HasPrefix(w.source[w.at:], []byte("\r\n"))
}

// skipLine goes after the next line end.
func (w *walker) skipLine() {
	if end := bytes.IndexByte(w.source[min(w.at, len(w.source)):], '\n'); end >= 0 {
		w.at += end + 1
		return
	}
	w.at = len(w.source)
}

func (w *walker) skipIndent(indent int) {
	for skipped := 0; skipped < indent && w.at < len(w.source) && w.source[w.at] == ' '; skipped++ {
		w.at++
	}
}
