package expression

import (
	"math"
	"strings"

	"github.com/gwe-project/gwe/engine/value"
)

// convertFunctions make one type of another, strictly: "12abc" is not an int.
var convertFunctions = map[string]function{
	"int": {signatures: []string{"int(string) int", "int(float) int", "int(untyped) int"}, call: func(_ *evaluation, arguments []any) any {
		if float, ok := arguments[0].(float64); ok {
			if math.Abs(float) >= min(1<<62, -float64(math.MinInt)) {
				fail("%s is too big for an int", value.Text(float))
			}
			return int(float)
		}
		return converted(value.KindInt, arguments[0])
	}},
	"float":    {signatures: []string{"float(string) float", "float(float) float", "float(untyped) float"}, call: to(value.KindFloat)},
	"bool":     {signatures: []string{"bool(string) bool", "bool(bool) bool", "bool(untyped) bool"}, call: to(value.KindBool)},
	"duration": {signatures: []string{"duration(string) duration", "duration(duration) duration", "duration(untyped) duration"}, call: to(value.KindDuration)},
	"size":     {signatures: []string{"size(string) size", "size(size) size", "size(untyped) size"}, call: to(value.KindSize)},
	"version":  {signatures: []string{"version(string) version", "version(version) version", "version(untyped) version"}, call: to(value.KindVersion)},
	"string":   {signatures: []string{"string(any) string"}, call: text},
	"toString": {signatures: []string{"toString(any) string"}, call: text, last: true},
	"toStrings": {signatures: []string{"toStrings(any) list<string>"}, last: true, call: func(_ *evaluation, arguments []any) any {
		list, ok := arguments[0].([]any)
		if !ok {
			list = arguments
		}
		texts := make([]any, 0, len(list))
		for _, element := range list {
			texts = append(texts, value.Text(element))
		}
		return texts
	}},
	"bytes": {signatures: []string{"bytes(size) int"}, call: func(_ *evaluation, arguments []any) any {
		count := arguments[0].(value.Size).Bytes()
		if int64(int(count)) != count { // on a 32-bit machine
			fail("%d is too big for an int", count)
		}
		return int(count)
	}},
	"seconds": {signatures: []string{"seconds(duration) float"}, call: func(_ *evaluation, arguments []any) any { return arguments[0].(value.Duration).Std().Seconds() }},
}

func text(_ *evaluation, arguments []any) any { return value.Text(arguments[0]) }

func to(kind value.Kind) func(*evaluation, []any) any {
	return func(_ *evaluation, arguments []any) any { return converted(kind, arguments[0]) }
}

// converted reads text, and takes over what is of the type already.
func converted(kind value.Kind, from any) any {
	if written, ok := from.(string); ok {
		return must(value.Parse(of(kind), strings.TrimSpace(written)))
	}
	return must(value.Convert(of(kind), from))
}
