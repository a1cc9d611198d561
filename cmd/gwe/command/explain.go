package command

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/gwe-project/gwe/engine/errorcodes"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/schema/rule"
)

func explainCommand() command {
	return command{
		name:     "explain",
		operands: "[CODE]",
		offers:   first(codeOffers),
		summary:  "explain a rule, an error code or the exit codes",
		help: `
CODE is the rule of a diagnostic (gwe validate --format json shows it), the code of an error, an exit code, or the word exit. Rules come
with an example that breaks them, and the same example put right. Without CODE it lists all there is.

example:
  gwe explain unknown-key
  gwe explain package-unsigned
  gwe explain 5
  gwe explain exit`,
		setUp: func(*pflag.FlagSet) action {
			return func(_ context.Context, console *console, operands []string) error {
				switch len(operands) {
				case 0:
					return listCodes(console.stdout)
				case 1:
					return explain(console.stdout, operands[0])
				}
				return usagef("one CODE is wanted, or none")
			}
		},
	}
}

func explain(out io.Writer, name string) error {
	found := false
	if name == "exit" {
		_, err := fmt.Fprintf(out, "%s\n`gwe explain NUMBER` says of each how the machine is, and what to do next.\n", exitCodes())
		return err
	}
	if known, err := explainExit(out, name); known {
		return err
	}
	if one, ok := rule.Find(name); ok {
		found = true
		explainRule(out, one)
	}
	if one, ok := errorcodes.Find(name); ok {
		if found {
			fmt.Fprintln(out)
		}
		found = true
		explainCode(out, one)
	}
	if found {
		return nil
	}
	names := codeNames()
	if close := value.Closest(name, names); close != "" {
		return usagef("there is no rule and no error code %q: did you mean %q?", name, close)
	}
	near := slices.DeleteFunc(names, func(known string) bool { return !strings.Contains(known, name) })
	if len(near) > 0 {
		return usagef("there is no rule and no error code %q; near it are %s", name, strings.Join(near[:min(len(near), 10)], ", "))
	}
	return usagef("there is no rule and no error code %q; `gwe explain` lists them", name)
}

func codeNames() []string {
	names := []string{"exit"}
	for _, one := range rule.All() {
		names = append(names, one.ID)
	}
	for _, one := range errorcodes.All() {
		names = append(names, one.Code)
	}
	return names
}

func listCodes(out io.Writer) error {
	fmt.Fprintln(out, "rules of validation:")
	for _, one := range rule.All() {
		note := ""
		if one.Warning {
			note = " (a warning)"
		} else if one.Note {
			note = " (a note)"
		}
		fmt.Fprintf(out, "  %-22s %s%s\n", one.ID, one.Summary, note)
	}
	fmt.Fprintln(out, "\nerror codes:")
	for _, one := range errorcodes.All() {
		fmt.Fprintf(out, "  %-30s %s\n", one.Code, firstMessage(one))
	}
	_, err := fmt.Fprintln(out, "\nexit codes:\n  exit                           what gwe ends with, and what it says of the machine")
	return err
}

func firstMessage(code errorcodes.Code) string {
	for _, one := range code.Cases {
		if one.Message != "" {
			return one.Message
		}
	}
	return "what happened decides the text"
}

func explainRule(out io.Writer, one rule.Rule) {
	severity := "error"
	if one.Warning {
		severity = "warning"
	} else if one.Note {
		severity = "note"
	}
	fmt.Fprintf(out, "%s: %s\n\nA rule of validation; its severity is %s.\n\n%s\n", one.ID, one.Summary, severity, folded(one.Why, 110))
	if one.Wrong != "" {
		fmt.Fprintf(out, "\nwrong:\n%s\n\nright:\n%s\n", indent(strings.TrimSpace(one.Wrong)), indent(strings.TrimSpace(one.Right)))
	}
}

func explainCode(out io.Writer, one errorcodes.Code) {
	fmt.Fprintf(out, "%s: an error code\n", one.Code)
	for _, each := range one.Cases {
		message := each.Message
		if message == "" {
			message = "(what happened decides the text)"
		}
		fmt.Fprintf(out, "\n%s\n", folded(message, 110))
		if each.Class != "" {
			fmt.Fprintf(out, "  class: %s, %s\n", each.Class, classes[each.Class])
		}
		if each.Hint != "" {
			fmt.Fprintf(out, "  cure:  %s\n", each.Hint)
		}
	}
	if one.More {
		fmt.Fprint(out, "\nIt has more texts: it is met in many places.\n")
	}
	if len(one.Types) > 0 {
		fmt.Fprintf(out, "\n%s\n", folded("step types that can give it: "+strings.Join(one.Types, ", "), 110))
	}
}

// classes say what the class of an error means.
var classes = map[string]string{
	"failed":      "the world said no",
	"refused":     "gwe declined to act",
	"errored":     "gwe or the machine under it broke",
	"interrupted": "the run was told to stop",
}

// folded breaks a text into lines of at most so many columns.
func folded(text string, columns int) string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > columns {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return strings.Join(append(lines, line), "\n")
}
