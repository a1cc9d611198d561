package command

import (
	"context"

	"github.com/spf13/pflag"

	"github.com/gwe-project/gwe/schema"
)

func schemaCommand() command {
	return command{
		name:    "schema",
		summary: "print the JSON Schema of recipes, for editors",
		help: `
The schema (draft 2020-12) is made of the grammar and of the step types, plugins included. Put this line on top of a recipe, and an
editor with a YAML language server completes and checks it:

  # yaml-language-server: $schema=recipe.schema.json

example:
  gwe schema > recipe.schema.json`,
		setUp: func(*pflag.FlagSet) action {
			return func(_ context.Context, console *console, _ []string) error {
				catalog, err := console.catalog()
				if err != nil {
					return err
				}
				text, err := schema.Schema(catalog)
				if err != nil {
					return err
				}
				_, err = console.stdout.Write(text)
				return err
			}
		},
	}
}
