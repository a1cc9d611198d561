package tasklog

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// live is what stands below the last line of the screen for now: open tasks and their progress.
type live struct {
	// drawn are the lines on the screen.
	drawn []string
	at    time.Time
}

const (
	// livePause lies between two drawings that bring nothing but progress.
	livePause = 100 * time.Millisecond
	// liveLines bounds the lines drawn, so that they fit on any screen.
	liveLines = 8
	// A bar has between barLeast and barCells cells; a name keeps titleCells columns beside it.
	barCells   = 24
	barLeast   = 8
	titleCells = 24
)

// draw writes what the event added, and below it the open tasks anew, in one write.
func (t *Tree) draw(event Event) {
	if t.options.Live && event.Kind == Progress && t.fresh.Len() == 0 && event.Time.Sub(t.live.at) < livePause {
		return
	}
	var next []string
	if t.options.Live {
		next = t.region()
	}
	if t.fresh.Len() == 0 && slices.Equal(next, t.live.drawn) {
		return
	}
	var text strings.Builder
	if count := len(t.live.drawn); count > 0 {
		fmt.Fprintf(&text, "\r\x1b[%dA\x1b[J", count)
	}
	text.WriteString(t.fresh.String())
	for _, line := range next {
		text.WriteString(line)
		text.WriteByte('\n')
	}
	t.fresh.Reset()
	t.live.drawn, t.live.at = next, event.Time
	if _, err := io.WriteString(t.out, text.String()); err != nil && t.err == nil {
		t.err = err
	}
}

// region gives the lines of the open tasks in sight that have progress or no opening line on the screen yet.
func (t *Tree) region() []string {
	columns := 80
	if t.options.Width != nil {
		columns = t.options.Width()
	}
	open := make([]*branch, 0, len(t.tasks))
	for _, b := range t.tasks {
		if t.shows(b.depth) {
			open = append(open, b)
		}
	}
	slices.SortFunc(open, func(a, b *branch) int { return a.started.Task - b.started.Task })
	var lines []string
	for _, b := range open {
		at, rate := t.advance(b)
		if b.headed && at == nil {
			continue
		}
		lines = append(lines, t.open(b, at, rate, columns-1))
	}
	if len(lines) > liveLines {
		more := len(lines) - liveLines + 1
		lines = append(lines[:liveLines-1], cut(fmt.Sprintf("  ... and %d more", more), columns-1))
	}
	return lines
}

// advance gives a task's progress, or that of an open task out of sight below it.
func (t *Tree) advance(b *branch) (*Event, *speed) {
	if b.progress != nil {
		return b.progress, &b.speed
	}
	for _, below := range b.below {
		if t.shows(below.depth) {
			continue
		}
		if at, rate := t.advance(below); at != nil {
			return at, rate
		}
	}
	return nil, nil
}

// open is the line of an open task: its name, a bar, and how far it is, as much of each as there is room for. It has no
// colour, which would be cut in the middle.
func (t *Tree) open(b *branch, at *Event, rate *speed, columns int) string {
	plain := Tree{}
	title := plain.title(b, "", rolePlain)
	if at == nil {
		return cut(title, columns)
	}
	length := utf8.RuneCountInString(title)
	shortest := min(length, titleCells)
	text := progressText(at, rate, columns-shortest-1)
	room := columns - len(text) - 1
	cells := min(barCells, max(room-length-3, barLeast))
	if at.Total > 0 && room-cells-3 >= shortest {
		text = bar(at.Current, at.Total, cells) + " " + text
		room -= cells + 3
	}
	if length > room && room > 2 {
		title = cut(title, room-2) + ".:"
	}
	return cut(title+" "+text, columns)
}

// progressText writes how far a task is in at most so many columns, where it can.
func progressText(at *Event, rate *speed, columns int) string {
	tail := rate.tail(at.Current, at.Total, at.Unit)
	if at.Total <= 0 {
		return share(at.Current, 0, at.Unit) + tail
	}
	done := fmt.Sprintf("%3d %%", percent(at.Current, at.Total))
	for _, text := range []string{done + ", " + share(at.Current, at.Total, at.Unit) + tail, done + tail} {
		if len(text) <= columns {
			return text
		}
	}
	return done
}
