package plan

import (
	"strings"

	"github.com/gwe-project/gwe/engine/internal/program"
	"github.com/gwe-project/gwe/engine/internal/runstate"
)

// Waits says where a run waits, for what, and for how long.
func (f *forecast) Waits(w *program.Waiting) []string {
	if w.Cause == runstate.CauseConfirm {
		lines := []string{"waits for `gwe confirm`, within " + f.Text(w.Within)}
		if w.Await != nil {
			line := "or until " + w.Await.Source
			if w.Hold != nil {
				line += " holds for " + f.Text(w.Hold)
			}
			lines = append(lines, line)
		}
		return lines
	}
	lines := []string{"reboots the machine: " + strings.Join(program.UsualReboot, " "), "waits for it, within " + f.Text(w.Within)}
	if w.Command != nil {
		lines[0] = "reboots the machine: " + f.Text(w.Command)
		if list, ok := w.Command.(program.List); ok && len(list) == 0 {
			lines = []string{"waits for a reboot by others, within " + f.Text(w.Within)}
		}
	}
	if w.Expect != nil {
		lines = append(lines, "expects "+w.Expect.Source)
	}
	if w.Await != nil {
		lines = append(lines, "awaits "+w.Await.Source)
	}
	return lines
}
