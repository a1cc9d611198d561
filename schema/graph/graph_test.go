package graph_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gwe-project/gwe/schema"
	"github.com/gwe-project/gwe/schema/graph"
	"github.com/gwe-project/gwe/steps"
)

var update = flag.Bool("update", false, "write the golden files again")

var formats = map[string]func(io.Writer, *schema.Recipe) error{"svg": graph.SVG, "mmd": graph.Mermaid, "dot": graph.DOT}

func parse(t testing.TB, file string, source []byte) *schema.Recipe {
	t.Helper()
	recipe, diagnostics := schema.Parse(file, source, steps.Catalog())
	if recipe == nil || diagnostics.HasErrors() {
		t.Fatalf("%s is invalid: %v", file, diagnostics)
	}
	return recipe
}

func drawn(t testing.TB, format string, recipe *schema.Recipe) string {
	t.Helper()
	var out bytes.Buffer
	if err := formats[format](&out, recipe); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// all are the recipes of the repository that are valid, by file.
func all(t testing.TB) map[string]*schema.Recipe {
	t.Helper()
	recipes := map[string]*schema.Recipe{}
	for _, pattern := range []string{"testdata/*.yaml", "../../recipes/*.yaml", "../../testdata/valid/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("no %s, %v", pattern, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, ".test.yaml") {
				continue
			}
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			recipes[file] = parse(t, file, source)
		}
	}
	return recipes
}

func TestDrawings(t *testing.T) {
	source, err := os.ReadFile("testdata/everything.yaml")
	if err != nil {
		t.Fatal(err)
	}
	recipe := parse(t, "everything.yaml", source)
	for format := range formats {
		golden, got := "testdata/everything."+format, drawn(t, format, recipe)
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil || got != string(want) {
			t.Errorf("%s is not as it was (-update writes it; look at it before), %v", golden, err)
		}
	}
}

// box is a rectangle of an SVG.
type box struct {
	class               string
	x, y, width, height int
}

func (b box) meets(other box) bool {
	return b.x < other.x+other.width && other.x < b.x+b.width && b.y < other.y+other.height && other.y < b.y+b.height
}

func (b box) holds(other box) bool {
	return b.x <= other.x && b.y <= other.y && b.x+b.width >= other.x+other.width && b.y+b.height >= other.y+other.height
}

// shapes reads an SVG: its boxes, and its texts as boxes of no height.
func shapes(t testing.TB, svg string) (boxes, texts []box, words string) {
	t.Helper()
	decoder := xml.NewDecoder(strings.NewReader(svg))
	var said strings.Builder
	inStyle := false
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return boxes, texts, said.String()
		}
		if err != nil {
			t.Fatalf("the SVG is not well formed: %v", err)
		}
		switch token := token.(type) {
		case xml.CharData:
			if !inStyle {
				said.Write(token)
			}
		case xml.EndElement:
			inStyle = false
		case xml.StartElement:
			one := box{}
			for _, attribute := range token.Attr {
				number, _ := strconv.Atoi(attribute.Value)
				switch attribute.Name.Local {
				case "class":
					one.class = attribute.Value
				case "x":
					one.x = number
				case "y":
					one.y = number
				case "width":
					one.width = number
				case "height":
					one.height = number
				}
			}
			switch token.Name.Local {
			case "rect":
				boxes = append(boxes, one)
			case "text":
				texts = append(texts, one)
			case "style":
				inStyle = true
			case "svg", "title", "defs", "marker", "path":
			default:
				t.Errorf("the SVG has an element %s", token.Name.Local)
			}
		}
	}
}

// TestNothingOverlaps: whatever the recipe, no card lies on another, a frame holds a card whole or not at
// all, and all lies on the paper.
func TestNothingOverlaps(t *testing.T) {
	for file, recipe := range all(t) {
		boxes, texts, words := shapes(t, drawn(t, "svg", recipe))
		paper := boxes[0]
		if paper.class != "paper" || len(boxes) < 2+len(recipe.Steps) {
			t.Errorf("%s: %d boxes, the first is %s", file, len(boxes), paper.class)
		}
		for i, one := range boxes[1:] {
			if !paper.holds(one) {
				t.Errorf("%s: %+v lies beside the paper", file, one)
			}
			for _, other := range boxes[i+2:] {
				nested := one.class == "frame" && one.holds(other) || other.class == "frame" && other.holds(one)
				if one.meets(other) && !nested {
					t.Errorf("%s: %+v lies on %+v", file, one, other)
				}
			}
		}
		for _, one := range texts {
			if !paper.holds(one) {
				t.Errorf("%s: the text at %+v lies beside the paper", file, one)
			}
		}
		if strings.Count(words, "point of no return") != 1 {
			t.Errorf("%s: the commit line is not there once", file)
		}
	}
}

// hostile holds what would be markup in one of the formats.
const hostile = "</text><script>alert(1)</script> ]]> & \" ' \\ # ` ; | %s {a} [b] \u202e \ufffe --> \\l \\N **b** 1. x"

func TestTextIsNoMarkup(t *testing.T) {
	source := fmt.Sprintf("gwe: 1\nname: hostile\nsummary: %[1]q\nsteps:\n  - name: %[1]q\n    when: %[2]q\n    run: { argv: [%[1]q] }\n    undo: none\n  - commit: %[1]q\n",
		strings.ReplaceAll(hostile, "\ufffe", ""), "inputs.x == \"</text>&\"")
	recipe := parse(t, "hostile.yaml", []byte(source))
	_, _, words := shapes(t, drawn(t, "svg", recipe))
	if !strings.Contains(words, "</text><script>") {
		t.Errorf("the text is not there as text: %s", words)
	}
	mermaid := drawn(t, "mmd", recipe)
	for _, line := range strings.Split(mermaid, "\n") {
		if quotes := strings.Count(line, `"`); quotes != 0 && quotes != 2 || strings.Contains(line, "<script") {
			t.Errorf("Mermaid would read markup in %s", line)
		}
	}
	if svg := graphviz(t, drawn(t, "dot", recipe)); !strings.Contains(svg, "&lt;script&gt;") {
		t.Errorf("Graphviz does not show the text: %s", svg)
	}
}

// TestGraphvizReads: each drawing in DOT is understood, without a warning.
func TestGraphvizReads(t *testing.T) {
	for file, recipe := range all(t) {
		if svg := graphviz(t, drawn(t, "dot", recipe)); strings.Count(svg, "point of no return") != 1 {
			t.Errorf("%s: Graphviz draws no commit", file)
		}
	}
}

// graphviz draws as SVG.
func graphviz(t *testing.T, source string) string {
	t.Helper()
	command := exec.Command("dot", "-Tsvg")
	command.Stdin = strings.NewReader(source)
	var out, said bytes.Buffer
	command.Stdout, command.Stderr = &out, &said
	if err := command.Run(); err != nil || said.Len() > 0 {
		t.Fatalf("dot: %v (scripts/test installs graphviz): %s\n%s", err, said.String(), source)
	}
	return out.String()
}

// TestTheWayBack: in a flow, every undo leads to the one before, up to the commit.
func TestTheWayBack(t *testing.T) {
	recipe := parse(t, "r.yaml", []byte(`gwe: 1
name: r
steps:
  - write: { path: /a, content: x }
  - parallel:
      - write: { path: /b, content: x }
      - steps:
          - write: { path: /c, content: x }
  - commit: done
  - write: { path: /d, content: x }
finally:
  - write: { path: /e, content: x }
`))
	var back []string
	for line := range strings.Lines(drawn(t, "mmd", recipe)) {
		if from, to, found := strings.Cut(strings.TrimSpace(line), " -.-> "); found {
			back = append(back, from+" "+to)
		}
	}
	// n2 and its undo, the fork, b and its undo, c and its undo, the bar, the commit, d and its undo, e.
	if want := []string{"n7 n3", "n10 n7"}; !slices.Equal(back, want) {
		t.Errorf("the ways back are %v, want %v in\n%s", back, want, drawn(t, "mmd", recipe))
	}
}
