package tasklog

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Plain writes for continuous integration and for files: every line has the time and the task that it belongs
// to, and there are no control characters. Lines are written when they come or never, so they are in the
// order of time. What the failed step said last is repeated before the line that ends the run, unless it is
// just above.
type Plain struct {
	out   io.Writer
	depth int
	tasks map[int]*plainTask
	// written counts the lines of the output.
	written int
	err     error
}

type plainTask struct {
	above *plainTask
	// depth is 1 for the run's own task.
	depth int
	path  string
	// recent are its newest lines and those of tasks below it; unseen is true where one of them is out of
	// sight.
	recent story
	unseen bool
	// mayFail is set where it may fail, withinMayFail where a task around it may.
	mayFail, withinMayFail bool

	speed speed
	// shown is when its progress was written last, and how far it was.
	shown        time.Time
	shownPercent int
	told         []string
	// blames are what tasks below that failed said last.
	blames []blame
}

type blame struct {
	err   string
	lines []string
	// unseen is true where some of the lines are out of sight; else the last of them is line number at of the
	// output.
	unseen bool
	at     int
}

const (
	// plainRepeated is how many lines of a failed step are repeated.
	plainRepeated = 20
	// plainPause and plainStep: progress is written when so much time has passed, or so many percent.
	plainPause = 5 * time.Second
	plainStep  = 10
)

// NewPlain writes to out. Tasks below depth, and lines below depth that are not warnings, are left out; 0
// leaves out nothing.
func NewPlain(out io.Writer, depth int) *Plain {
	return &Plain{out: out, depth: depth, tasks: map[int]*plainTask{}}
}

// Handle writes an event.
func (p *Plain) Handle(event Event) {
	if event.Kind == Started {
		p.start(event)
		return
	}
	task := p.tasks[event.Task]
	if task == nil {
		return
	}
	switch event.Kind {
	case Line:
		p.line(task, event)
	case Progress:
		p.progress(task, event)
	case Ended:
		p.end(task, event)
		delete(p.tasks, event.Task)
	}
}

// Close gives the first error of a write.
func (p *Plain) Close() error {
	clear(p.tasks)
	return p.err
}

func (p *Plain) start(event Event) {
	if event.Parent == 0 {
		clear(p.tasks) // another process continued the run
	}
	task := &plainTask{above: p.tasks[event.Parent], depth: 1, path: event.Name, shown: event.Time}
	task.recent = story{limit: plainRepeated, notice: leftOut}
	task.mayFail = event.Allowed
	if above := task.above; above != nil {
		task.withinMayFail = above.mayFail || above.withinMayFail
		task.depth = above.depth + 1
		if above.above != nil {
			task.path = above.path + " > " + event.Name
		}
	}
	for _, other := range p.tasks {
		if other.path == task.path && other.above == task.above {
			task.path = fmt.Sprintf("%s %d", task.path, event.Task)
			break
		}
	}
	p.tasks[event.Task] = task
	p.say(task, event, task.depth, "started")
}

func (p *Plain) line(task *plainTask, event Event) {
	text, depth := event.Text, task.depth+1
	switch event.Level {
	case Warning:
		text, depth = "warning: "+text, 1
	case Output:
		text = "| " + text
	}
	for at := task; at != nil; at = at.above {
		at.recent.add(task.path + ": " + text)
		at.unseen = at.unseen || !p.shows(depth)
	}
	p.say(task, event, depth, text)
}

func (p *Plain) progress(task *plainTask, event Event) {
	for !p.shows(task.depth) {
		task = task.above
	}
	task.speed.add(event.Time, event.Current)
	reached := percent(event.Current, event.Total)
	late := event.Time.Sub(task.shown) >= plainPause
	far := event.Total > 0 && (reached >= task.shownPercent+plainStep || reached < task.shownPercent) && reached < 100
	if !late && !far {
		return
	}
	task.shown, task.shownPercent = event.Time, reached
	text := share(event.Current, event.Total, event.Unit) + task.speed.tail(event.Current, event.Total, event.Unit)
	if event.Total > 0 {
		text = fmt.Sprintf("%d %%, %s", reached, text)
	}
	p.say(task, event, task.depth, text)
}

func (p *Plain) end(task *plainTask, event Event) {
	took := " (in " + elapsed(event.Seconds) + ")"
	switch {
	case event.Status == Skipped:
		p.say(task, event, task.depth, strings.TrimSuffix("skipped: "+event.Text, ": "))
	case event.Status.Good():
		p.say(task, event, task.depth, strings.TrimSuffix("done"+took+": "+event.Text, ": "))
	default:
		p.fail(task, event, task.failure(event)+took)
	}
}

// failure is how a task failed: an allowed failure is only a warning, and so is that of a part of a task that
// may fail.
func (t *plainTask) failure(event Event) string {
	switch {
	case event.Allowed:
		return "warning: failed, as allowed"
	case t.withinMayFail:
		return "warning: failed"
	}
	return "ERROR"
}

// fail tells the error where it came up first. Like all warnings, an allowed failure is never out of sight.
func (p *Plain) fail(task *plainTask, event Event, text string) {
	depth := task.depth
	if event.Allowed {
		depth = 1
	}
	known := slices.ContainsFunc(task.told, func(told string) bool { return strings.Contains(event.Error, told) })
	switch {
	case task.above == nil:
		text += reason(event)
	case !known && event.Error != "":
		text += ": " + event.Error
		if event.Code != "" {
			text += " [" + event.Code + "]"
		}
		if p.shows(depth) {
			task.told = append(task.told, event.Error)
		}
	}
	mine := blame{event.Error, append(task.recent.tell(), task.path+": "+text), task.unseen || !p.shows(depth), p.written + 1}
	for _, below := range task.blames {
		if below.err != "" && strings.Contains(event.Error, below.err) {
			mine = below
		}
	}
	if task.above == nil {
		p.repeat(mine)
	} else {
		task.above.told = newest(append(task.above.told, task.told...))
		task.above.blames = append(task.above.blames[max(0, len(task.above.blames)-9):], mine)
	}
	p.say(task, event, depth, text)
	if !known && event.Hint != "" {
		p.say(task, event, depth, "hint: "+event.Hint)
	}
}

// repeat writes again what the failed step said last, without times.
func (p *Plain) repeat(failed blame) {
	if len(failed.lines) < 2 || !failed.unseen && p.written-failed.at < plainRepeated {
		return
	}
	p.write("")
	p.write("The last lines of what failed:")
	for _, line := range failed.lines {
		p.write("  " + line)
	}
	p.write("")
}

// say writes a line of a task, unless its depth is out of sight.
func (p *Plain) say(task *plainTask, event Event, depth int, text string) {
	if p.shows(depth) {
		p.write(event.Time.Format(time.TimeOnly) + " " + task.path + ": " + text)
	}
}

func (p *Plain) shows(depth int) bool { return p.depth <= 0 || depth <= p.depth || depth == 1 }

func (p *Plain) write(line string) {
	p.written++
	if _, err := io.WriteString(p.out, line+"\n"); err != nil && p.err == nil {
		p.err = err
	}
}
