package tasklog

import (
	"fmt"
	"slices"
	"strings"
)

// role says what a piece of a line is, for its colour.
type role int

const (
	rolePlain role = iota
	roleFaint
	roleSuccess
	roleWarning
	roleFailure
	roleHint
	roleName
)

// colours are the terminal's escape codes of the roles.
var colours = map[role]string{
	roleFaint: "\x1b[2m", roleSuccess: "\x1b[32m", roleWarning: "\x1b[33m", roleFailure: "\x1b[1;31m", roleHint: "\x1b[36m",
	roleName: "\x1b[1m",
}

func (t *Tree) paint(text string, as role) string {
	if !t.options.Color || as == rolePlain || text == "" {
		return text
	}
	return colours[as] + text + "\x1b[0m"
}

// marks tell the depth of a line at a glance.
var marks = [...]string{"@", "#", "*", "-", "~"}

// margin is the indentation and the mark of a line at a depth; the run's own task is at depth 1.
func (t *Tree) margin(depth int) string {
	return strings.Repeat("  ", depth-1) + t.paint(marks[(depth-1)%len(marks)], roleFaint) + " "
}

// title is a task's opening line, or with an ending its closing one.
func (t *Tree) title(b *branch, ending string, as role) string {
	text := t.margin(b.depth) + t.label(b.above) + t.paint(branchName(b), roleName) + ":"
	if ending != "" {
		text += " " + t.paint(ending, as)
	}
	return text
}

// record is a line that a task wrote.
func (t *Tree) record(b *branch, text string, as role) string {
	return t.margin(b.depth+1) + t.label(b) + t.paint(text, as)
}

// closing is how a task ended.
func (t *Tree) closing(b *branch, event Event) string {
	took := " (in " + elapsed(event.Seconds) + ")"
	text := ""
	if event.Text != "" {
		text = ": " + event.Text
	}
	switch {
	case event.Status == Skipped && event.Text != "":
		return t.title(b, "Skipped ("+event.Text+")", roleFaint)
	case event.Status == Skipped:
		return t.title(b, "Skipped", roleFaint)
	case event.Status.Good():
		return t.title(b, "Success"+took, roleSuccess) + text
	}
	if event.Allowed {
		return t.title(b, "failed, as allowed"+took, roleWarning)
	}
	if b.mayFail() {
		return t.title(b, "failed"+took, roleWarning)
	}
	ending := "ERROR" + took
	if b.above == nil {
		ending += reason(event)
	}
	return t.title(b, ending, roleFailure)
}

// mayFail reports whether the task is a part of one that may fail. That one tells in the end whether it was
// allowed to.
func (b *branch) mayFail() bool {
	for at := b.above; at != nil; at = at.above {
		if at.started.Allowed {
			return true
		}
	}
	return false
}

// label names the branches that a line belongs to, where tasks run side by side.
func (t *Tree) label(b *branch) string {
	var names []string
	for ; b != nil; b = b.above {
		if b.shared {
			names = append(names, branchName(b))
		}
	}
	if len(names) == 0 {
		return ""
	}
	slices.Reverse(names)
	return t.paint("["+strings.Join(names, "/")+"]", roleFaint) + " "
}

// branchName is a task's name, made different from that of a sibling beside it.
func branchName(b *branch) string {
	if b.numbered {
		return fmt.Sprintf("%s %d", b.started.Name, b.started.Task)
	}
	return b.started.Name
}
