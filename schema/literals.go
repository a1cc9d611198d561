package schema

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
)

// form checks what a step type says of its literals beyond their type: accepted values, a pattern, bounds.
func (p *parser) form(node Node, literal any, field value.Field, what string) {
	switch typed := node.(type) {
	case Map:
		for _, entry := range typed.Entries {
			if field.Pattern != "" && !whole(field.Pattern).MatchString(entry.Key.Text) {
				p.fail(entry.Key.Span, "argument-form", fmt.Sprintf("%s holds no %s", what, quote(entry.Key.Text)), "write NAME: VALUE, with a plain name")
			}
		}
	case Scalar:
		switch {
		case len(field.Enum) > 0 && !slices.Contains(field.Enum, value.Text(literal)):
			p.fail(typed.Span, "enum", fmt.Sprintf("%s is one of %s, found %s", what, strings.Join(field.Enum, ", "), quote(typed.Text)),
				closest(typed.Text, field.Enum))
		case field.Type.Kind == value.KindSecret && typed.Text != "":
			p.fail(typed.Span, "secret-literal", what+" stands in the recipe, where everybody can read it",
				"declare an input of type secret, and write ${{ inputs.NAME }}")
		case field.Pattern != "" && !whole(field.Pattern).MatchString(typed.Text):
			p.fail(typed.Span, "argument-form", fmt.Sprintf("%s has not the form that it should: %s", what, quote(typed.Text)), formHint(field, typed.Text))
		case field.Min != "" && compare(literal, bound(field, field.Min)) < 0:
			p.fail(typed.Span, "bounds", fmt.Sprintf("%s is at least %s, found %s", what, field.Min, typed.Text), field.Help)
		case field.Max != "" && compare(literal, bound(field, field.Max)) > 0:
			p.fail(typed.Span, "bounds", fmt.Sprintf("%s is at most %s, found %s", what, field.Max, typed.Text), field.Help)
		}
	case List:
		if field.Name == "argv" || field.Name == "command" {
			p.program(typed, what)
		}
	}
}

// formHint shows the form of an argument by the text that was given, or else tells of it.
func formHint(field value.Field, text string) string {
	if field.Name == "owner" && accountName.MatchString(text) {
		return fmt.Sprintf("write owner: %s:%s, as user:group", text, text)
	}
	return field.Help
}

var accountName = regexp.MustCompile(`^[a-z_][a-z0-9_-]*$|^[0-9]+$`)

// whole is a field's pattern, for the whole of a text. value.ObjectOf has compiled it before.
func whole(pattern string) *regexp.Regexp { return regexp.MustCompile(`^(?:` + pattern + `)$`) }

func bound(field value.Field, text string) any {
	read, _ := value.Parse(field.Type, text) // value.ObjectOf has read it before
	return read
}

// shellWords mean something to a shell, and nothing to a program.
var shellWords = []string{"|", "||", "&&", ";", "&", ">", ">>", "<", "2>&1", "2>/dev/null", ">/dev/null"}

// program looks at a program and its arguments: no shell reads them.
func (p *parser) program(argv List, what string) {
	if len(argv.Items) == 0 {
		p.fail(argv.Span, "no-value", what+" is empty", fmt.Sprintf("write %s: [PROGRAM, ARGUMENT]", what))
		return
	}
	for i, item := range argv.Items {
		word, ok := item.(Scalar)
		switch {
		case !ok || word.Dynamic:
		case i == 0 && len(argv.Items) == 1 && strings.Contains(strings.TrimSpace(word.Text), " "):
			p.warn(word.Span, "shell-syntax", fmt.Sprintf("%s is one program of that name, blanks included", quote(word.Text)),
				fmt.Sprintf("write %s: [%s]", what, strings.Join(strings.Fields(word.Text), ", ")))
		case i == 0 && strings.TrimSpace(word.Text) == "":
			p.fail(word.Span, "no-value", "the program is empty", fmt.Sprintf("write %s: [PROGRAM, ARGUMENT]", what))
		case slices.Contains(shellWords, word.Text):
			p.warn(word.Span, "shell-syntax", fmt.Sprintf("no shell reads %s: the program gets %s as it is", what, quote(word.Text)),
				"write the line as the script of a run step")
		}
	}
}

// choices checks which arguments go together, and which of several are given.
func (p *parser) choices(given Map, owner Scalar, stepType step.Type) {
	fields := stepType.Arguments()
	for _, choice := range stepType.About().Choices {
		if !counts(choice, given, fields) {
			continue
		}
		var found []Scalar
		partial := given.partial
		for _, entry := range given.Entries {
			if slices.Contains(choice.Names, entry.Key.Text) {
				found = append(found, entry.Key)
			} else if _, known := fields.Field(entry.Key.Text); !known {
				partial = true // it may have been meant for one of them
			}
		}
		names := strings.Join(choice.Names, ", ")
		switch {
		case len(found) == 0 && !choice.None && !partial:
			message := fmt.Sprintf("%s lacks one of the arguments %s", owner.Text, names)
			if len(choice.Names) == 1 {
				message = fmt.Sprintf("%s lacks the argument %q, which it needs with this %s", owner.Text, names, choice.If)
			}
			p.fail(owner.Span, "missing-argument", message, choiceHint(choice, fields))
		case len(found) > 1 && !choice.Several:
			p.fail(found[1].Span, "one-of", fmt.Sprintf("%s has only one of %s, and %s stands on line %d", owner.Text, names, found[0].Text, found[0].Line),
				"keep one of the two")
		}
	}
	for _, entry := range given.Entries {
		if field, ok := fields.Field(entry.Key.Text); ok && field.With != "" {
			if _, there := given.Get(field.With); !there {
				p.fail(entry.Key.Span, "argument-alone", fmt.Sprintf("%s says nothing without %s", field.Name, field.With),
					fmt.Sprintf("add %s, or leave %s out", field.With, field.Name))
			}
		}
	}
}

// counts reports whether a choice is about these arguments: what an expression decides is left to the run.
func counts(choice step.Choice, given Map, fields value.Type) bool {
	if choice.If == "" {
		return true
	}
	node, there := given.Get(choice.If)
	if !there {
		field, _ := fields.Field(choice.If)
		return slices.Contains(choice.Is, field.Default)
	}
	scalar, plain := node.(Scalar)
	return plain && !scalar.Dynamic && slices.Contains(choice.Is, scalar.Text)
}

func choiceHint(choice step.Choice, fields value.Type) string {
	first, _ := fields.Field(choice.Names[0])
	if len(choice.Names) == 1 {
		return fmt.Sprintf("add %s: %s", first.Name, first.Help)
	}
	return fmt.Sprintf("add %s, for example: %s", first.Name, first.Help)
}

// bareCondition is a literal that looks like an expression.
var bareCondition = regexp.MustCompile(`(?:^|[^$\w])(?:inputs|vars|steps|host|run)\.[a-z]|\s(?:==|!=|<|>|<=|>=|and|or|not|in)\s`)

// oddLiteral reports literals whose type is wrong in a way that tells what was meant.
func (p *parser) oddLiteral(scalar Scalar, field value.Field, what string) bool {
	switch {
	case field.Type.Kind == value.KindBool && scalar.Kind == Text && bareCondition.MatchString(scalar.Text):
		p.fail(scalar.Span, "wrong-type", what+" is a bool, found "+describe(scalar), "to have it evaluated write "+quoted("${{ "+scalar.Text+" }}"))
	case len(field.Enum) > 0 && scalar.Kind != Text:
		p.fail(scalar.Span, "enum", fmt.Sprintf("%s is one of %s, found %s", what, strings.Join(field.Enum, ", "), describe(scalar)),
			closest(scalar.Text, field.Enum))
	case field.Type.Kind == value.KindString && field.Pattern != "" && scalar.Kind == Int && octal.MatchString(scalar.Text):
		found := octal.FindStringSubmatch(scalar.Text)
		p.fail(scalar.Span, "wrong-type", fmt.Sprintf("%s: expected a string, found the number %s", what, scalar.Text), fmt.Sprintf("put it in quotes: %q", "0"+found[1]))
	case field.Type.Kind == value.KindString && strings.HasSuffix(field.Pattern, ":[0-9]+") && scalar.Kind == Int:
		p.fail(scalar.Span, "wrong-type", fmt.Sprintf("%s: expected host:port, found the number %s", what, scalar.Text), fmt.Sprintf(`write "127.0.0.1:%s"`, scalar.Text))
	case field.Type.Kind == value.KindPath && scalar.Kind == Text && shellName.MatchString(scalar.Text):
		found := shellName.FindStringSubmatch(scalar.Text)
		hint := "an expression is written ${{ ... }}; what the environment holds is given as an input"
		if name := strings.Trim(found[0], "$({ })"); strings.Contains(name, ".") {
			hint = fmt.Sprintf("write ${{ %s }}", name)
		} else if strings.HasPrefix(found[0], "~") {
			hint = "no shell reads it: write the path from the root"
		}
		p.fail(scalar.Span, "shell-syntax", fmt.Sprintf("%s: nothing replaces %s in %s", what, found[0], quote(scalar.Text)), hint)
	case field.Type.Kind == value.KindList && (field.Name == "argv" || field.Name == "command") && len(strings.Fields(scalar.Text)) > 1:
		p.fail(scalar.Span, "wrong-type", fmt.Sprintf("%s: expected a %s, found %s", what, field.Type, describe(scalar)),
			fmt.Sprintf("write %s: [%s]", what, strings.Join(strings.Fields(scalar.Text), ", ")))
	case field.Type.Kind == value.KindURL && scalar.Kind == Text:
		_, err := scalar.Convert(field.Type)
		if err == nil {
			return false
		}
		p.fail(scalar.Span, "wrong-type", what+": "+err.Error(), "write "+field.Help)
	default:
		return false
	}
	return true
}

// ForShell reports whether a path holds something that only a shell would replace, which Parse reports.
func ForShell(path string) bool { return shellName.MatchString(path) }

var (
	octal     = regexp.MustCompile(`^0?o?([0-7]{3})$`)
	shellName = regexp.MustCompile(`^~[a-z]*(?:/|$)|\$\w+|\$\{[^{}]*\}|\$\([^)]*\)`)
)
