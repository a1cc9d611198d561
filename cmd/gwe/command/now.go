package command

import (
	"fmt"
	"strings"

	"github.com/gwe-project/gwe/engine/step"
)

// nowLines say what runs, one line for each kind.
func nowLines(now []step.Report) []string {
	var lines []string
	for _, kind := range []step.ReportKind{step.ReportRelease, step.ReportProgram, step.ReportHealth} {
		var parts []string
		for _, one := range now {
			if one.Kind == kind {
				parts = append(parts, nowText(one))
			}
		}
		if len(parts) > 0 {
			lines = append(lines, string(kind)+" "+strings.Join(parts, ", "))
		}
	}
	return lines
}

func nowText(one step.Report) string {
	text := one.Name + ": " + one.State
	switch {
	case one.Kind == step.ReportRelease && one.Good:
		text = one.Name + " -> " + one.State
	case one.Kind == step.ReportProgram && one.Good:
		text = one.Name + " " + one.State
	}
	return strings.Join(strings.Fields(text), " ")
}

// tellNow is the last line of a run for people: what runs.
func tellNow(console *console, now []step.Report) error {
	if len(now) == 0 || console.global.output == "json" {
		return nil
	}
	_, err := fmt.Fprintln(console.stdout, fitted(console.stdout, "now: "+strings.Join(nowLines(now), "; "), len("now: ")))
	return err
}
