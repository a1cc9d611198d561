package engine

import (
	"strings"

	"github.com/gwe-project/gwe/engine/internal/runstate"
)

// Waits says where a run waits, for what, and for how long.
func (f *forecast) Waits(w *waiting) []string {
	if w.cause == runstate.CauseConfirm {
		lines := []string{"waits for `gwe confirm`, within " + f.Text(w.within)}
		if w.await != nil {
			line := "or until " + w.await.source
			if w.hold != nil {
				line += " holds for " + f.Text(w.hold)
			}
			lines = append(lines, line)
		}
		return lines
	}
	lines := []string{"reboots the machine: " + strings.Join(usualReboot, " "), "waits for it, within " + f.Text(w.within)}
	if w.command != nil {
		lines[0] = "reboots the machine: " + f.Text(w.command)
		if list, ok := w.command.(list); ok && len(list) == 0 {
			lines = []string{"waits for a reboot by others, within " + f.Text(w.within)}
		}
	}
	if w.expect != nil {
		lines = append(lines, "expects "+w.expect.source)
	}
	if w.await != nil {
		lines = append(lines, "awaits "+w.await.source)
	}
	return lines
}
