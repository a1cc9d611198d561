package graph

import (
	"fmt"
	"io"
	"strings"

	"github.com/gwe-project/gwe/schema"
)

// mermaidLooks are the shapes (mermaid.js.org, flowchart syntax) and classes of the looks.
var mermaidLooks = map[look]struct{ open, close, class string }{
	lookReads:   {`["`, `"]`, "fill:#f5f7fa,stroke:#9aa5b1,color:#1f2933"},
	lookChanges: {`["`, `"]`, "fill:#e6f1fb,stroke:#2b6cb0,color:#1f2933"},
	lookUse:     {`[["`, `"]]`, "fill:#f1ecfb,stroke:#6b46c1,color:#1f2933"},
	lookStop:    {`(["`, `"])`, "fill:#fff7e6,stroke:#b7791f,color:#1f2933"},
	lookCommit:  {`{{"`, `"}}`, "fill:#0b6b3a,stroke:#0b6b3a,color:#ffffff,stroke-width:4px"},
	lookUndo:    {`["`, `"]`, "fill:#fff5f5,stroke:#c53030,color:#7b1f1f,stroke-dasharray:5 3"},
	lookBar:     {`["`, `"]`, "fill:#1f2933,stroke:#1f2933,color:#1f2933"},
}

// Mermaid draws the recipe as a flowchart of Mermaid.
func Mermaid(out io.Writer, recipe *schema.Recipe) error {
	f := flowOf(read(recipe))
	var text strings.Builder
	text.WriteString("flowchart TD\n")
	for _, c := range f.clusters {
		mermaidCluster(&text, c, "  ")
	}
	for _, e := range f.edges {
		switch {
		case e.text != "":
			fmt.Fprintf(&text, "  %s -. %s .-> %s\n", e.from, e.text, e.to)
		case e.back:
			fmt.Fprintf(&text, "  %s -.-> %s\n", e.from, e.to)
		default:
			fmt.Fprintf(&text, "  %s --> %s\n", e.from, e.to)
		}
	}
	for _, one := range looks {
		fmt.Fprintf(&text, "  classDef %s %s\n", one, mermaidLooks[one].class)
	}
	_, err := io.WriteString(out, text.String())
	return err
}

func mermaidCluster(text *strings.Builder, c *cluster, indent string) {
	inner := indent
	if !c.bare {
		fmt.Fprintf(text, "%ssubgraph %s[\"%s\"]\n", indent, c.id, mermaidText(c.lines))
		inner += "  "
	}
	for _, one := range c.content {
		switch one := one.(type) {
		case *cluster:
			mermaidCluster(text, one, inner)
		case node:
			shape := mermaidLooks[one.look]
			fmt.Fprintf(text, "%s%s%s%s%s:::%s\n", inner, one.id, shape.open, mermaidText(one.lines), shape.close, one.look)
		}
	}
	if !c.bare {
		text.WriteString(indent + "end\n")
	}
}

// mermaidText writes lines as text in quotes: all that Mermaid, its Markdown or HTML could take for markup
// becomes the number of a character.
func mermaidText(lines []string) string {
	if len(lines) == 0 {
		return " "
	}
	var text strings.Builder
	for i, line := range lines {
		if i > 0 {
			text.WriteString("<br/>")
		}
		for _, r := range line {
			if strings.ContainsRune("\"#&<>`;\\*_~|", r) || r < ' ' {
				fmt.Fprintf(&text, "#%d;", r)
			} else {
				text.WriteRune(r)
			}
		}
	}
	return text.String()
}
