package expression

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"github.com/gwe-project/gwe/engine/value"
)

// function is one that an expression may call.
type function struct {
	// signatures are tried in order.
	signatures []string
	// call gets canonical arguments that fit.
	call func(e *evaluation, arguments []any) any
	// last functions are sprig's: under a pipe the piped value is their last argument, not their first.
	last bool
}

func isFunction(name string) bool {
	_, ok := functions[name]
	return ok || slices.Contains(closureNames, name)
}

// functionNames lists all functions in order.
func functionNames() []string {
	names := slices.Collect(maps.Keys(functions))
	names = append(names, closureNames...)
	slices.Sort(names)
	return names
}

// call is NAME(ARGUMENTS) and VALUE | NAME(ARGUMENTS).
func (c *checker) call(node *ast.CallNode) term {
	callee, ok := node.Callee.(*ast.IdentifierNode)
	if !ok {
		c.report(node.Callee, Problem{Message: "values have no methods", Hint: "call a function: name(VALUE), or VALUE | name()"})
		return invalid(node)
	}
	known, ok := functions[callee.Value]
	if !ok {
		c.unknownFunction(callee)
		return invalid(node)
	}
	arguments := node.Arguments
	if known.last && isPiped(node, callee) {
		arguments = append(slices.Clone(arguments[1:]), arguments[0])
	}
	// fail is for branches that are not taken: it is never tried beforehand.
	made := term{node: node, constant: callee.Value != "fail"}
	terms := make([]term, 0, len(arguments))
	types := make([]value.Type, 0, len(arguments))
	for _, argument := range arguments {
		used := c.use(c.check(argument))
		terms, types = append(terms, used), append(types, used.t)
		made.secret = made.secret || used.secret
		made.constant = made.constant && used.constant
	}
	if !c.checkPattern(callee.Value, arguments) {
		return invalid(node)
	}
	matched, ok := c.overload(node, callee.Value, known, terms, types)
	if !ok {
		return invalid(node)
	}
	made.t, _ = matched.match(types)
	made.absent = matched.absent
	secret := made.secret
	made.eval = func(e *evaluation) any {
		values := make([]any, 0, len(terms))
		for _, argument := range terms {
			values = append(values, argument.eval(e))
		}
		e.spendOn(values...)
		result := known.call(e, values)
		e.spendOn(result)
		if secret && e.computed != nil {
			tell(e.computed, result, values...)
		}
		return result
	}
	if made.constant && !slices.ContainsFunc(arguments, func(argument ast.Node) bool { return !isLiteral(argument) }) {
		if _, err := guarded(made.eval, nil, c.slots); err != nil {
			c.report(node, problemOf(err))
			return invalid(node)
		}
	}
	return made
}

// checkPattern checks a pattern that is written out.
func (c *checker) checkPattern(name string, arguments []ast.Node) bool {
	if !strings.Contains(strings.ToLower(name), "regex") || name == "regexQuoteMeta" || len(arguments) == 0 {
		return true
	}
	pattern, ok := arguments[0].(*ast.StringNode)
	if !ok {
		return true
	}
	_, err := regexp.Compile(pattern.Value)
	if err != nil {
		c.reportAt(pattern, patternProblem(err))
	}
	return err == nil
}

// isPiped sees that the first argument stands before the function's name.
func isPiped(node *ast.CallNode, callee *ast.IdentifierNode) bool {
	return len(node.Arguments) > 0 && span(node.Arguments[0]).From < callee.Location().From
}

// overload finds the signature that fits, or reports why none does.
func (c *checker) overload(node ast.Node, name string, known function, terms []term, types []value.Type) (signature, bool) {
	wrong, expected := -1, ""
	fitting := 0
	for _, text := range known.signatures {
		candidate := parseSignature(text)
		if _, ok := candidate.parameter(len(types) - 1); len(types) < candidate.least() || len(types) > 0 && !ok {
			continue
		}
		fitting++
		_, at := candidate.match(types)
		if at < 0 {
			return candidate, true
		}
		if at > wrong {
			parameter, _ := candidate.parameter(at)
			wrong, expected = at, parameter.t
		} else if parameter, _ := candidate.parameter(at); at == wrong && parameter.t != "untyped" && !strings.Contains(expected, parameter.t) {
			expected += " or " + parameter.t
		}
	}
	usage := "it is " + strings.Join(known.signatures, ", or ")
	if fitting == 0 {
		c.report(node, Problem{Rule: "expression-type", Message: fmt.Sprintf("%s is called with %s", name, counted(len(types))), Hint: usage})
		return signature{}, false
	}
	problem := Problem{Rule: "expression-type", Message: fmt.Sprintf("%s wants %s here, found %s", name, expectedWords(expected), a(types[wrong])), Hint: usage}
	if types[wrong].Kind == value.KindAny {
		problem.Hint = "say first what it is: int(...), string(...), ..."
	}
	c.report(terms[wrong].node, problem)
	return signature{}, false
}

// expectedWords says what a parameter's type stands for.
func expectedWords(expected string) string {
	switch expected {
	case "T":
		return "a value of the same type as the others"
	case "N":
		return "a number"
	case "scalar":
		return "a text or a number"
	case "ordered":
		return "a number, a text, a duration, a size or a version, all of one type"
	}
	article := "a "
	if strings.ContainsRune("aeio", rune(expected[0])) {
		article = "an "
	}
	return article + strings.NewReplacer("<T>", "", "<N>", " of numbers", "<any>", "", "<scalar>", " of texts").Replace(expected)
}

func counted(arguments int) string {
	if arguments == 1 {
		return "1 argument"
	}
	return fmt.Sprintf("%d arguments", arguments)
}

func (c *checker) unknownFunction(callee *ast.IdentifierNode) {
	problem := Problem{Rule: "unknown-function", Message: fmt.Sprintf("there is no function %q", callee.Value)}
	reason, left := leftOut[callee.Value]
	closest := value.Closest(callee.Value, functionNames())
	switch {
	case left:
		problem.Message = fmt.Sprintf("the function %s is left out: %s", callee.Value, reason)
		problem.Hint = "docs/expressions.md lists the functions that are there"
		switch written, instead := strings.CutPrefix(reason, "write "); {
		case instead:
			problem.Message, problem.Hint = fmt.Sprintf("the function %s is left out", callee.Value), "write "+written
		case callee.Value == "now" || strings.Contains(reason, "clock"):
			problem.Hint = "take the time as an input"
		case callee.Value == "env" || callee.Value == "expandenv":
			problem.Hint = "declare an input, and give it with -i NAME=env:VARIABLE"
		}
	case foreignFunctions[callee.Value] != "":
		problem.Hint = foreignFunctions[callee.Value]
	case closest != "":
		problem.Hint = fmt.Sprintf("did you mean %q?", closest)
	default:
		problem.Hint = "docs/expressions.md lists the functions"
	}
	c.reportAt(callee, problem)
}
