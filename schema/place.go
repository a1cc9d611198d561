package schema

// place is where a list of steps stands; it decides what its steps may have.
type place string

const (
	topLevel   place = "steps"
	inGroup    place = "a group"
	inBranch   place = "a branch of parallel"
	inUndo     place = "undo"
	inUndoLast place = "undo-last"
	inFailsafe place = "failsafe"
	inFinally  place = "finally"
)

// undone reports whether steps there are undone when the run fails: they may say how, and be groups.
func (w place) undone() bool { return w == topLevel || w == inGroup || w == inBranch }

// stops reports whether a stop may stand there.
func (w place) stops() bool { return w == topLevel || w == inGroup }

// within is the place of the steps of a group that stands there.
func (w place) within() place {
	if w == topLevel {
		return inGroup
	}
	return w
}
