package expression

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
)

const (
	// maximumNodes bounds the tree of one expression.
	maximumNodes = 1000
	// maximumVisits bounds the walk over it.
	maximumVisits = 4 * maximumNodes
)

// plainCalls makes expr's parser give an ordinary call for every function but those that take a predicate.
var plainCalls = sync.OnceValue(func() map[string]bool {
	disabled := make(map[string]bool, len(builtin.Names))
	for _, name := range builtin.Names {
		disabled[name] = true
	}
	return disabled
})

// parse gives the tree of an expression, or what is wrong with its syntax.
func parse(source string) (ast.Node, *Problem) {
	whole := Problem{To: len(source)}
	switch {
	case strings.TrimSpace(source) == "":
		whole.Message, whole.Hint = "the expression is empty", "write a name or a value: inputs.package, for example"
		return nil, &whole
	case len(source) > expressionLength:
		whole.Message = fmt.Sprintf("the expression is longer than %d bytes", expressionLength)
		whole.Hint = "split it over vars"
		return nil, &whole
	case !utf8.ValidString(source):
		whole.Message, whole.Hint = "the expression is not UTF-8", "save the file as UTF-8"
		return nil, &whole
	}
	tree, err := parser.ParseWithConfig(source, &conf.Config{MaxNodes: maximumNodes, Disabled: plainCalls()})
	if err == nil {
		return tree.Node, nil
	}
	var at *file.Error
	if !errors.As(err, &at) {
		whole.Message, whole.Hint = "this cannot be read as an expression", "docs/expressions.md tells how one is written"
		return nil, &whole
	}
	offsets := offsetsOf(source)
	problem := &Problem{From: offsets.byte(at.From), To: max(offsets.byte(at.To), offsets.byte(at.From))}
	problem.Message, problem.Hint = syntaxWords(at.Message)
	if shellTest.MatchString(source) {
		problem.Hint = "compare with ==, !=, < or >"
	}
	if strings.ContainsAny(source, "“”„‘’«»") {
		problem.Hint = "quotes are \" or ', not those of a text processor"
	}
	if problem.Hint == "" {
		problem.Hint = "something is missing before it: an operator, a comma or a quote"
	}
	if problem.From >= len(strings.TrimRight(source, " \t\n")) {
		problem.From, problem.To = len(source), len(source)
	}
	return nil, problem
}

var (
	// shellTest is how a shell compares.
	shellTest       = regexp.MustCompile(`\s-(eq|ne|lt|le|gt|ge|z|n)\s`)
	unexpectedToken = regexp.MustCompile(`unexpected token (\w+)\("(.*)"\)`)
	mixedCoalesce   = regexp.MustCompile(`^Operator \((.*)\) and coalesce`)
)

// syntaxWords says in plain words what expr's parser and lexer say.
func syntaxWords(message string) (words, hint string) {
	if match := mixedCoalesce.FindStringSubmatch(message); match != nil {
		return fmt.Sprintf("?? and %s cannot stand side by side", match[1]), "put the part with ?? in parentheses: (a ?? b)"
	}
	if match := unexpectedToken.FindStringSubmatch(message); match != nil {
		words = fmt.Sprintf("%q is not expected here", match[2])
		switch match[2] {
		case "=":
			hint = "compare with =="
		case "&":
			hint = "write and"
		case ";":
			hint = "one expression gives one value; let NAME = VALUE; may stand before it"
		case "#":
			hint = "# stands inside filter, map, any, ... only"
		case "is":
			hint = "to know whether a value is there, compare it with nil: VALUE != nil"
		case "%":
			hint = "write ${{ }}, not {% %}"
		case "{", "}":
			hint = "an expression stands in one pair of ${{ }}"
		}
		return words, hint
	}
	for _, known := range []struct{ part, words, hint string }{
		{"unexpected token EOF", "the expression ends too early", "something is missing at its end, or a bracket is not closed"},
		{"unexpected end", "the expression ends too early", "something is missing at its end, or a bracket is not closed"},
		{"literal not terminated", "a text in quotes is never closed", "close it with the same quote"},
		{"invalid char escape", "a text in quotes holds an unknown escape", `write \\ for a backslash, or put the text in backticks`},
		{"unescape", "a text in quotes holds an unknown escape", `write \\ for a backslash, or put the text in backticks`},
		{"bad number", "this is not a number", "a name starts with a letter; a text stands in quotes"},
		{"literal is too large", "the number is too big", "write a smaller one"},
		{"integer literal", "the number is too big", "write a smaller one"},
		{"hex literal", "the number is too big", "write a smaller one"},
		{"unclosed comment", "a comment is never closed", "close it with */"},
		{"expected name", "a name is missing after the point", "write steps.ID.OUTPUT, for example"},
		{"expected at least", "an argument is missing", "docs/expressions.md lists the functions with their arguments"},
		{"maximum allowed nodes", fmt.Sprintf("the expression has more than %d parts", maximumNodes), "split it over vars"},
		{"map key", "a key of a map is a name or a text in quotes", `write {"a": 1}`},
		{"unrecognized character", "a character here means nothing in an expression", "a text stands in quotes"},
	} {
		if strings.Contains(message, known.part) {
			return known.words, known.hint
		}
	}
	return "this cannot be read as an expression", ""
}

// offsets turns expr's positions, which count runes, into bytes.
type offsets struct {
	bytes []int
	end   int
}

func offsetsOf(source string) offsets {
	if utf8.RuneCountInString(source) == len(source) {
		return offsets{end: len(source)}
	}
	table := offsets{end: len(source)}
	for position := range source {
		table.bytes = append(table.bytes, position)
	}
	return table
}

func (o offsets) byte(runes int) int {
	switch {
	case o.bytes == nil:
		return min(max(runes, 0), o.end)
	case runes < len(o.bytes):
		return o.bytes[max(runes, 0)]
	}
	return o.end
}
