package graph

import (
	"strconv"
	"strings"
)

// Measures of an SVG, in pixels. Nobody knows the reader's fonts, so texts are wrapped by a width of a
// character that is rather too much than too little.
const (
	characterWidth  = 7.6
	smallWidth      = 6.4
	lineHeight      = 18
	smallLine       = 15
	padding         = 12
	cardWidth       = 300
	undoWidth       = 230
	undoGap         = 46
	rowGap          = 28
	branchGap       = 24
	margin          = 28
	sectionGap      = 40
	headingHeight   = 26
	commitHeight    = 44
	noReturnWidth   = 126
	longestTitle    = 4 // lines
	branchCardWidth = 230
	branchUndoWidth = 190
)

// point is a place on the canvas.
type point struct{ x, y int }

// block is something that is laid out: its size, the axis on which the way forward passes it, and how it is
// drawn at a place. Where it can be rolled back, the way back enters it at below and leaves it at above, both
// relative to its place.
type block struct {
	width, height, axis int
	above, below        *point
	// bare blocks have no arrow that leads into them; a commit ends the ways back.
	commit bool
	draw   func(c *canvas, x, y int)
}

// sizes are the widths of cards at a depth: branches are narrower.
type sizes struct{ card, undo int }

var (
	atTop    = sizes{cardWidth, undoWidth}
	inBranch = sizes{branchCardWidth, branchUndoWidth}
)

// stack lays blocks out from top to bottom on one axis.
func stack(blocks []block) block {
	whole := block{}
	for _, one := range blocks {
		whole.axis = max(whole.axis, one.axis)
	}
	places := make([]point, len(blocks))
	for i, one := range blocks {
		if i > 0 {
			whole.height += rowGap
		}
		places[i] = point{whole.axis - one.axis, whole.height}
		whole.width = max(whole.width, places[i].x+one.width)
		whole.height += one.height
		if one.commit {
			whole.above, whole.below = nil, nil
			continue
		}
		if one.above != nil && whole.above == nil {
			whole.above = &point{places[i].x + one.above.x, places[i].y + one.above.y}
		}
		if one.below != nil {
			whole.below = &point{places[i].x + one.below.x, places[i].y + one.below.y}
		}
	}
	whole.draw = func(c *canvas, x, y int) {
		var back *point
		for i, one := range blocks {
			at := point{x + places[i].x, y + places[i].y}
			if i > 0 {
				c.forward(point{x + whole.axis, at.y - rowGap}, point{x + whole.axis, at.y})
			}
			if one.commit {
				back = nil
			}
			if one.above != nil {
				if back != nil {
					c.backward(point{at.x + one.above.x, at.y + one.above.y}, *back)
				}
				back = &point{at.x + one.below.x, at.y + one.below.y}
			}
			one.draw(c, at.x, at.y)
		}
	}
	return whole
}

// blocks lays items out, each by its kind.
func blocks(all []*item, size sizes) []block {
	made := make([]block, 0, len(all))
	for _, one := range all {
		switch one.kind {
		case group:
			made = append(made, groupBlock(one, size))
		case parallel:
			made = append(made, parallelBlock(one))
		case commit:
			made = append(made, commitBlock("commit: "+one.title))
		default:
			made = append(made, card(one, size))
		}
	}
	return made
}

// card is one step, and beside it how it is undone.
func card(one *item, size sizes) block {
	conditions := wrap(one.conditions, size.card-2*padding, smallWidth, 6)
	title := wrap([]string{one.title}, size.card-2*padding, characterWidth, longestTitle)
	tag := wrap([]string{one.tag}, size.card-2*padding, smallWidth, 3)
	height := 2*padding + smallLine*len(conditions) + lineHeight*len(title) + smallLine*len(tag)
	undo := wrap(bullets(one.undo), size.undo-2*padding, smallWidth, 8)
	undoHeight := 2*padding + smallLine*(len(undo)+1)
	made := block{width: size.card, height: height, axis: size.card / 2}
	undoX, undoY := size.card+undoGap, 0
	if len(one.undo) > 0 {
		made.width = undoX + size.undo
		made.height = max(height, undoHeight)
		made.above, made.below = &point{undoX + size.undo/2, undoY}, &point{undoX + size.undo/2, undoY + undoHeight}
		height = max(height, undoHeight)
	}
	class := "reads"
	switch {
	case one.kind == stop:
		class = "stop"
	case one.kind == use:
		class = "use"
	case one.changes:
		class = "changes"
	}
	made.draw = func(c *canvas, x, y int) {
		c.box(class, x, y, size.card, height)
		at := y + (height-(smallLine*(len(conditions)+len(tag))+lineHeight*len(title)))/2
		at = c.text("condition", x+padding, at, smallLine, conditions)
		if one.kind == stop {
			title = wrap([]string{"stop: " + one.title}, size.card-2*padding, characterWidth, longestTitle)
		}
		at = c.text("title", x+padding, at, lineHeight, title)
		c.text("tag", x+padding, at, smallLine, tag)
		if len(one.undo) > 0 {
			c.aside(point{x + size.card, y + undoHeight/2}, point{x + undoX, y + undoHeight/2})
			c.box("undo", x+undoX, y+undoY, size.undo, undoHeight)
			at := c.text("undo-head", x+undoX+padding, y+undoY+padding, smallLine, []string{"undo"})
			c.text("undo-text", x+undoX+padding, at, smallLine, undo)
		}
	}
	return made
}

// groupBlock is a frame around steps, with what rescues them and what ends them.
func groupBlock(one *item, size sizes) block {
	inner := []part{{"", stack(blocks(one.steps, size))}}
	if len(one.rescue) > 0 {
		inner = append(inner, part{"rescue: where the steps failed and were rolled back", stack(blocks(one.rescue, size))})
	}
	if len(one.finally) > 0 {
		inner = append(inner, part{"finally: at the group's end, good or bad", stack(blocks(one.finally, size))})
	}
	return framed(one, inner)
}

// part is one list of steps in a frame.
type part struct {
	heading string
	block   block
}

func framed(one *item, parts []part) block {
	made := block{}
	for _, p := range parts {
		made.axis = max(made.axis, p.block.axis+padding)
	}
	for _, p := range parts {
		made.width = max(made.width, made.axis-p.block.axis+p.block.width+padding)
	}
	head := heads(one, made.width)
	made.height = padding + head.height()
	places := make([]int, len(parts))
	for i, p := range parts {
		if p.heading != "" {
			made.height += headingHeight
		}
		places[i] = made.height
		made.height += p.block.height + padding
	}
	first := parts[0].block
	if first.above != nil {
		// The way back passes the frame itself, and the arrows inside are the frame's own.
		x := made.axis - first.axis
		made.above, made.below = &point{x + first.above.x, 0}, &point{x + first.below.x, made.height}
	}
	made.draw = func(c *canvas, x, y int) {
		c.box("frame", x, y, made.width, made.height)
		head.draw(c, x+padding, y+padding)
		for i, p := range parts {
			at := point{x + made.axis - p.block.axis, y + places[i]}
			if p.heading != "" {
				c.line("divide", point{x, at.y - headingHeight}, point{x + made.width, at.y - headingHeight})
				c.text("heading", x+padding, at.y-headingHeight+4, smallLine, []string{p.heading})
			}
			p.block.draw(c, at.x, at.y)
		}
	}
	return made
}

// parallelBlock is branches side by side between two bars.
func parallelBlock(one *item) block {
	branches := blocks(one.steps, inBranch)
	made := block{width: padding, height: 0}
	tallest := 0
	places := make([]int, len(branches))
	back := false
	for i, b := range branches {
		if i > 0 {
			made.width += branchGap
		}
		places[i] = made.width
		made.width += b.width
		tallest = max(tallest, b.height)
		back = back || b.above != nil
	}
	made.width += padding
	head := heads(one, made.width)
	top := padding + head.height()
	made.height = top + rowGap + tallest + rowGap + padding
	made.axis = made.width / 2
	if back {
		made.above, made.below = &point{made.width - padding, 0}, &point{made.width - padding, made.height}
	}
	made.draw = func(c *canvas, x, y int) {
		c.box("frame", x, y, made.width, made.height)
		head.draw(c, x+padding, y+padding)
		fork, join := y+top, y+top+rowGap+tallest+rowGap
		c.line("bar", point{x + padding, fork}, point{x + made.width - padding, fork})
		c.line("bar", point{x + padding, join}, point{x + made.width - padding, join})
		for i, b := range branches {
			at := point{x + places[i], fork + rowGap}
			c.forward(point{at.x + b.axis, fork}, point{at.x + b.axis, at.y})
			c.forward(point{at.x + b.axis, at.y + b.height}, point{at.x + b.axis, join})
			b.draw(c, at.x, at.y)
		}
	}
	return made
}

// headLines stand on top of a frame.
type headLines struct{ conditions, title, tag []string }

func heads(one *item, width int) headLines {
	return headLines{
		wrap(one.conditions, width-2*padding, smallWidth, 6),
		wrap([]string{one.title}, width-2*padding, characterWidth, longestTitle),
		wrap([]string{one.tag}, width-2*padding, smallWidth, 3),
	}
}

func (h headLines) height() int {
	lines := smallLine*(len(h.conditions)+len(h.tag)) + lineHeight*len(h.title)
	if lines > 0 {
		lines += padding / 2
	}
	return lines
}

func (h headLines) draw(c *canvas, x, y int) {
	y = c.text("condition", x, y, smallLine, h.conditions)
	y = c.text("title", x, y, lineHeight, h.title)
	c.text("tag", x, y, smallLine, h.tag)
}

// commitBlock is the line that nothing above comes back over. It is as wide as the drawing.
func commitBlock(text string) block {
	made := block{width: cardWidth, height: commitHeight, axis: cardWidth / 2, commit: true}
	label := wrap([]string{text}, cardWidth+undoGap+undoWidth-4*padding-noReturnWidth, characterWidth, 1)
	made.draw = func(c *canvas, x, y int) {
		middle := y + commitHeight/2
		c.line("commit-line", point{margin, middle}, point{c.width - margin, middle})
		wide := int(float64(len([]rune(label[0])))*characterWidth) + 2*padding
		left := max(margin+padding, x+made.axis-wide/2)
		c.box("commit", left, y+4, wide, commitHeight-8)
		c.text("commit-text", left+padding, y+commitHeight/2-lineHeight/2, lineHeight, label)
		c.text("no-return", c.width-margin-noReturnWidth, y+commitHeight/2+5, smallLine, []string{"point of no return"})
	}
	return made
}

// bullets marks the beginning of each undo where there are several.
func bullets(lines []string) []string {
	if len(lines) < 2 {
		return lines
	}
	marked := make([]string, len(lines))
	for i, line := range lines {
		marked[i] = strconv.Itoa(i+1) + ": " + line
	}
	return marked
}

// wrap breaks texts into lines that fit, at blanks where there are some; what is more than so many lines is
// left out.
func wrap(texts []string, width int, character float64, most int) []string {
	fit := max(8, int(float64(width)/character))
	var lines []string
	for _, text := range texts {
		runes := []rune(text)
		for len(runes) > fit {
			cut := breakAt(runes, fit)
			lines = append(lines, strings.TrimSpace(string(runes[:cut])))
			runes = []rune(strings.TrimSpace(string(runes[cut:])))
		}
		if len(runes) > 0 {
			lines = append(lines, string(runes))
		}
	}
	if len(lines) > most {
		last := []rune(lines[most-1])
		lines = append(lines[:most-1:most-1], string(last[:min(len(last), fit-4)])+" ...")
	}
	return lines
}

// breakAt finds where a line of at most so many characters ends: at a blank, or else after a slash or comma,
// or else there.
func breakAt(runes []rune, most int) int {
	for i := most; i > most/3; i-- {
		if runes[i] == ' ' {
			return i
		}
	}
	for i := most; i > most/3; i-- {
		if runes[i-1] == '/' || runes[i-1] == ',' {
			return i
		}
	}
	return most
}
