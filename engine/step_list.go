package engine

import "encoding/json"

// stepList is what the records say to the operator of the steps that a run came to, in the order of the journal.
type stepList struct {
	all []StepDetail
	// frames are the places of the steps in all by the numbers of their frames.
	frames map[int]int
	// outputs are those of the recipe; others are the errors after the first, of undos, the failsafe and finally.
	outputs map[string]json.RawMessage
	others  []errorRecord
}

func newStepList() *stepList { return &stepList{all: []StepDetail{}, frames: map[int]int{}} }

// listing is a fold that lists the steps, too.
func listing() *recorded {
	h := newRecorded()
	h.steps = newStepList()
	return h
}

// take adds one record. Records that say nothing to the operator are passed over.
func (l *stepList) take(kind string, decoded any) {
	switch r := decoded.(type) {
	case intentRecord:
		l.all = append(l.all, StepDetail{StepName: r.named(r.Step, r.ID), Rounds: r.Rounds, State: StepBegun})
		l.frames[r.Frame] = len(l.all) - 1
	case resultRecord:
		if kind != recordEnded {
			l.takeResult(r)
		}
	case stepRecord:
		if kind != recordBranches {
			l.takeStep(kind, r)
		}
	case committedRecord:
		l.takeStep(kind, r.stepRecord)
	case suspendedRecord:
		waits := StepDetail{StepName: r.named(r.Step, r.ID), State: StepSuspended, Text: r.awaited()}
		if last := l.last(); last != nil && last.State == StepSuspended { // one more attempt
			*last = waits
			return
		}
		l.all = append(l.all, waits)
	case resumedRecord:
		if last := l.last(); last != nil {
			last.State, last.Text = StepResumed, ""
		}
	case putBackRecord:
		l.failedIn(&r.Error)
	case unwindRecord:
		if kind == recordUnwind {
			l.turnedBack(r.Error)
		}
	case troubleRecord:
		if kind == recordStranded {
			l.turnedBack(r.Error)
		}
	case putOffRecord:
		if one := l.frame(r.Frame); one != nil {
			one.State = StepPutOff
		}
	case handedOverRecord:
		l.all = append(l.all, StepDetail{StepName: r.named(r.Step, r.ID), State: StepBegun, Text: r.to()})
	case takenOverRecord:
		if last := l.last(); last != nil {
			last.State = StepDone
		}
	case undoneRecord:
		l.takeUndone(kind, r)
	case endRecord:
		l.outputs, l.others = r.Outputs, append(l.others, r.Others...)
		l.failedIn(r.Error)
	}
}

func (l *stepList) takeResult(r resultRecord) {
	one := l.frame(r.Frame)
	if one == nil {
		l.all = append(l.all, StepDetail{StepName: r.named(r.Step, r.ID), Rounds: r.Rounds})
		one = l.last()
	}
	one.State, one.Outputs = StepDone, r.Outputs
}

// takeStep adds a step that made no frame.
func (l *stepList) takeStep(kind string, r stepRecord) {
	if r.Step == "" {
		r.Type = "commit" // the silent one, after the last step
	}
	one := StepDetail{StepName: r.named(r.Step, r.ID), Rounds: r.Rounds, State: StepState(kind), Text: r.Text}
	if kind == recordSkipped && one.Type != "stop" && r.Text != "" {
		one.State, one.Error, one.Text = StepAllowed, r.Text, ""
	}
	l.all = append(l.all, one)
}

// turnedBack says why the run turned back: what it waited for is given up.
func (l *stepList) turnedBack(why errorRecord) {
	l.failedIn(&why)
	for i := range l.all {
		if l.all[i].State == StepSuspended {
			l.all[i].State = StepGivenUp
		}
	}
}

// failedIn says why a step failed, and adds one that made no frame.
func (l *stepList) failedIn(why *errorRecord) {
	if why == nil || why.Where == nil {
		return
	}
	at := len(l.all) - 1 // the newest: it may have been attempted before
	for at >= 0 && (l.all[at].Path != why.Where.Path || l.all[at].Item != why.Where.Item) {
		at--
	}
	if at < 0 {
		l.all, at = append(l.all, StepDetail{StepName: *why.Where, State: StepFailed}), len(l.all)
	}
	if l.all[at].Error == "" {
		l.all[at].Error = why.Message
	}
}

func (l *stepList) takeUndone(kind string, r undoneRecord) {
	one := l.frame(r.Frame)
	if kind == recordCleaned || one == nil || one.State == StepUndoFailed {
		return
	}
	switch {
	case len(r.Errors) > 0:
		one.State, one.Error = StepUndoFailed, r.Errors[0].Message
	case kind == recordButLast && !r.Told:
		one.State = StepUndoneFirst
	default:
		one.State = StepUndone
	}
}

func (l *stepList) frame(number int) *StepDetail {
	if at, known := l.frames[number]; known {
		return &l.all[at]
	}
	return nil
}

// last is the newest step; nil if there is none.
func (l *stepList) last() *StepDetail {
	if len(l.all) == 0 {
		return nil
	}
	return &l.all[len(l.all)-1]
}
