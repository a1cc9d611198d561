package command

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gwe-project/gwe/cmd/gwe/trial"
	"github.com/gwe-project/gwe/engine/regular"
	"github.com/gwe-project/gwe/recipes"
	"github.com/gwe-project/gwe/schema"
)

const (
	// shownLog is how many lines of the log are shown of the first test that a cause made fail; -v shows all.
	shownLog = 12
	// shownDetails is the same for how a tree differs.
	shownDetails = 20
)

// showCauses says why tests did not pass: each cause once, with the tests that share it and the log of the
// first of them.
func showCauses(console *console, all []trial.Result) error {
	for _, cause := range trial.Causes(all) {
		fmt.Fprintln(console.stdout)
		if err := (schema.Diagnostics{cause.Told}).Render(console.stdout, sourceOf); err != nil {
			return err
		}
		details, left := cause.Details, len(cause.Details)-shownDetails
		if left > 0 && !console.global.verbose {
			details = append(details[:shownDetails:shownDetails], fmt.Sprintf("... %d lines below; -v shows them", left))
		}
		for _, line := range details {
			fmt.Fprintln(console.stdout, "    "+harmless(line))
		}
		showSharing(console, cause)
		showFirstLog(console, cause)
	}
	return nil
}

// sourceOf reads the file of a diagnostic, a shipped recipe too; nil where it cannot.
func sourceOf(file string) []byte {
	if text, err := regular.ReadForeign(context.Background(), file, schema.MaxBytes); err == nil {
		return text
	}
	text, _ := recipes.Read(strings.TrimSuffix(file, ".yaml"))
	return text
}

// showSharing lists the tests of a cause, one line a case.
func showSharing(console *console, cause *trial.Cause) {
	if len(cause.Tests) == 1 {
		one := cause.Tests[0]
		fmt.Fprintf(console.stdout, "  in %s:%d: %s\n", one.File, one.Line, strings.TrimSuffix(one.Case+": "+one.Fault, ": "))
		return
	}
	fmt.Fprintf(console.stdout, "  in %d tests:\n", len(cause.Tests))
	for rest := cause.Tests; len(rest) > 0; {
		first, count := rest[0], 0
		for count < len(rest) && rest[count].File == first.File && rest[count].Line == first.Line {
			count++
		}
		places := trial.Places(rest[:count])
		if places != "" {
			places = ": " + places
		}
		fmt.Fprintf(console.stdout, "    %s:%d: %s%s\n", first.File, first.Line, first.Case, places)
		rest = rest[count:]
	}
}

// showFirstLog shows what followed from an error in the first test of a cause, and the end of its log; after
// an error that nobody wanted, the part up to that.
func showFirstLog(console *console, cause *trial.Cause) {
	first := cause.Tests[0]
	if first.Error != "" {
		fmt.Fprintln(console.stdout, "  what follows from it:")
		for _, problem := range first.Problems {
			fmt.Fprintln(console.stdout, "    "+strings.ReplaceAll(harmless(problem), "\n", "\n    "))
		}
	}
	lines := strings.Split(strings.TrimSpace(first.Log), "\n")
	if at := slices.IndexFunc(lines, func(line string) bool { return strings.Contains(line, " back what was done: started") }); at >= 0 && first.Error != "" && first.Fault == "" {
		lines = lines[:at]
	}
	which := "the log"
	if len(cause.Tests) > 1 {
		which += " of the first"
	}
	fmt.Fprintf(console.stdout, "  %s:\n", which)
	if left := len(lines) - shownLog; left > 0 && !console.global.verbose {
		fmt.Fprintf(console.stdout, "    | ... %d lines above; -v shows them\n", left)
		lines = lines[left:]
	}
	for _, line := range lines {
		fmt.Fprintln(console.stdout, "    | "+harmless(line))
	}
}
