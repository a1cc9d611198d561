package schema

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"github.com/gwe-project/gwe/engine/expression"
)

// expressions finds out whether a scalar holds ${{ }}, and reports one that is not closed.
func (p *parser) expressions(scalar *Scalar) {
	if !strings.Contains(scalar.Text, "${{") {
		return
	}
	scalar.Dynamic = true
	_, problem := expression.Split(scalar.Text)
	if problem == nil || p.swallowed(*scalar, scalar.Text[problem.From:]) {
		return
	}
	p.fail(scalar.Locate(problem.From, problem.To), "expression", problem.Message, problem.Hint)
}

// expression is the place of a scalar's first ${{.
func (s Scalar) expression() Span {
	at := strings.Index(s.Text, "${{")
	return s.Locate(at, at+3)
}

// swallowed reports an expression whose rest YAML took for a comment: the part that is left is not balanced,
// and a comment follows it.
func (p *parser) swallowed(scalar Scalar, left string) bool {
	if scalar.Style != Plain || balanced(left) {
		return false
	}
	end := p.endOf(scalar)
	line := p.source.bytes[end:p.source.lineEnd(p.source.position(end).Line)]
	comment := bytes.TrimLeft(line, " \t")
	if len(comment) == 0 || comment[0] != '#' {
		return false
	}
	at := end + len(line) - len(comment)
	p.fail(p.source.span(at, at+len(comment)), "comment", "YAML takes the # and all after it for a comment", "put the whole value in quotes")
	return true
}

// balanced reports whether quotes and brackets are closed.
func balanced(text string) bool {
	var open []byte
	for i := 0; i < len(text); i++ {
		switch character := text[i]; character {
		case '"', '\'', '`':
			end := closingQuote(text[i+1:], character)
			if end < 0 {
				return false
			}
			i += 1 + end
		case '(', '[', '{':
			open = append(open, character)
		case ')', ']', '}':
			if len(open) > 0 {
				open = open[:len(open)-1]
			}
		}
	}
	return len(open) == 0
}

// closingQuote finds the end of a string of expr's; -1 where there is none.
func closingQuote(text string, quote byte) int {
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\' && quote != '`':
			i++
		case text[i] == quote:
			return i
		}
	}
	return -1
}

// forgotten finds {{ }} without the $ around something that only our expressions could mean.
var forgotten = regexp.MustCompile(`\{\{-?\s*((?:inputs|vars|steps|host|facts|run|result|error|item)\.[^{}]*?|item|index)\s*-?\}\}`)

// mistakenTemplate warns of a value with "{{ inputs.x }}" in it.
func (p *parser) mistakenTemplate(scalar Scalar) {
	found := forgotten.FindStringSubmatchIndex(scalar.Text)
	if found == nil || found[0] > 0 && scalar.Text[found[0]-1] == '$' {
		return
	}
	p.warn(scalar.Locate(found[0], found[1]), "braces", "without a $, {{ }} is plain text",
		fmt.Sprintf("write ${{ %s }} for its value", scalar.Text[found[2]:found[3]]))
}
