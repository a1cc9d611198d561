package runstate

import (
	"os"
	"slices"
	"time"

	"github.com/gwe-project/gwe/engine/regular"
	"github.com/gwe-project/gwe/engine/step"
	"github.com/gwe-project/gwe/engine/tasklog"
)

// Overview is what is in progress in a state directory now.
type Overview struct {
	// Running is the process that works on the state; absent where there is none.
	Running *Activity `json:"running,omitempty"`
	// State is why the state directory cannot be written now; absent where it can. No run begins or is
	// recovered then.
	State *Warning `json:"state,omitempty"`
	// Pending are runs that died, or wait: `gwe recover` continues them.
	Pending []Summary `json:"pending"`
	// Damaged are runs whose journal cannot be read, and that no operator has resolved. One that may still
	// owe an undo blocks all others.
	Damaged []Summary `json:"damaged"`
	// Broken are runs that ended with exit code 5, that no operator has resolved, and after which no run with
	// the same lock has committed.
	Broken []Summary `json:"broken"`
	// Lost are runs that had begun, and whose journal was deleted before they had ended.
	Lost []Summary `json:"lost"`
	// Abandoned is what runs kept for their undo and what gwe could not remove when no undo needed it any
	// more.
	Abandoned []Abandoned `json:"abandoned,omitempty"`
	// Last is the newest run that ended, or an older one that was rolled back by hand since; absent where
	// none has.
	Last *Summary `json:"last,omitempty"`
	// Targets are the directories that were asked for, by --target.
	Targets []Target `json:"targets,omitempty"`
	// Now is what runs on the machine, as the recipe of the newest ended run says it; releases and programs
	// also as those of other targets do.
	Now []step.Report `json:"now"`
	// Rollback are the ids of the runs that can be rolled back, oldest first.
	Rollback []string `json:"rollback"`
}

// Activity is what a process does now.
type Activity struct {
	// PID is the process.
	PID int `json:"pid"`
	// Run is the id of the run that it works on; absent where it has come to none yet.
	Run string `json:"run,omitempty"`
	// Recipe is the name of that run's recipe.
	Recipe string `json:"recipe,omitempty"`
	// Lost is true where the state directory was deleted while the process works: if it dies, nothing can be
	// undone.
	Lost bool `json:"lost,omitempty"`
	// Stopped is true for a process that was stopped by a signal (SIGSTOP).
	Stopped bool `json:"stopped,omitempty"`
	// Work is run, recover or rollback.
	Work string `json:"work,omitempty"`
	// Since is when it began that.
	Since *time.Time `json:"since,omitempty"`
	// Next is what to do about it, by command; absent where there is nothing to do.
	Next string `json:"next,omitempty"`
	// Steps are the tasks in progress, the outermost first: several where branches run side by side.
	Steps []RunningTask `json:"steps"`
}

// RunningTask is a task that has begun and not ended.
type RunningTask struct {
	// Type says what the task is: "step", "attempt", "undo" and so on, as in the log.
	Type string `json:"type"`
	// Step is the id of the step that it belongs to; absent where that has none.
	Step string `json:"step,omitempty"`
	// Action is the keyword of the step: "unpack", "group".
	Action string `json:"action,omitempty"`
	// Item is the item of the step's round.
	Item string `json:"item,omitempty"`
	// Path says where the step stands in the recipe: "steps[3].undo[0]".
	Path string `json:"path,omitempty"`
	// Name is what the log calls the task.
	Name string `json:"name"`
	// Since is when it began.
	Since time.Time `json:"since"`
}

// Broken lists the runs that ended with exit code 5 and that are not settled since: by an operator, or by a
// later commit of a run with the same lock.
func Broken(list []Summary) []Summary {
	left := []Summary{}
	for _, ended := range list {
		switch {
		case ended.Status == StatusBroken && ended.Resolved == nil:
			left = append(left, ended)
		case ended.Status == StatusDone, ended.Status == StatusCommitted:
			left = slices.DeleteFunc(left, func(earlier Summary) bool { return SharesLock(earlier.Locks, ended.Locks) })
		}
	}
	return left
}

// Unresolved lists the runs that an operator has to look at and that block no other run: those that ended
// with exit code 5, those whose journal was deleted before they had ended, and those that had ended before
// their journal was damaged.
func (s State) Unresolved() ([]Summary, error) {
	list, err := s.List()
	if err != nil {
		return nil, err
	}
	left := append(Broken(list), LostRuns(s)...)
	for _, one := range list {
		if one.Status == StatusDamaged && one.Resolved == nil && !one.Blocks {
			left = append(left, one)
		}
	}
	return left, nil
}

// ActivityOf reads what a process does from the log that it writes.
func ActivityOf(s State, held Holder) *Activity {
	doing := &Activity{PID: held.PID, Run: held.Run, Recipe: held.Recipe, Lost: held.Lost, Stopped: held.Suspended(), Steps: []RunningTask{}}
	if held.Run == "" {
		return doing
	}
	for i, event := range OpenTasks(s, held.Run) {
		if i == 0 {
			doing.Work, doing.Since = event.Type, &event.Time
			continue
		}
		doing.Steps = append(doing.Steps, RunningTask{
			Type: event.Type, Step: event.Step, Action: event.Action, Item: event.Item, Path: event.Path, Name: event.Name, Since: event.Time,
		})
	}
	return doing
}

// OpenTasks reads the tasks of a run that have begun and not ended from the log of the last process that
// worked on it.
func OpenTasks(s State, id string) openTasks {
	files, err := DirectoryOf(s, id).listLogs()
	if err != nil || len(files) == 0 {
		return nil
	}
	file, err := regular.Open(files[len(files)-1], os.O_RDONLY, 0)
	if err != nil {
		return nil
	}
	defer file.Close()
	var begun openTasks
	_, _ = tasklog.Replay(file, &begun)
	return begun
}

// openSteps are those of them that are steps on the way forward.
func (s State) openSteps(id string) []tasklog.Event {
	var steps []tasklog.Event
	for _, event := range OpenTasks(s, id) {
		if event.Type == "step" && event.Path != "" {
			steps = append(steps, event)
		}
	}
	return steps
}

// addOpen adds the steps that have begun and made no frame, since they only look.
func (d *Detail) addOpen(open []tasklog.Event) {
	for _, event := range open {
		if !slices.ContainsFunc(d.Steps, func(one StepDetail) bool { return one.Path == event.Path && one.Item == event.Item }) {
			named := StepName{Name: event.Name, ID: event.Step, Type: event.Action, Item: event.Item, Path: event.Path}
			if event.Name == event.Action || event.Name == event.Step+" ("+event.Action+")" {
				named.Name = "" // the log makes one
			}
			d.Steps = append(d.Steps, StepDetail{StepName: named, State: StepBegun})
		}
	}
}

// openTasks keeps the tasks that have begun and not ended, in the order in which they began.
type openTasks []tasklog.Event

// Handle implements tasklog.Sink.
func (o *openTasks) Handle(event tasklog.Event) {
	switch event.Kind {
	case tasklog.Started:
		*o = append(*o, event)
	case tasklog.Ended:
		for i, begun := range *o {
			if begun.Task == event.Task {
				*o = append((*o)[:i], (*o)[i+1:]...)
				return
			}
		}
	}
}

// ExitCode gives the exit code of `gwe status`.
func (o Overview) ExitCode() int {
	needs := func(one Summary) bool { return one.Blocks || !one.RecoveryFailed.IsZero() }
	switch {
	case o.State != nil && len(o.Pending) > 0, len(o.Broken) > 0, len(o.Lost) > 0, o.Running != nil && o.Running.Lost, slices.ContainsFunc(o.Damaged, needs), slices.ContainsFunc(o.Pending, needs):
		return ExitBroken
	case o.Running != nil || len(o.Pending) > 0:
		return ExitWaiting
	}
	return ExitDone
}
