package command

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// explainedExit says what an exit code means and what to do about it. The meanings are the table of
// docs/exit-codes.md, which a test compares.
type explainedExit struct {
	code    string
	meaning string
	// machine says how the machine is, and next what to do.
	machine, next string
}

var explainedExits = [...]explainedExit{
	{"0", "done, or nothing to do. gwe recover: nothing is left to do, whichever way the run ended",
		"As asked for. After gwe recover: the new version or the old one; gwe status says which run ended how.", "nothing"},
	{"1", "gwe itself broke, or the machine under it",
		"If a run had begun, gwe recover finishes it from its journal.", "gwe status; gwe recover; the kernel's log for failing storage"},
	{"2", "usage, or an invalid recipe or input: nothing ran",
		"Untouched.", "correct the command line or the recipe: gwe COMMAND --help, gwe validate RECIPE"},
	{"3", "failed, and everything was rolled back",
		"As before the run.", "gwe log says which step failed; correct its cause and run again"},
	{"4", "failed, not everything could be rolled back, the failsafe is in place",
		"The recipe's failsafe is in place. Some undo failed, so other parts may be neither old nor new.",
		"gwe show names the undos that failed; put those parts right, or install a version on top"},
	{"5", "failed, manual intervention required",
		"An undo failed, or cannot be tried: the machine may be neither as before nor as wanted. Of gwe status, recover and run: an earlier run " +
			"is so, and is not resolved; or its journal is damaged.",
		"gwe status names the run; gwe resolve RUN says what is different and where the undo data lies; put that right by hand; " +
			"gwe resolve RUN --reason TEXT closes it. docs/repair-by-hand.md shows how. gwe support-bundle RUN makes a file for the vendor"},
	{"6", "refused before any effect: the first error is a guard, a lock, space, a bad signature",
		"Untouched.", "the last line and its hint say why; a busy lock names its holder, and gwe status says what that does"},
	{"7", "the new version is in place, but a step after the commit, or finally, failed",
		"The new version is in place and stays.", "gwe log says which step failed; carry it out by hand, or go back with gwe rollback"},
	{"75", "suspended: waits for a reboot or a confirmation, or, at boot, for the services that an undo needs",
		"In between, on purpose. gwe status says what the run waits for, and how long.",
		"gwe confirm confirms, gwe cancel rolls back, gwe recover looks at it; the units of examples/systemd do that by themselves"},
	{"128+n", "stopped by signal n (130 is Ctrl-C), after everything was rolled back",
		"As before the run. After a second signal, 137 (kill -9) or 134 (abort): in between, until gwe recover.", "gwe status; gwe recover"},
}

// exitCodes is the table of all.
func exitCodes() string {
	var text strings.Builder
	for _, one := range explainedExits {
		fmt.Fprintf(&text, "%-7s%s\n", one.code, one.meaning)
	}
	return text.String()
}

// explainExit explains the exit code of that name: a number, or "128+n". found is false for what is not an
// exit code of gwe.
func explainExit(out io.Writer, name string) (found bool, err error) {
	number, failure := strconv.Atoi(name)
	for _, one := range explainedExits {
		bySignal := one.code == "128+n" && failure == nil && number > 128 && number < 128+65
		if one.code != name && !bySignal {
			continue
		}
		title := "exit code " + name
		if bySignal {
			title += ": " + signalName(number-128)
		}
		_, err := fmt.Fprintf(out, "%s\n\n%s\n\nthe machine: %s\n\nnext: %s\n",
			title, folded(one.meaning, 110), folded(one.machine, 110), folded(one.next, 110))
		return true, err
	}
	return false, nil
}

func signalName(number int) string {
	if name := unix.SignalName(syscall.Signal(number)); name != "" {
		return name
	}
	return "signal " + strconv.Itoa(number)
}
