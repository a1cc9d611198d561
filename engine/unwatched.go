package engine

import (
	"cmp"
	"os"
	"path/filepath"
	"strings"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/host"
	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
)

// interruptedRuns warns that a run now first recovers others: what is planned is planned for the machine as it is in between.
func (e *Engine) interruptedRuns() (warnings []Warning) {
	list, _ := e.State.List()
	for _, one := range list {
		if one.Status != runstate.StatusPending || one.Resolved != nil {
			continue
		}
		told := Warning{Code: "run-interrupted", Text: "run " + one.Run + " of " + one.Recipe + " was interrupted, and a run now recovers it first: then the machine is not as it was planned for here",
			Hint: "plan again after `gwe recover`"}
		if !one.RecoveryFailed.IsZero() {
			told.Text = "run " + one.Run + " of " + one.Recipe + " was interrupted, and its recovery failed: " + one.Error + "; where it fails again, a run now is refused"
			told.Hint = cmp.Or(one.Hint, "`gwe recover` tries again")
		}
		warnings = append(warnings, told)
	}
	return warnings
}

// unwatched reports that nothing on this machine goes on with a run that waits; nil where something does. A confirm needs a look at its
// deadline again and again, a reboot one look behind the boot.
func (e *Engine) unwatched(wait runstate.Cause) *fault.Fault {
	var idle []string
	for _, found := range e.recoveries() {
		switch {
		case found.State != "" && filepath.Clean(found.State) != e.State.Folder:
			idle = append(idle, found.Source+" looks at another state directory, "+found.State)
		case found.Idle != "":
			idle = append(idle, found.Source+" does, but "+found.Idle)
		case !found.Periodic && wait == runstate.CauseConfirm:
			idle = append(idle, found.Source+" does, but only once a boot")
		default:
			return nil
		}
	}
	found := ""
	if len(idle) > 0 {
		found = " (" + strings.Join(idle, "; ") + ")"
	}
	if wait == runstate.CauseConfirm {
		return fault.New(fault.Failed, "deadline-unwatched", "nothing on this machine runs `gwe recover` again and again%s: a run that is not confirmed in time is not rolled back", found).
			WithHint("%s", installTimer)
	}
	return fault.New(fault.Failed, "boot-unwatched", "nothing on this machine runs `gwe recover` behind a boot%s: the run does not go on after the reboot", found).
		WithHint("%s", installTimer)
}

const installTimer = "install examples/systemd/gwe-resume.service and gwe-resume.timer in /etc/systemd/system, then systemctl enable --now gwe-resume.timer; " +
	"without systemd, a line in /etc/crontab: * * * * * root /usr/bin/gwe recover"

// recoveries are what runs gwe recover on the machine.
func (e *Engine) recoveries() []host.Recovery {
	if e.Recoveries != nil {
		return e.Recoveries()
	}
	compiled := "gwe"
	if path, err := os.Executable(); err == nil {
		compiled = filepath.Base(path)
	}
	return host.Recoveries("/", compiled)
}

// warnings lists what the rows ask for and nothing on this machine does: each once.
func (x *runner) warnings(rows []PlannedStep) (all []Warning) {
	seen := map[runstate.Cause]bool{}
	for _, row := range rows {
		n := x.program.ByPath[row.Path]
		if n == nil || program.As[*program.Waiting](n) == nil || row.Guard == program.WillSkip || seen[program.As[*program.Waiting](n).Cause] {
			continue
		}
		seen[program.As[*program.Waiting](n).Cause] = true
		if why := x.config.Unwatched(program.As[*program.Waiting](n).Cause); why != nil {
			all = append(all, runstate.WarningOf(why))
		}
	}
	return append(all, x.undoWarnings(rows)...)
}

// undoWarnings lists the steps whose undo runs a program that is not there, and that no step above it brings as far as gwe knows. A program
// that runs before may bring it all the same, so this refuses nothing.
func (x *runner) undoWarnings(rows []PlannedStep) (all []Warning) {
	var before earlier
	for _, row := range rows {
		if row.Section != "steps" || row.Guard == program.WillSkip {
			continue
		}
		before.paths = append(before.paths, row.Touches...)
		if row.UndoErr != nil && before.leaves(row.UndoErr) {
			all = append(all, runstate.WarningOf(fault.New(fault.Failed, "undo-would-fail", "the undo of %s would fail, as things stand: %v", row.Named, row.UndoErr).
				WithHint("install what it runs before the update, or name another program")))
		}
	}
	return all
}
