package expression

import (
	"encoding/base32"
	"encoding/base64"
	"path"
	"strings"
)

// textFunctions are expr's, and the paths of sprig's that work on text with slashes.
var textFunctions = map[string]function{
	"upper": {signatures: []string{"upper(string) string"}, call: onText(strings.ToUpper)},
	"lower": {signatures: []string{"lower(string) string"}, call: onText(strings.ToLower)},
	"trim": {signatures: []string{"trim(string, string?) string"}, call: func(_ *evaluation, arguments []any) any {
		if len(arguments) == 2 {
			return strings.Trim(arguments[0].(string), arguments[1].(string))
		}
		return strings.TrimSpace(arguments[0].(string))
	}},
	"trimPrefix":  {signatures: []string{"trimPrefix(string, string) string"}, call: onTexts(strings.TrimPrefix)},
	"trimSuffix":  {signatures: []string{"trimSuffix(string, string) string"}, call: onTexts(strings.TrimSuffix)},
	"hasPrefix":   {signatures: []string{"hasPrefix(string, string) bool"}, call: onTexts(strings.HasPrefix)},
	"hasSuffix":   {signatures: []string{"hasSuffix(string, string) bool"}, call: onTexts(strings.HasSuffix)},
	"indexOf":     {signatures: []string{"indexOf(string, string) int"}, call: onTexts(strings.Index)},
	"lastIndexOf": {signatures: []string{"lastIndexOf(string, string) int"}, call: onTexts(strings.LastIndex)},
	"split": {signatures: []string{"split(string, string, int?) list<string>"}, call: func(e *evaluation, arguments []any) any {
		return split(e, arguments, strings.SplitN)
	}},
	"splitAfter": {signatures: []string{"splitAfter(string, string, int?) list<string>"}, call: func(e *evaluation, arguments []any) any {
		return split(e, arguments, strings.SplitAfterN)
	}},
	"replace": {signatures: []string{"replace(string, string, string, int?) string"}, call: func(e *evaluation, arguments []any) any {
		whole, from, by, limit := arguments[0].(string), arguments[1].(string), arguments[2].(string), -1
		if len(arguments) == 4 {
			limit = arguments[3].(int)
		}
		e.spendProduct(strings.Count(whole, from), len(by))
		return strings.Replace(whole, from, by, limit)
	}},
	"repeat": {signatures: []string{"repeat(string, int) string"}, call: func(e *evaluation, arguments []any) any {
		times := arguments[1].(int)
		if times < 0 {
			fail("a text cannot be repeated %d times", times)
		}
		e.spendProduct(len(arguments[0].(string))+1, times)
		return strings.Repeat(arguments[0].(string), times)
	}},
	"join": {signatures: []string{"join(list<scalar>, string?) string"}, call: func(e *evaluation, arguments []any) any {
		glue := ""
		if len(arguments) == 2 {
			glue = arguments[1].(string)
		}
		list := arguments[0].([]any)
		e.spendProduct(len(list), len(glue))
		return strings.Join(texts(list), glue)
	}},
	"toBase64":   {signatures: []string{"toBase64(string) string"}, call: onText(encodeBase64)},
	"b64enc":     {signatures: []string{"b64enc(string) string"}, call: onText(encodeBase64), last: true},
	"fromBase64": {signatures: []string{"fromBase64(string) string"}, call: decodeBase64},
	"b64dec":     {signatures: []string{"b64dec(string) string"}, call: decodeBase64, last: true},
	"b32dec": {signatures: []string{"b32dec(string) string"}, last: true, call: func(_ *evaluation, arguments []any) any {
		decoded, err := base32.StdEncoding.DecodeString(arguments[0].(string))
		if err != nil {
			fail("the text is not base32")
		}
		return string(decoded)
	}},
	"base":  {signatures: []string{"base(string) string"}, call: onText(path.Base), last: true},
	"dir":   {signatures: []string{"dir(string) string"}, call: onText(path.Dir), last: true},
	"clean": {signatures: []string{"clean(string) string"}, call: onText(path.Clean), last: true},
	"ext":   {signatures: []string{"ext(string) string"}, call: onText(path.Ext), last: true},
	"isAbs": {signatures: []string{"isAbs(string) bool"}, call: onText(path.IsAbs), last: true},
	"fail": {signatures: []string{"fail(string) string"}, last: true, call: func(_ *evaluation, arguments []any) any {
		fail("%s", arguments[0])
		return ""
	}},
}

// onText makes a function of one of Go's.
func onText[R any](apply func(string) R) func(*evaluation, []any) any {
	return func(_ *evaluation, arguments []any) any { return apply(arguments[0].(string)) }
}

func onTexts[R any](apply func(a, b string) R) func(*evaluation, []any) any {
	return func(_ *evaluation, arguments []any) any { return apply(arguments[0].(string), arguments[1].(string)) }
}

// spendProduct takes what a function will make before it makes it.
func (e *evaluation) spendProduct(a, b int) {
	if a < 0 || b < 0 || a != 0 && b > budget/a {
		e.spend(-1)
	}
	e.spend(a * b)
}

func split(e *evaluation, arguments []any, apply func(text, separator string, limit int) []string) any {
	limit := -1
	if len(arguments) == 3 {
		limit = arguments[2].(int)
	}
	whole, separator := arguments[0].(string), arguments[1].(string)
	e.spendProduct(strings.Count(whole, separator)+1, elementBudget)
	return anyList(apply(whole, separator, limit))
}

func encodeBase64(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

func decodeBase64(_ *evaluation, arguments []any) any {
	decoded, err := base64.StdEncoding.DecodeString(arguments[0].(string))
	if err != nil {
		fail("the text is not base64")
	}
	return string(decoded)
}
