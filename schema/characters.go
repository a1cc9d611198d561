package schema

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// characters refuses a file that is not plain UTF-8 text, or holds characters that YAML or an editor reads
// differently from what is seen. It reports whether the file may be read at all.
func (p *parser) characters() bool {
	content := p.source.bytes
	switch {
	case bytes.HasPrefix(content, []byte{0xff, 0xfe}), bytes.HasPrefix(content, []byte{0xfe, 0xff}):
		p.fail(Span{Position: Position{1, 1}}, "encoding", "the file is UTF-16, and a recipe is UTF-8", "save it as UTF-8")
		return false
	case bytes.HasPrefix(content, []byte("\ufeff")):
		p.fail(Span{Position: Position{1, 1}}, "encoding", "the file starts with a byte order mark", "save it as UTF-8 without one")
		return false
	}
	for at := 0; at < len(content); {
		character, size := utf8.DecodeRune(content[at:])
		message, hint := oddCharacter(content, at, character, size)
		if message != "" {
			p.fail(p.source.span(at, at+size), "character", message, hint)
			if len(p.diagnostics) >= 10 {
				break
			}
		}
		at += size
	}
	return len(p.diagnostics) == 0
}

// oddCharacter says what is wrong with a character, and what to do; "" is nothing.
func oddCharacter(content []byte, at int, character rune, size int) (message, hint string) {
	hint = "remove it, or write it as an escape in double quotes"
	switch {
	case character == utf8.RuneError && size == 1:
		message, hint = fmt.Sprintf("the byte %#02x is not UTF-8", content[at]), "save the file as UTF-8"
	case character == '\r' && !bytes.HasPrefix(content[at:], []byte("\r\n")):
		message, hint = "a carriage return without a line feed", "end lines as Linux does, with a line feed alone"
	case character < ' ' && character != '\t' && character != '\n' && character != '\r', character == 0x7f, character >= 0x80 && character < 0xa0:
		message = fmt.Sprintf("the control character %U", character)
	case character == '\u2028' || character == '\u2029':
		message = fmt.Sprintf("the line separator %U, which editors do not show as a line end", character)
	case character >= '\u202a' && character <= '\u202e' || character >= '\u2066' && character <= '\u2069':
		message = fmt.Sprintf("the character %U changes the order in which the text is shown", character)
	case isBlank(character) && betweenKeys(content[:at]):
		message, hint = fmt.Sprintf("the character %U looks like a blank, and YAML takes it for text", character), "write a plain blank"
	case (character == '–' || character == '—' || character == '−') && betweenKeys(content[:at]) && bytes.HasPrefix(content[at+size:], []byte(" ")):
		message, hint = fmt.Sprintf("the character %U is not a dash for YAML", character), "write -, the minus of the keyboard"
	case character == '\ufeff', character == '\ufffe', character == '\uffff':
		message = fmt.Sprintf("the character %U is not text", character)
	}
	return message, hint
}

// isBlank tells the characters that an editor shows as a blank, or not at all.
func isBlank(character rune) bool {
	switch character {
	case '\u00a0', '\u2007', '\u202f', '\u3000', '\u200b', '\u2003', '\u2009':
		return true
	}
	return false
}

// betweenKeys reports whether what stands there is indentation, or the gap after a dash or a key.
func betweenKeys(before []byte) bool {
	line := before[bytes.LastIndexByte(before, '\n')+1:]
	trimmed := bytes.TrimRight(line, " ")
	return len(bytes.Trim(line, " -")) == 0 || bytes.HasSuffix(trimmed, []byte(":")) && !bytes.ContainsAny(line, "\"'")
}
