package run

import (
	"os"
	"slices"
	"time"

	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/process"
)

// NoteUnfinished notes that this process works on the run.
func (x *Runner) NoteUnfinished() {
	self, err := process.Identify(os.Getpid())
	if err != nil {
		return
	}
	begin, state := x.State.Begin, x.Config.State
	_ = runstate.Announce(state, x.Config.Place, begin)
	notes := slices.DeleteFunc(runstate.ReadUnfinished(state), func(one runstate.UnfinishedRecord) bool { return one.Run == begin.Run })
	runstate.WriteUnfinished(state, append(notes, runstate.UnfinishedRecord{
		Run: x.Directory.ID(), Recipe: begin.Recipe, Locks: begin.Locks, Began: time.Now().UTC(), Process: self,
	}))
}

// forgetUnfinished drops the note of a run that has ended. A commit settles what lost runs with the same lock
// left, too.
func (x *Runner) forgetUnfinished(status runstate.Status) {
	x.Config.Place.End(x.Config.State.Directory, x.Directory.ID())
	committed := status == runstate.StatusDone || status == runstate.StatusCommitted
	state := x.Config.State
	notes := runstate.ReadUnfinished(state)
	left := slices.DeleteFunc(slices.Clone(notes), func(one runstate.UnfinishedRecord) bool {
		return one.Run == x.Directory.ID() || committed && runstate.IsLost(state, one) && runstate.SharesLock(one.Locks, x.State.Begin.Names())
	})
	if len(left) < len(notes) {
		runstate.WriteUnfinished(state, left)
	}
}
