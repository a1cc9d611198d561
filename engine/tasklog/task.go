package tasklog

import (
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/gwe-project/gwe/engine/fault"
)

// Task is an open task. Its methods may be called from several goroutines. A nil Task swallows all: tests and
// callers without a log need no special case.
type Task struct {
	log    *log
	id     int
	parent int
	step   Step
	began  time.Time
}

type log struct {
	mutex sync.Mutex
	next  int
	sink  Sink
}

// Begin opens the first task of a run.
func Begin(sink Sink, kind, name string) *Task {
	l := &log{sink: sink}
	return l.open(0, kind, name, Step{})
}

func (l *log) open(parent int, kind, name string, step Step) *Task {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.next++
	task := &Task{log: l, id: l.next, parent: parent, step: step, began: time.Now()}
	l.sink.Handle(Event{
		Time: task.began, Kind: Started, Task: task.id, Parent: parent, Type: kind, Name: flat(name),
		Step: step.ID, Path: step.Path, Action: step.Action, Item: flat(step.Item), Number: step.Number, Of: step.Of, Allowed: step.MayFail,
	})
	return task
}

// Step says to which step of a run a task belongs; the zero Step is none.
type Step struct {
	// ID is the step's id, or ""; Path is where it stands in the recipe: "steps[3].undo[0]".
	ID, Path string
	// Action is its keyword, "unpack" say, and Item the item of its round, where there is a for-each around
	// it.
	Action, Item string
	// Number and Of are its place among the steps, rounds or undos around it, from 1; 0 where they are not
	// counted.
	Number, Of int
	// MayFail is set where the step may fail: what is around it continues then.
	MayFail bool
}

// Begin opens a task below this one, of the same step. kind is run, attempt, undo, ...
func (t *Task) Begin(kind, name string) *Task {
	return t.BeginCounted(kind, name, 0, 0)
}

// BeginCounted is Begin for one of several tasks of a kind: attempt number 2 of 5.
func (t *Task) BeginCounted(kind, name string, number, of int) *Task {
	if t == nil {
		return nil
	}
	step := t.step
	step.Number, step.Of = number, of
	return t.log.open(t.id, kind, name, step)
}

// BeginStep opens the task of a step below this one. kind is step, round, undo, ...
func (t *Task) BeginStep(kind, name string, step Step) *Task {
	if t == nil {
		return nil
	}
	return t.log.open(t.id, kind, name, step)
}

// Info writes lines for people.
func (t *Task) Info(text string) { t.lines(Info, text) }

// Warn writes lines that a person should see even when all goes well.
func (t *Task) Warn(text string) { t.lines(Warning, text) }

// Output writes lines that a child process wrote.
func (t *Task) Output(text string) { t.lines(Output, text) }

func (t *Task) lines(level Level, text string) {
	if t == nil {
		return
	}
	t.log.mutex.Lock()
	defer t.log.mutex.Unlock()
	now := time.Now() // under the lock, so that times are in the order of the events
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		text := clean(strings.TrimSuffix(line, "\r"))
		t.log.sink.Handle(Event{Time: now, Kind: Line, Task: t.id, Parent: t.parent, Level: level, Text: text})
	}
}

// Progress tells how far the task is; total 0 is unknown. Callers may call it as often as they like:
// renderers thin it.
func (t *Task) Progress(current, total int64, unit string) {
	if t == nil {
		return
	}
	t.emit(Event{Kind: Progress, Current: current, Total: total, Unit: unit})
}

// Limit says that the task has so much time from now on. setting names what bounds it: timeout, within, ...
func (t *Task) Limit(setting string, limit time.Duration) {
	if t == nil || limit <= 0 {
		return
	}
	t.emit(Event{Kind: Limit, Name: setting, Seconds: limit.Seconds()})
}

// Done ends the task well; text may say more, or be "".
func (t *Task) Done(text string) { t.end(Event{Status: Done, Text: text}) }

// Skip ends a task that was not carried out; text says why.
func (t *Task) Skip(text string) { t.end(Event{Status: Skipped, Text: text}) }

// Fail ends the task with an error; its class gives the status.
func (t *Task) Fail(err error) { t.end(failed(err)) }

// Forgive ends a task that failed and was allowed to: what is around it continues.
func (t *Task) Forgive(err error) {
	event := failed(err)
	event.Allowed = true
	t.end(event)
}

func failed(err error) Event {
	event := Event{Status: Status(fault.ClassOf(err)), Error: err.Error()}
	if f := fault.As(err); f != nil {
		event.Code, event.Hint = f.Code, f.Hint
	}
	return event
}

func (t *Task) end(event Event) {
	if t == nil {
		return
	}
	event.Kind, event.Seconds = Ended, time.Since(t.began).Seconds()
	event.Text, event.Error, event.Hint = flat(event.Text), flat(event.Error), flat(event.Hint)
	t.emit(event)
}

func (t *Task) emit(event Event) {
	t.log.mutex.Lock()
	defer t.log.mutex.Unlock()
	event.Time, event.Task, event.Parent = time.Now(), t.id, t.parent
	t.log.sink.Handle(event)
}

// flat makes one clean line of text that may have several: an error that joins others, say.
func flat(text string) string {
	return clean(strings.ReplaceAll(strings.TrimSpace(text), "\n", "; "))
}

// escapes are the terminal's escape sequences: colours, cursor movements, titles.
var escapes = regexp.MustCompile(`\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[@-Z\\^_])`)

// clean makes text fit for a terminal and for JSON: valid UTF-8, no control characters but tabs, no escape
// sequences.
func clean(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if strings.ContainsRune(text, '\x1b') {
		text = escapes.ReplaceAllString(text, "")
	}
	return strings.Map(func(r rune) rune {
		if r == '\t' || r >= ' ' && r != 0x7f && !(r >= 0x80 && r < 0xa0) {
			return r
		}
		return '\uFFFD'
	}, text)
}
