package schema

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/value"
)

// Input is one declared input of a recipe. The values that it holds are canonical for its type.
type Input struct {
	Name Scalar
	Type value.Type
	// Required inputs must be given; all others have a default. A secret's default is empty text, which means
	// none.
	Required bool
	Default  any
	// Enum lists the accepted values; none means any.
	Enum []any
	// Pattern is a regular expression (RE2) that matches somewhere in the text; nil accepts any.
	Pattern *regexp.Regexp
	// Min and Max are inclusive bounds; nil is none.
	Min, Max any
	// Mounted is the mount point on which the path of the input must lie, or Anywhere; "" is none.
	Mounted string
	// Help is one line for people.
	Help string
}

// Anywhere is the Mounted of an input that must lie on a mount, whichever it is.
const Anywhere = "anywhere"

// Check reports whether a canonical value of the input's type is accepted. Its error is a *fault.Fault, and
// shows no secret.
func (i *Input) Check(given any) error {
	shown := quote(value.Text(given))
	if _, secret := given.(value.Secret); secret {
		shown = "the value"
	}
	refuse := func(format string, arguments ...any) error {
		return fault.New(fault.Refused, "input-refused", "the input %s: %s %s", i.Name.Text, shown, fmt.Sprintf(format, arguments...)).
			WithHint("%s", i.Help)
	}
	switch {
	case len(i.Enum) > 0 && !slices.ContainsFunc(i.Enum, func(accepted any) bool { return compare(given, accepted) == 0 }):
		return refuse("is not %s", i.Accepts())
	case i.Pattern != nil && !i.Pattern.MatchString(revealed(given)):
		return refuse("does not match the pattern %s", i.Pattern)
	case i.Min != nil && compare(given, i.Min) < 0:
		return refuse("is below %s; accepted is %s", value.Text(i.Min), i.Accepts())
	case i.Max != nil && compare(given, i.Max) > 0:
		return refuse("is above %s; accepted is %s", value.Text(i.Max), i.Accepts())
	}
	return nil
}

// Accepts says in a few words what values are accepted: "an int, 1 to 10", "one of a, b".
func (i *Input) Accepts() string {
	kind := indefinite(i.Type.String()) + " " + i.Type.String()
	switch i.Mounted {
	case "":
	case Anywhere:
		kind += " on a mounted file system"
	default:
		kind += " on what is mounted on " + i.Mounted
	}
	switch {
	case len(i.Enum) > 0:
		accepted := make([]string, 0, len(i.Enum))
		for _, one := range i.Enum {
			accepted = append(accepted, value.Text(one))
		}
		return "one of " + strings.Join(accepted, ", ")
	case i.Pattern != nil:
		return kind + " that matches the pattern " + i.Pattern.String()
	case i.Min != nil && i.Max != nil:
		return kind + ", " + value.Text(i.Min) + " to " + value.Text(i.Max)
	case i.Min != nil:
		return kind + ", " + value.Text(i.Min) + " or more"
	case i.Max != nil:
		return kind + ", " + value.Text(i.Max) + " or less"
	}
	return kind
}

// revealed is the text that a pattern is matched with.
func revealed(given any) string {
	if secret, ok := given.(value.Secret); ok {
		return secret.Reveal()
	}
	return value.Text(given)
}

// compare orders two canonical values of one scalar type.
func compare(a, b any) int {
	switch left := a.(type) {
	case int:
		return cmp.Compare(left, b.(int))
	case float64:
		return cmp.Compare(left, b.(float64))
	case value.Duration:
		return left.Compare(b.(value.Duration))
	case value.Size:
		return left.Compare(b.(value.Size))
	case value.Version:
		return left.Compare(b.(value.Version))
	}
	return cmp.Compare(value.Text(a), value.Text(b))
}
