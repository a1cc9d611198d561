package value

import (
	"fmt"
	"strconv"
	"strings"
)

// Text is how a value appears inside text: a string, path or url as it is, a number in decimal, a duration
// "1m30s", a size "400MiB", a list, map or object as JSON on one line with its keys in order.
//
// A secret is "***", alone and inside a list or map: whoever may use its text opens it with Reveal first.
// That is the engine's expression package alone, and only where the recipe's checker has allowed it.
func Text(v any) string {
	switch typed := v.(type) {
	case nil:
		return "null"
	case string:
		return typed
	case bool:
		return strconv.FormatBool(typed)
	case int:
		return strconv.Itoa(typed)
	case float64:
		return strconv.FormatFloat(typed, 'g', -1, 64)
	case fmt.Stringer:
		return typed.String()
	case []any, map[string]any:
		var text strings.Builder
		writeJSON(&text, typed, strings.Clone)
		return text.String()
	}
	canonical, err := Convert(Of(KindAny), v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return Text(canonical)
}

// floatText writes a float so that it reads as one.
func floatText(number float64) string {
	text := strconv.FormatFloat(number, 'g', -1, 64)
	if !strings.ContainsAny(text, ".e") {
		text += ".0"
	}
	return text
}
