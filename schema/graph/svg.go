package graph

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/gwe-project/gwe/schema"
)

// style is all that says how a drawing looks.
const style = `
  text { font-family: "DejaVu Sans", Verdana, "Segoe UI", sans-serif; font-size: 12.5px; fill: #1f2933; white-space: pre }
  .name { font-size: 20px; font-weight: bold }
  .summary, .legend { fill: #52606d }
  .title { font-weight: bold }
  .tag, .condition, .undo-text, .undo-head, .heading, .legend, .no-return { font-size: 11px }
  .tag { fill: #52606d }
  .condition { fill: #8a5a00; font-style: italic }
  .heading { fill: #52606d; font-weight: bold }
  .undo-head { fill: #a61b1b; font-weight: bold }
  .undo-text { fill: #7b1f1f }
  .commit-text { fill: #ffffff; font-weight: bold }
  .no-return { fill: #0b6b3a; font-weight: bold }
  rect { rx: 6px; stroke-width: 1.3px }
  rect.paper { fill: #ffffff; stroke: none }
  rect.reads { fill: #f5f7fa; stroke: #9aa5b1 }
  rect.changes { fill: #e6f1fb; stroke: #2b6cb0 }
  rect.use { fill: #f1ecfb; stroke: #6b46c1 }
  rect.stop { fill: #fff7e6; stroke: #b7791f; rx: 16px }
  rect.undo { fill: #fff5f5; stroke: #c53030; stroke-dasharray: 5 3 }
  rect.frame { fill: none; stroke: #7b8794; stroke-dasharray: 2 3 }
  rect.commit { fill: #0b6b3a; stroke: #0b6b3a; rx: 16px }
  rect.start { fill: #1f2933; stroke: none }
  path { fill: none; stroke-width: 1.6px }
  .forward { stroke: #1f2933 }
  .backward, .aside { stroke: #c53030; stroke-dasharray: 5 3 }
  .divide { stroke: #cbd2d9 }
  .bar { stroke: #1f2933; stroke-width: 4px }
  .commit-line { stroke: #0b6b3a; stroke-width: 4px }
`

// SVG draws the recipe as one SVG document without scripts, links or fonts of its own.
func SVG(out io.Writer, recipe *schema.Recipe) error {
	d := read(recipe)
	steps := blocks(d.sections[0].steps, atTop)
	if !d.commits() {
		steps = append(steps, commitBlock("commit: the end of the steps"))
	}
	all := []part{{"", stack(steps)}}
	for _, s := range d.sections[1:] {
		all = append(all, part{s.heading, stack(blocks(s.steps, atTop))})
	}
	axis, width := 0, cardWidth+undoGap+undoWidth
	for _, p := range all {
		axis = max(axis, p.block.axis)
	}
	for _, p := range all {
		width = max(width, axis-p.block.axis+p.block.width)
	}
	c := &canvas{width: width + 2*margin}
	y := c.header(d, margin)
	start := point{margin + axis, y}
	y += 8 + rowGap
	c.forward(point{start.x, start.y + 8}, point{start.x, y})
	c.box("start", start.x-5, start.y, 10, 10)
	for i, p := range all {
		if i > 0 {
			y += sectionGap
			c.line("divide", point{margin, y - sectionGap/2}, point{c.width - margin, y - sectionGap/2})
			y = c.text("heading", margin, y, smallLine, []string{p.heading}) + padding
		}
		p.block.draw(c, margin+axis-p.block.axis, y)
		y += p.block.height
	}
	return c.write(out, d, y+margin)
}

// canvas collects the elements of an SVG: arrows lie below boxes.
type canvas struct {
	width         int
	arrows, above strings.Builder
}

func (c *canvas) header(d drawing, y int) int {
	y = c.text("name", margin, y, 28, wrap([]string{d.name}, c.width-2*margin, 12.5, 2))
	y = c.text("summary", margin, y, lineHeight, wrap([]string{d.summary}, c.width-2*margin, characterWidth, 3))
	legend := "Down: what a run does. Dashed and red: how it is rolled back, newest first."
	return c.text("legend", margin, y+2, smallLine, wrap([]string{legend}, c.width-2*margin, smallWidth, 3)) + padding
}

func (c *canvas) box(class string, x, y, width, height int) {
	fmt.Fprintf(&c.above, `<rect class=%q x="%d" y="%d" width="%d" height="%d"/>`+"\n", class, x, y, width, height)
}

// text writes lines from y on and gives where the next one would begin.
func (c *canvas) text(class string, x, y, height int, lines []string) int {
	for _, line := range lines {
		fmt.Fprintf(&c.above, `<text class=%q x="%d" y="%d">%s</text>`+"\n", class, x, y+height*3/4, escaped(line))
		y += height
	}
	return y
}

func (c *canvas) line(class string, from, to point) {
	fmt.Fprintf(&c.arrows, `<path class=%q d="M%d %d L%d %d"/>`+"\n", class, from.x, from.y, to.x, to.y)
}

func (c *canvas) forward(from, to point) {
	fmt.Fprintf(&c.arrows, `<path class="forward" marker-end="url(#ahead)" d="M%d %d L%d %d"/>`+"\n", from.x, from.y, to.x, to.y-2)
}

// aside leads from a step to its undo.
func (c *canvas) aside(from, to point) {
	fmt.Fprintf(&c.arrows, `<path class="aside" marker-end="url(#back)" d="M%d %d L%d %d"/>`+"\n", from.x, from.y, to.x-2, to.y)
}

// backward leads from an undo up to the one before, around a corner where it stands elsewhere.
func (c *canvas) backward(from, to point) {
	middle := (from.y + to.y) / 2
	fmt.Fprintf(&c.arrows, `<path class="backward" marker-end="url(#back)" d="M%d %d V%d H%d V%d"/>`+"\n", from.x, from.y, middle, to.x, to.y+2)
}

func (c *canvas) write(out io.Writer, d drawing, height int) error {
	_, err := fmt.Fprintf(out, `<svg xmlns="http://www.w3.org/2000/svg" role="img" width="%d" height="%d" viewBox="0 0 %d %d">
<title>%s</title>
<style>%s</style>
<defs>
<marker id="ahead" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 L10 5 L0 10 z" style="fill:#1f2933"/></marker>
<marker id="back" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 L10 5 L0 10 z" style="fill:#c53030"/></marker>
</defs>
<rect class="paper" x="0" y="0" width="%d" height="%d"/>
%s%s</svg>
`, c.width, height, c.width, height, escaped(d.name), style, c.width, height, c.arrows.String(), c.above.String())
	return err
}

// escaped is text as XML carries it; characters that XML does not have are replaced.
func escaped(text string) string {
	var plain strings.Builder
	_ = xml.EscapeText(&plain, []byte(text)) // a Builder takes everything
	return plain.String()
}
