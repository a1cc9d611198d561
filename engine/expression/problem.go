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
	// From and To are byte offsets into the given text; To is after the last byte.
	From, To int
	// Rule is the kebab-case name of the rule that is broken; "" is "expression", which is about the syntax.
	Rule string
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
		return "there is nothing here"
	}
	return "expected one of: " + strings.Join(known, ", ")
}

// foreignNames are words of other languages, and what to write.
var foreignNames = map[string]string{
	"null": "write nil", "None": "write nil", "undefined": "write nil", "NULL": "write nil", "none": "write nil",
	"True": "write true", "TRUE": "write true", "yes": "write true", "False": "write false", "FALSE": "write false", "no": "write false",
	"env":     "the environment is out of reach: declare an input, and give it with -i NAME=env:VARIABLE",
	"secrets": "declare an input of type secret, and read inputs.NAME",
	"params":  "write inputs", "parameters": "write inputs", "var": "write vars", "variables": "write vars",
	"github": "an expression reads inputs, vars, steps, host and run", "matrix": "for-each names its items item and index",
	"self": "what the step itself gave is result, in until and retry.when",
	"now":  "expressions cannot see the clock: take the time as an input",
	"item": "item and index are there under for-each only", "index": "item and index are there under for-each only",
	"result": "result is there in until and retry.when only", "error": "error is there in undo, rescue, failsafe, finally and retry.when only",
}

// foreignFunctions are functions of other languages, and what to write.
var foreignFunctions = map[string]string{
	"basename": "write base(PATH)", "dirname": "write dir(PATH)", "format": `write printf("%s", VALUE), or put ${{ }} into the text`,
	"startsWith": "write TEXT startsWith PART", "endsWith": "write TEXT endsWith PART", "contains": "write TEXT contains PART",
	"always": "steps that always run stand in finally", "success": "leave it out: a step runs only if those above went well",
	"failure": "what runs after a failure stands in undo, rescue or failsafe", "cancelled": "what runs after a failure stands in undo, rescue or failsafe",
	"bool": `compare it with something: == "true"`, "length": "write len(LIST)", "size_of": "write len(LIST)", "str": "write string(VALUE)",
	"exists": "a step looks at the machine: read-link, or wait-for with file", "lookup": "declare an input", "file": "give the file with -i NAME=@FILE",
	"tojson": "write toJson(VALUE)", "fromjson": "write fromJson(TEXT)", "to_json": "write toJson(VALUE)", "from_json": "write fromJson(TEXT)",
	"regex_replace": "write regexReplaceAll(PATTERN, TEXT, NEW)", "regex_search": "write TEXT matches PATTERN", "combine": "write a new map",
}

// sortProblems puts them in the order of the text and drops what was said twice.
func sortProblems(problems []Problem) []Problem {
	slices.SortStableFunc(problems, func(a, b Problem) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	return slices.Compact(problems)
}
