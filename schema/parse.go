package schema

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"gopkg.in/yaml.v3"

	"github.com/gwe-project/gwe/engine/step"
)

// The bounds of a recipe. They are far above what people write, and low enough that a hostile file is refused
// within a second and a few dozen MiB.
const (
	// MaxBytes is the size of the largest recipe.
	MaxBytes = 1 << 20

	maxDepth       = 100
	maxNodes       = 200_000
	maxSteps       = 10_000
	maxDiagnostics = 1_000
)

// Parse reads a recipe and checks all that needs no typing of expressions, against the step types of the
// catalog. File is the name that diagnostics carry. The diagnostics are sorted and complete; the recipe is
// nil only where the source is not YAML mapping, and not fit to run where there are errors.
func Parse(file string, content []byte, catalog step.Catalog) (*Recipe, Diagnostics) {
	p := &parser{file: file, catalog: catalog, ids: map[string]Scalar{}, spoilt: map[string]bool{}}
	var recipe *Recipe
	if root, ok := p.document(content, "a recipe", `start with "gwe: 1"`); ok {
		recipe = p.recipe(root)
	}
	return recipe, p.diagnostics.Sorted()
}

// parser collects what it finds wrong while it builds a recipe. A node that was reported already is nil from
// then on, so that one mistake gives one diagnostic.
type parser struct {
	file    string
	source  *source
	catalog step.Catalog

	diagnostics Diagnostics
	nodes       int
	steps       int
	keys        []string
	ids         map[string]Scalar
	spoilt      map[string]bool
	commit      *Scalar
	// alias is the place of the outermost alias around the node that is being read.
	alias Position
	// literalOnly is true in files where ${{ }} means nothing.
	literalOnly bool
}

// document gives the root of the only document of a file; false where there is none, which was reported. What
// names the file, and hint says how one begins.
func (p *parser) document(content []byte, what, hint string) (Map, bool) {
	if len(content) > MaxBytes {
		p.source = newSource(nil)
		p.fail(Span{Position: Position{1, 1}}, "too-large",
			fmt.Sprintf("the file has more than %d bytes, which is the most that %s has", MaxBytes, what),
			"move long texts into files that the package carries")
		return Map{}, false
	}
	p.source = newSource(content)
	if !p.characters() {
		return Map{}, false
	}
	document := p.decode(hint)
	if document == nil {
		return Map{}, false
	}
	node := p.tree(document, 0, nil)
	if node == nil {
		return Map{}, false
	}
	root, ok := node.(Map)
	if !ok {
		p.fail(node.Where(), "wrong-shape", what+" is a mapping, found "+describe(node), hint)
	}
	return root, ok
}

// decode gives the root node of the only document; nil after a report.
func (p *parser) decode(hint string) (root *yaml.Node) {
	defer func() {
		// The library's parser panics on events that it did not expect.
		if cause := recover(); cause != nil {
			p.syntax(fmt.Errorf("%v", cause))
			root = nil
		}
	}()
	decoder := yaml.NewDecoder(bytes.NewReader(p.source.bytes))
	var document, second yaml.Node
	err := decoder.Decode(&document)
	switch {
	case errors.Is(err, io.EOF):
		p.fail(Span{Position: Position{1, 1}}, "empty-file", "the file is empty", hint)
		return nil
	case err != nil:
		p.syntax(err)
		return nil
	}
	if err := decoder.Decode(&second); err == nil {
		p.fail(p.secondDocument(&second), "second-document", "a file holds one document, and a second one starts here",
			"put each into a file of its own")
	} else if !errors.Is(err, io.EOF) {
		p.syntax(err)
	}
	return document.Content[0]
}

// secondDocument finds the --- line above the second document.
func (p *parser) secondDocument(second *yaml.Node) Span {
	for number := second.Line; number >= 1; number-- {
		if line := p.source.line(number); bytes.HasPrefix(line, []byte("---")) {
			return Span{Position: Position{number, 1}, Length: 3}
		}
	}
	return Span{Position: Position{max(second.Line, 1), max(second.Column, 1)}, Length: 1}
}
