package value

import (
	"bytes"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ToJSON writes a value for the journal. What it writes is read by FromJSON with the same type:
//
//   - Durations, sizes and versions are their text; a float has a point or an exponent, an int has not.
//   - A byte that is not UTF-8 is NUL and two hexadecimal digits, as is NUL itself, in keys of maps too: file
//     names survive.
//   - A secret is "***". FromJSON refuses that as a secret, so whoever needs the secret again must keep it
//     elsewhere.
//   - An absent member of an object is null, or is not there.
//
// Values are taken as step types made them: an empty path, or a required member that is missing, passes.
func ToJSON(t Type, v any) (json.RawMessage, error) {
	canonical := v
	if v != nil {
		var err error
		if canonical, err = convert(t, v, trusted); err != nil {
			return nil, err
		}
	}
	var text strings.Builder
	writeJSON(&text, canonical, escapeBytes)
	return json.RawMessage(text.String()), nil
}

// FromJSON reads what ToJSON wrote. Members that an object type does not have are left out, and members that
// are missing are absent: an older or newer gwe may have written the journal.
func FromJSON(t Type, raw json.RawMessage) (any, error) {
	if len(raw) > 0 && raw[0] == '"' { // most are
		var text string
		if err := json.Unmarshal(raw, &text); err != nil {
			return nil, valueFault("the value is not JSON").WithCause(err)
		}
		return fromJSON(t, text)
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var decoded any
	if err := decoder.Decode(&decoded); err != nil {
		return nil, valueFault("the value is not JSON").WithCause(err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, valueFault("something stands after the value's end")
	}
	return fromJSON(t, decoded)
}

func fromJSON(t Type, decoded any) (any, error) {
	switch typed := decoded.(type) {
	case nil:
		return nil, nil
	case string:
		text, err := unescapeBytes(typed)
		if err != nil {
			return nil, err
		}
		if t.Kind == KindSecret && text == Redacted {
			return nil, valueFault("the secret was not kept")
		}
		return convert(t, text, trusted)
	case []any:
		if t.Kind != KindList && t.Kind != KindAny {
			return nil, mismatch(t, decoded)
		}
		list := make([]any, 0, len(typed))
		for i, element := range typed {
			converted, err := fromJSON(t.element(), element)
			if err != nil {
				return nil, inside("element "+strconv.Itoa(i), err)
			}
			list = append(list, converted)
		}
		return list, nil
	case map[string]any:
		return mapFromJSON(t, typed)
	}
	return convert(t, decoded, trusted)
}

func mapFromJSON(t Type, decoded map[string]any) (any, error) {
	if t.Kind != KindMap && t.Kind != KindAny && t.Kind != KindObject {
		return nil, mismatch(t, decoded)
	}
	values := make(map[string]any, len(decoded))
	for _, escaped := range sortedKeys(decoded) {
		key, err := unescapeBytes(escaped)
		if err != nil {
			return nil, err
		}
		memberType := t.element()
		if t.Kind == KindObject {
			field, known := t.Field(key)
			if !known {
				continue
			}
			memberType = field.Type
		}
		if values[key], err = fromJSON(memberType, decoded[escaped]); err != nil {
			return nil, inside(key, err)
		}
	}
	return values, nil
}

// writeJSON writes a canonical value, keys in order, strings through the given escape.
func writeJSON(text *strings.Builder, v any, escape func(string) string) {
	switch typed := v.(type) {
	case nil:
		text.WriteString("null")
	case bool:
		text.WriteString(strconv.FormatBool(typed))
	case int:
		text.WriteString(strconv.Itoa(typed))
	case float64:
		text.WriteString(floatText(typed))
	case []any:
		text.WriteByte('[')
		for i, element := range typed {
			if i > 0 {
				text.WriteByte(',')
			}
			writeJSON(text, element, escape)
		}
		text.WriteByte(']')
	case map[string]any:
		text.WriteByte('{')
		for i, key := range sortedKeys(typed) {
			if i > 0 {
				text.WriteByte(',')
			}
			text.Write(quoteJSON(escape(key)))
			text.WriteByte(':')
			writeJSON(text, typed[key], escape)
		}
		text.WriteByte('}')
	default:
		text.Write(quoteJSON(escape(Text(v))))
	}
}

// quoteJSON writes a JSON string without HTML's escapes.
func quoteJSON(text string) []byte {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	// A string can always be encoded, and a buffer always written.
	_ = encoder.Encode(text)
	return bytes.TrimSuffix(buffer.Bytes(), []byte("\n"))
}

func escapeBytes(text string) string {
	if utf8.ValidString(text) && !strings.ContainsRune(text, 0) {
		return text
	}
	const digits = "0123456789abcdef"
	var escaped strings.Builder
	for i := 0; i < len(text); {
		r, width := utf8.DecodeRuneInString(text[i:])
		if r == 0 || r == utf8.RuneError && width == 1 {
			escaped.WriteByte(0)
			escaped.WriteByte(digits[text[i]>>4])
			escaped.WriteByte(digits[text[i]&15])
		} else {
			escaped.WriteString(text[i : i+width])
		}
		i += width
	}
	return escaped.String()
}

func unescapeBytes(text string) (string, error) {
	if !strings.ContainsRune(text, 0) {
		return text, nil
	}
	var plain strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != 0 {
			plain.WriteByte(text[i])
			continue
		}
		if i+2 >= len(text) {
			return "", valueFault("the text ends within an escaped byte")
		}
		code, err := strconv.ParseUint(text[i+1:i+3], 16, 8)
		if err != nil {
			return "", valueFault("the text holds an escaped byte that is none")
		}
		plain.WriteByte(byte(code))
		i += 2
	}
	return plain.String(), nil
}
