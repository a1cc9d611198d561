package expression

import (
	"github.com/gwe-project/gwe/engine/value"
)

// tell names the texts of a result that were computed: those that are not texts of what it was made of. What
// touches a secret is made of the secret, but `"a" if token == "" else "b"` gives a text of the recipe, and
// get(...) one that was told before.
func tell(told func(text string), result any, given ...any) {
	known := map[string]bool{}
	for _, one := range given {
		eachText(one, func(text string) { known[text] = true })
	}
	eachText(result, func(text string) {
		if !known[text] {
			told(text)
		}
	})
}

// eachText visits the texts of a value, as a log would show them. The names of a map's members are left out:
// where they are computed, they are computed by an operation of their own.
func eachText(v any, visit func(text string)) {
	switch typed := v.(type) {
	case nil, bool:
	case []any:
		for _, element := range typed {
			eachText(element, visit)
		}
	case map[string]any:
		for _, element := range typed {
			eachText(element, visit)
		}
	default:
		if text := value.Text(typed); text != "" {
			visit(text)
		}
	}
}
