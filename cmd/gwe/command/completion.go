package command

import (
	"context"
	_ "embed"
	"strings"

	"github.com/spf13/pflag"
)

// The scripts know no command and no flag: they ask `gwe complete`.
var (
	//go:embed completion/gwe.bash
	bashCompletion string
	//go:embed completion/gwe.zsh
	zshCompletion string
	//go:embed completion/gwe.fish
	fishCompletion string
)

// Shells are those for which there is a completion.
func Shells() []string { return []string{"bash", "zsh", "fish"} }

// Completion returns the script that completes gwe in a shell of Shells; "" for any other.
func Completion(shell string) string {
	switch shell {
	case "bash":
		return bashCompletion
	case "zsh":
		return zshCompletion
	case "fish":
		return fishCompletion
	}
	return ""
}

func completionCommand() command {
	return command{
		name:     "completion",
		operands: "SHELL",
		offers:   first(fixed(Shells()...)),
		summary:  "print what completes gwe in a shell",
		help: `
SHELL is bash, zsh or fish. The script offers commands, flags and their values, recipes, the inputs of the recipe that is typed, runs of
the state directory, step types and codes. gwe finds them at each Tab, so the script stays right when gwe is updated. The packages for Debian
and for RPM install it.

example:
  source <(gwe completion bash)
  gwe completion zsh > ~/.zfunc/_gwe
  gwe completion fish > ~/.config/fish/completions/gwe.fish`,
		setUp: func(*pflag.FlagSet) action {
			return func(_ context.Context, console *console, operands []string) error {
				if len(operands) != 1 || Completion(operands[0]) == "" {
					return usagef("one SHELL is wanted: %s", strings.Join(Shells(), ", "))
				}
				_, err := console.stdout.Write([]byte(Completion(operands[0])))
				return err
			}
		},
	}
}
