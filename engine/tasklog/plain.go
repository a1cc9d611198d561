package tasklog

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Plain writes for continuous integration and for files: every line has the time and the task it belongs to, none is
// ever taken back, and there are no control characters. A task that fails tells what was kept back below it; and what the
// failed step said last is repeated at the end, where a reader looks first.
type Plain struct {
	out   io.Writer
	depth int
	tasks map[int]*plainTask
	err   error
}

type plainTask struct {
	above *plainTask
	// depth is 1 for the run's own task.
	depth int
	path  string
	// kept are the lines out of sight below it, recent its newest lines at all and those of tasks below.
	kept, recent story
	speed        speed
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
}

const (
	// plainKept is how many lines a task keeps back for the case that it fails.
	plainKept = 2000
	// plainRepeated is how many lines of a failed step are repeated.
	plainRepeated = 20
	// plainPause and plainStep: progress is written when so much time has passed, or so many percent.
	plainPause = 5 * time.Second
	plainStep  = 10
)

// NewPlain writes to out. depth is as in TreeOptions.
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

// Close tells what open tasks have kept back, as after a crash, and gives the first error of a write.
func (p *Plain) Close() error {
	for _, task := range p.tasks {
		p.tell(task)
	}
	clear(p.tasks)
	return p.err
}

func (p *Plain) start(event Event) {
	if event.Parent == 0 {
		for _, task := range p.tasks {
			p.tell(task)
		}
		clear(p.tasks)
	}
	task := &plainTask{above: p.tasks[event.Parent], depth: 1, path: event.Name, shown: event.Time}
	task.kept = story{limit: plainKept, notice: leftOut}
	task.recent = story{limit: plainRepeated, notice: leftOut}
	if above := task.above; above != nil {
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
		p.fail(task, event, failure(event)+took)
	}
}

// failure is how a task failed: an allowed failure is only a warning.
func failure(event Event) string {
	if event.Allowed {
		return "warning: failed, as allowed"
	}
	return "ERROR"
}

// fail tells the error where it came up first.
func (p *Plain) fail(task *plainTask, event Event, text string) {
	if p.shows(task.depth) {
		p.tell(task)
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
		task.told = append(task.told, event.Error)
	}
	p.say(task, event, task.depth, text)
	if !known && event.Hint != "" {
		p.say(task, event, task.depth, "hint: "+event.Hint)
	}
	mine := blame{event.Error, append(task.recent.tell(), task.path+": "+text)}
	for _, below := range task.blames {
		if below.err != "" && strings.Contains(event.Error, below.err) {
			mine.lines = below.lines
		}
	}
	if task.above != nil {
		task.above.told = newest(append(task.above.told, task.told...))
		task.above.blames = append(task.above.blames[max(0, len(task.above.blames)-9):], mine)
		return
	}
	if len(mine.lines) > 1 {
		p.write("")
		p.write("The last lines of what failed:")
		for _, line := range mine.lines {
			p.write("  " + line)
		}
	}
}

// say writes a line of a task, or keeps it back where its depth is out of sight.
func (p *Plain) say(task *plainTask, event Event, depth int, text string) {
	line := event.Time.Format(time.TimeOnly) + " " + task.path + ": " + text
	if p.shows(depth) {
		p.write(line)
		return
	}
	for !p.shows(task.depth) {
		task = task.above
	}
	task.kept.add(line)
}

// tell writes what was kept back.
func (p *Plain) tell(task *plainTask) {
	for _, line := range task.kept.tell() {
		p.write(line)
	}
	task.kept = story{limit: plainKept, notice: leftOut}
}

func (p *Plain) shows(depth int) bool { return p.depth <= 0 || depth <= p.depth || depth == 1 }

func (p *Plain) write(line string) {
	if _, err := io.WriteString(p.out, line+"\n"); err != nil && p.err == nil {
		p.err = err
	}
}
