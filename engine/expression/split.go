package expression

import "strings"

const (
	opening = "${{"
	closing = "}}"
	// expressionLength bounds one expression, in bytes.
	expressionLength = 8192
)

// Part is a stretch of text: plain, or one ${{ }}.
type Part struct {
	// Source is the plain text with $${{ made ${{, or what stands between ${{ and }}, blanks included.
	Source string
	// From and To are byte offsets of the whole stretch, ${{ and }} included.
	From, To int
	// Expression tells the two apart.
	Expression bool
}

// Split cuts text at its ${{ }}. The end of ${{ is the first }} outside of expr's strings, comments and
// brackets, so that "}}" in a text in quotes and {"a": {"b": 1}} do not end it; where there is none, it is
// the first }}, for the compiler to say what is wrong. $${{ is a literal ${{. A ${{ without }} is a problem.
func Split(text string) ([]Part, *Problem) {
	var parts []Part
	var plain strings.Builder
	plainFrom := 0
	flush := func(to int) {
		if to > plainFrom {
			parts = append(parts, Part{Source: plain.String(), From: plainFrom, To: to})
		}
		plain.Reset()
	}
	for position := 0; position < len(text); {
		rest := text[position:]
		switch {
		case strings.HasPrefix(rest, "$"+opening):
			plain.WriteString(opening)
			position += len(opening) + 1
		case strings.HasPrefix(rest, opening):
			flush(position)
			length, closed := expressionEnd(rest[len(opening):])
			if !closed {
				return nil, &Problem{
					From: position, To: position + len(opening),
					Message: "this ${{ is never closed",
					Hint:    "end the expression with }}, or write $${{ for a literal ${{",
				}
			}
			end := position + len(opening) + length
			parts = append(parts, Part{Source: text[position+len(opening) : end], From: position, To: end + len(closing), Expression: true})
			position = end + len(closing)
			plainFrom = position
		default:
			plain.WriteByte(text[position])
			position++
		}
	}
	flush(len(text))
	return parts, nil
}

// expressionEnd finds the }} that ends an expression. It goes by the rules of expr's lexer, but in one pass:
// to try the lexer itself on each }} in turn would take minutes for a hostile text.
func expressionEnd(text string) (length int, closed bool) {
	first := strings.Index(text, closing)
	if first < 0 {
		return 0, false
	}
	var open []byte
	for i := 0; i < min(len(text), expressionLength); i++ {
		switch character := text[i]; {
		case len(open) == 0 && strings.HasPrefix(text[i:], closing):
			return i, true
		case character == '"' || character == '\'' || character == '`':
			end := stringEnd(text[i+1:], character)
			if end < 0 {
				return first, true
			}
			i += 1 + end
		case strings.HasPrefix(text[i:], "//"):
			i += skipTo(text[i:], "\n")
		case strings.HasPrefix(text[i:], "/*"):
			i += skipTo(text[i:], "*/")
		case character == '(' || character == '[' || character == '{':
			open = append(open, character)
		case character == ')' || character == ']' || character == '}':
			if len(open) == 0 || !strings.Contains("() [] {}", string(open[len(open)-1])+string(character)) {
				return first, true
			}
			open = open[:len(open)-1]
		}
	}
	return first, true
}

// stringEnd finds the quote that ends a string of expr; -1 where there is none. Only backquotes keep
// backslashes.
func stringEnd(text string, quote byte) int {
	for i := 0; i < min(len(text), expressionLength); i++ {
		switch {
		case text[i] == '\\' && quote != '`':
			i++
		case text[i] == quote:
			return i
		}
	}
	return -1
}

// skipTo is how far it is to the last byte of the mark that ends a comment.
func skipTo(text, mark string) int {
	text = text[:min(len(text), expressionLength)]
	if end := strings.Index(text[1:], mark); end >= 0 {
		return end + len(mark)
	}
	return len(text)
}
