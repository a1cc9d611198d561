package expression

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/value"
)

// Template is a compiled text with ${{ }} inside. It is immutable and may be evaluated by many goroutines.
type Template struct {
	want  value.Type
	parts []part
	// whole templates are one ${{ }} and nothing else.
	whole bool
}

type part struct {
	plain      string
	expression *Expression
}

// CompileText reads and checks text with ${{ }} inside. Text that is one ${{ }} and nothing else keeps the
// expression's type, which must fit what is wanted; a scalar fits a string. Otherwise the parts are joined as
// text, lists and maps as JSON, and the result is read as the wanted type: now where it is constant, else
// when it is evaluated. A list, map or object is not read from joined text, because a value with a comma or a
// quote in it would change its meaning.
//
// Offsets of problems are into text. Where there is a problem the Template is nil.
func CompileText(text string, scope Scope, want value.Type) (*Template, []Problem) {
	split, problem := Split(text)
	if problem != nil {
		return nil, []Problem{*problem}
	}
	template := &Template{want: want, whole: len(split) == 1 && split[0].Expression}
	if template.whole {
		compiled, problems := compile(split[0].Source, split[0].From+len(opening), scope, want, true)
		template.parts = []part{{expression: compiled}}
		return orNil(template, problems)
	}
	everything := Problem{To: len(text)}
	switch want.Kind {
	case value.KindList, value.KindMap, value.KindObject:
		everything.Message = fmt.Sprintf("expected %s, found text", a(want))
		everything.Hint = fmt.Sprintf("write a YAML %s, or one ${{ }} and nothing else", map[bool]string{true: "list", false: "map"}[want.Kind == value.KindList])
		return nil, []Problem{everything}
	}
	if isSecret(want) {
		scope = scope.AllowSecrets()
	}
	var problems []Problem
	for _, piece := range split {
		if !piece.Expression {
			template.parts = append(template.parts, part{plain: piece.Source})
			continue
		}
		compiled, found := compile(piece.Source, piece.From+len(opening), scope, of(value.KindAny), true)
		problems = append(problems, found...)
		if compiled != nil && compiled.term.t.Kind == value.KindAny {
			problems = append(problems, Problem{
				From: piece.From, To: piece.To,
				Message: "expected text, found a value of unknown type",
				Hint:    "say what it is: string(...), or toJson(...)",
			})
		}
		template.parts = append(template.parts, part{expression: compiled})
	}
	if len(problems) == 0 && template.Constant() {
		if _, err := template.Evaluate(nil); err != nil {
			found := problemOf(err)
			everything.Message, everything.Hint = found.Message, found.Hint
			problems = append(problems, everything)
		}
	}
	return orNil(template, problems)
}

func orNil(template *Template, problems []Problem) (*Template, []Problem) {
	if len(problems) > 0 {
		return nil, problems
	}
	return template, nil
}

// Evaluate gives the canonical value of the wanted type. Where a part is secret, an error tells no details.
func (t *Template) Evaluate(names map[string]any) (any, error) {
	if t.whole {
		return t.parts[0].expression.Evaluate(names)
	}
	var joined strings.Builder
	for _, piece := range t.parts {
		if piece.expression == nil {
			joined.WriteString(piece.plain)
			continue
		}
		result, err := piece.expression.Evaluate(names)
		if err != nil {
			return nil, err
		}
		joined.WriteString(value.Text(result))
	}
	if t.want.Kind == value.KindAny {
		return joined.String(), nil
	}
	result, err := value.Parse(t.want, joined.String())
	if err != nil && t.Secret() {
		return nil, withhold(err)
	}
	return result, err
}

// Type is the type that was wanted; where that is any, the type that the text has.
func (t *Template) Type() value.Type {
	switch {
	case t.want.Kind != value.KindAny:
		return t.want
	case t.whole:
		return t.parts[0].expression.Type()
	}
	return of(value.KindString)
}

// References lists the names that the text reads, in order, each once.
func (t *Template) References() []Reference {
	var all []Reference
	for _, piece := range t.parts {
		if piece.expression == nil {
			continue
		}
		for _, reference := range piece.expression.references {
			if !slices.ContainsFunc(all, func(known Reference) bool { return slices.Equal(known.Path, reference.Path) }) {
				all = append(all, reference)
			}
		}
	}
	return all
}

// Secret reports whether a part touches a secret: the value must be masked.
func (t *Template) Secret() bool {
	return slices.ContainsFunc(t.parts, func(piece part) bool { return piece.expression != nil && piece.expression.Secret() })
}

// Constant reports whether the text reads no name, so that its value is known now.
func (t *Template) Constant() bool {
	return !slices.ContainsFunc(t.parts, func(piece part) bool { return piece.expression != nil && !piece.expression.Constant() })
}

// problemOf gives the words of an error.
func problemOf(err error) Problem {
	if found := fault.As(err); found != nil {
		return Problem{Message: found.Message, Hint: found.Hint}
	}
	return Problem{Message: err.Error()}
}
