package command

import (
	"context"
	"io"

	"github.com/spf13/pflag"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/schema"
	"github.com/gwe-project/gwe/schema/graph"
)

func graphCommand() command {
	return command{
		name:     "graph",
		operands: "RECIPE",
		offers:   first(recipeOffers),
		summary:  "draw a recipe: its steps, how each is undone, and the line of the commit",
		help: `
From top to bottom is what a run does; beside each step stands how it is rolled back, in dashed red, and the arrows there lead
from the newest undo to the oldest. Nothing above the line of the commit is undone by a later failure. The drawing needs no
machine and no other program: svg is for browsers and documents, mermaid for Markdown, dot for Graphviz.

example:
  gwe graph ota > ota.svg
  gwe graph ./mine.yaml --format mermaid`,
		setUp: func(flags *pflag.FlagSet) action {
			format := flags.String("format", "svg", "`form` of the drawing: svg, mermaid or dot")
			accepts(flags, "format", "svg", "mermaid", "dot")
			return func(_ context.Context, console *console, operands []string) error {
				draw, known := map[string]func(io.Writer, *schema.Recipe) error{
					"svg": graph.SVG, "mermaid": graph.Mermaid, "dot": graph.DOT,
				}[*format]
				if !known {
					return usagef("--format is svg, mermaid or dot, not %q", *format)
				}
				recipe, err := parseRecipe(console, operands)
				if err != nil {
					return err
				}
				return draw(console.stdout, recipe)
			}
		},
	}
}

// parseRecipe reads a RECIPE operand for what only looks at its shape, and shows what is wrong with that.
func parseRecipe(console *console, operands []string) (*schema.Recipe, error) {
	file, source, catalog, err := oneRecipe(console, operands)
	if err != nil {
		return nil, err
	}
	recipe, diagnostics := schema.Parse(file, source, catalog)
	if recipe == nil || diagnostics.HasErrors() {
		console.warnOfPlugins()
	}
	if err := diagnostics.Sorted().Render(console.stderr, func(string) []byte { return source }); err != nil {
		return nil, err
	}
	if recipe == nil || diagnostics.HasErrors() {
		return nil, fault.New(fault.Refused, "recipe-invalid", "%s is not a valid recipe", file)
	}
	return recipe, nil
}
