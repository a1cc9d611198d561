package command

import (
	"context"

	"github.com/spf13/pflag"
)

// command is one row of the command line.
type command struct {
	// name is what is typed: "run", "keys new".
	name string
	// operands follow the flags in the usage line: "RECIPE".
	operands string
	// summary is one line for the list of commands.
	summary string
	// hidden commands are not listed: nobody types them.
	hidden bool
	// help teaches: what the command promises, and an example.
	help string
	// offers completes an operand in a shell; nil offers nothing.
	offers source
	// setUp declares the flags and gives what carries the command out once they are parsed.
	setUp func(flags *pflag.FlagSet) action
	// teachMore adds to the help what the operands are about; nil adds nothing.
	teachMore func(console *console, operands []string)
}

// action carries a command out. Its error decides the exit code: see exitCode.
type action func(ctx context.Context, console *console, operands []string) error

// commands is the whole command line, in the order of --help.
func commands() []command {
	return []command{
		runCommand(),
		planCommand(),
		validateCommand(),
		testCommand(),
		initCommand(),
		recoverCommand(),
		rollbackCommand(),
		cancelCommand(),
		forgetCommand(),
		resolveCommand(),
		statusCommand(),
		confirmCommand(),
		runsCommand(),
		showCommand(),
		logCommand(),
		supportBundleCommand(),
		packCommand(),
		verifyCommand(),
		keysNewCommand(),
		keysListCommand(),
		keysImportCommand(),
		keysExportCommand(),
		cacheListCommand(),
		cacheVerifyCommand(),
		cacheCleanCommand(),
		graphCommand(),
		factsCommand(),
		stepsCommand(),
		describePluginCommand(),
		checkPluginCommand(),
		explainCommand(),
		schemaCommand(),
		completionCommand(),
		versionCommand(),
		takeOverCommand(),
		testInsideCommand(),
		completeCommand(),
	}
}
