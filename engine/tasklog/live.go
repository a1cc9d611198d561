package tasklog

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
)

// live is the status below the last line of the screen: what runs now, drawn in place.
type live struct {
	// drawn are its lines on the screen, as wide as columns then were.
	drawn   []string
	columns int
	at      time.Time
	// stop ends the goroutine that draws it while no event comes.
	stop func()
}

const (
	// livePause lies between two drawings that bring no new line.
	livePause = 100 * time.Millisecond
	// liveBeat is how often the status is looked at while nothing happens: it changes once a second, or with
	// the size of the screen.
	liveBeat = 250 * time.Millisecond
	// liveLines bounds its lines.
	liveLines = 8
)

// beat draws the status anew until it is stopped.
func (t *Tree) beat() {
	var ended sync.WaitGroup
	done := make(chan struct{})
	ended.Go(func() {
		ticker := time.NewTicker(liveBeat)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				t.guard.Lock()
				t.draw()
				t.guard.Unlock()
			}
		}
	})
	t.live.stop = sync.OnceFunc(func() {
		close(done)
		ended.Wait()
	})
}

// draw writes the new lines, and below them the status anew, in one write.
func (t *Tree) draw() {
	if !t.options.Live {
		t.put(t.fresh.String())
		t.fresh.Reset()
		return
	}
	now := time.Now()
	columns, rows := t.size()
	if t.fresh.Len() == 0 && len(t.tasks) > 0 && columns == t.live.columns && now.Sub(t.live.at) < livePause {
		return // the next event or beat draws it
	}
	next := t.status(now, columns, rows)
	if t.fresh.Len() == 0 && columns == t.live.columns && slices.Equal(next, t.live.drawn) {
		return
	}
	var text strings.Builder
	text.WriteString(erased(t.live.drawn, columns))
	text.WriteString(t.fresh.String())
	for _, line := range next {
		text.WriteString(line)
		text.WriteByte('\n')
	}
	t.fresh.Reset()
	t.live.drawn, t.live.columns, t.live.at = next, columns, now
	t.put(text.String())
}

// besidePatience is how long Beside waits for a terminal that takes nothing.
const besidePatience = 100 * time.Millisecond

// Beside lets something else write whole lines on the terminal: they stand above the status. It does not wait
// for a terminal that was stopped.
func (t *Tree) Beside(write func()) {
	for begun := time.Now(); !t.guard.TryLock(); time.Sleep(time.Millisecond) {
		if time.Since(begun) > besidePatience {
			write()
			return
		}
	}
	defer t.guard.Unlock()
	columns, _ := t.size()
	t.put(erased(t.live.drawn, columns))
	t.live.drawn, t.live.at = nil, time.Time{}
	write()
	t.draw()
}

// erased takes lines off the screen that are the last ones on it.
func erased(lines []string, columns int) string {
	if len(lines) == 0 {
		return ""
	}
	return fmt.Sprintf("\r\x1b[%dA\x1b[J", rowsOf(lines, columns))
}

func (t *Tree) put(text string) {
	if text == "" {
		return
	}
	if _, err := io.WriteString(t.out, text); err != nil && t.err == nil {
		t.err = err
	}
}

// size is that of the screen.
func (t *Tree) size() (columns, rows int) {
	if t.options.Size != nil {
		columns, rows = t.options.Size()
	}
	if columns <= 0 {
		columns = 80
	}
	if rows <= 0 {
		rows = 24
	}
	return columns, rows
}

// rowsOf is how many rows of the screen the lines take: one that became narrower wraps them.
func rowsOf(lines []string, columns int) int {
	rows := 0
	for _, line := range lines {
		rows += max(1, (cells(line)+columns-1)/columns)
	}
	return rows
}

// status gives the lines of what runs now: one for each open task without an open one below it, under the
// opening lines of the tasks around it that are not on the screen yet.
func (t *Tree) status(now time.Time, columns, rows int) []string {
	var lines []string
	roots := make([]*branch, 0, 1)
	for _, b := range t.tasks {
		if b.above == nil {
			roots = append(roots, b)
		}
	}
	for _, root := range roots {
		lines = t.statusBelow(root, now, columns-1, lines)
	}
	if most := max(1, min(liveLines, rows-1)); len(lines) > most {
		more := len(lines) - most + 1
		lines = append(lines[:most-1], cut(fmt.Sprintf("  ... and %d more", more), columns-1))
	}
	return lines
}

func (t *Tree) statusBelow(b *branch, now time.Time, columns int, lines []string) []string {
	if len(b.below) == 0 || len(b.below) == 1 && b.below[0].isAttempt() && len(b.below[0].below) == 0 {
		return append(lines, t.statusOf(b, now, columns)...)
	}
	if t.shows(b.depth+1) && !b.headed {
		lines = append(lines, cut((&Tree{}).title(b, "", rolePlain), columns))
	}
	for _, below := range b.below {
		lines = t.statusBelow(below, now, columns, lines)
	}
	return lines
}

// statusOf is the line of a task; none for one whose opening line is all there is to say, and said. It has no
// colour, which would be cut in the middle.
func (t *Tree) statusOf(b *branch, now time.Time, columns int) []string {
	at := b
	var hidden []string
	for ; !t.shows(at.depth); at = at.above {
		hidden = append([]string{branchName(at)}, hidden...)
	}
	title := strings.TrimSuffix((&Tree{}).title(at, "", rolePlain), ":")
	for _, name := range hidden {
		title += " > " + name
	}
	title += ":"
	var facts []fact
	if !b.between(now) {
		facts = factsOf(b, now)
	}
	if len(facts) == 0 {
		if at != b || at.headed {
			return nil
		}
		return []string{cut(title, columns)}
	}
	return []string{fit(title, facts, columns)}
}
