package command

import (
	"context"

	"github.com/spf13/pflag"

	"github.com/gwe-project/gwe/schema"
	"github.com/gwe-project/gwe/schema/output"
)

func schemaCommand() command {
	return command{
		name:    "schema",
		summary: "print the JSON Schema of recipes, of their tests, or of what gwe prints as JSON",
		help: `
The schema (draft 2020-12) is made of the grammar and of the step types, plugins included. Put this line on top of a recipe, and an
editor with a YAML language server completes and checks it:

  # yaml-language-server: $schema=recipe.schema.json

With --tests it is that of the files of tests which ` + "`gwe test`" + ` reads. The other flags are for programs that read what gwe prints with
--output json: later versions add fields, but none goes away or changes its name or meaning.

example:
  gwe schema > recipe.schema.json
  gwe schema --tests > test.schema.json
  gwe schema --status > status.schema.json`,
		setUp: func(flags *pflag.FlagSet) action {
			tests := flags.Bool("tests", false, "the schema of files of tests")
			outputs := output.Schemas()
			chosen := make([]*bool, len(outputs))
			for i, one := range outputs {
				chosen[i] = flags.Bool(one.Name, false, "the schema of "+one.About+" with --output json")
			}
			return func(_ context.Context, console *console, operands []string) error {
				if len(operands) > 0 {
					return usagef("gwe schema takes no operands; `gwe schema --help` lists the schemas")
				}
				if count(chosen, *tests) > 1 {
					return usagef("gwe schema prints one schema at a time")
				}
				text, err := recipeSchema(console)
				if *tests {
					text, err = schema.SuiteSchema()
				}
				for i, one := range outputs {
					if *chosen[i] {
						text, err = one.Text()
					}
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

// count is how many of the flags are set.
func count(flags []*bool, first bool) int {
	set := 0
	for _, flag := range append(flags, &first) {
		if *flag {
			set++
		}
	}
	return set
}

func recipeSchema(console *console) ([]byte, error) {
	catalog, err := console.catalog()
	if err != nil {
		return nil, err
	}
	console.warnOfPlugins()
	return schema.Schema(catalog)
}
