package errorcodes_test

import (
	"cmp"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/engine/errorcodes"
)

// mostCases is how many messages of one code are listed: a full disk is met in many places.
const mostCases = 4

// furthest is over how many calls a code is followed.
const furthest = 5

// codes follows every fault to the codes that it can have.
func (s *source) codes(t *testing.T) []errorcodes.Code {
	t.Helper()
	types := s.stepTypes(t)
	found := map[string]*errorcodes.Code{}
	for _, one := range s.faults {
		for _, made := range s.expand(one, 0) {
			code := s.text(made.code, made.place, 0)
			if len(code) == 0 && !s.carried(made.code, made.place, 0) {
				t.Errorf("a code cannot be followed: %s in %v", expressionText(made.code), made.place.in)
			}
			for _, name := range code {
				if !regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`).MatchString(name) {
					t.Errorf("%q in %v is not a code", name, made.place.in)
					continue
				}
				entry := found[name]
				if entry == nil {
					entry = &errorcodes.Code{Code: name}
					found[name] = entry
				}
				s.note(entry, made)
				reaching := types[made.place.in]
				if _, composed := one.code.(*ast.BinaryExpr); composed {
					reaching = named(reaching, name)
				}
				entry.Types = append(entry.Types, reaching...)
			}
		}
	}
	all := make([]errorcodes.Code, 0, len(found))
	for _, name := range slices.Sorted(maps.Keys(found)) {
		entry := found[name]
		slices.SortFunc(entry.Cases, func(a, b errorcodes.Case) int {
			return cmp.Or(cmp.Compare(a.Message, b.Message), cmp.Compare(a.Hint, b.Hint), cmp.Compare(a.Class, b.Class))
		})
		entry.Cases = slices.Compact(entry.Cases)
		if slices.ContainsFunc(entry.Cases, func(one errorcodes.Case) bool { return one.Message != "" }) {
			entry.Cases = slices.DeleteFunc(entry.Cases, func(one errorcodes.Case) bool { return one.Message == "" })
		}
		if len(entry.Cases) > mostCases {
			entry.More = true
			entry.Cases = entry.Cases[:mostCases]
		}
		slices.Sort(entry.Types)
		entry.Types = slices.Compact(entry.Types)
		if len(entry.Types) == 0 {
			entry.Types = nil
		}
		all = append(all, *entry)
	}
	return all
}

// named are the step types that can have a code that is composed: where it begins with the name of one of
// them, that one alone.
func named(stepTypes []string, code string) []string {
	for _, one := range stepTypes {
		if strings.HasPrefix(code, one+"-") && !slices.ContainsFunc(stepTypes, func(other string) bool {
			return len(other) > len(one) && strings.HasPrefix(code, other+"-")
		}) {
			return []string{one}
		}
	}
	return stepTypes
}

// note adds what a fault says.
func (s *source) note(entry *errorcodes.Code, made fault) {
	one := errorcodes.Case{Message: s.said(made.message, made.place), Hint: s.said(made.hint, made.place)}
	if classes := s.text(made.class, made.place, 0); len(classes) == 1 {
		one.Class = classes[0]
	}
	entry.Cases = append(entry.Cases, one)
}

// expand follows a fault whose code or message is handed in to those who hand it in.
func (s *source) expand(one fault, depth int) []fault {
	if hint := s.hints[one.place.expressionOrNil()]; one.hint == nil && hint != nil {
		one.hint = hint.Args[0]
		if len(hint.Args) == 2 && expressionText(hint.Args[0]) == `"%s"` {
			one.hint = hint.Args[1]
		}
	}
	if one.message != nil && one.place.expression != nil && expressionText(one.message) == `"%s"` && len(one.place.expression.Args) == 4 {
		one.message = one.place.expression.Args[3]
	}
	if all := s.lines(one, depth); all != nil {
		return all
	}
	in := s.declared[one.place.in]
	if in == nil || depth == furthest {
		return []fault{one}
	}
	parameters := one.place.in.Signature().Params()
	handed := false
	for _, part := range []ast.Expr{one.code, one.message, one.class} {
		handed = handed || mentions(part, one.place.info, parameters)
	}
	callers := s.callers[one.place.in]
	if !handed || len(callers) == 0 {
		return []fault{one}
	}
	if !mentions(one.code, one.place.info, parameters) {
		// A code that is chosen here is followed here: the callers do not know its variable.
		if chosen := s.text(one.code, one.place, 0); len(chosen) != 1 || expressionText(one.code) != expressionText(written(chosen[0])) {
			var all []fault
			for _, code := range chosen {
				each := one
				each.code = written(code)
				all = append(all, s.expand(each, depth)...)
			}
			return all
		}
	}
	var all []fault
	for _, from := range callers {
		swapped := one
		swapped.place = from
		swap := func(part ast.Expr) ast.Expr {
			if part == nil {
				return nil
			}
			return s.substituted(part, one.place.info, parameters, from)
		}
		swapped.class, swapped.code, swapped.message, swapped.hint = swap(one.class), swap(one.code), swap(one.message), swap(one.hint)
		all = append(all, s.expand(swapped, depth+1)...)
	}
	return all
}

// lines takes a fault whose code stands in a table for one fault a line.
func (s *source) lines(one fault, depth int) []fault {
	code, ok := one.code.(*ast.SelectorExpr)
	if !ok || code.Sel.Name == "Code" {
		return nil
	}
	var all []fault
	for _, row := range s.rows[one.place.info.Uses[code.Sel]] {
		line := one
		for _, part := range []*ast.Expr{&line.class, &line.code, &line.message, &line.hint} {
			if selected, ok := (*part).(*ast.SelectorExpr); ok {
				if cell := row[one.place.info.Uses[selected.Sel]]; cell != nil {
					*part = cell
				}
			}
		}
		if text, ok := constantText(line.code, one.place.info); ok {
			line.code = written(text)
			all = append(all, s.expand(line, depth)...)
		}
	}
	return all
}

func (c call) expressionOrNil() ast.Expr {
	if c.expression == nil {
		return nil
	}
	return c.expression
}

// substituted is an expression with the arguments of a call in place of the parameters. What is known already
// is written out.
func (s *source) substituted(part ast.Expr, info *types.Info, parameters *types.Tuple, from call) ast.Expr {
	if text, ok := constantText(part, info); ok {
		return written(text)
	}
	switch part := ast.Unparen(part).(type) {
	case *ast.Ident:
		for i := range parameters.Len() {
			if info.Uses[part] == parameters.At(i) && i < len(from.expression.Args) {
				if text, ok := constantText(from.expression.Args[i], from.info); ok {
					return written(text)
				}
				return from.expression.Args[i]
			}
		}
	case *ast.BinaryExpr:
		return &ast.BinaryExpr{X: s.substituted(part.X, info, parameters, from), Op: part.Op, Y: s.substituted(part.Y, info, parameters, from)}
	}
	return part
}

// mentions reports whether an expression is made of parameters.
func mentions(part ast.Expr, info *types.Info, parameters *types.Tuple) bool {
	found := false
	if part == nil {
		return false
	}
	ast.Inspect(part, func(node ast.Node) bool {
		if name, ok := node.(*ast.Ident); ok {
			for i := range parameters.Len() {
				found = found || info.Uses[name] == parameters.At(i)
			}
		}
		return true
	})
	return found
}

// text gives the texts that an expression can be.
func (s *source) text(part ast.Expr, at call, depth int) []string {
	if part == nil || depth > furthest {
		return nil
	}
	if text, ok := constantText(part, at.info); ok {
		return []string{text}
	}
	switch part := ast.Unparen(part).(type) {
	case *ast.BinaryExpr:
		var all []string
		for _, left := range s.text(part.X, at, depth) {
			for _, right := range s.text(part.Y, at, depth) {
				all = append(all, left+right)
			}
		}
		return all
	case *ast.Ident:
		return s.givenTexts(at.info.Uses[part], depth)
	case *ast.SelectorExpr:
		if part.Sel.Name != "Code" {
			return s.givenTexts(at.info.Uses[part.Sel], depth)
		}
	}
	return nil
}

// carried reports whether a code was taken from another error: that one is in the list already.
func (s *source) carried(part ast.Expr, at call, depth int) bool {
	switch part := ast.Unparen(part).(type) {
	case *ast.SelectorExpr:
		return part.Sel.Name == "Code"
	case *ast.Ident:
		for _, one := range s.given[at.info.Uses[part]] {
			if depth < furthest && s.carried(one.expression, call{nil, one.info, one.in}, depth+1) {
				return true
			}
		}
		variable, ok := at.info.Uses[part].(*types.Var)
		if !ok || variable.Kind() != types.ParamVar || depth == furthest {
			return false
		}
		parameters := at.in.Signature().Params()
		for i := range parameters.Len() {
			for _, from := range s.callers[at.in] {
				if parameters.At(i) == variable && i < len(from.expression.Args) && s.carried(from.expression.Args[i], from, depth+1) {
					return true
				}
			}
		}
	}
	return false
}

// givenTexts are the texts that a variable or field is ever given, parameters included.
func (s *source) givenTexts(object types.Object, depth int) []string {
	var all []string
	for _, one := range s.given[origin(object)] {
		all = append(all, s.text(one.expression, call{nil, one.info, one.in}, depth+1)...)
	}
	variable, ok := object.(*types.Var)
	if ok && variable.Kind() == types.ParamVar {
		for function := range s.declared {
			parameters := function.Signature().Params()
			for i := range parameters.Len() {
				if parameters.At(i) != variable {
					continue
				}
				for _, from := range s.callers[function] {
					if i < len(from.expression.Args) {
						all = append(all, s.text(from.expression.Args[i], from, depth+1)...)
					}
				}
			}
		}
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(text string) bool { return text == "" })
}

var verb = regexp.MustCompile(`%(\[[0-9]+\])?[-+# 0]*[0-9]*(\.[0-9]+)?[a-zA-Z]`)

// said is a message with its values left out; "" where it is not known beforehand.
func (s *source) said(part ast.Expr, at call) string {
	texts := s.text(part, at, 0)
	if len(texts) != 1 {
		return ""
	}
	shown := strings.ReplaceAll(verb.ReplaceAllString(texts[0], "..."), "%%", "%")
	return strings.ReplaceAll(shown, `"..."`, "...")
}

func constantText(part ast.Expr, info *types.Info) (string, bool) {
	if literal, ok := part.(*ast.BasicLit); ok && literal.Kind == token.STRING {
		return constant.StringVal(constant.MakeFromLiteral(literal.Value, token.STRING, 0)), true
	}
	if known := info.Types[part].Value; known != nil && known.Kind() == constant.String {
		return constant.StringVal(known), true
	}
	return "", false
}

func written(text string) ast.Expr {
	return &ast.BasicLit{Kind: token.STRING, Value: constant.MakeString(text).ExactString()}
}

func expressionText(part ast.Expr) string {
	if part == nil {
		return ""
	}
	return types.ExprString(part)
}
