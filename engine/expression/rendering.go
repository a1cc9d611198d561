package expression

import (
	"fmt"
	"text/template"
)

// rendering is one rendering of a template: its budget, and what it made of secrets so far.
type rendering struct {
	*evaluation
	holds  func(text string) bool
	told   func(text string)
	secret map[string]bool
}

// watch tells what a call computed from secrets.
func (r *rendering) watch(result any, given ...any) {
	if r.holds == nil {
		return
	}
	touched := false
	for _, one := range given {
		eachText(one, func(text string) { touched = touched || r.secret[text] || r.holds(text) })
	}
	if touched {
		tell(func(text string) {
			r.secret[text] = true // a short one is not masked, but what is made of it may be
			r.told(text)
		}, result, given...)
	}
}

// watchBuiltins puts text/template's own functions that make texts into made, in a form that is watched.
func (r *rendering) watchBuiltins(made template.FuncMap) {
	for name, builtin := range map[string]func(...any) string{
		"html": template.HTMLEscaper, "js": template.JSEscaper, "urlquery": template.URLQueryEscaper,
		"print": fmt.Sprint, "println": fmt.Sprintln,
	} {
		made[name] = func(arguments ...any) string {
			result := builtin(arguments...)
			r.watch(result, arguments...)
			return result
		}
	}
	made["printf"] = func(format string, arguments ...any) string {
		result := fmt.Sprintf(format, arguments...)
		r.watch(result, arguments...)
		return result
	}
}
