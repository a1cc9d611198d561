package command

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/gwe-project/gwe/engine"
	"github.com/gwe-project/gwe/engine/fault"
)

func planCommand() command {
	return command{
		name:     "plan",
		operands: "RECIPE",
		summary:  "show what a run would do, and how each step would be undone",
		help: `
Nothing is changed and nothing is run: gwe only reads. Each step shows what it would do on this machine beside how that
would be undone. What only the run will know stands in <angle brackets>, and a guard that cannot be decided yet says
what it waits for. The line of the commit is the point of no return.

example:
  gwe plan ota -i package=firmware-2.tar.zst.gpg -i target=/opt/firmware
  gwe plan ota -i package=firmware-2.tar.zst.gpg --output json`,
		teachMore: describeInputs,
		setUp: func(flags *pflag.FlagSet) action {
			var inputs inputFlags
			inputs.declare(flags)
			return func(ctx context.Context, console *console, operands []string) error {
				program, err := loadRecipe(console, operands)
				if err != nil {
					return err
				}
				given, err := inputs.read(console)
				if err != nil {
					return err
				}
				return showPlan(ctx, console, program, given)
			}
		},
	}
}

func showPlan(ctx context.Context, console *console, program *engine.Program, given engine.Inputs) error {
	machine, _, err := console.engine()
	if err != nil {
		return err
	}
	kept, err := console.confine()
	if err != nil {
		return fault.New(fault.Errored, "plan-confine", "the right to write cannot be given up").WithCause(err)
	}
	if console.global.verbose {
		fmt.Fprintln(console.stderr, "gwe: "+kept)
	}
	plan, err := machine.Plan(ctx, program, given)
	if err != nil {
		return err
	}
	if console.global.output == "json" {
		encoder := json.NewEncoder(console.stdout)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		return encoder.Encode(plan)
	}
	columns := 100
	if isTerminal(console.stdout) {
		columns = max(width(console.stdout), 60)
	}
	fmt.Fprintf(console.stdout, "Plan of %s; nothing is done now.\n\n", program.Name())
	table := planTable{width: (columns - 7) / 2}
	table.head()
	section := "steps"
	for _, row := range plan.Steps {
		if row.Section != section {
			section = row.Section
			table.rule(map[string]string{"failsafe": "only if not everything can be put back", "finally": "at the end, good or bad"}[section])
		}
		table.row(row)
	}
	_, err = fmt.Fprint(console.stdout, table.text.String())
	return err
}

// planTable draws two columns: do and undo.
type planTable struct {
	text  strings.Builder
	width int
	rows  int
}

func (t *planTable) head() { t.line("   ", "do", "undo"); t.rule("") }

func (t *planTable) rule(title string) {
	if title != "" {
		title = " " + title + " "
	}
	whole := 2*t.width + 6
	t.text.WriteString("───" + title + strings.Repeat("─", max(0, whole-3-len([]rune(title)))) + "\n")
}

func (t *planTable) row(row engine.PlannedStep) {
	t.rows++
	left := []string{row.Name}
	switch row.Guard {
	case engine.WillSkip:
		left = append(left, "  skipped: not "+row.When)
	case engine.Depends:
		left = append(left, "  decided at run time: "+row.When)
		left = append(left, "  needs "+strings.Join(row.Needs, ", "))
	}
	var right []string
	if row.Guard != engine.WillSkip {
		for _, line := range row.Do {
			left = append(left, "  "+line)
		}
		if row.Nothing {
			left = append(left, "  already so")
		}
		right = append([]string{""}, row.Undo...)
	}
	if row.Problem != "" {
		left = append(left, "  as things stand: "+row.Problem)
	}
	left, right = wrapAll(left, t.width), wrapAll(right, t.width)
	mark := fmt.Sprintf("%2d ", t.rows)
	for i := range max(len(left), len(right)) {
		t.line(mark, at(left, i), at(right, i))
		mark = "   "
	}
	if row.Commit {
		t.rule("point of no return: nothing above is undone any more")
	}
}

func (t *planTable) line(mark, left, right string) {
	padding := strings.Repeat(" ", max(0, t.width-len([]rune(left))))
	t.text.WriteString(strings.TrimRight(mark+left+padding+" │ "+right, " ") + "\n")
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return ""
}

// wrapAll breaks lines at blanks, and a word that is too long where it must be; what goes on is indented.
func wrapAll(lines []string, width int) []string {
	var wrapped []string
	for _, line := range lines {
		indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
		runes := []rune(line)
		for len(runes) > width {
			cut := breakAt(runes, len(indent)+width/3, width)
			wrapped = append(wrapped, strings.TrimRight(string(runes[:cut]), " "))
			runes = []rune(indent + "  " + strings.TrimLeft(string(runes[cut:]), " "))
		}
		wrapped = append(wrapped, string(runes))
	}
	return wrapped
}

// breakAt finds where a line breaks between two columns: at the last blank, or else behind the last slash, or else at
// the margin.
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
