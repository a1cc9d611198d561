package value

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"gopkg.in/yaml.v3"
)

// Document is a value as YAML or JSON writes it. It is read only by the type that is wanted: 1.10 is the
// version 1.10, the text 1.10 and the float 1.1.
type Document struct{ node *yaml.Node }

// ReadDocuments reads one YAML document: a mapping of names to values. An empty one has none.
func ReadDocuments(content []byte) (map[string]Document, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	var document, second yaml.Node
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, err
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		return nil, errors.New("one YAML document is wanted, with one mapping of names to values")
	}
	// This refuses names that are there twice, and aliases that stand for more than a file should.
	if err := document.Decode(new(any)); err != nil {
		return nil, err
	}
	root := expanded(document.Content[0])
	if root.Kind == yaml.ScalarNode && root.ShortTag() == "!!null" {
		return nil, nil
	}
	if root.Kind != yaml.MappingNode {
		return nil, errors.New("a mapping of names to values is wanted")
	}
	values := make(map[string]Document, len(root.Content)/2)
	for i := 0; i+1 < len(root.Content); i += 2 {
		name := root.Content[i]
		if name.Kind != yaml.ScalarNode {
			return nil, fmt.Errorf("line %d: a name is plain text", name.Line)
		}
		values[name.Value] = Document{root.Content[i+1]}
	}
	return values, nil
}

// As reads the value by its type. What is text for YAML is read as Parse does. Its error is a fault with the
// code value-invalid.
func (d Document) As(t Type) (any, error) {
	if d.node.Kind == yaml.ScalarNode && d.node.ShortTag() == "!!str" && d.node.Style&yaml.TaggedStyle == 0 {
		return Parse(t, d.node.Value)
	}
	return fromNode(t, d.node)
}

// expanded is a node with what its aliases stand for in their place.
func expanded(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return expanded(node.Alias)
	}
	copied := *node
	copied.Anchor, copied.Content = "", make([]*yaml.Node, len(node.Content))
	for i, content := range node.Content {
		copied.Content[i] = expanded(content)
	}
	return &copied
}
