package tasklog

import (
	"bytes"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"
)

// Forms lists how programs write a text: in JSON and other quotes, in a URL, in XML, for a shell, in base32,
// base64 and twice in base64 wherever it begins there, and in hexadecimal. Forms that are the text itself, or
// hold it whole, are left out where that is known.
func Forms(text string) []string {
	forms := []string{
		strings.Trim(strconv.Quote(text), `"`), strings.Trim(strconv.QuoteToASCII(text), `"`),
		strings.ReplaceAll(text, `'`, `'\''`), strings.ReplaceAll(text, `'`, `'"'"'`), strings.ReplaceAll(text, `'`, `\'`),
		html.EscapeString(text), entities.Replace(text), inPythonXML.Replace(text),
		hex.EncodeToString([]byte(text)), strings.ToUpper(hex.EncodeToString([]byte(text))),
	}
	if len(text) <= separatedLength {
		forms = append(forms, separated(text)...)
	}
	for _, quoted := range []string{inJSON(text, false), inJSON(text, true)} {
		ascii := outsideASCII.ReplaceAllStringFunc(quoted, inUTF16)
		for _, once := range []string{quoted, strings.ReplaceAll(quoted, "/", `\/`), ascii, strings.ReplaceAll(ascii, "/", `\/`)} {
			forms = append(forms, once, inJSON(once, false))
		}
	}
	query := url.QueryEscape(text)
	spaced := strings.ReplaceAll(query, "+", "%20")
	for _, escaped := range []string{query, spaced, url.PathEscape(text), inURL.Replace(spaced), strings.ReplaceAll(spaced, "%2F", "/")} {
		forms = append(forms, escaped, percents.ReplaceAllStringFunc(escaped, strings.ToLower),
			url.QueryEscape(escaped)) // an address in the query of another one
	}
	forms = append(forms, base64.StdEncoding.EncodeToString([]byte(text)), base64.RawStdEncoding.EncodeToString([]byte(text)),
		base64.URLEncoding.EncodeToString([]byte(text)), base64.RawURLEncoding.EncodeToString([]byte(text)))
	for _, inner := range within(text, 3) {
		once := base64.RawStdEncoding.EncodeToString([]byte(inner))
		forms = append(forms, once, base64.RawURLEncoding.EncodeToString([]byte(inner)))
		for _, again := range within(once, 3) {
			forms = append(forms, base64.RawStdEncoding.EncodeToString([]byte(again)))
		}
	}
	for _, inner := range within(text, 5) {
		once := base32.StdEncoding.EncodeToString([]byte(inner))
		forms = append(forms, once, strings.ToLower(once))
	}
	return forms
}

// within lists what of a text is encoded in whole groups of that many bytes: in the middle of a longer text
// it begins anywhere in a group, and the characters that it shares with its neighbours are unknown.
func within(text string, group int) []string {
	var inner []string
	for skip := range group {
		if whole := (len(text) - skip) / group * group; whole > 0 {
			inner = append(inner, text[skip:skip+whole])
		}
	}
	return inner
}

var (
	outsideASCII = regexp.MustCompile(`[^\x00-\x7f]`)
	percents     = regexp.MustCompile(`%[0-9A-F]{2}`)
	// entities are the other names of what html.EscapeString writes as numbers.
	entities = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&apos;")
	// inURL are the characters that encodeURIComponent leaves as they are.
	inURL = strings.NewReplacer("%21", "!", "%27", "'", "%28", "(", "%29", ")", "%2A", "*")
)

// inPythonXML are the names that Python's html.escape gives.
var inPythonXML = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#x27;")

// separatedLength is how many bytes a text has at most that is looked for with separators too: these forms
// are long.
const separatedLength = 1 << 10

// separated lists a text's bytes in hexadecimal with something between them, as od, openssl and debuggers
// write them, and the bytes outside ASCII alone, as Python writes bytes.
func separated(text string) []string {
	var forms []string
	for _, one := range []struct{ format, between string }{
		{"%02x", " "}, {"%02x", ":"}, {"%02x", "-"}, {`\x%02x`, ""}, {"0x%02x", ", "}, {"0x%02x", " "}, {"%02X", " "}, {"%02X", ":"}, {"%02X", "-"},
	} {
		bytes := make([]string, len(text))
		for i := range len(text) {
			bytes[i] = fmt.Sprintf(one.format, text[i])
		}
		forms = append(forms, strings.Join(bytes, one.between))
	}
	python := ""
	for i := range len(text) {
		switch b := text[i]; {
		case b == '\\':
			python += `\\`
		case b < ' ' || b > '~':
			python += pythonByte(b)
		default:
			python += string(rune(b))
		}
	}
	return append(forms, python, strings.ReplaceAll(python, "'", `\'`))
}

func pythonByte(b byte) string {
	switch b {
	case '\t':
		return `\t`
	case '\n':
		return `\n`
	case '\r':
		return `\r`
	}
	return fmt.Sprintf(`\x%02x`, b)
}

// inUTF16 writes a character as programs do that put nothing but ASCII into JSON.
func inUTF16(character string) string {
	escaped := ""
	for _, unit := range utf16.Encode([]rune(character)) {
		escaped += fmt.Sprintf(`\u%04x`, unit)
	}
	return escaped
}

// inJSON is a text between the quotes of JSON.
func inJSON(text string, forHTML bool) string {
	var quoted bytes.Buffer
	encoder := json.NewEncoder(&quoted)
	encoder.SetEscapeHTML(forHTML)
	_ = encoder.Encode(text) // a string has a form in JSON always
	return strings.Trim(strings.TrimSpace(quoted.String()), `"`)
}
