package command

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/engine"
)

// Widths of a plan in columns: of one that goes into a pipe or file, at most, and at least for do and undo
// side by side.
const (
	pipedWidth   = 100
	widestPlan   = 160
	twoColumns   = 72
	numberColumn = 4
)

// planText draws a plan for people: do and undo side by side, or one below the other where the terminal is
// narrow.
func planText(plan engine.Plan, columns int) string {
	t := planTable{columns: max(columns, 24)}
	t.wide = t.columns >= twoColumns
	t.lines("Plan of " + plan.Recipe + "; nothing is done now.")
	t.line("")
	t.facts(plan.Facts)
	if t.wide {
		t.side(numberless, "do", "undo")
	}
	t.rule("")
	t.last(plan.Steps)
	section := "steps"
	committed := false
	for _, row := range plan.Steps {
		if row.Section != section {
			if section == "steps" && !committed {
				t.rule(noReturn)
			}
			section, committed = row.Section, true
			t.rule(sectionTitles[section])
		}
		t.row(row)
		committed = committed || row.Commit
	}
	if !committed {
		t.rule(noReturn)
	}
	t.totals(plan)
	return t.text.String()
}

const (
	noReturn   = "point of no return: nothing above is undone any more"
	suspends   = "the run waits here, with exit code 75, and continues in another process"
	numberless = "    "
)

var sectionTitles = map[string]string{
	"failsafe": "failsafe: only if not everything can be rolled back",
	"finally":  "finally: at the end, good or bad",
}

// planTable draws lines of at most so many columns.
type planTable struct {
	text    strings.Builder
	columns int
	wide    bool
	rows    int
}

// half is the width of one column of two.
func (t *planTable) half() int { return (t.columns - numberColumn - 3) / 2 }

func (t *planTable) line(text string) {
	t.text.WriteString(strings.TrimRight(text, " ") + "\n")
}

// lines writes lines over the whole width.
func (t *planTable) lines(texts ...string) {
	for _, line := range wrapped(texts, t.columns) {
		t.line(line)
	}
}

func (t *planTable) rule(title string) {
	if title == "" {
		t.line(strings.Repeat("─", t.columns))
		return
	}
	for _, line := range wrapped([]string{title}, t.columns-5) {
		t.line("─── " + line + " " + strings.Repeat("─", max(0, t.columns-5-len([]rune(line)))))
	}
}

// side writes one line of both columns.
func (t *planTable) side(mark, left, right string) {
	padding := strings.Repeat(" ", max(0, t.half()-len([]rune(left))))
	t.line(mark + left + padding + " │ " + right)
}

func (t *planTable) facts(facts []engine.Fact) {
	for _, fact := range facts {
		told := "facts." + fact.Name + " = " + shownFact(fact.Value) + " (" + fact.Source + ")"
		switch {
		case !fact.Asked:
			told = "facts." + fact.Name + " is found out at run time: " + fact.Source
		case fact.Err != nil:
			told = "facts." + fact.Name + ", as things stand: " + fact.Err.Error()
		case fact.Value == nil:
			told = "facts." + fact.Name + " is absent (" + fact.Source + ")"
		}
		t.lines(told)
	}
	if len(facts) > 0 {
		t.line("")
	}
}

// planTitle is the name of a step, below what it is part of.
func planTitle(row engine.PlannedStep) string {
	title := row.Name
	if row.Role != "" {
		title = row.Role + ": " + title
	}
	return indented([]string{title}, row.Depth)[0]
}

func indented(lines []string, depth int) []string {
	for i := range lines {
		lines[i] = strings.Repeat("  ", depth) + lines[i]
	}
	return lines
}

func (t *planTable) row(row engine.PlannedStep) {
	t.rows++
	mark := fmt.Sprintf("%3d ", t.rows)
	left, right := indented(doLines(row), row.Depth), undoLines(row)
	if !t.wide {
		left = append(wrapped([]string{planTitle(row)}, t.columns-numberColumn), wrapped(left, t.columns-numberColumn)...)
		if len(right) > 0 {
			left = append(left, "  undo:")
		}
		for _, line := range right {
			left = append(left, wrapped([]string{"    " + line}, t.columns-numberColumn)...)
		}
		for _, line := range left {
			t.line(mark + line)
			mark = numberless
		}
	} else {
		name := wrapped([]string{planTitle(row)}, t.half())
		left = append(name, wrapped(left, t.half())...)
		right = append(make([]string, len(name)), wrapped(right, t.half())...) // beside what is done, not beside the name
		for i := range max(len(left), len(right)) {
			t.side(mark, at(left, i), at(right, i))
			mark = numberless
		}
	}
	if row.Commit {
		t.rule(noReturn)
	}
	if row.Suspends {
		t.rule(suspends)
	}
}

// last writes what undos run when everything below it is undone: the undo column is read from below.
func (t *planTable) last(rows []engine.PlannedStep) {
	var lines []string
	for _, row := range rows {
		if row.Commit || row.Section != "steps" {
			break
		}
		if row.Guard == engine.WillSkip || len(row.UndoLast) == 0 {
			continue
		}
		own := strings.Join(row.UndoLast, "; ")
		lines = slices.DeleteFunc(lines, func(line string) bool { return line == own })
		lines = append(lines, own)
	}
	if len(lines) == 0 {
		return
	}
	slices.Reverse(lines)
	if !t.wide {
		t.lines("undone last, from below:")
		for _, line := range lines {
			t.lines("    " + line)
		}
		return
	}
	for _, line := range append(wrapped(lines, t.half()), "(last, when all below is undone)") {
		t.side(numberless, "", line)
	}
}

// undoLines are the right column of a step.
func undoLines(row engine.PlannedStep) []string {
	switch {
	case row.Guard == engine.WillSkip:
		return nil
	case len(row.UndoLast) > 0:
		return append(slices.Clone(row.Undo), "(last: "+strings.Join(row.UndoLast, "; ")+")")
	case len(row.Undo) == 0 && row.Changes && !row.Nothing && row.Section == "steps":
		return []string{"(no undo)"}
	}
	return row.Undo
}

// doLines are the left column of a step below its name: its guard, what it would do, and what stands against
// it.
func doLines(row engine.PlannedStep) []string {
	var lines []string
	switch row.Guard {
	case engine.WillSkip:
		return append(lines, "  skipped: when is false: "+row.When)
	case engine.Depends:
		lines = append(lines, "  if "+row.When)
		if len(row.Waits) > 0 {
			lines = append(lines, "  (waits for "+strings.Join(row.Waits, ", ")+")")
		}
	}
	for _, line := range row.Do {
		lines = append(lines, "  "+line)
	}
	if row.Nothing {
		lines = append(lines, "  already so")
	}
	if row.Problem != "" {
		lines = append(lines, "  as things stand: "+row.Problem)
	}
	return lines
}

// totals tells what the steps read, write and need.
func (t *planTable) totals(plan engine.Plan) {
	if plan.Reads == 0 && plan.Writes == 0 && len(plan.Space) == 0 {
		return
	}
	lines := []string{fmt.Sprintf("reads %s, writes %s, and what only the run can tell", readable(plan.Reads), readable(plan.Writes))}
	for _, space := range plan.Space {
		needs := fmt.Sprintf("%s needs %s of %s free", space.Directory, readable(space.Needs), readable(space.Free))
		if space.Needs > space.Free {
			needs += ": too little"
		}
		lines = append(lines, needs)
	}
	t.line("")
	t.lines(lines...)
}

// refusalText tells what stands in the way of a run, where a reader looks last. It folds at so many columns;
// 0 is never, for programs that search it.
func refusalText(refusals []engine.Refusal, warnings []engine.Warning, columns int) string {
	t := planTable{columns: columns}
	if columns == 0 {
		t.columns = math.MaxInt
	}
	for _, warning := range warnings {
		t.line("")
		t.lines("warning: "+warning.Text+" ["+warning.Code+"]", "  hint: "+warning.Hint)
	}
	head := ""
	for _, refusal := range refusals {
		next := fmt.Sprintf("A run now would be refused, with exit code %d, and change nothing:", engine.RefusalExitCode(refusals))
		if refusal.Begins {
			next = "A run would fail here, and be rolled back:"
		}
		if head != next {
			head = next
			t.line("")
			t.lines(head)
		}
		said := refusal.Error + " [" + refusal.Code + "]"
		if refusal.Step != nil {
			said = refusal.Step.String() + ": " + said
		}
		t.lines("  " + said)
		if refusal.Hint != "" {
			t.lines("    hint: " + refusal.Hint)
		}
	}
	return t.text.String()
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return ""
}

// unbroken shows the line ends and tabs of values, which would break the columns.
var unbroken = strings.NewReplacer("\r\n", `\n`, "\n", `\n`, "\r", `\r`, "\t", `\t`)

// wrapped breaks lines at blanks, and a word that is too long where it must be; what continues is indented. A
// line end within a line is shown as \n.
func wrapped(lines []string, width int) []string {
	var all []string
	for _, line := range lines {
		line = unbroken.Replace(strings.TrimRight(line, "\r\n"))
		indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
		runes := []rune(line)
		for len(runes) > width {
			cut := breakAt(runes, len(indent)+width/3, width)
			all = append(all, strings.TrimRight(string(runes[:cut]), " "))
			runes = []rune(indent + "  " + strings.TrimLeft(string(runes[cut:]), " "))
		}
		all = append(all, string(runes))
	}
	return all
}

// breakAt finds where a line breaks between two columns: at the last blank, or else after the last slash, or
// else at the margin.
func breakAt(runes []rune, from, to int) int {
	for cut := to; cut > from; cut-- {
		if runes[cut] == ' ' {
			return cut
		}
	}
	for cut := to; cut > from; cut-- {
		if runes[cut-1] == '/' {
			return cut
		}
	}
	return to
}
