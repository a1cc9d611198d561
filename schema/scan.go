package schema

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// scanner goes through the lines of a file that the YAML library could not read, and finds the usual mistakes
// at their places. It knows as much YAML as that takes: indentation, keys, quotes, brackets and block
// scalars.
type scanner struct {
	source *source
	traps  []trap
	// at is the byte offset where the scan stands.
	at int
	// levels are the block collections that the current line may belong to, outermost first.
	levels  []level
	anchors map[string]bool
	// valued is the column of the last key that had a plain value on its own line; 0 after anything else.
	valued int
}

type trap struct {
	at            Span
	message, hint string
}

// level is one block list or mapping: the column where its elements start.
type level struct {
	column int
	list   bool
}

// maxTraps ends a scan that finds nothing but mistakes.
const maxTraps = 20

var (
	keyForm    = regexp.MustCompile(`^("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s#"'\[\]{},&*!|>%@\x60-][^\s:#]*|-[^\s:#]+)[ \t]*:(?:[ \t]|\r?$)`)
	anchorForm = regexp.MustCompile(`^[&*]([^\s,\[\]{}]*)`)
	glued      = regexp.MustCompile(`^([a-z][a-z0-9-]*):[^\s:/]`)
	bareWord   = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)
	blockForm  = regexp.MustCompile(`^[|>][-+0-9]*[ \t]*(?:#.*)?\r?$`)
)

func (s *scanner) run() {
	for s.at < len(s.source.bytes) && len(s.traps) < maxTraps {
		s.line()
	}
}

func (s *scanner) trap(from, to int, message, hint string) {
	s.traps = append(s.traps, trap{s.source.span(from, to), message, hint})
}

// lineEnd is the end of the line where the scan stands.
func (s *scanner) lineEnd() int { return s.source.lineEnd(s.source.position(s.at).Line) }

// next goes to the start of the next line.
func (s *scanner) next() {
	if end := bytes.IndexByte(s.source.bytes[s.at:], '\n'); end >= 0 {
		s.at += end + 1
		return
	}
	s.at = len(s.source.bytes)
}

// line scans one line from its start.
func (s *scanner) line() {
	start, end := s.at, s.lineEnd()
	text := string(s.source.bytes[start:end])
	content := strings.TrimLeft(text, " \t")
	indent := len(text) - len(content)
	switch {
	case content == "" || content[0] == '#' || strings.HasPrefix(text, "---") || strings.HasPrefix(text, "%"):
		s.next()
		return
	case strings.Contains(text[:indent], "\t"):
		tab := start + strings.Index(text, "\t")
		s.trap(tab, start+indent, "a tab in the indentation", "indent with blanks")
		s.next()
		return
	}
	s.at = start + indent
	column, dashes := indent, 0
	for strings.HasPrefix(content, "- ") || content == "-" {
		s.enter(column, true, dashes > 0)
		dashes++
		trimmed := strings.TrimLeft(content[1:], " ")
		column += len(content) - len(trimmed)
		s.at += len(content) - len(trimmed)
		content = trimmed
	}
	match := keyForm.FindStringSubmatch(content)
	if match == nil {
		s.noKey(content, dashes)
		return
	}
	s.enter(column, false, dashes > 0)
	s.at += len(match[0])
	value := strings.TrimLeft(content[len(match[0]):], " \t")
	s.at = end - len(value)
	s.valued = 0
	s.value(value, match[1], column)
}

// noKey scans a line without a key: an element of a list, or a piece of a text over several lines.
func (s *scanner) noKey(content string, dashes int) {
	if found := glued.FindStringSubmatch(content); found != nil && (slices.Contains(recipeKeys, found[1]) || slices.Contains(modifiers, found[1])) {
		colon := s.at + len(found[1])
		s.trap(colon, colon+1, "a blank is missing after the colon", fmt.Sprintf("write %q", found[1]+": "+content[len(found[1])+1:]))
	}
	if word := strings.TrimRight(content, " \r"); dashes > 0 && bareWord.MatchString(word) && s.keyBelow(s.levels[len(s.levels)-1].column) {
		s.trap(s.at+len(word)-1, s.at+len(word), "a colon is missing after "+word, fmt.Sprintf("write \"%s:\"", word))
	}
	if dashes == 0 {
		s.next()
		return
	}
	s.valued = 0
	// A block scalar after a dash is indented against the dash.
	s.value(content, "-", s.levels[len(s.levels)-1].column)
}

// keyBelow reports whether the next line that says anything has a key, deeper than the column.
func (s *scanner) keyBelow(column int) bool {
	for line := s.source.position(s.at).Line + 1; line <= s.source.lines(); line++ {
		text := string(s.source.line(line))
		content := strings.TrimLeft(text, " ")
		if content != "" && content[0] != '#' {
			return len(text)-len(content) > column && keyForm.MatchString(content)
		}
	}
	return false
}

// enter makes a block collection at that column the current one. Inline is true after a dash on the same
// line.
func (s *scanner) enter(column int, list, inline bool) {
	for len(s.levels) > 0 && s.levels[len(s.levels)-1].column > column {
		s.levels = s.levels[:len(s.levels)-1]
		if len(s.levels) == 0 || s.levels[len(s.levels)-1].column < column && !inline {
			s.trap(s.at, s.lineEnd(), "the indentation of this line fits no line above", "start it below the first character of the lines it belongs to")
			s.levels = append(s.levels, level{column, list})
			return
		}
	}
	if len(s.levels) == 0 || s.levels[len(s.levels)-1].column < column {
		if s.valued > 0 && column > s.valued-1 && !inline {
			s.trap(s.at, s.lineEnd(), "this line is indented below a key that has a value already", "start it below the first character of the line above")
		}
		s.levels = append(s.levels, level{column, list})
		return
	}
	top := &s.levels[len(s.levels)-1]
	switch {
	case top.list == list:
	case list:
		// A list may stand at the column of the key that it belongs to.
		s.levels = append(s.levels, level{column, list})
	case len(s.levels) > 1 && s.levels[len(s.levels)-2] == level{column, false}:
		s.levels = s.levels[:len(s.levels)-1]
	default:
		s.trap(s.at, s.lineEnd(), "a key where the list above continues", `start it with "- ", or indent it as the key of the list`)
		top.list = list
	}
}

// value scans what stands after a key or a dash; the scan stands at its first character.
func (s *scanner) value(value, key string, column int) {
	for strings.HasPrefix(value, "!") {
		width := strings.IndexAny(value+" ", " \t")
		rest := strings.TrimLeft(value[width:], " \t")
		s.at += len(value) - len(rest)
		value = rest
	}
	if value == "" || value[0] == '#' {
		s.next()
		return
	}
	if found := anchorForm.FindStringSubmatch(value); found != nil {
		s.reference(value, found)
		return
	}
	switch first := value[0]; {
	case first == '"' || first == '\'':
		s.quoted(value, key)
	case blockForm.MatchString(value):
		s.block(column, strings.ContainsAny(value[:min(len(value), 3)], "123456789"))
	case first == '@' || first == '`' || first == '%':
		s.trap(s.at, s.at+1, fmt.Sprintf("YAML keeps a value that starts with %c for itself", first), "put it in quotes: "+quoted(value))
		s.next()
	case strings.HasPrefix(value, "{{"):
		s.braces(value)
	case first == '{' || first == '[':
		s.flow()
	default:
		s.plain(value, key, column)
	}
}

// reference scans an anchor or an alias.
func (s *scanner) reference(value string, found []string) {
	switch {
	case value[0] == '&':
		s.anchors[found[1]] = true
	case !s.anchors[found[1]]:
		s.trap(s.at, s.at+len(found[0]), fmt.Sprintf("YAML takes %s for an alias, and there is no anchor of that name", found[0]), "put it in quotes: "+quoted(value))
	}
	s.next()
}

// plain scans a text without quotes.
func (s *scanner) plain(value, key string, column int) {
	if comment := strings.Index(value, " #"); comment >= 0 {
		value = value[:comment]
	}
	value = strings.TrimRight(value, " \t\r")
	if colon := strings.Index(value+" ", ": "); colon >= 0 {
		hint := "put the value in quotes: " + quoted(value)
		if key != "-" {
			hint = "put the value in quotes: " + key + ": " + quoted(value)
		}
		s.trap(s.at+colon, s.at+colon+1, `YAML takes ": " in a value for the end of a key`, hint)
	}
	if key != "-" {
		s.valued = column + 1
	}
	s.next()
}

// quoted scans a text in quotes, over as many lines as it takes.
func (s *scanner) quoted(value, key string) {
	open := s.at
	if !s.closeQuote() {
		s.trap(open, open+1, "this quote is never closed", fmt.Sprintf("write %c where the text ends", s.source.bytes[open]))
		s.at = len(s.source.bytes)
		return
	}
	rest := string(s.source.bytes[s.at:s.lineEnd()])
	trimmed := strings.TrimLeft(rest, " \t")
	if trimmed != "" && trimmed[0] != '#' && trimmed[0] != ':' {
		at := s.at + len(rest) - len(trimmed)
		hint := "put the whole value in quotes"
		if s.source.position(open).Line == s.source.position(s.at).Line {
			if comment := strings.Index(trimmed, " #"); comment >= 0 {
				value = value[:len(value)-len(trimmed)+comment]
			}
			hint += ": " + quoted(value)
			if key != "-" {
				hint = "put the whole value in quotes: " + key + ": " + quoted(value)
			}
		}
		s.trap(at, at+len(trimmed), "a value that starts with a quote ends with it, and this continues", hint)
	}
	s.next()
}

// closeQuote goes after the end of the quoted text that starts here; false where there is none.
func (s *scanner) closeQuote() bool {
	text, quote := s.source.bytes, s.source.bytes[s.at]
	for i := s.at + 1; i < len(text); i++ {
		switch {
		case quote == '"' && text[i] == '\\':
			s.escape(i)
			i++
		case quote == '\'' && bytes.HasPrefix(text[i:], []byte("''")):
			i++
		case text[i] == quote:
			s.at = i + 1
			return true
		}
	}
	return false
}

// escape checks the escape sequence at that offset.
func (s *scanner) escape(at int) {
	if at+1 >= len(s.source.bytes) || strings.IndexByte("0abtnvfre \"/\\N_LPxuU\t\r\n", s.source.bytes[at+1]) >= 0 {
		return
	}
	s.trap(at, at+2, fmt.Sprintf("YAML knows no escape %s", s.source.bytes[at:at+2]), "write the backslash twice, or use single quotes")
}

// block goes after a block scalar whose key stands at that column. One with an explicit indentation may
// start deeper than it continues.
func (s *scanner) block(column int, explicit bool) {
	first := -1
	for s.next(); s.at < len(s.source.bytes); s.next() {
		line := string(s.source.bytes[s.at:s.lineEnd()])
		content := strings.TrimLeft(line, " ")
		indent := len(line) - len(content)
		switch {
		case strings.TrimSpace(content) == "":
		case indent <= column:
			return
		case explicit:
		case first < 0:
			first = indent
		case indent < first && content[0] != '#':
			s.trap(s.at+indent, s.lineEnd(), "this line is indented less than the text that it belongs to",
				fmt.Sprintf("indent it by %d blanks, as the first line of the text", first))
		}
	}
}

// braces scans a value that starts with {{.
func (s *scanner) braces(value string) {
	s.trap(s.at, s.at+2, "YAML reads an unquoted {{ as a mapping", "write "+quoted(strings.TrimRight(strings.ReplaceAll(value, "{{", "${{"), " \r")))
	s.next()
}

// flow scans a collection in brackets, over as many lines as it takes.
//
//nolint:gocyclo // one case for each character that means something in a collection
func (s *scanner) flow() {
	// open are the places of the brackets around, colons how many keys each has since its last comma.
	open, colons := []int{}, []int{}
	text := s.source.bytes
	for s.at < len(text) {
		switch character := text[s.at]; {
		case bytes.HasPrefix(text[s.at:], []byte("${{")):
			s.flowExpression()
			continue
		case character == '"' || character == '\'':
			if start := s.at; bytes.IndexByte([]byte(" ,[{:\n"), text[start-1]) >= 0 {
				if !s.closeQuote() {
					s.trap(start, start+1, "this quote is never closed", fmt.Sprintf("write %c where the text ends", text[start]))
					s.at = len(text)
					return
				}
				if s.behindQuote(start) {
					return
				}
				continue
			}
		case character == '[' || character == '{':
			open = append(open, s.at)
			colons = append(colons, 0)
		case character == ',':
			colons[len(colons)-1] = 0
			if before := bytes.TrimRight(text[:s.at], " \t\r\n"); bytes.HasSuffix(before, []byte(",")) || bytes.HasSuffix(before, []byte("[")) || bytes.HasSuffix(before, []byte("{")) {
				s.trap(s.at, s.at+1, "there is nothing before this comma", "remove it")
				s.next()
				return
			}
		case character == ':' && bytes.IndexByte([]byte(" \t\r\n"), text[min(s.at+1, len(text)-1)]) >= 0:
			if colons[len(colons)-1]++; colons[len(colons)-1] > 1 && text[open[len(open)-1]] == '{' {
				start := s.at
				for start > 0 && bytes.IndexByte([]byte(" ,[{\n"), text[start-1]) < 0 {
					start--
				}
				s.trap(start, s.at, "a comma is missing before "+string(text[start:s.at]), "write \", "+string(text[start:s.at])+": ...\"")
				s.next()
				return
			}
		case character == ']' || character == '}':
			opening := text[open[len(open)-1]]
			if opening == '[' != (character == ']') {
				s.trap(s.at, s.at+1, fmt.Sprintf("%c closes what %c opened", character, opening), fmt.Sprintf("write %c before it", opening+2))
				s.next()
				return
			}
			colons = colons[:len(colons)-1]
			if open = open[:len(open)-1]; len(open) == 0 {
				s.at++
				s.behindFlow()
				return
			}
		case character == '#' && bytes.IndexByte([]byte(" \t\n"), text[s.at-1]) >= 0:
			s.at = s.lineEnd()
			continue
		case character == '*' && bytes.IndexByte([]byte(" ,[{"), text[s.at-1]) >= 0:
			if found := anchorForm.FindStringSubmatch(string(text[s.at:s.lineEnd()])); !s.anchors[found[1]] {
				s.trap(s.at, s.at+len(found[0]), fmt.Sprintf("YAML takes %s for an alias, and there is no anchor of that name", found[0]), "put it in quotes: "+quoted(found[0]))
			}
		case (character == '@' || character == '`') && bytes.IndexByte([]byte(" ,[{"), text[s.at-1]) >= 0:
			s.trap(s.at, s.at+1, fmt.Sprintf("YAML keeps a value that starts with %c for itself", character), "put it in quotes")
		}
		s.at++
	}
	last := open[len(open)-1]
	s.trap(last, last+1, fmt.Sprintf("this %c is never closed", text[last]), fmt.Sprintf("write %c where it ends", text[last]+2))
}

// behindQuote reports a text that continues after its closing quote, and reports whether it did.
func (s *scanner) behindQuote(start int) bool {
	rest := string(s.source.bytes[s.at:s.lineEnd()])
	trimmed := strings.TrimLeft(rest, " \t\r")
	if trimmed == "" || strings.IndexByte(",:]}#", trimmed[0]) >= 0 {
		return false
	}
	at := s.at + len(rest) - len(trimmed)
	s.trap(at, at+1, fmt.Sprintf("the text that starts with %c ends before this", s.source.bytes[start]),
		"write a comma, or put the whole text into the other kind of quotes")
	s.next()
	return true
}

// flowExpression reports ${{ }} without quotes between brackets.
func (s *scanner) flowExpression() {
	text := string(s.source.bytes[s.at:s.lineEnd()])
	end := strings.Index(text, "}}")
	if end < 0 {
		end = len(text) - 2
	}
	end = max(end+2, 3)
	// The whole value is to be quoted: what stands around the expression too.
	from := s.at
	for from > 0 && strings.IndexByte(" ,[{\n", s.source.bytes[from-1]) < 0 {
		from--
	}
	to := s.at + end
	for to < len(s.source.bytes) && strings.IndexByte(" ,]}\r\n", s.source.bytes[to]) < 0 {
		to++
	}
	s.trap(s.at, s.at+end, "YAML takes the braces of ${{ }} for its own between [ ] and { }", "put the value in quotes: "+quoted(string(s.source.bytes[from:to])))
	s.at = to
}

// behindFlow checks that nothing stands after a collection.
func (s *scanner) behindFlow() {
	rest := string(s.source.bytes[s.at:s.lineEnd()])
	trimmed := strings.TrimLeft(rest, " \t")
	if trimmed != "" && trimmed[0] != '#' {
		at := s.at + len(rest) - len(trimmed)
		s.trap(at, at+len(trimmed), "a value that starts with a bracket ends with it, and this continues", "put the whole value in quotes")
	}
	s.next()
}

// quoted writes a text in the quotes that change the least of it.
func quoted(text string) string {
	text = strings.TrimRight(text, " \t\r")
	switch {
	case !strings.ContainsAny(text, `"\`):
		return `"` + text + `"`
	default:
		return "'" + strings.ReplaceAll(text, "'", "''") + "'"
	}
}
