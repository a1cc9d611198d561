package command

import (
	"context"

	"github.com/spf13/pflag"

	"github.com/gwe-project/gwe/schema"
)

func schemaCommand() command {
	return command{
		name:    "schema",
		summary: "print the JSON Schema of recipes, or of their tests, for editors",
		help: `
The schema (draft 2020-12) is made of the grammar and of the step types, plugins included. Put this line on top of a recipe, and an
editor with a YAML language server completes and checks it:

  # yaml-language-server: $schema=recipe.schema.json

With --tests it is that of the files of tests which ` + "`gwe test`" + ` reads.

example:
  gwe schema > recipe.schema.json
  gwe schema --tests > test.schema.json`,
		setUp: func(flags *pflag.FlagSet) action {
			tests := flags.Bool("tests", false, "the schema of files of tests")
			return func(_ context.Context, console *console, operands []string) error {
				if len(operands) > 0 {
					return usagef("gwe schema takes no operands; --tests is for files of tests")
				}
				text, err := schema.SuiteSchema()
				if !*tests {
					text, err = recipeSchema(console)
				}
				if err != nil {
					return err
				}
				_, err = console.stdout.Write(text)
				return err
			}
		},
	}
}

func recipeSchema(console *console) ([]byte, error) {
	catalog, err := console.catalog()
	if err != nil {
		return nil, err
	}
	return schema.Schema(catalog)
}
