package command

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/examples/ci"
	"github.com/gwe-project/gwe/examples/starter"
)

func initCommand() command {
	return command{
		name:     "init",
		operands: "[DIRECTORY]",
		offers:   first(anyDirectory),
		summary:  "write a first recipe, its tests and a CI workflow",
		help: `
Into DIRECTORY, by default the working directory, go three files to begin with, with comments:

  recipes/settings.yaml        a recipe that changes a file and restarts a service
  recipes/settings.test.yaml   its tests, with every step failing and killed in turn
  .github/workflows/gwe.yaml   a GitHub workflow that validates and tests recipes/

The workflow installs gwe from the address in the repository's variable GWE_PACKAGE_URL.

Nothing is ever written over: a file that is there already stays as it is, and the others are written.

example:
  gwe init
  gwe test recipes`,
		setUp: func(*pflag.FlagSet) action {
			return func(_ context.Context, console *console, operands []string) error {
				directory := "."
				switch len(operands) {
				case 0:
				case 1:
					directory = operands[0]
				default:
					return usagef("one DIRECTORY is wanted, or none for the working directory")
				}
				return begin(console, directory)
			}
		},
	}
}

// begin writes the files of a first recipe.
func begin(console *console, directory string) error {
	for _, one := range []struct {
		name    string
		content []byte
	}{
		{"recipes/settings.yaml", starter.Recipe},
		{"recipes/settings.test.yaml", starter.Tests},
		{".github/workflows/gwe.yaml", ci.Workflow},
	} {
		path := filepath.Join(directory, one.name)
		err := writeNew(path, one.content)
		switch {
		case errors.Is(err, fs.ErrExist):
			fmt.Fprintf(console.stdout, "kept   %s, which is there already\n", path)
		case err != nil:
			return fault.New(fault.Refused, "init-refused", "%s cannot be written", path).WithCause(err).
				WithHint("name a directory that this user may write to: gwe init DIRECTORY")
		default:
			fmt.Fprintf(console.stdout, "wrote  %s\n", path)
		}
	}
	recipes := filepath.Join(directory, "recipes")
	_, err := fmt.Fprintf(console.stdout, `
next:
  gwe validate %[1]s   check the recipe; nothing is run
  gwe test %[2]s   run it on a scratch machine, with every step failing in turn
  gwe plan %[1]s -i speed=2   see what it would do here, and how that would be undone

For CI, set the variable GWE_PACKAGE_URL of the repository to the address of gwe_VERSION_amd64.deb.
Then make it yours: `+"`gwe steps`"+` lists the step types, and docs/writing-recipes.md leads on from here.
`, filepath.Join(recipes, "settings.yaml"), recipes)
	return err
}

// writeNew writes a file that is not there yet, with the directories above it.
func writeNew(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	return errors.Join(err, file.Close())
}
