package tasklog

import (
	"io"
	"slices"
	"strings"
	"sync"
	"time"
)

// TreeOptions are how a tree is drawn.
type TreeOptions struct {
	// Depth is how many levels are shown while all is well: tasks at that depth or above, and lines of tasks
	// above it. 0 shows everything. Warnings are always shown.
	Depth int
	// Color uses terminal colours.
	Color bool
	// Live draws below the last line what runs now, how long and how far, and keeps that up to date: the
	// output is a terminal that can move its cursor. Such a tree must be closed.
	Live bool
	// Size gives the columns and rows of the terminal: lines are folded at its width. nil is an output that
	// never folds.
	Size func() (columns, rows int)
	// Buffer is how many lines a task keeps back for the case that it fails; 0 is 2000.
	Buffer int
}

// Tree draws the tasks for people.
//
//	@ ota:
//	  # Pre-install: Success (in 0:00:03)
//	  # Post-install:
//	    * | cannot open the database
//	    * failed: .post-install ended with exit code 1 [hook-failed]
//	  # Post-install: ERROR (in 0:00:01)
//	@ ota: ERROR (in 0:00:05)
//
// The opening line of a task is drawn once something below it is. A task that fails out of sight tells its
// whole story to the task above, and the first one in sight that fails shows it; where that one ends well
// after all (a later attempt succeeded, say), nothing is shown.
type Tree struct {
	out     io.Writer
	options TreeOptions
	// guard lies around all below: the status is drawn by a goroutine of its own.
	guard sync.Mutex
	tasks map[int]*branch
	// fresh are the lines that this event adds for good.
	fresh strings.Builder
	live  live
	err   error
}

// branch is an open task.
type branch struct {
	started Event
	above   *branch
	// depth is 1 for the run's own task.
	depth int
	// below are the open tasks right below it.
	below []*branch
	// shared is true once a sibling was open at the same time.
	shared bool
	// numbered is true once an open sibling had the same name: the task's number tells them apart.
	numbered bool
	// headed is true once its opening line is on the screen.
	headed bool
	story  story
	// told are the errors that tasks below have explained.
	told     []string
	progress *Event
	speed    speed
	// bounds are the times that it may take, by the setting.
	bounds map[string]bound
	// failed is the opening of an attempt below it that failed, until the next one begins.
	failed *Event
	// rested is when a task below it ended: most often the next one begins at once.
	rested time.Time
}

// NewTree draws on out.
func NewTree(out io.Writer, options TreeOptions) *Tree {
	if options.Buffer <= 0 {
		options.Buffer = 2000
	}
	t := &Tree{out: out, options: options, tasks: map[int]*branch{}}
	if options.Live {
		t.beat()
	}
	return t
}

// Handle draws an event.
func (t *Tree) Handle(event Event) {
	t.guard.Lock()
	defer t.guard.Unlock()
	switch event.Kind {
	case Started:
		t.start(event)
	case Line:
		if b := t.tasks[event.Task]; b != nil {
			t.line(b, event)
		}
	case Progress:
		if b := t.tasks[event.Task]; b != nil {
			b.progress = &event
			b.speed.add(event.Time, event.Current)
		}
	case Limit:
		if b := t.tasks[event.Task]; b != nil {
			b.bounds[event.Name] = bound{event.Time, time.Duration(event.Seconds * float64(time.Second))}
		}
	case Ended:
		if b := t.tasks[event.Task]; b != nil {
			b.pass(event)
			t.end(b, event)
		}
	}
	t.draw()
}

// Close tells what open tasks have kept back, as after a crash or when the process is about to end, and takes
// the status off the screen. It gives the first error of a write.
func (t *Tree) Close() error {
	if t.live.stop != nil {
		t.live.stop()
	}
	t.guard.Lock()
	defer t.guard.Unlock()
	t.abandon()
	t.draw()
	return t.err
}

// abandon shows the story of all open tasks, deepest first, as of tasks that fail.
func (t *Tree) abandon() {
	for len(t.tasks) > 0 {
		var last *branch
		for _, b := range t.tasks {
			if last == nil || b.depth > last.depth || b.depth == last.depth && b.started.Task < last.started.Task {
				last = b
			}
		}
		t.unfinished(last)
	}
}

func (t *Tree) start(event Event) {
	above := t.tasks[event.Parent]
	if event.Parent == 0 {
		// Another process continued the run: what it left open has no end.
		t.abandon()
	}
	b := &branch{started: event, above: above, depth: 1, bounds: map[string]bound{}}
	b.story = story{limit: t.options.Buffer, notice: func(missing int) string { return t.record(b, leftOut(missing), roleFaint) }}
	if above != nil {
		b.depth = above.depth + 1
		above.below, above.failed = append(above.below, b), nil
		if b.isAttempt() {
			delete(above.bounds, "timeout") // each attempt has its own
		}
		if len(above.below) > 1 {
			for _, sibling := range above.below {
				sibling.shared = true
				if sibling != b && sibling.started.Name == event.Name {
					sibling.numbered, b.numbered = true, true
				}
			}
		}
	}
	t.tasks[event.Task] = b
}

func (t *Tree) line(b *branch, event Event) {
	text, role := event.Text, rolePlain
	switch event.Level {
	case Warning:
		text, role = "warning: "+text, roleWarning
	case Output:
		text = "| " + text
	}
	drawn := t.record(b, text, role)
	switch {
	case t.shows(b.depth + 1):
		t.head(b)
		t.print(drawn)
	case event.Level == Warning:
		t.head(b)
		t.print(drawn)
		b.story.add(t.record(b, "(here came a warning, shown above)", roleFaint))
	default:
		b.story.add(drawn)
	}
}

func (t *Tree) end(b *branch, event Event) {
	closing := t.closing(b, event)
	switch {
	case event.Allowed && !t.shows(b.depth):
		t.head(b)
		for _, line := range append(append(b.story.tell(), t.explanation(b, event)...), closing) {
			t.print(line)
		}
		b.above.story.add(t.record(b.above, "(here came a warning, shown above)", roleFaint))
	case !event.Status.Good():
		t.tell(b, append(t.explanation(b, event), closing))
	case t.shows(b.depth):
		t.head(b.above)
		t.print(closing)
	default:
		b.above.story.add(closing)
	}
	t.forget(b)
}

func (t *Tree) unfinished(b *branch) {
	t.tell(b, []string{t.title(b, "did not end", roleFailure)})
	t.forget(b)
}

// tell shows a task's whole story and how it ended, or, out of sight, leaves it to the task above.
func (t *Tree) tell(b *branch, ending []string) {
	if !t.shows(b.depth) {
		b.above.story.absorb(t.title(b, "", rolePlain), &b.story, ending)
		return
	}
	t.head(b.above)
	lines := append(b.story.tell(), ending...)
	if len(lines) > 1 {
		t.head(b)
	}
	for _, line := range lines {
		t.print(line)
	}
}

// explanation is what went wrong and what to do next, unless a task below has said so.
func (t *Tree) explanation(b *branch, event Event) []string {
	var lines []string
	known := slices.ContainsFunc(b.told, func(told string) bool { return strings.Contains(event.Error, told) })
	if !known && event.Error != "" {
		text, role := string(event.Status)+": "+event.Error, roleFailure
		if event.Allowed || b.mayFail() {
			text, role = "warning: "+text, roleWarning
		}
		if event.Code != "" {
			text += " [" + event.Code + "]"
		}
		lines = append(lines, t.record(b, text, role))
		if event.Hint != "" {
			lines = append(lines, t.record(b, "hint: "+event.Hint, roleHint))
		}
		b.told = append(b.told, event.Error)
	}
	if b.above != nil {
		b.above.told = newest(append(b.above.told, b.told...))
	}
	return lines
}

// newest bounds what is remembered of errors that were told.
func newest(told []string) []string { return told[max(0, len(told)-50):] }

func (t *Tree) forget(b *branch) {
	delete(t.tasks, b.started.Task)
	if b.above != nil {
		b.above.below = slices.DeleteFunc(b.above.below, func(other *branch) bool { return other == b })
	}
}

// head draws the opening lines of a task and of those above it, once.
func (t *Tree) head(b *branch) {
	if b == nil || b.headed {
		return
	}
	t.head(b.above)
	b.headed = true
	t.print(t.title(b, "", rolePlain))
}

func (t *Tree) shows(depth int) bool {
	return t.options.Depth <= 0 || depth <= t.options.Depth || depth == 1
}

func (t *Tree) print(line string) {
	rows := []string{line}
	if t.options.Size != nil {
		columns, _ := t.size()
		rows = fold(line, columns)
	}
	for _, row := range rows {
		t.fresh.WriteString(row)
		t.fresh.WriteByte('\n')
	}
}
