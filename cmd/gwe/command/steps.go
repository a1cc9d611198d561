package command

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"

	"github.com/gwe-project/gwe/engine/errorcodes"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/value"
	"github.com/gwe-project/gwe/steps/reference"
)

func stepsCommand() command {
	return command{
		name:     "steps",
		operands: "[TYPE]",
		offers:   first(stepOffers),
		summary:  "list the step types, or explain one",
		help: `
Without TYPE it lists what a recipe may use. With TYPE it explains one: arguments with types and defaults, outputs, what
it changes, how that is undone, and an example.

example:
  gwe steps
  gwe steps unpack`,
		setUp: func(*pflag.FlagSet) action {
			return func(_ context.Context, console *console, operands []string) error {
				catalog, err := console.catalog()
				if err != nil {
					return err
				}
				console.warnOfPlugins()
				switch len(operands) {
				case 0:
					for _, one := range catalog {
						fmt.Fprintf(console.stdout, "%-18s %s\n", one.About().Name, one.About().Summary)
					}
					return nil
				case 1:
					one, ok := catalog.Find(operands[0])
					if ok {
						explainType(console.stdout, one)
						return nil
					}
					if close := value.Closest(operands[0], catalog.Names()); close != "" {
						return usagef("there is no step type %q: did you mean %q?", operands[0], close)
					}
					return usagef("there is no step type %q; `gwe steps` lists them", operands[0])
				}
				return usagef("one TYPE is wanted, or none")
			}
		},
	}
}

func explainType(out io.Writer, one step.Type) {
	about := one.About()
	fmt.Fprintf(out, "%s: %s\n\n%s\n\narguments:\n", about.Name, about.Summary, strings.TrimSpace(about.Doc))
	explainFields(out, one.Arguments().Fields)
	if len(one.Outputs().Fields) > 0 {
		fmt.Fprint(out, "\noutputs:\n")
		explainFields(out, one.Outputs().Fields)
	}
	fmt.Fprintf(out, "\neffects:\n%s\n", indent(strings.Join(reference.Effects(about), "\n")))
	if len(about.Effects) > 0 {
		fmt.Fprintf(out, "\nundo:\n  %s\n", reference.Undo(about))
	}
	if codes := errorcodes.Of(about.Name); len(codes) > 0 {
		fmt.Fprintf(out, "\nerrors:\n%s\n", indent(folded(strings.Join(codes, " "), 110)))
	}
	fmt.Fprintf(out, "\nexample:\n%s\n", indent(strings.TrimSpace(about.Example)))
}

func explainFields(out io.Writer, fields []value.Field) {
	for _, field := range fields {
		note := ""
		if notes := reference.Notes(field); len(notes) > 0 {
			note = " (" + strings.Join(notes, "; ") + ")"
		}
		fmt.Fprintf(out, "  %-12s %-14s %s%s\n", field.Name, field.Type, field.Help, note)
	}
}

func indent(text string) string {
	return "  " + strings.ReplaceAll(text, "\n", "\n  ")
}
