package engine

import (
	"os"
	"slices"
	"time"

	"github.com/gwe-project/gwe/engine/internal/runstate"
	"github.com/gwe-project/gwe/engine/process"
)

// noteUnfinished notes that this process works on the run.
func (x *runner) noteUnfinished() {
	self, err := process.Identify(os.Getpid())
	if err != nil {
		return
	}
	begin, state := x.state.Begin, x.config.State
	_ = runstate.Announce(state, x.config.Place, begin)
	notes := slices.DeleteFunc(runstate.ReadUnfinished(state), func(one runstate.UnfinishedRecord) bool { return one.Run == begin.Run })
	runstate.WriteUnfinished(state, append(notes, runstate.UnfinishedRecord{
		Run: x.folder.ID(), Recipe: begin.Recipe, Locks: begin.Locks, Began: time.Now().UTC(), Process: self,
	}))
}

// forgetUnfinished drops the note of a run that has ended. A commit settles what lost runs with the same lock left, too.
func (x *runner) forgetUnfinished(status Status) {
	x.config.Place.End(x.config.State.Folder, x.folder.ID())
	committed := status == runstate.StatusDone || status == runstate.StatusCommitted
	state := x.config.State
	notes := runstate.ReadUnfinished(state)
	left := slices.DeleteFunc(slices.Clone(notes), func(one runstate.UnfinishedRecord) bool {
		return one.Run == x.folder.ID() || committed && runstate.IsLost(state, one) && runstate.SharesLock(one.Locks, x.state.Begin.Names())
	})
	if len(left) < len(notes) {
		runstate.WriteUnfinished(state, left)
	}
}
