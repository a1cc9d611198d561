package expression

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"

	"github.com/gwe-project/gwe/engine/value"
)

// dataFunctions are JSON's, under both names, and those that choose between values. Numbers of JSON without
// point and exponent are ints, and the keys of what is written are in order.
var dataFunctions = map[string]function{
	"toJSON":       {signatures: []string{"toJSON(any) string"}, call: indentedJSON},
	"toJson":       {signatures: []string{"toJson(any) string"}, call: plainJSON, last: true},
	"toPrettyJson": {signatures: []string{"toPrettyJson(any) string"}, call: indentedJSON, last: true},
	"fromJSON":     {signatures: []string{"fromJSON(string) any"}, call: readJSON},
	"fromJson":     {signatures: []string{"fromJson(string) any"}, call: readJSON, last: true},
	"default": {signatures: []string{"default(T, T) T"}, last: true, call: func(_ *evaluation, arguments []any) any {
		if isEmpty(arguments[1]) {
			return arguments[0]
		}
		return arguments[1]
	}},
	"empty": {signatures: []string{"empty(any) bool"}, last: true, call: func(_ *evaluation, arguments []any) any { return isEmpty(arguments[0]) }},
	"coalesce": {signatures: []string{"coalesce(T, T...) T"}, last: true, call: func(_ *evaluation, arguments []any) any {
		for _, argument := range arguments {
			if !isEmpty(argument) {
				return argument
			}
		}
		return arguments[len(arguments)-1]
	}},
	"ternary": {signatures: []string{"ternary(T, T, bool) T"}, last: true, call: func(_ *evaluation, arguments []any) any {
		if arguments[2].(bool) {
			return arguments[0]
		}
		return arguments[1]
	}},
}

// isEmpty is sprig's: "", 0, false, an empty list or map, a duration or size of zero.
func isEmpty(v any) bool {
	switch typed := v.(type) {
	case nil:
		return true
	case string:
		return typed == ""
	case bool:
		return !typed
	case int:
		return typed == 0
	case float64:
		return typed == 0
	case []any:
		return len(typed) == 0
	case map[string]any:
		return len(typed) == 0
	case value.Duration:
		return typed.Std() == 0
	case value.Size:
		return typed.Bytes() == 0
	}
	return false
}

// plainJSON writes JSON on one line, without HTML's escapes.
func plainJSON(_ *evaluation, arguments []any) any {
	return strings.TrimSuffix(encodeJSON(arguments[0], ""), "\n")
}

func indentedJSON(_ *evaluation, arguments []any) any {
	return strings.TrimSuffix(encodeJSON(arguments[0], "  "), "\n")
}

func encodeJSON(v any, indent string) string {
	var written bytes.Buffer
	encoder := json.NewEncoder(&written)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", indent)
	if err := encoder.Encode(v); err != nil {
		fail("the value cannot be written as JSON")
	}
	return written.String()
}

func readJSON(_ *evaluation, arguments []any) any {
	decoder := json.NewDecoder(strings.NewReader(arguments[0].(string)))
	decoder.UseNumber()
	var decoded any
	if err := decoder.Decode(&decoded); err != nil {
		fail("the text is not JSON")
	}
	if _, err := decoder.Token(); err != io.EOF {
		fail("the text is not JSON: something stands after its end")
	}
	return must(value.Convert(of(value.KindAny), decoded))
}
