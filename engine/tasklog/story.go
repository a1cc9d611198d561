package tasklog

import (
	"fmt"
	"slices"
)

// story is what a task keeps back while all is well: finished lines, in the order in which they happened. It
// is bounded: where it gets too long, the longest piece of it loses its oldest line, so that a flood in one
// task never drives out what the tasks around it had said.
type story struct {
	pieces []piece
	// limit is how many lines are kept, opening and closing lines apart.
	limit int
	lines int
	bytes int
	// notice writes the line that stands for missing ones.
	notice func(missing int) string
}

// piece is a run of lines of one task. Its head and tail, the opening and closing lines of tasks, stay.
type piece struct {
	head, lines, tail []string
	// missing is how many lines were dropped between head and lines.
	missing int
	notice  func(missing int) string
}

const (
	// storyBytes bounds what a story holds, however long its lines are.
	storyBytes = 1 << 20
	// storyPieces bounds how many pieces it has, however many attempts failed.
	storyPieces = 100
)

// add keeps a line.
func (s *story) add(line string) {
	if last := len(s.pieces) - 1; last < 0 || s.pieces[last].tail != nil {
		s.pieces = append(s.pieces, piece{notice: s.notice})
	}
	last := &s.pieces[len(s.pieces)-1]
	last.lines = append(last.lines, line)
	s.lines++
	s.bytes += len(line)
	s.trim()
}

// absorb keeps the story of a task below, between its opening line and the lines with which it ended.
func (s *story) absorb(opening string, below *story, ending []string) {
	pieces := below.pieces
	if len(pieces) == 0 {
		pieces = []piece{{notice: below.notice}}
	}
	first, last := &pieces[0], &pieces[len(pieces)-1]
	first.head = append([]string{opening}, first.head...)
	last.tail = append(last.tail, ending...)
	s.pieces = append(s.pieces, pieces...)
	s.lines += below.lines
	s.bytes += below.bytes
	s.trim()
}

func (s *story) trim() {
	for s.lines > s.limit || s.bytes > storyBytes {
		longest := &s.pieces[0]
		for i := range s.pieces {
			if len(s.pieces[i].lines) > len(longest.lines) {
				longest = &s.pieces[i]
			}
		}
		if len(longest.lines) == 0 {
			break
		}
		s.lines--
		s.bytes -= len(longest.lines[0])
		longest.lines = longest.lines[1:]
		longest.missing++
	}
	// The first piece is the context, the last ones are what led to the end: the second and third become a
	// gap.
	for len(s.pieces) > storyPieces {
		gap, next := &s.pieces[1], s.pieces[2]
		for _, lost := range []piece{*gap, next} {
			s.lines -= len(lost.lines)
			for _, line := range lost.lines {
				s.bytes -= len(line)
			}
		}
		*gap = piece{missing: gap.size() + next.size(), notice: s.notice, tail: []string{}}
		s.pieces = slices.Delete(s.pieces, 2, 3)
	}
}

func (p piece) size() int { return len(p.head) + len(p.lines) + len(p.tail) + p.missing }

// tell gives all lines, with a notice where some are missing.
func (s *story) tell() []string {
	var all []string
	for _, piece := range s.pieces {
		all = append(all, piece.head...)
		if piece.missing > 0 {
			all = append(all, piece.notice(piece.missing))
		}
		all = append(all, piece.lines...)
		all = append(all, piece.tail...)
	}
	return all
}

// leftOut is the text that stands for missing lines.
func leftOut(missing int) string {
	if missing == 1 {
		return "(1 line is left out here; the run's full log has it)"
	}
	return fmt.Sprintf("(%d lines are left out here; the run's full log has them)", missing)
}
