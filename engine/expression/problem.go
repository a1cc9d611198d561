package expression

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/value"
)

// Problem is something wrong with an expression, found before anything runs.
type Problem struct {
	// From and To are byte offsets into the given text; To is behind the last byte.
	From, To int
	// Message says what is wrong, in one line without a full stop.
	Message string
	// Hint says what to write instead; it may be empty.
	Hint string
}

// Error makes a Problem an error.
func (p Problem) Error() string {
	if p.Hint == "" {
		return p.Message
	}
	return p.Message + " (" + p.Hint + ")"
}

// Reference is a name that an expression reads: steps.fw.path.
type Reference struct {
	// Path is the name in its parts.
	Path []string
	// From and To are byte offsets of its first use.
	From, To int
}

// String writes the name as a recipe does.
func (r Reference) String() string { return strings.Join(r.Path, ".") }

// suggest is the hint for a name that does not exist: the closest one, or the list of what exists.
func suggest(name string, known []string) string {
	if closest := value.Closest(name, known); closest != "" {
		return fmt.Sprintf("did you mean %q?", closest)
	}
	if len(known) == 0 {
		return "there is nothing here yet"
	}
	return "expected one of: " + strings.Join(known, ", ")
}

// sortProblems puts them in the order of the text and drops what was said twice.
func sortProblems(problems []Problem) []Problem {
	slices.SortStableFunc(problems, func(a, b Problem) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	return slices.Compact(problems)
}
