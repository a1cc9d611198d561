package tasklog

import (
	"fmt"
	"strings"
	"time"
)

// A bar has between barLeast and barCells cells; a name keeps titleCells columns beside what is said of it.
const (
	barCells   = 24
	barLeast   = 8
	titleCells = 24
	// titleLeast is what a name keeps beside what matters most.
	titleLeast = 14
)

// bound is a time that a task may take.
type bound struct {
	from  time.Time
	limit time.Duration
}

func (b bound) left(now time.Time) time.Duration { return b.limit - now.Sub(b.from) }

// text is how much of the time is over: "12s of 5m".
func (b bound) text(now time.Time) string { return span(now.Sub(b.from)) + " of " + span(b.limit) }

// tightest gives the bound of a task that ends first; nil where it has none that is still to end.
func (b *branch) tightest(now time.Time) *bound {
	var first *bound
	for _, one := range b.bounds {
		if one.left(now) > 0 && (first == nil || one.left(now) < first.left(now)) {
			first = &one
		}
	}
	return first
}

// pass tells the task above that this one has ended.
func (b *branch) pass(event Event) {
	if b.above == nil {
		return
	}
	b.above.rested = event.Time
	if b.isAttempt() && b.started.Of > 0 && !event.Status.Good() {
		b.above.failed = &b.started
	}
}

func (b *branch) isAttempt() bool { return b.started.Type == "attempt" }

// between reports whether one task below has just ended, and the next one has not begun.
func (b *branch) between(now time.Time) bool {
	return len(b.below) == 0 && b.failed == nil && now.Sub(b.rested) < 2*liveBeat
}

// fact is something that is said of a task that runs. Those of the highest rank are left out first where
// there is no room.
type fact struct {
	text string
	rank int
	// progress draws the bar in front of the fact.
	progress *Event
}

// factsOf lists what is said of a task without an open one below it, but for an attempt.
func factsOf(b *branch, now time.Time) []fact {
	leaf := b
	if len(b.below) == 1 {
		leaf = b.below[0]
	}
	var facts []fact
	if at := withProgress(leaf, b); at != nil {
		facts = append(facts, progressFacts(at)...)
	}
	facts = append(facts, timeFacts(leaf, now, len(facts) > 0)...)
	switch {
	case leaf.started.Of > 0 && leaf.isAttempt():
		facts = append(facts, fact{text: counted("attempt", leaf.started), rank: 1})
	case b.failed != nil:
		facts = append(facts, fact{text: counted("attempt", *b.failed) + " failed", rank: 1})
	}
	return append(facts, placeFacts(b)...)
}

func withProgress(leaf, b *branch) *branch {
	switch {
	case leaf.progress != nil:
		return leaf
	case b.progress != nil:
		return b
	}
	return nil
}

// timeFacts are how long the task runs, of how much, and the time of a task around it where that ends first.
func timeFacts(leaf *branch, now time.Time, progress bool) []fact {
	rank := 0
	if progress {
		rank = 6
	}
	own := leaf.tightest(now)
	var facts []fact
	switch since := now.Sub(leaf.started.Time); {
	case own != nil && now.Sub(own.from) >= time.Second:
		facts = append(facts, fact{text: own.text(now), rank: rank})
	case since >= time.Second:
		facts = append(facts, fact{text: span(since), rank: rank})
	default:
		return nil
	}
	var first *bound
	for at := leaf.above; at != nil; at = at.above {
		if one := at.tightest(now); one != nil && (first == nil || one.left(now) < first.left(now)) {
			first = one
		}
	}
	if first != nil && (own == nil || first.left(now) < own.left(now)) {
		facts = append(facts, fact{text: first.text(now) + " in all", rank: 4})
	}
	return facts
}

// placeFacts are the round that the task is in, and its step: the one of the outermost list that has several.
func placeFacts(b *branch) []fact {
	var facts []fact
	var step, nearest *Event
	for at := b; at != nil; at = at.above {
		switch {
		case at.started.Of == 0:
		case at.started.Type == "round" || at.started.Type == "undo":
			if nearest == nil {
				nearest = &at.started
			}
		case !at.isAttempt() && (at.started.Of > 1 || step == nil):
			step = &at.started
		}
	}
	if nearest != nil {
		facts = append(facts, fact{text: counted(nearest.Type, *nearest), rank: 2})
	}
	if step != nil {
		facts = append(facts, fact{text: counted("step", *step), rank: 2})
	}
	return facts
}

func counted(what string, started Event) string {
	return fmt.Sprintf("%s %d of %d", what, started.Number, started.Of)
}

// progressFacts are how far a task is, how fast, and when it will be done.
func progressFacts(b *branch) []fact {
	at := b.progress
	var facts []fact
	if at.Total > 0 {
		facts = append(facts, fact{text: fmt.Sprintf("%3d %%", percent(at.Current, at.Total)), progress: at})
	}
	facts = append(facts, fact{text: share(at.Current, at.Total, at.Unit), rank: 4 * min(len(facts), 1)})
	if tail := strings.TrimPrefix(b.speed.tail(at.Current, at.Total, at.Unit), ", "); tail != "" {
		facts = append(facts, fact{text: tail, rank: 5})
	}
	return facts
}

// fit puts a title and facts on one line of so many columns: with as many facts, and as much of the title, as
// there is room for.
func fit(title string, facts []fact, columns int) string {
	length := cells(title)
	shortest := min(length, titleCells, max(columns/2, 1))
	drawn := 0
	if facts[0].progress != nil {
		drawn = barLeast + 3
	}
	for {
		worst := 0
		for i, one := range facts {
			if one.rank >= facts[worst].rank {
				worst = i
			}
		}
		if facts[worst].rank < 3 {
			shortest, drawn = min(shortest, titleLeast), 0
		}
		if facts[worst].rank == 0 || cells(joined(facts)) <= columns-shortest-drawn-1 {
			break
		}
		facts = append(facts[:worst:worst], facts[worst+1:]...)
	}
	text := joined(facts)
	room := columns - cells(text) - 1
	if at := facts[0].progress; at != nil {
		width := min(barCells, max(room-length-3, barLeast))
		if room-width-3 >= shortest {
			text = bar(at.Current, at.Total, width) + " " + text
			room -= width + 3
		}
	}
	if length > room && room > 2 {
		title = cut(title, room-2) + ".:"
	}
	return cut(title+" "+text, columns)
}

func joined(facts []fact) string {
	var texts []string
	for _, one := range facts {
		texts = append(texts, one.text)
	}
	return strings.Join(texts, ", ")
}
