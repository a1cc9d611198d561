package runstate

import "encoding/json"

// stepList is what the records say to the operator of the steps that a run came to, in the order of the
// journal.
type stepList struct {
	all []StepDetail
	// frames are the places of the steps in all by the numbers of their frames.
	frames map[int]int
	// outputs are those of the recipe; others are the errors after the first, of undos, the failsafe and
	// finally.
	outputs map[string]json.RawMessage
	others  []ErrorRecord
}

func newStepList() *stepList { return &stepList{all: []StepDetail{}, frames: map[int]int{}} }

// listing is a fold that lists the steps, too.
func listing() *Recorded {
	h := NewRecorded()
	h.steps = newStepList()
	return h
}

// take adds one record. Records that say nothing to the operator are passed over.
func (l *stepList) take(kind string, decoded any) {
	switch r := decoded.(type) {
	case IntentRecord:
		l.all = append(l.all, StepDetail{StepName: r.named(r.Step, r.ID), Rounds: r.Rounds, State: StepBegun})
		l.frames[r.Frame] = len(l.all) - 1
	case ResultRecord:
		if kind != RecordEnded {
			l.takeResult(r)
		}
	case StepRecord:
		if kind != RecordBranches {
			l.takeStep(kind, r)
		}
	case CommittedRecord:
		l.takeStep(kind, r.StepRecord)
	case SuspendedRecord:
		waits := StepDetail{StepName: r.named(r.Step, r.ID), State: StepSuspended, Text: r.Awaited()}
		if last := l.last(); last != nil && last.State == StepSuspended { // one more attempt
			*last = waits
			return
		}
		l.all = append(l.all, waits)
	case ResumedRecord:
		if last := l.last(); last != nil {
			last.State, last.Text = StepResumed, ""
		}
	case PutBackRecord:
		l.failedIn(&r.Error)
	case UnwindRecord:
		if kind == RecordUnwind {
			l.turnedBack(r.Error)
		}
	case TroubleRecord:
		if kind == RecordStranded {
			l.turnedBack(r.Error)
		}
	case PutOffRecord:
		if one := l.frame(r.Frame); one != nil {
			one.State = StepPutOff
		}
	case HandedOverRecord:
		l.all = append(l.all, StepDetail{StepName: r.named(r.Step, r.ID), State: StepBegun, Text: r.To()})
	case TakenOverRecord:
		if last := l.last(); last != nil {
			last.State = StepDone
		}
	case UndoneRecord:
		l.takeUndone(kind, r)
	case EndRecord:
		l.outputs, l.others = r.Outputs, append(l.others, r.Others...)
		l.failedIn(r.Error)
	}
}

func (l *stepList) takeResult(r ResultRecord) {
	one := l.frame(r.Frame)
	if one == nil {
		l.all = append(l.all, StepDetail{StepName: r.named(r.Step, r.ID), Rounds: r.Rounds})
		one = l.last()
	}
	one.State, one.Outputs = StepDone, r.Outputs
}

// takeStep adds a step that made no frame.
func (l *stepList) takeStep(kind string, r StepRecord) {
	if r.Step == "" {
		r.Type = "commit" // the silent one, after the last step
	}
	one := StepDetail{StepName: r.named(r.Step, r.ID), Rounds: r.Rounds, State: StepState(kind), Text: r.Text}
	if kind == RecordSkipped && one.Type != "stop" && r.Text != "" {
		one.State, one.Error, one.Text = StepAllowed, r.Text, ""
	}
	l.all = append(l.all, one)
}

// turnedBack says why the run turned back: what it waited for is given up.
func (l *stepList) turnedBack(why ErrorRecord) {
	l.failedIn(&why)
	for i := range l.all {
		if l.all[i].State == StepSuspended {
			l.all[i].State = StepGivenUp
		}
	}
}

// failedIn says why a step failed, and adds one that made no frame.
func (l *stepList) failedIn(why *ErrorRecord) {
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

func (l *stepList) takeUndone(kind string, r UndoneRecord) {
	one := l.frame(r.Frame)
	if kind == RecordCleaned || one == nil || one.State == StepUndoFailed {
		return
	}
	switch {
	case len(r.Errors) > 0:
		one.State, one.Error = StepUndoFailed, r.Errors[0].Message
	case kind == RecordButLast && !r.Told:
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
