package supervisor

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"

	"github.com/gwe-project/gwe/engine/durable"
	"github.com/gwe-project/gwe/engine/step"
)

// picture is what supervisord had before a step, as far as the step may touch it.
type picture struct {
	// Programs are those of the groups that the step may touch.
	Programs []program `json:"programs,omitempty"`
	// Pending is what the files differed in already: a later difference is the doing of the run.
	Pending report `json:"pending,omitzero"`
	// Daemon is the pid of supervisord, and Known are all groups that it knew: where another process answers
	// at the undo, it has read what the run wrote meanwhile.
	Daemon int      `json:"daemon,omitempty"`
	Known  []string `json:"known,omitempty"`
	// Kept are the groups that an earlier frame of the same run restores.
	Kept []string `json:"kept,omitempty"`
	// Keeps are the leases by which later frames know that this one puts the groups back.
	Keeps []string `json:"keeps,omitempty"`
}

// take makes a picture of some groups; none given are all, known and new.
func (d *daemon) take(ctx context.Context, run *step.Run, groups []string) (picture, error) {
	all, err := d.programs(ctx)
	if err != nil {
		return picture{}, err
	}
	// Files that cannot be read stop an update, not a stop or a start.
	pending, err := d.reread(ctx)
	if err != nil && !isFault(err, faultCantReread) {
		return picture{}, err
	}
	if len(groups) == 0 {
		groups = slices.Concat(groupNames(all), pending.Added)
	}
	taken := picture{Programs: inGroups(all, groups), Pending: pending.only(groups), Known: groupNames(all)}
	if taken.Daemon, err = d.pid(ctx); err != nil {
		return picture{}, err
	}
	for _, group := range groups {
		if run.Leased(d.mark(run, group)) {
			taken.Kept = append(taken.Kept, group)
		}
	}
	return taken, nil
}

// keep makes the frame one that puts the groups back for all later ones.
func (p *picture) keep(d *daemon, run *step.Run, groups []string) {
	for _, group := range groups {
		p.Keeps = append(p.Keeps, d.mark(run, group))
	}
}

// mark is the name that a frame leases to say that it puts a group back. Nothing is ever at it; the run is in
// it, so no other run's lease is taken for it.
func (d *daemon) mark(run *step.Run, group string) string {
	daemon := sha256.Sum256([]byte(d.endpoint + d.shown))
	return fmt.Sprintf("/run/%ssupervisor-%s-%x-%s", durable.Prefix, run.ID, daemon[:4], url.PathEscape(group))
}

// touchedName is the file in Run.Directory that names the groups which Do is about to touch.
const touchedName = "touched"

// touch writes down which groups will be touched, before the first one is. The caller makes it durable.
func touch(run *step.Run, groups []string) error {
	text, err := json.Marshal(groups)
	if err != nil {
		return err
	}
	return durable.WriteChecked(filepath.Join(run.Directory, touchedName), text)
}

// touchAtOnce is touch, durable.
func touchAtOnce(run *step.Run, groups []string) error {
	if err := touch(run, groups); err != nil {
		return err
	}
	return durable.SyncFileSystems(run.Directory)
}

// touched gives the groups that Do may have touched; none where it did not come that far, or was undone.
func touched(run *step.Run) ([]string, error) {
	text, err := durable.ReadChecked(filepath.Join(run.Directory, touchedName))
	if err != nil || len(text) == 0 {
		return nil, err
	}
	var groups []string
	err = json.Unmarshal(text, &groups)
	return groups, durable.Explain(err, "cannot read which groups were touched")
}

// untouch takes the note away once all is restored.
func untouch(run *step.Run) error {
	if err := durable.RemoveChecked(filepath.Join(run.Directory, touchedName)); err != nil {
		return &step.Leftover{Err: err}
	}
	return nil
}
