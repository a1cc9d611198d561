package engine

import (
	"cmp"
	"os"
	"path/filepath"
	"strings"

	"github.com/gwe-project/gwe/engine/fault"
	"github.com/gwe-project/gwe/engine/host"
	"github.com/gwe-project/gwe/engine/internal/runstate"
)

// interruptedRuns warns that a run now first recovers others: what is planned is planned for the machine as
// it is in between.
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

// unwatched reports that nothing on this machine continues a run that waits; nil where something does. A
// confirm needs a look at its deadline again and again, a reboot one look after the boot.
func (e *Engine) unwatched(wait runstate.Cause) *fault.Fault {
	var idle []string
	for _, found := range e.recoveries() {
		switch {
		case found.State != "" && filepath.Clean(found.State) != e.State.Directory:
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
	return fault.New(fault.Failed, "boot-unwatched", "nothing on this machine runs `gwe recover` after a boot%s: the run does not continue after the reboot", found).
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
