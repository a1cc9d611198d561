package trial

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gwe-project/gwe/schema"
)

// Cause is one reason for which tests did not pass. Many may share one: a step whose undo is wrong makes
// every test fail in which a later step does.
type Cause struct {
	// Told says what is wrong and where, and what to do about it. It has no line where the recipe's place is
	// not known.
	Told schema.Diagnostic
	// Details are the other lines of what is wrong: how a file differs.
	Details []string
	// Tests are those that did not pass for this reason, in their order; there is at least one.
	Tests []Result
}

// Causes are the reasons for which tests did not pass, each one once, in the order of the first test that has
// it. What is wrong in a test beside a reason that is known already is a reason of its own.
func Causes(results []Result) []*Cause {
	var all []*Cause
	known := map[string]*Cause{}
	for _, one := range results {
		var mine *Cause
		var last finding // the one before that is of mine
		told := map[*Cause]bool{}
		for _, finding := range one.findings() {
			key := one.recipe + "\x00" + finding.key()
			cause := known[key]
			if cause == nil && mine == nil {
				mine = &Cause{Told: one.told(finding)}
				all = append(all, mine)
			}
			if cause == nil {
				cause = mine
				known[key] = mine
				mine.Details = append(mine.Details, finding.details(last)...)
				last = finding
			}
			if !told[cause] {
				told[cause] = true
				cause.Tests = append(cause.Tests, one)
			}
		}
	}
	return all
}

// finding is one thing that was not as expected. about says of what it is one of several: "the tree is not as
// before".
type finding struct {
	about, text string
}

// findings takes the problems of a test apart. Where the run ended by an error that nobody expected, all else
// follows from that.
func (r Result) findings() []finding {
	if r.Error != "" {
		return []finding{{text: r.Error}}
	}
	var all []finding
	about := ""
	for _, problem := range r.Problems {
		inner, within := strings.CutPrefix(problem, "  ")
		switch {
		case within && about != "":
			all = append(all, finding{about, strings.ReplaceAll(inner, "\n  ", "\n")})
		case strings.HasSuffix(problem, ":") && !strings.Contains(problem, "\n"):
			about = strings.TrimSuffix(problem, ":")
		default:
			about = ""
			all = append(all, finding{text: problem})
		}
	}
	return all
}

// key tells a finding from others. What a line holds that no two runs share, a time or a number of a process,
// does not count.
func (f finding) key() string {
	first, _, _ := strings.Cut(f.text, "\n")
	return f.about + "\x00" + numbers.ReplaceAllString(first, "0")
}

var numbers = regexp.MustCompile(`\d{3,}`)

// details are the lines of a finding that stand below what is told, or below those of the last finding. What
// is told is the first line of the first finding, or what that is about.
func (f finding) details(last finding) []string {
	lines := strings.Split(f.text, "\n")
	switch {
	case last == (finding{}) && f.about == "":
		return lines[1:]
	case f.about == "" || last == (finding{}) || f.about == last.about:
		return lines
	}
	return append([]string{f.about + ":"}, strings.Split("  "+strings.ReplaceAll(f.text, "\n", "\n  "), "\n")...)
}

// told says what is wrong, at the step of the recipe from which on it is so, or else at the case.
func (r Result) told(f finding) schema.Diagnostic {
	message, _, _ := strings.Cut(f.text, "\n")
	message = unnamed.ReplaceAllStringFunc(message, func(name string) string {
		if found := stepOf(r.tested, strings.TrimPrefix(name, "step ")); found != nil {
			return called(found)
		}
		return name
	})
	hint := r.Hint
	if f.about != "" {
		message = f.about
	}
	if before, cure, found := strings.Cut(message, " (call it again in undo-last"); found {
		message, hint = before, "call it again in undo-last"+strings.TrimSuffix(cure, ")")
	}
	told := schema.Diagnostic{
		Severity: schema.Error, File: r.File, Span: r.at, Message: message, Hint: hint,
	}
	at := position.FindStringSubmatch(r.Error)
	switch {
	case at != nil:
		told.File = at[1]
		told.Line, _ = strconv.Atoi(at[2])
		told.Column, _ = strconv.Atoi(at[3])
		told.Length = 1
		told.Message = position.ReplaceAllString(strings.Replace(message, " ("+at[0], "", 1), ")")
		told.Message = strings.Replace(told.Message, ", )", ")", 1)
	case r.fault != nil && r.step != nil:
		told.File, told.Span = r.recipe, r.step.Span
		told.Message += ", where " + strings.Replace(r.Fault, "step "+r.fault.Step, called(r.step), 1)
		if f.about == notAsBefore && hint == "" {
			told.Hint = r.undoHint()
		}
	}
	return told
}

// unnamed finds a step without an id in a text.
var unnamed = regexp.MustCompile(`step (steps|failsafe|finally)\[\S*\]`)

// position finds the place in the text of an error: (run, app.yaml:8:5).
var position = regexp.MustCompile(`([^\s(),][^(),]*):(\d+):(\d+)\)`)

// undoHint says what is wrong with the undo of the step from which on the tree is not as before.
func (r Result) undoHint() string {
	name := called(r.step)
	switch {
	case r.fault.Behind && hasUndo(r.step):
		return fmt.Sprintf("the undo of %s does not undo all that it changes: let it, or make the change by a step type that undoes itself (`gwe steps`)", name)
	case r.fault.Behind:
		return fmt.Sprintf("give %s an undo: that undoes what it changes, or make the change by a step type that undoes itself (`gwe steps`)", name)
	case hasUndo(r.step):
		return fmt.Sprintf("an undo also runs where its step did not act, or half: let the undo of %s look what there is to undo", name)
	}
	return "a step above it changed that, and its undo does not undo it"
}

func hasUndo(s *schema.Step) bool { return len(s.Undo)+len(s.UndoLast) > 0 }

// called names a step: by its id, its name, or by what it does and where.
func called(s *schema.Step) string {
	switch {
	case s.ID != nil || s.Action == nil:
		return "step " + s.Label()
	case s.Name != nil && !s.Name.Dynamic:
		return strconv.Quote(s.Name.Text)
	}
	return fmt.Sprintf("the %s of line %d", s.Action.Keyword().Text, s.Line)
}

// explain says by what error the run ended where its exit code is not the one that was expected.
func (r *Result) explain(found *report) {
	if !slices.ContainsFunc(r.Problems, func(problem string) bool { return strings.Contains(problem, "exit code") }) {
		return
	}
	switch {
	case r.fault == nil && found.Error != "":
		r.Error, r.Hint = found.Error, found.Hint
	case r.fault != nil && len(found.Others) > 0:
		r.Error = found.Others[0] // the first error is the one on purpose
		if r.Hint = ""; position.MatchString(r.Error) {
			r.Hint = "an undo must end well also where its step did not act, or half, or where it runs once more: let it look what there is to undo"
		}
	case r.fault == nil:
		r.Error, r.Hint = complaint(found.Said)
	}
}

// complaint is what gwe says, with its hint, where it ends before there is a run.
func complaint(said []string) (text, hint string) {
	for i, line := range said {
		if found, ok := strings.CutPrefix(line, "gwe: "); ok {
			if i+1 < len(said) {
				hint, _ = strings.CutPrefix(strings.TrimSpace(said[i+1]), "= ")
			}
			return found, hint
		}
	}
	return "", ""
}

// stepOf finds the step that a run calls so; nil where it is one of a used recipe, or the commit.
func stepOf(recipe *schema.Recipe, name string) *schema.Step {
	label := round.ReplaceAllString(name, "")
	var found *schema.Step
	var look func(steps []*schema.Step)
	look = func(steps []*schema.Step) {
		for _, one := range steps {
			if one.Label() == name || one.Label() == label && found == nil {
				found = one
			}
			switch action := one.Action.(type) {
			case schema.Group:
				look(action.Steps)
				look(action.Rescue)
				look(action.Finally)
			case schema.Parallel:
				look(action.Branches)
			}
		}
	}
	look(recipe.Steps)
	look(recipe.Failsafe)
	look(recipe.Finally)
	return found
}

// round is how the names of a step end in the rounds of a for-each: "-2".
var round = regexp.MustCompile(`(-\d+)+$`)

// Places lists at which steps the tests of one case failed, for a reader who knows the case: "fail-at enable
// (before, after), reload (before)".
func Places(results []Result) string {
	var order []string
	moments := map[string][]string{}
	for _, one := range results {
		if one.fault == nil {
			continue
		}
		name := one.fault.name(one.step)
		if len(moments[name]) == 0 {
			order = append(order, name)
		}
		moment := "before"
		if one.fault.Behind {
			moment = "after"
		}
		moments[name] = append(moments[name], moment)
	}
	if len(order) == 0 {
		return ""
	}
	for i, name := range order {
		order[i] = fmt.Sprintf("%s (%s)", name, strings.Join(moments[name], ", "))
	}
	word := "fails at "
	if results[len(results)-1].fault.Kill {
		word = "killed at "
	}
	return word + strings.Join(order, ", ")
}

// name names the step of the fault.
func (f *Fault) name(s *schema.Step) string {
	switch {
	case f.Step == "":
		return "the commit"
	case s != nil && s.ID == nil && s.Name != nil && !s.Name.Dynamic:
		return strconv.Quote(s.Name.Text)
	case s != nil && s.ID == nil:
		return fmt.Sprintf("%s of line %d", s.Action.Keyword().Text, s.Line)
	case f.Number > 1:
		return fmt.Sprintf("%s, execution %d", f.Step, f.Number)
	}
	return f.Step
}
