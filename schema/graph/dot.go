package graph

import (
	"fmt"
	"io"
	"strings"

	"github.com/gwe-project/gwe/schema"
)

// dotLooks are node attributes (graphviz.org, attributes) of the looks.
var dotLooks = map[look]string{
	lookReads:   `fillcolor="#f5f7fa" color="#9aa5b1"`,
	lookChanges: `fillcolor="#e6f1fb" color="#2b6cb0"`,
	lookUse:     `fillcolor="#f1ecfb" color="#6b46c1" peripheries=2`,
	lookStop:    `fillcolor="#fff7e6" color="#b7791f"`,
	lookCommit:  `fillcolor="#0b6b3a" color="#0b6b3a" fontcolor="#ffffff" penwidth=4`,
	lookUndo:    `fillcolor="#fff5f5" color="#c53030" fontcolor="#7b1f1f" style="rounded,filled,dashed"`,
	lookBar:     `fillcolor="#1f2933" color="#1f2933" height=0.06 width=3 fixedsize=true style=filled`,
}

// dotLines is how many lines a box has at most.
const dotLines = 12

// DOT draws the recipe in the language of Graphviz.
func DOT(out io.Writer, recipe *schema.Recipe) error {
	d := read(recipe)
	f := flowOf(d)
	var text strings.Builder
	fmt.Fprintf(&text, "digraph %s {\n", dotText([]string{d.name}))
	text.WriteString(`  graph [fontname="Helvetica" labeljust=l rankdir=TB]` + "\n")
	text.WriteString(`  node [fontname="Helvetica" shape=box style="rounded,filled"]` + "\n")
	for _, c := range f.clusters {
		dotCluster(&text, c, "  ")
	}
	for _, e := range f.edges {
		switch {
		case e.text != "":
			fmt.Fprintf(&text, "  %s -> %s [style=dashed color=\"#c53030\"]\n", e.from, e.to)
		case e.back:
			// The newer undo stands below the older one.
			fmt.Fprintf(&text, "  %s -> %s [style=dashed color=\"#c53030\" constraint=false]\n", e.from, e.to)
		default:
			fmt.Fprintf(&text, "  %s -> %s\n", e.from, e.to)
		}
	}
	text.WriteString("}\n")
	_, err := io.WriteString(out, text.String())
	return err
}

func dotCluster(text *strings.Builder, c *cluster, indent string) {
	inner := indent
	if !c.bare {
		fmt.Fprintf(text, "%ssubgraph cluster_%s {\n%s  label=%s style=dashed\n", indent, c.id, indent, dotText(c.lines))
		inner += "  "
	}
	for _, one := range c.content {
		switch one := one.(type) {
		case *cluster:
			dotCluster(text, one, inner)
		case node:
			lines := wrap(one.lines, cardWidth, smallWidth, dotLines)
			fmt.Fprintf(text, "%s%s [label=%s %s]\n", inner, one.id, dotText(lines), dotLooks[one.look])
			if one.beside != "" {
				fmt.Fprintf(text, "%s{ rank=same %s %s }\n", inner, one.beside, one.id)
			}
		}
	}
	if !c.bare {
		text.WriteString(indent + "}\n")
	}
}

// dotText writes lines as one quoted string: backslashes and quotes are escaped, and each line is set to the
// left.
func dotText(lines []string) string {
	var text strings.Builder
	text.WriteByte('"')
	for i, line := range lines {
		if i > 0 {
			text.WriteString(`\l`)
		}
		for _, r := range line {
			switch {
			case r == '"' || r == '\\':
				text.WriteByte('\\')
				text.WriteRune(r)
			case r == '&': // Graphviz reads entities of HTML
				text.WriteString("&amp;")
			case r < ' ':
				text.WriteRune('\uFFFD')
			default:
				text.WriteRune(r)
			}
		}
	}
	if len(lines) > 1 {
		text.WriteString(`\l`)
	}
	text.WriteByte('"')
	return text.String()
}
